"""Half cells from sets of other programs: the same parts as typed in here, and refusals that name the entry."""

import math
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import (
    LFP,
    NMC532,
    NMC811,
    LithiumElectrode,
    TabulatedConcentration,
    TabulatedPotential,
    cathode_from_bpx,
    from_pybamm,
    xu2019_half_cell,
)
from jaxcell.io import ParameterSetError
from jaxcell.units import FARADAY


def xu2019() -> dict[str, Any]:
    """The entries of PyBaMM's set of that name that matter here."""

    def conductivity(c, T):
        c = c / 1000.0
        p0, p1 = -10.5 + 0.0740 * T - 6.96e-5 * T**2, 0.668 - 0.0178 * T + 2.80e-5 * T**2
        return 0.1 * c * (p0 + c * p1 + c**2 * (0.494 - 8.86e-4 * T)) ** 2

    def potential(x):
        powers = 4.3452 - 1.6518 * x + 1.6225 * x**2 - 2.0843 * x**3 + 3.5146 * x**4 - 2.2166 * x**5
        return powers - 0.5623e-4 * np.exp(109.451 * x - 100.006)

    where = "Positive electrode"
    return {
        "Reference temperature [K]": 298.15,
        "Initial concentration in electrolyte [mol.m-3]": 1000.0,
        "Cation transference number": 0.38,
        "Electrolyte conductivity [S.m-1]": conductivity,
        "Electrolyte diffusivity [m2.s-1]": lambda c, T: 1e-4 * 10 ** (-4.43 - 54 / (T - 229 - 5e-3 * c) - 0.22e-3 * c),
        "Thermodynamic factor": 1.0,
        f"{where} porosity": 0.331,
        f"{where} Bruggeman coefficient (electrolyte)": 1.5,
        f"{where} Bruggeman coefficient (electrode)": 1.5,
        f"{where} conductivity [S.m-1]": 100.0,
        f"{where} thickness [m]": 42e-6,
        f"{where} active material volume fraction": 0.518,
        f"{where} OCP [V]": potential,
        f"{where} double-layer capacity [F.m-2]": 0.2,
        "Positive particle radius [m]": 5.3e-6,
        "Positive particle diffusivity [m2.s-1]": 1e-14,
        "Maximum concentration in positive electrode [mol.m-3]": 48230.0,
        "Initial concentration in positive electrode [mol.m-3]": 4631.0,
        f"{where} exchange-current density [A.m-2]": lambda c_e, c_s, c_max, T: (
            5.76e-11 * FARADAY * (c_e * c_s * (c_max - c_s)) ** 0.5
        ),
        "Electrode height [m]": 0.01,
        "Electrode width [m]": 0.0154,
        "Contact resistance [Ohm]": 0,
        "Separator thickness [m]": 25e-6,
        "Separator porosity": 0.39,
        "Separator Bruggeman coefficient (electrolyte)": 1.5,
        "Exchange-current density for lithium metal electrode [A.m-2]": lambda c_e, c_Li, T: (
            3.5e-8 * FARADAY * c_Li**0.7 * c_e**0.3
        ),
        "Lithium metal partial molar volume [m3.mol-1]": 1.3e-5,
        "Negative electrode thickness [m]": 700e-6,
        "Negative electrode double-layer capacity [F.m-2]": 0.2,
    }


class TestPybamm:
    def test_is_the_set_typed_in_here(self) -> None:
        found, own = from_pybamm(xu2019()), xu2019_half_cell()
        assert isinstance(found.cathode.open_circuit, NMC532)
        assert jax.tree.structure(found[:3]) == jax.tree.structure(own[:3])
        for (path, one), other in zip(jax.tree.leaves_with_path(found[:3]), jax.tree.leaves(own[:3]), strict=True):
            name = jax.tree_util.keystr(path)
            if "activation_energy" not in name:  # the library's numbers hold at one temperature
                assert float(one) == pytest.approx(float(other), rel=1e-4 if "exponent" in name else 1e-9), name
        assert float(found.lithium.interface.kinetics.concentration_exponent) == pytest.approx(0.3)
        assert found.left_out == ()

    def test_activation_energies_and_exponents_are_found(self) -> None:
        entries = xu2019()
        rate = entries["Positive electrode exchange-current density [A.m-2]"]
        entries["Positive electrode exchange-current density [A.m-2]"] = lambda c_e, c_s, c_max, T: (
            rate(c_e, c_s, c_max, T) * c_e**0.2 * math.exp(30e3 / 8.314462618 * (1 / 298.15 - 1 / T))
        )
        kinetics = from_pybamm(entries).cathode.kinetics
        assert float(kinetics.activation_energy) == pytest.approx(30e3)
        assert float(kinetics.concentration_exponent) == pytest.approx(0.7)

    def test_single_ion_conductor(self) -> None:
        parts = from_pybamm(xu2019() | {"Cation transference number": 1.0})
        assert parts.separator.salt is None
        assert parts.cathode.transport is not None
        assert parts.cathode.transport.salt is None

    def test_other_potentials(self) -> None:
        name = "Positive electrode OCP [V]"
        for law in (NMC811(), LFP()):
            found = from_pybamm(xu2019() | {name: lambda x, law=law: float(law(jnp.asarray(x)))})
            assert type(found.cathode.open_circuit) is type(law)
        table = from_pybamm(xu2019() | {name: lambda x: 4.0 - 0.7 * x + 0.1 * math.sin(5 * x)}).cathode.open_circuit
        assert isinstance(table, TabulatedPotential)
        assert float(table(jnp.asarray(0.4137))) == pytest.approx(4.0 - 0.7 * 0.4137 + 0.1 * math.sin(5 * 0.4137))

    def test_diffusivity_that_changes(self) -> None:
        found = from_pybamm(xu2019() | {"Positive particle diffusivity [m2.s-1]": lambda x, T: 1e-14 * 10 ** (-x)})
        law = found.cathode.diffusivity_law
        assert law is not None
        there = float(found.cathode.particle_diffusivity * law(jnp.asarray(0.25)))
        assert there == pytest.approx(1e-14 * 10**-0.25)

    def test_refusals(self) -> None:
        entries = xu2019()
        del entries["Separator porosity"], entries["Positive particle radius [m]"]
        with pytest.raises(ParameterSetError, match=r"must have Positive particle radius \[m\], Separator porosity"):
            from_pybamm(entries)
        entries = xu2019()
        del entries["Exchange-current density for lithium metal electrode [A.m-2]"]
        with pytest.raises(ParameterSetError, match=r"lithium metal electrode .* \(or give `lithium`\)"):
            from_pybamm(entries)
        foil = LithiumElectrode(50e-6)
        assert from_pybamm(entries, lithium=foil).lithium is foil
        with pytest.raises(ParameterSetError, match=r"Separator porosity must be a number, but is '\[input\]'"):
            from_pybamm(xu2019() | {"Separator porosity": "[input]"})
        with pytest.raises(ParameterSetError, match=r"exchange-current density .* must be k c_e\^n sqrt"):
            from_pybamm(
                xu2019() | {"Positive electrode exchange-current density [A.m-2]": lambda c_e, c_s, c_max, T: 2.0}
            )

    def test_what_is_left_out_is_said(self) -> None:
        parts = from_pybamm(xu2019() | {"Positive electrode OCP entropic change [V.K-1]": -1e-4})
        assert parts.left_out == ("The entropy of the cathode is left out.",)


def bpx_set() -> dict[str, Any]:
    electrode = {
        "Thickness [m]": 42e-6,
        "Porosity": 0.331,
        "Transport efficiency": 0.331**1.5,
        "Conductivity [S.m-1]": 54.7,
        "Minimum stoichiometry": 0.1,
        "Maximum stoichiometry": 0.9,
        "Maximum concentration [mol.m-3]": 48230.0,
        "Particle radius [m]": 5.3e-6,
        "Surface area per unit volume [m-1]": 3 * 0.518 / 5.3e-6,
        "Diffusivity [m2.s-1]": 1e-14,
        "OCP [V]": "4.0 - 0.5 * x",
        "Reaction rate constant [mol.m-2.s-1]": 1e-5,
        "Reaction rate constant activation energy [J.mol-1]": 30000.0,
    }
    return {
        "Header": {"BPX": "1.1.0", "Title": "made up", "Model": "Partial"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 1e-4,
                "Number of electrode pairs connected in parallel to make a cell": 1,
                "Lower voltage cut-off [V]": 3.0,
                "Upper voltage cut-off [V]": 4.5,
                "Nominal cell capacity [A.h]": 0.002,
            },
            "Electrolyte": {
                "Cation transference number": 0.3,
                "Diffusivity [m2.s-1]": "1e-10 * (x / 1000)",
                "Conductivity [S.m-1]": "0.8 * (x / 1000) ** 0.5",
                "Conductivity activation energy [J.mol-1]": 17000.0,
            },
            "Positive electrode": electrode,
        },
        "State": {"Initial conditions": {"Initial state-of-charge": 0.75}},
    }


class TestBpx:
    def test_numbers(self) -> None:
        pytest.importorskip("bpx")
        own = cathode_from_bpx(bpx_set())
        assert float(own.active_fraction) == pytest.approx(0.518)
        assert float(own.initial_stoichiometry) == pytest.approx(0.9 - 0.75 * 0.8)
        assert float(own.capacity) == pytest.approx(FARADAY * 0.518 * 42e-6 * 48230 * 0.8)
        assert float(own.kinetics.exchange_current_density) == pytest.approx(FARADAY * 1e-5 / 2)
        assert float(own.kinetics.activation_energy) == 30000.0
        assert float(own.open_circuit(jnp.asarray(0.333))) == pytest.approx(4.0 - 0.5 * 0.333)
        transport = own.transport
        assert transport is not None
        assert transport.salt is not None
        assert float(transport.ionic_conductivity) == pytest.approx(0.8 * 0.331**1.5)
        assert float(transport.electronic_conductivity) == 54.7
        assert float(transport.salt.conductivity_exponent) == pytest.approx(0.5)
        assert float(transport.salt.diffusivity) == pytest.approx(1e-10 * 0.331**1.5)
        assert transport.salt.conductivity_law is None  # a power law is one already
        law = transport.salt.diffusivity_law
        assert isinstance(law, TabulatedConcentration)
        assert float(law(jnp.asarray(700.0)) / law(jnp.asarray(1000.0))) == pytest.approx(0.7, rel=1e-4)

    def test_tables(self) -> None:
        pytest.importorskip("bpx")
        source = bpx_set()
        electrode = source["Parameterisation"]["Positive electrode"]
        electrode["OCP [V]"] = {"x": [0.0, 0.4, 1.0], "y": [4.3, 4.0, 3.4]}
        electrode["Diffusivity [m2.s-1]"] = {"x": [0.0, 0.5, 1.0], "y": [4e-15, 2e-15, 1e-15]}
        own = cathode_from_bpx(source, initial_stoichiometry=0.2)
        assert float(own.initial_stoichiometry) == pytest.approx(0.2)
        assert float(own.open_circuit(jnp.asarray(0.4))) == pytest.approx(4.0)
        assert own.diffusivity_law is not None
        assert float(own.particle_diffusivity) == pytest.approx(2e-15)
        assert float(own.diffusivity_law(jnp.asarray(1.0))) == pytest.approx(0.5)
        electrode["OCP [V]"]["x"] = [0.0, 0.4, 0.3]
        with pytest.raises(ParameterSetError, match=r"OCP \[V\].* row 3 is 0.3"):
            cathode_from_bpx(source)

    def test_refusals(self) -> None:
        pytest.importorskip("bpx")
        with pytest.raises(ParameterSetError, match=r"must be BPX"):
            cathode_from_bpx({"Header": {}})
        with pytest.raises(ParameterSetError, match=r"does not exist"):
            cathode_from_bpx("nowhere.json")
        source = bpx_set()
        del source["Parameterisation"]["Positive electrode"]
        with pytest.raises(ParameterSetError, match=r"must have a `Positive electrode`"):
            cathode_from_bpx(source)

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "bpx", None)
        with pytest.raises(ParameterSetError, match=r'pip install "jaxcell\[bpx\]"'):
            cathode_from_bpx({})
