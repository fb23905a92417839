"""A design file: which cell and cycle, which numbers may be chosen, and what is wanted of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jaxcell.study.design_schema import DesignFile
from jaxcell.study.messages import StudyError
from jaxcell.study.study import data_place, with_fit_options
from jaxcell.study.units import FARADAY, PARAMETER_UNITS, factor_of, units_for

if TYPE_CHECKING:
    from jaxcell.design import Design, DesignCase, Objective, Uncertain
    from jaxcell.inference import Parameter
    from jaxcell.study.design_schema import DrawsTable
    from jaxcell.study.schema import ParameterTable

QUANTITY_UNITS: dict[str, dict[str, float]] = {
    "Wh kg-1": {"Wh/kg": 1.0},
    "Wh l-1": {"Wh/l": 1.0},
    "J m-2": {"mWh/cm2": 36000.0},
    "C m-2": {"mAh/cm2": 36000.0},
    "mol m-2": {"uAh/cm2": 36.0 / FARADAY, "mAh/cm2": 36000.0 / FARADAY},
    "s": {"min": 60.0, "h": 3600.0, "s": 1.0},
    "V": {"mV": 1e-3, "V": 1.0},
    "1": {"1": 1.0},
    "A m-2": {"mA/cm2": 10.0, "A/m2": 1.0},
    "Ohm m2": {"ohm cm2": 1e-4},
    "m": {"um": 1e-6},
}
"""Units of quantities in a file, by their SI unit, with the factor to it; the first is the one of reports."""
DRIVE_UNITS: dict[str, dict[str, float]] = {
    "A m-2": PARAMETER_UNITS["A m-2"],
    "1/h": {"1/h": 1.0},
    "V": PARAMETER_UNITS["V"],
    "W m-2": {"mW/cm2": 10.0, "W/m2": 1.0},
}


@dataclass(frozen=True)
class DesignStudy:
    """A checked design file.

    Attributes:
        name, source, folder: as `CellStudy`'s.
        content: the tables, in lab units.
    """

    name: str
    source: str
    folder: Path
    content: DesignFile

    def with_options(self, **options: Any) -> NoReturn:
        """Raises StudyError: a design is not fitted."""
        del options
        raise StudyError(f"{self.source} is a design, which fits no data; run `jaxcell design {self.source}`.")

    def with_starts(self, starts: int | None, seed: int | None) -> "DesignStudy":
        """The same with other starts or seed; None keeps what it has.

        Raises:
            StudyError: starts below 1 or a negative seed.
        """
        return replace(self, content=with_fit_options(self.content, starts=starts, seed=seed, table="optimiser"))

    def case(self) -> "DesignCase":
        """Cell, recipe, masses and cycle of the file.

        Raises:
            StudyError: the model refuses a value, or a sentence is not understood.
        """
        from jaxcell.design import DesignCase
        from jaxcell.solver.settings import Settings
        from jaxcell.study.build import build_cell

        table, options, cycle = self.content, self.content.optimiser, self.content.cycle
        try:
            return DesignCase(
                build_cell(table.cell, self.folder),
                [] if cycle is None else cycle.sentences,
                recipe=self._recipe(),
                masses=self._masses(),
                repeat=1 if cycle is None else cycle.repeat,
                rows=2 if cycle is None else cycle.rows,
                points=options.grid_points,
                shells=options.shells,
                settings=Settings(rtol=options.rtol, atol=options.atol),
            )
        except ValueError as error:
            raise StudyError(f"{self.source}: {str(error).rstrip('.')}.") from error

    def design(self) -> "Design":
        """The design problem, in SI.

        Raises:
            StudyError: as `case`; a path that does not exist, a unit that does not fit, a quantity that is not known.
        """
        from jaxcell.design import Design
        from jaxcell.inference import ParameterSet

        case = self.case()
        variables = [self._parameter("variables", n, t, case) for n, t in self.content.variables.items()]
        try:
            return Design(
                case,
                ParameterSet(variables, case),
                self._objective(self.content.objective),
                tuple(self._limit(table) for table in self.content.limit),
                self._uncertain(case),
                watched=tuple(self.content.watched),
            )
        except ValueError as error:
            if isinstance(error, StudyError):
                raise
            raise StudyError(f"{self.source}: {str(error).rstrip('.')}.") from error

    def second(self) -> "Objective | None":
        """The second objective of a front."""
        return None if self.content.pareto is None else self._objective(self.content.pareto)

    def unit_of(self, name: str) -> tuple[str, float]:
        """Unit of a variable or quantity in the file, and its factor to SI."""
        if name in self.content.variables:
            return self.content.variables[name].unit, self.factor("variables", name)
        from jaxcell.design import quantity_units

        known = QUANTITY_UNITS[quantity_units((name,))[name]]
        written = next((one.unit for one in self.content.limit if one.quantity == name), None)
        unit = next(iter(known)) if written is None else written
        return unit, known[unit]

    def factor(self, table: str, name: str) -> float:
        """From the unit of a variable to SI."""
        one = getattr(self.content, table)[name]
        case = self.case()
        factor = _factor(one.unit, *self._si_unit(table, name, one.paths[0], case))
        assert factor is not None, "`design` refuses the unit"
        return factor

    def resolved(self) -> dict[str, Any]:
        """Every table with defaults filled in, in lab units."""
        from jaxcell.study.build import resolved_cell

        tables = self.content.model_dump(exclude_none=True)
        tables["cell"] = resolved_cell(self.content.cell, self.case().cell)
        return tables

    def _recipe(self) -> Any:
        from jaxcell.cell import Filler
        from jaxcell.design import LayerRecipe

        table = self.content.recipe
        if table is None:
            return None
        given = {"percolation_threshold": table.percolation_threshold}
        if table.filler_conductivity_s_cm is not None:
            given["conductivity"] = table.filler_conductivity_s_cm * 100.0
        filler = Filler(**{name: value for name, value in given.items() if value is not None})
        conductivity = table.polymer_conductivity_s_cm * 100.0
        return LayerRecipe(table.filler_fraction, conductivity, filler, medium=table.medium, stores=table.stores)

    def _masses(self) -> Any:
        from jaxcell.cell import StackMasses

        if self.content.masses is None:
            return None
        factors = {"_g_cm3": 1e3, "_mg_cm2": 1e-2, "_um": 1e-6}
        values = {}
        for key, value in self.content.masses.model_dump(exclude_none=True).items():
            ending = next(one for one in factors if key.endswith(one))
            values[key.removesuffix(ending)] = value * factors[ending]
        return StackMasses(**values)

    def _objective(self, table: Any) -> "Objective":
        from jaxcell.design import Objective

        return Objective(table.quantity, table.direction == "maximise", getattr(table, "quantile", None))

    def _limit(self, table: Any) -> Any:
        from jaxcell.design import Limit, quantity_units

        known = QUANTITY_UNITS[quantity_units((table.quantity,))[table.quantity]]
        if table.unit not in known:
            raise StudyError(
                f"{self.source}: [[limit]] unit must be {' or '.join(known)} for {table.quantity}, but is "
                f"{table.unit!r}."
            )
        side = "at_most" if table.at_most is not None else "at_least"
        value = getattr(table, side) * known[table.unit]
        return Limit(table.quantity, probability=table.probability, **{side: value})

    def _uncertain(self, case: "DesignCase") -> "Uncertain | None":
        from jaxcell.design import Uncertain

        drawn = None if self.content.draws is None else self._drawn(self.content.draws, case)
        if not self.content.uncertain:
            return drawn
        own = [self._parameter("uncertain", n, t, case) for n, t in self.content.uncertain.items()]
        believed = Uncertain.of_priors(own, self.content.optimiser.samples, self.content.optimiser.seed)
        return believed if drawn is None else believed.beside(drawn)

    def _drawn(self, table: "DrawsTable", case: "DesignCase") -> "Uncertain":
        """Draws of a posterior at their places in the case."""
        from jaxcell.design import Uncertain
        from jaxcell.inference import read_draws

        place = data_place("draws", table.file, self.folder, self.source)
        try:
            draws, units = read_draws(place)
        except ValueError as error:
            raise StudyError(f"{self.source}: [draws] {str(error).rstrip('.')}.") from error
        paths = {}
        for name, written in table.places.items():
            listed = [written] if isinstance(written, str) else written
            si, _ = self._si_unit("draws.places", name, listed[0], case)
            unit = units.get(name, si)
            if unit != si and factor_of(unit, si) != 1.0:
                raise StudyError(f"{self.source}: [draws.places] {name} is in {unit}, but {listed[0]} takes {si}.")
            paths[name] = [place for path in listed for place in self._places(path)]
        return Uncertain.of_draws(draws, paths, self.content.optimiser.samples)

    def _parameter(self, where: str, name: str, table: "ParameterTable", case: "DesignCase") -> "Parameter":
        """A variable, or an uncertain number, in SI; it starts where the case is."""
        from jaxcell.inference import Parameter
        from jaxcell.study.priors import written_prior

        si, known = self._si_unit(where, name, table.paths[0], case)
        factor = _factor(table.unit, si, known)
        if factor is None:
            raise StudyError(
                f"{self.source}: [{where}.{name}] unit must be {' or '.join(known)} for {table.paths[0]}, but is "
                f"{table.unit!r}."
            )
        paths = [place for path in table.paths for place in self._places(path)]
        low, high = (bound * factor for bound in table.bounds)
        start = None if table.initial is None else table.initial * factor
        try:
            prior = written_prior(table, factor, paths)
            return Parameter(name, paths, si, (low, high), table.transform, prior, start)
        except ValueError as error:
            raise StudyError(f"{self.source}: [{where}.{name}]: {error}") from error

    def _places(self, path: str) -> list[str]:
        """Places in the case of a path in the file."""
        from jaxcell.study.build import model_paths

        if path.startswith("recipe."):
            return [path]
        if path.startswith("cycle["):
            return [path.replace("cycle[", "drive[", 1)]
        return [f"cell.{place}" for place in model_paths(self.content.cell, path)]

    def _si_unit(self, where: str, name: str, path: str, case: "DesignCase") -> tuple[str, dict[str, float]]:
        """SI unit of the number at a path, and the units it may be given in."""
        from jaxcell.inference.paths import check_path
        from jaxcell.study.build import unit_at

        for place in self._places(path):
            try:
                check_path(case, place, name)
            except ValueError as error:
                raise StudyError(f"{self.source}: [{where}.{name}] {error}") from error
        if path.startswith("cycle["):
            control = case.steps[int(path.removeprefix("cycle[").rstrip("]"))].control
            si = next(iter(type(control).__dataclass_fields__.values())).metadata["unit"]
            return si, DRIVE_UNITS[si]
        if path.startswith("recipe."):
            assert case.recipe is not None, "the path was checked"
            si = type(case.recipe).__dataclass_fields__[path.removeprefix("recipe.")].metadata["unit"]
        else:
            si = unit_at(case.cell, self._places(path)[0].removeprefix("cell."))
        assert units_for(si), "every part's unit has lab units"
        return si, PARAMETER_UNITS[si]


def _factor(unit: str, si: str, known: dict[str, float]) -> float | None:
    """From a unit to SI; None where it does not fit."""
    return known[unit] if unit in known else factor_of(unit, si)
