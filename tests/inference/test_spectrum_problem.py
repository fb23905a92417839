"""Fits of impedance spectra: closed forms, noise, and a spectrum beside a curve."""

import equinox as eqx
import jaxtyping
import numpy as np
import pytest

from jaxcell import Cell, Interface, LithiumElectrode, LithiumKinetics, Rig, Separator, replay, simulate
from jaxcell.inference import (
    FitSettings,
    JointProblem,
    LogNormal,
    Parameter,
    ParameterSet,
    SpectrumProblem,
    fit,
    spectrum_data,
)
from jaxcell.inference.batches import batches
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.inference.evaluation import Evaluation, value_and_jacobian
from jaxcell.inference.member_noise import member_noise
from jaxcell.inference.spectrum_data import FLAGGED
from jaxcell.units import FARADAY, GAS

FREQUENCY = np.geomspace(1e5, 1e-1, 25)
TRUTH = {"kappa": 0.02, "exchange": 20.0, "capacitance": 0.1}
QUICK = FitSettings(ridges=0)
CHARGE_TRANSFER = GAS * 298.15 / (FARADAY * TRUTH["exchange"])
PLACES = {
    "kappa": (("separator.ionic_conductivity",), "S/m"),
    "exchange": (
        ("working.interface.kinetics.exchange_current_density", "counter.interface.kinetics.exchange_current_density"),
        "A/m2",
    ),
    "capacitance": (
        ("working.interface.double_layer_capacitance", "counter.interface.double_layer_capacitance"),
        "F/m2",
    ),
}  # fmt: skip


def cell(thickness: float = 30e-6) -> Cell:
    interface = Interface(LithiumKinetics(TRUTH["exchange"]), double_layer_capacitance=TRUTH["capacitance"])
    return Cell.symmetric(LithiumElectrode(20e-6, interface), Separator(thickness, TRUTH["kappa"]))


def parameters(*names: str) -> ParameterSet:
    return ParameterSet(
        [
            Parameter(
                name, *PLACES[name], (TRUTH[name] / 1e3, TRUTH[name] * 1e3), "log",
                LogNormal((TRUTH[name] / 30.0, TRUTH[name] * 30.0)), TRUTH[name] * (0.6 if k % 2 else 1.7),
            )
            for k, name in enumerate(names)
        ]
    )  # fmt: skip


def exact(thickness: float = 30e-6) -> np.ndarray:
    """Separator and two charge transfers beside their double layers [Ohm m2]."""
    s = 2j * np.pi * FREQUENCY
    return thickness / TRUTH["kappa"] + 2.0 * CHARGE_TRANSFER / (1.0 + s * CHARGE_TRANSFER * TRUTH["capacitance"])


def noisy(seed: int, relative: float, thickness: float = 30e-6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = exact(thickness)
    return z + relative * np.abs(z) * (rng.normal(size=z.size) + 1j * rng.normal(size=z.size))


def problem(seed: int = 1, thickness: float = 30e-6, **noise: float) -> SpectrumProblem:
    data = spectrum_data(FREQUENCY, noisy(seed, 5e-3, thickness), **noise)
    return SpectrumProblem(cell(thickness), data, parameters(*TRUTH))


def test_residuals_and_jacobian_are_those_of_the_closed_form() -> None:
    data = spectrum_data(FREQUENCY, exact(), relative_noise=1e-3, absolute_noise=1e-6)
    one = SpectrumProblem(cell(), data, parameters(*TRUTH))
    truth = one.parameters.from_physical(TRUTH)
    evaluated = eqx.filter_jit(lambda problem, theta: value_and_jacobian(problem.residuals, theta))
    rows, jacobian = evaluated(one, truth)
    np.testing.assert_allclose(rows, 0.0, atol=1e-6)
    noise = np.hypot(1e-3 * np.abs(exact()), 1e-6)[::-1]
    s = 2j * np.pi * FREQUENCY[::-1]
    slopes = {
        "kappa": np.full(25, -30e-6 / TRUTH["kappa"], dtype=complex),
        "exchange": -2.0 * CHARGE_TRANSFER / (1.0 + s * CHARGE_TRANSFER * TRUTH["capacitance"]) ** 2,
        "capacitance": -2.0 * CHARGE_TRANSFER**2 * s * TRUTH["capacitance"]
        / (1.0 + s * CHARGE_TRANSFER * TRUTH["capacitance"]) ** 2,
    }  # fmt: skip
    for k, name in enumerate(TRUTH):
        found = np.asarray(jacobian[:25, k]) + 1j * np.asarray(jacobian[25:, k])
        np.testing.assert_allclose(found, slopes[name] / noise, rtol=1e-6, atol=1e-6 * np.max(np.abs(found)))


def test_a_spectrum_tells_its_parts_and_its_noise() -> None:
    for given in ({}, {"relative_noise": 5e-3}):
        result = fit(problem(**given), starts=2, settings=QUICK)
        assert result.converged
        for name, one in result.parameters.items():
            assert one.verdict.kind == "identified"
            assert one.estimate == pytest.approx(TRUTH[name], rel=0.02)
        assert result.noise.n_points == 50
        assert result.data_unit == "Ohm m2"
        stated = np.asarray(problem(**given).data.noise) / np.abs(noisy(1, 5e-3))[::-1]
        assert np.sqrt(result.noise.scale) * stated[0] == pytest.approx(5e-3, rel=0.3)


def test_noise_is_read_off_the_scatter() -> None:
    found = [float(spectrum_data(FREQUENCY, noisy(seed, 0.01)).noise[0]) for seed in range(40)]
    assert np.mean(found) / np.abs(exact()[-1]) == pytest.approx(0.01, rel=0.15)
    smooth = spectrum_data(FREQUENCY, exact())
    assert smooth.noise_estimated
    assert float(smooth.noise[0]) < 2e-3 * np.abs(exact()[-1])
    assert not spectrum_data(FREQUENCY, exact(), absolute_noise=1e-6).noise_estimated


def test_flagged_points_count_less_and_stay() -> None:
    """An artefact of 30 % at the lowest frequencies moves the fit unless it is flagged."""
    z, doubtful = noisy(2, 5e-3), FREQUENCY < 0.3
    z = np.where(doubtful, 1.3 * z, z)
    estimates = {}
    for name, flags in (("flagged", doubtful), ("trusted", None)):
        data = spectrum_data(FREQUENCY, z, relative_noise=5e-3, flagged=flags)
        assert data.frequency.shape == (25,)
        one = SpectrumProblem(cell(), data, parameters(*TRUTH))
        estimates[name] = fit(one, starts=2, settings=QUICK).estimates["exchange"]
    flagged = spectrum_data(FREQUENCY, z, relative_noise=5e-3, flagged=doubtful).noise
    plain = spectrum_data(FREQUENCY, z, relative_noise=5e-3).noise
    np.testing.assert_allclose(flagged / plain, np.where(doubtful, FLAGGED, 1.0)[::-1], rtol=1e-12)
    off = {name: abs(np.log(value / TRUTH["exchange"])) for name, value in estimates.items()}
    heavy = spectrum_data(FREQUENCY, z, relative_noise=5e-3, flagged=doubtful, flagged_factor=300.0).noise
    np.testing.assert_allclose(heavy / plain, np.where(doubtful, 300.0, 1.0)[::-1], rtol=1e-12)
    assert off["flagged"] < 0.25 * off["trusted"]
    assert off["flagged"] < 0.02


def test_leads_are_fitted_beside_the_cell() -> None:
    inductance = 2e-10
    z = noisy(3, 1e-3) + 2j * np.pi * FREQUENCY * inductance
    data = spectrum_data(FREQUENCY, z, relative_noise=1e-3)
    leads = Parameter("inductance", "rig.inductance", "H m2", (1e-12, 1e-8), "log", LogNormal((1e-11, 1e-9)), 1e-10)
    both = ParameterSet([*parameters("kappa", "exchange").parameters, leads])
    result = fit(SpectrumProblem(cell(), data, both, rig=Rig()), starts=2, settings=QUICK)
    assert result.estimates["inductance"] == pytest.approx(inductance, rel=0.02)
    assert result.estimates["kappa"] == pytest.approx(TRUTH["kappa"], rel=0.01)


TIME = np.arange(0.0, 241.0, 15.0)


def curve() -> CellProblem:
    """Steady small currents on the same cell: one sum."""
    current = np.concatenate([[0.0], np.repeat([1.0, -1.0], 8)])
    clean = np.concatenate([[0.0], np.asarray(simulate(cell(), replay(TIME, current)).voltage)])
    noise = 20e-6 * np.random.default_rng(5).normal(size=TIME.size)
    data = dataset(TIME, current, clean + noise, noise=20e-6)
    return CellProblem(cell(), data, parameters("kappa", "exchange"))


def test_spectra_and_a_curve_in_one_fit() -> None:
    thick = problem(4, 60e-6, relative_noise=5e-3)
    problems = {"thin": problem(1, relative_noise=5e-3), "thick": thick, "curve": curve()}
    joint = JointProblem(problems, shared=list(TRUTH))
    assert joint.parameters.names == tuple(TRUTH)
    assert batches(joint.problems) == [[0, 1], [2]]
    theta = joint.parameters.initial
    rows = eqx.filter_jit(lambda problem: problem.residuals(theta))(joint)
    own = eqx.filter_jit(lambda problem, theta: problem.residuals(theta))
    for member in joint.members:
        alone = own(joint.member(member.name), joint.theta_of(member.name, theta))
        np.testing.assert_allclose(rows[member.rows], alone, rtol=1e-8, atol=1e-8)
    result = fit(joint, starts=2, settings=QUICK)
    assert result.converged
    for name, one in result.parameters.items():
        assert one.verdict.kind == "identified"
        assert one.estimate == pytest.approx(TRUTH[name], rel=0.02)
    assert result.rmse is None
    assert result.members["curve"].noise.effective_parameters > 0.1
    assert {m.data_unit for m in result.members.values()} == {"Ohm m2", "V"}


def test_a_spectrum_under_the_current_that_came_before_it() -> None:
    """Charge transfer at a current: i = 2 i0 sinh(F eta/(2RT)), so d eta/di = RT/(F sqrt(i0^2 + i^2/4))."""
    current = 40.0
    before = replay(TIME, np.concatenate([[0.0], np.full(16, current)]))
    data = spectrum_data(FREQUENCY, exact(), relative_noise=1e-3)
    one = SpectrumProblem(cell(), data, parameters(*TRUTH), before=before)
    theta = one.parameters.from_physical(TRUTH)
    for problem, exchange in ((one, TRUTH["exchange"] * 0.6), (one.renewed(theta), TRUTH["exchange"])):
        assert problem.state is not None
        assert float(problem.state.current_density) == current
        own = problem.parameters.from_physical(TRUTH | {"exchange": exchange})
        z = problem.impedance(own)
        share = GAS * 298.15 / FARADAY / np.hypot(exchange, current / 2.0)
        assert float(z.real[0]) == pytest.approx(30e-6 / TRUTH["kappa"] + 2.0 * share, rel=1e-3)
    plain = SpectrumProblem(cell(), data, parameters(*TRUTH))
    assert plain.renewed(theta) is plain


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cell": None}, "SpectrumProblem.cell must be a Cell, but is of type NoneType"),
        ({"data": exact()}, "SpectrumProblem.data must be a SpectrumData, but is of type ndarray"),
        ({"parameters": []}, "SpectrumProblem.parameters must be a ParameterSet, but is of type list"),
        ({"rig": 1e-10}, "SpectrumProblem.rig must be a Rig or None, but is of type float"),
        ({"state": 3}, "SpectrumProblem.state must be a OperatingPoint or None"),
        ({"shells": 1}, "shells must be a whole number of at least 2, but is 1"),
        ({"grid_points": 2.5}, "grid_points must be a whole number of at least 1, but is 2.5"),
    ],
)
def test_arguments_of_the_wrong_kind(changed: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside the tests
    usual = {"cell": cell(), "data": spectrum_data(FREQUENCY, exact()), "parameters": parameters("kappa")}
    with pytest.raises(ValueError, match=words):
        SpectrumProblem(**(usual | changed))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"frequency": ["fast", "slow"]}, r"frequency must be a row of numbers \[Hz\], but is \['fast', 'slow'\]"),
        ({"frequency": None}, r"frequency must be a row of numbers \[Hz\], but is None"),
        ({"impedance": {"Z": 1}}, r"impedance must be a row of complex numbers \[Ohm m2\], but is \{'Z': 1\}"),
        ({"frequency": exact()}, r"frequency must be a row of numbers \[Hz\], but is a ndarray of something else"),
        ({"flagged": ["no"] * 25}, r"flagged must be a row of numbers \[1\]"),
        ({"flagged": np.ones(25, bool)}, "flagged must leave some points to trust, but all 25 are flagged"),
        ({"relative_noise": "1 %"}, r"relative_noise must be a finite number above 0 \[1\], but is '1 %'"),
        ({"flagged_factor": None}, "flagged_factor must be a finite number of at least 1"),
        ({"frequency": FREQUENCY * 0.0}, r"frequency must be finite and above 0 \[Hz\], but point 0 is 0.0"),
        ({"impedance": exact() * np.nan}, r"impedance must be finite \[Ohm m2\], but point 0"),
        ({"impedance": exact()[:-1]}, "impedance must have as many points as frequency"),
        ({"flagged": [True]}, "flagged must have as many points as frequency"),
        ({"flagged_factor": 0.5}, r"flagged_factor must be a finite number of at least 1 \[1\], but is 0.5"),
        ({"frequency": np.full(25, 3.0)}, "different at every point"),
        ({"relative_noise": -0.1}, r"relative_noise must be a finite number above 0 \[1\], but is -0.1"),
        ({"absolute_noise": 0.0}, r"absolute_noise must be a finite number above 0 \[Ohm m2\], but is 0.0"),
        ({"flagged": np.arange(25) > 3}, "cannot be estimated from 4 points"),
    ],
)
def test_refused_data(changed: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside the tests
    usual = {"frequency": FREQUENCY, "impedance": exact()}
    with pytest.raises(ValueError, match=words):
        spectrum_data(**(usual | changed))  # pyright: ignore[reportArgumentType]


def test_refused_paths() -> None:
    data = spectrum_data(FREQUENCY, exact())
    leads = Parameter("inductance", "rig.inductance", "H m2", (1e-12, 1e-8), initial=1e-10)
    with pytest.raises(ValueError, match=r"points at 'rig\.inductance', but there is no rig"):
        SpectrumProblem(cell(), data, ParameterSet([leads]))
    with pytest.raises(ValueError, match=r"'rig\.inductance', which is of the leads of a spectrum and not of a cell"):
        ParameterSet([leads], cell())
    wrong = Parameter("x", "separator.conductivity", "S/m", (1e-3, 1.0), initial=0.1)
    with pytest.raises(ValueError, match=r"close names are 'separator\.ionic_conductivity'"):
        SpectrumProblem(cell(), data, ParameterSet([wrong]))


@pytest.mark.parametrize("joint", [False, True])
def test_flagged_points_say_nothing_about_the_noise(joint: bool) -> None:
    flagged = np.arange(FREQUENCY.size) % 3 == 0
    data = spectrum_data(FREQUENCY, exact(), relative_noise=1e-3, flagged=flagged)
    problem = SpectrumProblem(cell(), data, parameters("kappa"))
    if joint:
        problem = JointProblem({"one": problem, "two": problem}, shared=["kappa"])
    theta, rows = problem.parameters.initial, problem.segments.shape[0]
    off = np.tile(np.where(flagged, 50.0, 2.0), rows // flagged.size) * np.where(np.arange(rows) % 2, 1.0, -1.0)
    jacobian, none = np.full((rows, 1), 1e-3), np.zeros(1)
    at = Evaluation(theta, off, jacobian, 0.0, none, np.zeros((1, 1)), off)
    for noise in member_noise(problem, at):
        assert noise.n_points == 2 * int(np.sum(~flagged))
        assert noise.scale == pytest.approx(4.0, rel=1e-2)
