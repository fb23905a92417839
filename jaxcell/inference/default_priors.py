"""Priors of numbers of a cell for which none is given: a 95 % range by the place of a number, and when it holds.

Sources: [lit] read in a source, [der] derived, [gen] general knowledge, which is a belief and never a citation.
A number that is not here has no default and stays flat between its bounds; `docs/priors.md` says which and why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxcell.cell import Cell, Collector
from jaxcell.units import FARADAY, from_ev

from .paths import format_path, number_at, parse_path
from .priors import LogNormal

ROOM, ROOM_WIDTH = 298.15, 5.0
"""Temperature at which the ranges hold, and how far a reference temperature may be from it [K]."""
SULFIDE = (0.1, 0.5)
"""Conductivity of Li6PS5Cl at 25 degC [S m-1], 95 % range."""
_STORED = 75.0 * 3.6e6 / FARADAY  # half of 150 mAh per g of carbon at 1 g cm-3 of layer [mol m-3]
_GROWTH = FARADAY / (2.0 * 24.4e-6 * 1.7)  # sigma_amb over k_p, with V_int and E_red of Li6PS5Cl

Condition = Callable[[Cell, str], str | None]
"""What is against a range in a cell, at a path of it, in words; None where nothing is."""


@dataclass(frozen=True)
class DefaultRange:
    """A lognormal belief: `range95` in SI of the numbers whose paths end in one of `places`.

    - `of`, `source`: of what, and where it is from, in words.
    - `needs`: what must be true of a cell.
    """

    places: tuple[str, ...]
    range95: tuple[float, float]
    of: str
    source: str
    needs: tuple[Condition, ...] = ()

    @property
    def words(self) -> str:
        """Of what and from where."""
        return f"{self.of} {self.source}"

    @property
    def prior(self) -> LogNormal:
        """The belief, which knows its source."""
        return LogNormal(self.range95, source=f"default: {self.words}")

    def refusal(self, cell: Cell, paths: Sequence[str]) -> str | None:
        """Why the range does not hold at these paths of a cell, in words; None where it does."""
        found = (need(cell, path) for path in paths for need in self.needs)
        return next((words for words in found if words is not None), None)


def default_prior(paths: str | Sequence[str], cell: Cell | None = None) -> LogNormal | None:
    """The default prior of the number at a path, or of several tied to one value; None where there is none.

    `cell`: the range must hold in it, too: those of Li6PS5Cl need a separator that looks like it, without salt and
    grain boundaries and with 1 to 5 mS cm-1, those of its interface and interphase a site that touches the separator,
    those at 25 degC that reference temperature to 5 K. Without a cell it is for the caller to know. The value that the
    number has in the cell is not looked at; a study, which knows its start, leaves a default that does not hold it.

    A `Parameter` stays flat between its bounds unless it is given a prior:

        place = "working.layer.ionic_conductivity"
        Parameter("kappa", place, "S/m", (1e-6, 1.0), prior=default_prior(place))

    Raises ValueError for a path that is not one of dotted names, and for one at which the cell has no number.
    """
    listed = [paths] if isinstance(paths, str) else list(paths)
    for path in listed if cell is not None else ():
        number_at(cell, path, "The default prior was asked for at")
    found = default_range(listed)
    if found is None or (cell is not None and found.refusal(cell, listed) is not None):
        return None
    return found.prior


def default_range(paths: Sequence[str]) -> DefaultRange | None:
    """The one range of all these paths; None where one of them has none, or they differ."""
    found = {_range_at(path) for path in paths}
    return found.pop() if len(found) == 1 else None


def _range_at(path: str) -> DefaultRange | None:
    place = f".{format_path(parse_path(path))}"
    return next((one for one in DEFAULT_RANGES if any(place.endswith(f".{end}") for end in one.places)), None)


def _room(cell: Cell, path: str) -> str | None:
    at = float(cell.reference_temperature)
    return None if abs(at - ROOM) <= ROOM_WIDTH else f"this cell's numbers hold at {at - 273.15:.4g} degC"


def _sulfide(cell: Cell, path: str) -> str | None:
    separator = cell.separator
    if separator.salt is not None:
        return "this separator has a salt"
    if separator.grain_boundary is not None:
        return "this separator has grain boundaries"
    value, (low, high) = float(separator.ionic_conductivity), SULFIDE
    if low * (1.0 - 1e-9) <= value <= high * (1.0 + 1e-9):
        return None
    return f"this separator conducts {10.0 * value:.3g} mS/cm, not {10.0 * low:g} to {10.0 * high:g}"


def _at_separator(cell: Cell, path: str) -> str | None:
    below = ".interface." in f".{path}" and getattr(_electrode(cell, path), "layer", None) is not None
    return "this site is below a layer, not at the separator" if below else None


def _collector(cell: Cell, path: str) -> str | None:
    return None if isinstance(_electrode(cell, path), Collector) else "lithium is there from the start"


def _electrode(cell: Cell, path: str) -> object:
    return cell.counter if "counter" in parse_path(path) else cell.working


def _ev(low: float, high: float) -> tuple[float, float]:
    return float(from_ev(low)), float(from_ev(high))


def _sites(*names: str) -> tuple[str, ...]:
    return tuple(f"{site}.{name}" for site in ("interface", "layer.top", "layer.pores") for name in names)


def _facing(name: str) -> tuple[str, ...]:
    return f"interface.{name}", f"layer.top.{name}"


_ARGYRODITE = (_sulfide, _at_separator)
DEFAULT_RANGES = (
    DefaultRange(
        ("separator.ionic_conductivity",), SULFIDE, "a separator of Li6PS5Cl", "[lit] inferred", (_sulfide, _room)
    ),
    DefaultRange(("separator.activation_energy",), _ev(0.28, 0.42), "a separator of Li6PS5Cl", "[gen]", (_sulfide,)),
    DefaultRange(
        ("layer.ionic_conductivity",),
        (1e-5, 1e-1),
        "a polymer layer",
        "[lit] related polymers, widened; none of PVA-g-PAA",
        (_room,),
    ),
    DefaultRange(("layer.activation_energy",), _ev(0.3, 0.9), "a polymer layer", "[gen]"),
    DefaultRange(("layer.salt.transference_number",), (0.2, 1.0), "a polymer layer", "[gen]"),
    DefaultRange(("layer.thickness",), (1e-6, 20e-6), "a protection layer", "[gen]"),
    DefaultRange(("layer.electronic_conductivity",), (0.1, 1000.0), "a polymer with carbon black", "[gen]"),
    DefaultRange(
        ("layer.storage.capacity", "layer.trap.capacity"),
        (_STORED / 3.0, _STORED * 3.0),
        "carbon black, 1 g per cm3 of layer",
        "[gen]",
    ),
    DefaultRange(
        _sites("kinetics.exchange_current_density"), (0.5, 200.0), "lithium on lithium", "[lit] brackets", (_room,)
    ),
    DefaultRange(_sites("double_layer_capacitance"), (0.01, 1.0), "a lithium site", "[lit] PyBaMM"),
    DefaultRange(
        (*_facing("film_resistance"), "layer.separator_film.resistance"),
        (2e-4, 2e-2),
        "lithium or a layer against a sulfide",
        "[gen]",
        (*_ARGYRODITE, _room),
    ),
    DefaultRange(
        ("interface.nucleation.overpotential",),
        (10e-3, 150e-3),
        "a collector of Cu, Ni or steel",
        "[gen]; that there is a barrier [lit]",
        (_collector,),
    ),
    DefaultRange(
        _facing("interphase.molar_volume"),
        (0.85 * 24.4e-6, 1.15 * 24.4e-6),
        "the interphase of Li6PS5Cl",
        "[der] Li6PS5Cl + 8 Li -> 5 Li2S + Li3P + LiCl",
        _ARGYRODITE,
    ),
    DefaultRange(
        _facing("interphase.ambipolar_conductivity"),
        (1e-21 * _GROWTH, 1e-18 * _GROWTH),
        "the interphase of Li6PS5Cl, k_p = 1e-21 to 1e-18 m2/s",
        "[gen]",
        (*_ARGYRODITE, _room),
    ),
    DefaultRange(
        _facing("interphase.activation_energy"), _ev(0.3, 0.9), "the interphase of Li6PS5Cl", "[gen]", _ARGYRODITE
    ),
    DefaultRange(
        _facing("interphase.ionic_conductivity"),
        (1e-6, 1e-3),
        "the interphase of Li6PS5Cl",
        "[gen]",
        (*_ARGYRODITE, _room),
    ),
    DefaultRange(_sites("dead_lithium.per_stripped"), (1e-4, 0.05), "dead per stripped lithium", "[gen]"),
    DefaultRange(_sites("dead_lithium.rate"), (1e-11, 1e-8), "lithium that dies at rest", "[gen]", (_room,)),
    DefaultRange(
        _facing("contact_loss.pressure_exponent"), (0.3, 1.0), "a contact under pressure", "[lit] arXiv 2501.00600"
    ),
    DefaultRange(("stack_pressure",), (1e6, 20e6), "solid-state cells", "[lit] Doux 2020"),
)
"""Every default prior; the first whose place fits counts."""
