"""From the tables of a study to the model's objects, in SI, and back to a table with every default filled in."""

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jaxcell import cell as parts
from jaxcell.component import Component
from jaxcell.inference import Parameter, ParameterSet, number_paths
from jaxcell.spectroscopy import Rig
from jaxcell.study import schema
from jaxcell.study.laws import diffusivity_table, open_circuit_law, portable_law
from jaxcell.study.messages import StudyError
from jaxcell.study.priors import prior_or_default, written_prior
from jaxcell.study.units import CELSIUS, factor_of, split_key, units_for

_PARTS: dict[type[BaseModel], type[Component]] = {
    schema.Kinetics: parts.LithiumKinetics,
    schema.Nucleation: parts.Nucleation,
    schema.Interface: parts.Interface,
    schema.Film: parts.Film,
    schema.GrainBoundary: parts.GrainBoundary,
    schema.Interphase: parts.Interphase,
    schema.DeadLithium: parts.DeadLithium,
    schema.ContactLoss: parts.ContactLoss,
    schema.Storage: parts.Storage,
    schema.Trap: parts.Trap,
    schema.SoftShort: parts.SoftShort,
    schema.BinarySalt: parts.BinarySalt,
    schema.HeatBalance: parts.HeatBalance,
    schema.Pores: parts.Pores,
    schema.ProtectionLayer: parts.ProtectionLayer,
    schema.Separator: parts.Separator,
    schema.IntercalationKinetics: parts.IntercalationKinetics,
    schema.CathodeTransport: parts.CathodeTransport,
}
RIG = "rig."
"""Begins a path of the leads of a spectrum."""
_LAWS = {"conductivity_law": parts.LiPF6Conductivity, "diffusivity_law": parts.LiPF6Diffusivity}
"""Of an electrolyte, at the reference temperature of their numbers, 25 degC."""


def build_cell(table: schema.CellTable, folder: Path | None = None) -> parts.Cell:
    """The cell of a [cell] table; paths of tables of numbers in it start at `folder`.

    Raises:
        ValueError: the model refuses a value, or a table of numbers cannot be read.
    """
    separator = _part(table.separator)
    working = _electrode(table.electrode)
    if table.cathode is not None:
        counter = _cathode(table.cathode, Path() if folder is None else folder)
    else:
        counter = working if table.counter is None else _counter(table.counter)
    cell = parts.Cell(
        working,
        separator,
        counter,  # pyright: ignore[reportArgumentType]
        table.temperature_c + CELSIUS,
        stack_pressure=table.stack_pressure_mpa * 1e6,
        reference_temperature=table.reference_temperature_c + CELSIUS,
        heat_balance=None if table.heat_balance is None else _part(table.heat_balance),
    )
    if table.cathode is None or table.cathode.initial_voltage_v is None:
        return cell
    try:
        return parts.at_voltage(cell, table.cathode.initial_voltage_v)
    except ValueError as error:
        raise ValueError(str(error).replace("Argument voltage", "cathode.initial_voltage_v")) from error


def _cathode(table: schema.Cathode, folder: Path) -> parts.CompositeCathode:
    """The cathode of a [cell.cathode] table; where it starts at a voltage, at 1/2 for now."""
    values: dict[str, Any] = {"initial_stoichiometry": 0.5}
    values |= component_values(table, without=("open_circuit", "diffusivity_law", "initial_voltage_v"))
    law = table.diffusivity_law
    return parts.CompositeCathode(
        **values,
        open_circuit=open_circuit_law(table.open_circuit, folder),
        diffusivity_law=None if law is None else diffusivity_table(law, folder),
    )


def _counter(table: schema.Counter) -> Any:
    if not table.alloy:
        return _electrode(table)
    values = component_values(table, without=("alloy", "potential_v", "interface"))
    given = {} if table.potential_v is None else {"potential": table.potential_v}
    return parts.AlloyElectrode(**values, open_circuit=parts.ConstantPotential(**given))


def _electrode(table: schema.Electrode) -> Any:
    interface = _part(table.interface)
    layer = None if table.layer is None else _part(table.layer)
    if table.collector:
        return parts.Collector(interface, layer, table.initial_potential_v or 0.0)  # pyright: ignore[reportArgumentType]
    return parts.LithiumElectrode(table.lithium_thickness_um * 1e-6, interface, layer)  # pyright: ignore[reportArgumentType, reportOptionalOperand]


def _part(table: BaseModel) -> Any:
    """The component of a table; numbers to SI, sub-tables to their own components, what is left out by default."""
    values = component_values(table)
    if "reorganisation_energy" in values:
        return parts.MarcusHushChidseyKinetics(**values)
    return _PARTS[type(table)](**values)


def component_values(table: BaseModel, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a table gives, by the name of the component's field, in SI."""
    values: dict[str, Any] = {}
    for key in type(table).model_fields:
        value = getattr(table, key)
        if key in without or isinstance(value, bool):
            continue
        if isinstance(value, BaseModel):
            values[key] = _part(value)
        elif key in _LAWS and value is not None:
            values[key] = _LAWS[key]()
        elif value is not None:
            name, _, factor = split_key(key)
            values[name] = value * factor
        elif key == "top":
            values[key] = None
    return values


def resolved_cell(table: schema.CellTable, cell: parts.Cell) -> dict[str, Any]:
    """The [cell] table with the model's defaults filled in."""
    filled: dict[str, Any] = {"kind": table.kind, "temperature_c": table.temperature_c}
    filled |= {key: getattr(table, key) for key in ("stack_pressure_mpa", "reference_temperature_c")}
    if table.heat_balance is not None:
        filled["heat_balance"] = _resolved(table.heat_balance, cell.heat_balance)
    filled["separator"] = _resolved(table.separator, cell.separator)
    filled["electrode"] = _resolved(table.electrode, cell.working)
    if table.counter is not None:
        filled["counter"] = _resolved(table.counter, cell.counter)
    if table.cathode is not None:
        filled["cathode"] = _resolved(table.cathode, cell.counter)
        if table.cathode.initial_voltage_v is not None:
            del filled["cathode"]["initial_stoichiometry"]
    return filled


def _resolved(table: BaseModel, component: Any) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for key in type(table).model_fields:
        value = getattr(table, key)
        name, _, factor = split_key(key)
        if key in ("interface", "kinetics") and isinstance(component, parts.AlloyElectrode):
            if key == "kinetics":
                filled[key] = _resolved(value or schema.Kinetics(), component.kinetics)
        elif key in ("open_circuit", "diffusivity_law") and value is not None:
            filled[key] = portable_law(value)
        elif key == "potential_v":
            if isinstance(component, parts.AlloyElectrode):
                filled[key] = float(getattr(component.open_circuit, "potential"))  # noqa: B009
        elif isinstance(value, BaseModel):
            filled[key] = _resolved(value, getattr(component, name))
        elif value is not None:
            filled[key] = value
        elif key == "top":
            filled[key] = False
        elif hasattr(getattr(component, name, None), "dtype") and (key != "initial_potential_v" or filled["collector"]):
            filled[key] = float(f"{float(getattr(component, name)) / factor:.12g}")
    return filled


def model_paths(table: schema.CellTable, path: str) -> tuple[str, ...]:
    """Places in the cell of a path of the study: in a symmetric cell, `electrode.` ties both electrodes; in a full cell
    `cathode.` and `counter.` are the same."""
    if path.startswith("electrode."):
        tail = path.removeprefix("electrode.")
        return (f"working.{tail}", f"counter.{tail}") if table.kind == "symmetric" else (f"working.{tail}",)
    if table.cathode is not None and path.startswith("cathode."):
        return (path.replace("cathode.", "counter.", 1),)
    if path == "counter.potential" and table.counter is not None and table.counter.alloy:
        return ("counter.open_circuit.potential",)
    return (path,)


def study_paths(table: schema.CellTable, cell: parts.Cell) -> list[str]:
    """Every path that a parameter of the study can have."""
    names = [name.replace("working.", "electrode.", 1) for name in number_paths(cell)]
    if table.cathode is not None:
        names = [name.replace("counter.", "cathode.", 1) for name in names]
    if table.counter is not None and table.counter.alloy:
        names = [name.replace("counter.open_circuit.", "counter.", 1) for name in names]
    return [n for n in names if not (table.kind == "symmetric" and n.startswith("counter."))]


def unit_at(cell: parts.Cell | Rig, path: str) -> str:
    """SI unit of the number at a path of the cell, or of a rig."""
    *parents, name = path.split(".")
    component: Any = cell
    for parent in parents:
        component = getattr(component, parent)
    return type(component).__dataclass_fields__[name].metadata["unit"]


def build_parameters(
    tables: dict[str, schema.ParameterTable], cell_table: schema.CellTable, cell: parts.Cell, rig: Rig | None = None
) -> tuple[ParameterSet, dict[str, float]]:
    """The parameter set in SI, and the factor from each parameter's own unit to SI; paths below `rig.` are of the rig.

    Raises:
        StudyError: a path that does not exist, a unit that does not fit, or a start outside the bounds.
    """
    built, factors = [], {}
    owners: dict[str, str] = {}
    for name, table in tables.items():
        for path in table.paths:
            if path in owners:
                raise StudyError(f"[parameters.{name}] path {path!r} is fitted by [parameters.{owners[path]}] already")
            owners[path] = name
        parameter, factors[name] = _parameter(name, table, cell_table, cell, rig)
        built.append(parameter)
    return ParameterSet(built), factors


def _parameter(
    name: str, table: schema.ParameterTable, cell_table: schema.CellTable, cell: parts.Cell, rig: Rig | None
) -> tuple[Parameter, float]:
    where = f"[parameters.{name}]"
    paths = [place for path in table.paths for place in model_paths(cell_table, path)]
    of_rig = [] if rig is None else [f"{RIG}{path}" for path in number_paths(rig)]
    available = {*number_paths(cell), *of_rig}
    for path in table.paths:
        for place in model_paths(cell_table, path):
            if place in available:
                continue
            if not place.startswith(RIG):
                raise StudyError(f"{where} path {path!r} does not exist in this cell; {_close(path, cell_table, cell)}")
            if rig is None:
                raise StudyError(
                    f"{where} path {path!r} is of the leads of a spectrum, which only a [[measurement]] with kind = "
                    "'spectrum' has"
                )
            raise StudyError(f"{where} path {path!r} does not exist; a rig has {', '.join(of_rig)}")
    homes = [_home(place, cell, rig) for place in paths]
    si_units = {unit_at(*home) for home in homes}
    if len(si_units) > 1:
        raise StudyError(f"{where} ties numbers of different units: {', '.join(sorted(si_units))}")
    si_unit = si_units.pop()
    factor = factor_of(table.unit, si_unit)
    if factor is None:
        raise StudyError(f"{where} unit must be {units_for(si_unit)} for {table.paths[0]}, but is {table.unit!r}")
    start = float(_at(*homes[0])) / factor if table.initial is None else table.initial
    low, high = table.bounds
    if not low * (1 - 1e-12) <= start <= high * (1 + 1e-12):
        table_name = "rig" if paths[0].startswith(RIG) else "cell"
        source = f"the value in [{table_name}]" if table.initial is None else "initial"
        raise StudyError(
            f"{where} starts at {source}, {start:.6g} {table.unit}, outside its bounds [{low:g}, {high:g}] {table.unit}"
        )
    start = min(max(start, low), high)
    try:
        return (
            Parameter(
                name,
                tuple(paths),
                si_unit,
                (low * factor, high * factor),
                table.transform,
                prior_or_default(table, factor, paths, cell, start * factor),
                min(max(start * factor, low * factor), high * factor),
            ),
            factor,
        )
    except ValueError as error:
        raise StudyError(f"{where}: {error}") from error


def named_parameter(name: str, table: schema.ParameterTable, usual: Parameter) -> Parameter:
    """The parameter of a table in the unit and at the path of a usual one, whose start it takes unless it has one, and
    whose prior is the default.

    Raises:
        StudyError: the start lies outside the bounds.
    """
    start = table.initial if table.initial is not None else float(usual.initial)  # pyright: ignore[reportArgumentType]
    low, high = table.bounds
    try:
        asked = table.prior is not None and table.prior.kind == "default"
        prior = usual.prior if asked else written_prior(table, 1.0, usual.paths)
        return Parameter(name, usual.paths, usual.unit, (low, high), table.transform, prior, start)
    except ValueError as error:
        raise StudyError(f"[parameters.{name}]: {error}") from error


def _home(path: str, cell: parts.Cell, rig: Rig | None) -> tuple[parts.Cell | Rig, str]:
    """What a path is of, and the path in it."""
    return (rig, path.removeprefix(RIG)) if rig is not None and path.startswith(RIG) else (cell, path)


def _at(cell: parts.Cell | Rig, path: str) -> Any:
    value: Any = cell
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _close(path: str, table: schema.CellTable, cell: parts.Cell) -> str:
    known = study_paths(table, cell)
    near = difflib.get_close_matches(path, known, n=3, cutoff=0.5)
    ending = path.rsplit(".", 1)[-1]
    near += [name for name in known if name.rsplit(".", 1)[-1] == ending and name not in near][:2]
    if near:
        return f"close are {', '.join(near)}"
    return f"known are {', '.join(known)}"
