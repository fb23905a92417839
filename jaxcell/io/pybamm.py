"""Half cells from parameter sets of PyBaMM."""

import sys
from collections.abc import Callable
from typing import Any

from jaxcell.cell import (
    BinarySalt,
    CathodeTransport,
    CompositeCathode,
    IntercalationKinetics,
    Interface,
    LiPF6Conductivity,
    LiPF6Diffusivity,
    LithiumElectrode,
    LithiumKinetics,
    Separator,
)
from jaxcell.io.errors import ParameterSetError
from jaxcell.io.parameter_laws import activation_energy, concentration_law, diffusivity_law, log_slope, open_circuit_law
from jaxcell.library import HalfCellParts
from jaxcell.units import LITHIUM_MOLAR_VOLUME

POSITIVE, SEPARATOR = "Positive electrode", "Separator"
LITHIUM_RATE = "Exchange-current density for lithium metal electrode [A.m-2]"
CATHODE_RATE = "Positive electrode exchange-current density [A.m-2]"
DOUBLE_LAYER = 0.2
"""[F m-2], where a set has none."""
IGNORED = {"Positive electrode OCP entropic change [V.K-1]": "The entropy of the cathode is left out."}


def from_pybamm(parameter_values: Any, *, lithium: LithiumElectrode | None = None) -> HalfCellParts:
    """Cathode, separator and lithium of a PyBaMM set, `pybamm.ParameterValues("Xu2019")` or any mapping like it.

    Numbers are taken at the reference temperature and the initial salt concentration; functions of temperature become
    activation energies, of concentration and stoichiometry the law here that they are, or tables.  Effective
    transport is by Bruggeman's exponents, electrons crossing all that is not pore.  The exchange current density of the
    cathode must be k c_e^n sqrt[c_s (c_max - c_s)]; that of lithium, in sets that have it, c_e^n.  Currents do not
    appear, so PyBaMM's sign (positive discharges) does not enter.  A set of another cell's anode needs `lithium`.

    Raises:
        ParameterSetError: an entry is missing, an input without value, or of a form that these parts cannot hold; all
            missing entries are named in one sentence.
    """
    values = _Entries(parameter_values, needs_lithium=lithium is None)
    warm = values.number("Reference temperature [K]")
    salt = values.number("Initial concentration in electrolyte [mol.m-3]")
    number = values.function("Cation transference number", 2)(salt, warm)
    kappa = values.function("Electrolyte conductivity [S.m-1]", 2)
    diffusivity = values.function("Electrolyte diffusivity [m2.s-1]", 2)
    factor = values.function("Thermodynamic factor", 2)(salt, warm)
    kappa_energy = activation_energy(lambda T: kappa(salt, T), warm, "Electrolyte conductivity [S.m-1]")
    salt_energy = activation_energy(lambda T: diffusivity(salt, T), warm, "Electrolyte diffusivity [m2.s-1]")
    laws = (
        (kappa, LiPF6Conductivity(warm), "Electrolyte conductivity [S.m-1]", True),
        (diffusivity, LiPF6Diffusivity(warm), "Electrolyte diffusivity [m2.s-1]", False),
    )
    kappa_law, salt_law = (
        concentration_law(lambda c, law=law: law(c, warm), salt, known, name, power=power)
        for law, known, name, power in laws
    )

    def electrolyte(porosity: float, share: float) -> BinarySalt | None:
        if number == 1.0:
            return None
        return BinarySalt(
            concentration=salt,
            transference_number=number,
            diffusivity=share * diffusivity(salt, warm),
            porosity=porosity,
            conductivity_exponent=log_slope(lambda c: kappa(c, warm), salt) if kappa_law is None else 1.0,
            thermodynamic_factor=factor,
            activation_energy=salt_energy,
            conductivity_law=kappa_law,
            diffusivity_law=salt_law,
        )

    def efficiency(where: str) -> tuple[float, float]:
        porosity = values.number(f"{where} porosity")
        return porosity, porosity ** values.number(f"{where} Bruggeman coefficient (electrolyte)")

    pores, share = efficiency(POSITIVE)
    sigma = values.number("Positive electrode conductivity [S.m-1]")
    sigma *= (1.0 - pores) ** values.number("Positive electrode Bruggeman coefficient (electrode)")
    transport = CathodeTransport(
        ionic_conductivity=share * kappa(salt, warm),
        electronic_conductivity=sigma,
        salt=electrolyte(pores, share),
        activation_energy=kappa_energy,
    )
    most = values.number("Maximum concentration in positive electrode [mol.m-3]")
    area = values.number("Electrode height [m]") * values.number("Electrode width [m]")
    inside = values.function("Positive particle diffusivity [m2.s-1]", 2)
    middle, law = diffusivity_law(lambda x: inside(x, warm), "Positive particle diffusivity [m2.s-1]")
    cathode = CompositeCathode(
        thickness=values.number("Positive electrode thickness [m]"),
        active_fraction=values.number("Positive electrode active material volume fraction"),
        particle_radius=values.number("Positive particle radius [m]"),
        maximum_concentration=most,
        initial_stoichiometry=values.number("Initial concentration in positive electrode [mol.m-3]") / most,
        particle_diffusivity=middle,
        diffusivity_law=law,
        open_circuit=open_circuit_law(values.function("Positive electrode OCP [V]", 1), "Positive electrode OCP [V]"),
        kinetics=_intercalation(values, salt, most, warm),
        transport=transport,
        double_layer_capacitance=values.number("Positive electrode double-layer capacity [F.m-2]", DOUBLE_LAYER),
        contact_resistance=values.number("Contact resistance [Ohm]", 0.0) * area,
        diffusivity_activation_energy=activation_energy(
            lambda T: inside(0.5, T), warm, "Positive particle diffusivity [m2.s-1]"
        ),
    )
    between, part = efficiency(SEPARATOR)
    separator = Separator(
        thickness=values.number("Separator thickness [m]"),
        ionic_conductivity=part * kappa(salt, warm),
        activation_energy=kappa_energy,
        salt=electrolyte(between, part),
    )
    own = _lithium(values, salt, warm) if lithium is None else lithium
    left_out = tuple(sentence for name, sentence in IGNORED.items() if values.beside_zero(name))
    return HalfCellParts(cathode, separator, own, left_out)


def _intercalation(values: "_Entries", salt: float, most: float, warm: float) -> IntercalationKinetics:
    """i0 at x = 1/2, if the set's function is k c_e^n sqrt[c_s (c_max - c_s)]."""
    rate = values.function(CATHODE_RATE, 4)
    middle = rate(salt, 0.5 * most, most, warm)
    for x in (0.1, 0.3, 0.8):
        expected = middle * (x * (1.0 - x)) ** 0.5 / 0.5
        if abs(rate(salt, x * most, most, warm) / expected - 1.0) > 1e-3:
            raise ParameterSetError(f"{CATHODE_RATE} must be k c_e^n sqrt[c_s (c_max - c_s)], but is not at x = {x:g}.")
    return IntercalationKinetics(
        middle,
        transfer_coefficient=1.0 - values.number("Positive electrode charge transfer coefficient", 0.5),
        concentration_exponent=log_slope(lambda c: rate(c, 0.5 * most, most, warm), salt),
        activation_energy=activation_energy(lambda T: rate(salt, 0.5 * most, most, T), warm, CATHODE_RATE),
    )


def _lithium(values: "_Entries", salt: float, warm: float) -> LithiumElectrode:
    rate = values.function(LITHIUM_RATE, 3)
    metal = 1.0 / values.number("Lithium metal partial molar volume [m3.mol-1]", LITHIUM_MOLAR_VOLUME)
    kinetics = LithiumKinetics(
        rate(salt, metal, warm),
        concentration_exponent=log_slope(lambda c: rate(c, metal, warm), salt),
        activation_energy=activation_energy(lambda T: rate(salt, metal, T), warm, LITHIUM_RATE),
    )
    capacitance = values.number("Negative electrode double-layer capacity [F.m-2]", DOUBLE_LAYER)
    interface = Interface(kinetics, double_layer_capacitance=capacitance)
    return LithiumElectrode(values.number("Negative electrode thickness [m]"), interface)


class _Entries:
    """A set's entries as numbers and functions of numbers."""

    def __init__(self, source: Any, needs_lithium: bool) -> None:
        self.source = source
        required = list(_REQUIRED) + (list(_OF_LITHIUM) if needs_lithium else [])
        missing = [name for name in required if not self._has(name)]
        if missing:
            hint = " (or give `lithium`)" if set(missing) & set(_OF_LITHIUM) else ""
            raise ParameterSetError(f"The parameter set must have {', '.join(missing)}, but has not{hint}.")

    def _has(self, name: str) -> bool:
        try:
            self.source[name]
        except KeyError:
            return False
        return True

    def beside_zero(self, name: str) -> bool:
        return self._has(name) and (callable(self.source[name]) or self.number(name) != 0.0)

    def number(self, name: str, default: float | None = None) -> float:
        if default is not None and not self._has(name):
            return default
        entry = self.source[name]
        if callable(entry):
            raise ParameterSetError(f"{name} must be a number, but is a function.")
        return self._number(entry, name)

    def function(self, name: str, arguments: int) -> Callable[..., float]:
        entry = self.source[name]
        if not callable(entry):
            value = self._number(entry, name)
            return lambda *numbers: value

        def law(*numbers: float) -> float:
            assert len(numbers) == arguments
            try:
                return self._number(entry(*numbers), name)
            except (TypeError, AttributeError):
                # Tables and some functions of PyBaMM take its own symbols only.
                pybamm: Any = sys.modules.get("pybamm")
                if pybamm is None:
                    raise
                return self._number(entry(*(pybamm.Scalar(one) for one in numbers)), name)

        return law

    def _number(self, value: Any, name: str) -> float:
        """A float, from a symbol too if it holds nothing but numbers and other entries."""
        try:
            if hasattr(value, "evaluate"):
                value = self.source.evaluate(value) if hasattr(self.source, "evaluate") else value.evaluate()
            return float(value)
        except (TypeError, ValueError, NotImplementedError, KeyError) as error:
            raise ParameterSetError(f"{name} must be a number, but is {str(value)[:60]!r}.") from error


_REQUIRED = (
    "Reference temperature [K]",
    "Initial concentration in electrolyte [mol.m-3]",
    "Cation transference number",
    "Electrolyte conductivity [S.m-1]",
    "Electrolyte diffusivity [m2.s-1]",
    "Thermodynamic factor",
    "Positive electrode porosity",
    "Positive electrode Bruggeman coefficient (electrolyte)",
    "Positive electrode Bruggeman coefficient (electrode)",
    "Positive electrode conductivity [S.m-1]",
    "Positive electrode thickness [m]",
    "Positive electrode active material volume fraction",
    "Positive electrode OCP [V]",
    "Positive particle radius [m]",
    "Positive particle diffusivity [m2.s-1]",
    "Maximum concentration in positive electrode [mol.m-3]",
    "Initial concentration in positive electrode [mol.m-3]",
    CATHODE_RATE,
    "Electrode height [m]",
    "Electrode width [m]",
    "Separator thickness [m]",
    "Separator porosity",
    "Separator Bruggeman coefficient (electrolyte)",
)
_OF_LITHIUM = (
    LITHIUM_RATE,
    "Negative electrode thickness [m]",
)
