"""What a fit of several measurements made of its impedance spectra."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jaxcell.inference import MemberFit, SpectrumProblem
from jaxcell.study.joint_run import JointResult
from jaxcell.units import to_ohm_cm2


def fitted_spectrum(result: JointResult, name: str) -> NDArray[np.complex128]:
    """The model's impedance [Ohm m2] at the frequencies of a spectrum, shape (points,), from its residuals: nothing is
    run."""
    problem = result.problem.member(name)
    assert isinstance(problem, SpectrumProblem), "only a spectrum has an impedance"
    real, imaginary = np.split(result.fit.members[name].residuals, 2)
    measured: NDArray[np.complex128] = np.asarray(problem.data.impedance)
    return measured + np.asarray(problem.data.noise) * (real + 1j * imaginary)


def in_ohm_cm2(one: MemberFit) -> MemberFit:
    """How a measurement is met, with the misfit of a spectrum per cm2; any other stays as it is."""
    if one.rmse is None or one.data_unit != "Ohm m2":
        return one
    return replace(one, rmse=float(to_ohm_cm2(one.rmse)), data_unit="ohm cm2")
