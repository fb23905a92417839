"""A study of an impedance spectrum: which file, which of its sweeps, which cell and numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from jaxcell.study.messages import StudyError
from jaxcell.study.protocol_schema import check_steps, flat
from jaxcell.study.schema import CellTable, FitTable, NotNegative, Number, ParameterTable, Positive, StudyTable, Table
from jaxcell.study.study import CellStudy, ended

if TYPE_CHECKING:
    from jaxcell.cell import Cell
    from jaxcell.inference import SpectrumData, SpectrumProblem
    from jaxcell.io import Measurement
    from jaxcell.protocol import Protocol
    from jaxcell.spectroscopy import Rig


class SpectrumTable(Table):
    """A sweep, the `number`-th of its file from 1, with the cell as built, at `state_of_charge` of its cathode where
    that is given, and after the steps `before` (as in [protocol]), under the current that flows at their end.

    `noise_percent` of |Z| and `noise_ohm_cm2` add up; without both the noise is estimated. Points below `flag_below_hz`
    or above `flag_above_hz` count with `flag_factor` times the noise. Of three electrodes `electrode` is read.
    """

    file: str
    format: Literal[
        "auto", "biologic-mpt", "biologic-mpr", "eclab-table", "bdf-csv", "gamry-dta", "zplot-z", "impedance-table"
    ] = "auto"
    area_cm2: Positive
    electrode: Literal["working", "counter", "full"] = "working"
    number: Annotated[int, Field(ge=1)] = 1
    noise_percent: Positive | None = None
    noise_ohm_cm2: Positive | None = None
    flag_below_hz: Positive | None = None
    flag_above_hz: Positive | None = None
    flag_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 10.0
    state_of_charge: Annotated[float, Field(ge=0, le=1)] | None = None
    before: list[Any] | None = None
    shells: Annotated[int, Field(ge=2)] = 16

    @model_validator(mode="after")
    def _some_trusted(self) -> "SpectrumTable":
        low, high = self.flag_below_hz or 0.0, self.flag_above_hz or float("inf")
        if not low < high:
            raise ValueError(f"must have flag_below_hz < flag_above_hz, but they are {low:g} and {high:g}")
        return self

    @field_validator("before")
    @classmethod
    def _sentences(cls, value: list[Any] | None) -> list[Any] | None:
        if value is not None:
            check_steps(value, "before")
        return value


class RigTable(Table):
    """Leads and fixture in series with the cell, of an inductance and a resistance times the electrode area."""

    inductance_uh_cm2: NotNegative = 0.0
    resistance_ohm_cm2: Number = 0.0


class SpectrumStudyFile(Table):
    """The whole file."""

    study: StudyTable
    spectrum: SpectrumTable
    rig: RigTable = RigTable()
    cell: CellTable
    parameters: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    fit: FitTable = FitTable(starts=12)

    @model_validator(mode="after")
    def _has_a_charge(self) -> "SpectrumStudyFile":
        if self.spectrum.state_of_charge is not None and self.cell.cathode is None:
            raise ValueError("[spectrum] state_of_charge is that of a full cell, but there is no [cell.cathode]")
        return self


@dataclass(frozen=True)
class SpectrumStudy(CellStudy):
    """A checked study of an impedance spectrum."""

    content: SpectrumStudyFile

    @property
    def data_table(self) -> str:
        return "spectrum"

    def cell(self) -> "Cell":
        """As `CellStudy.cell`, at the state of charge that is given."""
        from jaxcell.cell import at_state_of_charge

        built, charge = super().cell(), self.content.spectrum.state_of_charge
        if charge is None:
            return built
        try:
            return at_state_of_charge(built, charge)
        except ValueError as error:
            raise StudyError(f"{self.source}: [spectrum] {error}") from error

    def rig(self) -> "Rig":
        from jaxcell.spectroscopy import Rig
        from jaxcell.study.build import component_values

        return Rig(**component_values(self.content.rig))

    def before(self) -> "Protocol | None":
        """What the cell went through.

        Raises:
            StudyError: a sentence is not a step.
        """
        from jaxcell.protocol import Protocol

        steps = self.content.spectrum.before
        try:
            return None if steps is None else Protocol.of(list(flat(steps)))
        except ValueError as error:
            raise StudyError(f"{self.source}: [spectrum] before: {error}") from error

    def measurement(self) -> "Measurement":
        """Read the file; raises as `Study.measurement`."""
        from jaxcell.io import read_measurement

        table = self.content.spectrum
        area = table.area_cm2 * 1e-4
        return read_measurement(self.data_path(), area=area, format=table.format, electrode=table.electrode)

    def spectrum(self, measurement: "Measurement") -> "SpectrumData":
        """The sweep, per area.

        Raises:
            StudyError: the file has no such sweep, or its noise cannot be estimated.
        """
        import numpy as np

        from jaxcell.inference import spectrum_data
        from jaxcell.inference.spectrum_data import FEWEST

        table, count = self.content.spectrum, len(measurement.spectra)
        if not count:
            raise StudyError(
                f"{self.source}: [spectrum] file = {table.file!r} holds no impedance spectra, but {len(measurement)} "
                "rows of voltage and current; kind = 'curve' with a table data fits those."
            )
        if table.number > count:
            wanted = "1, the one spectrum" if count == 1 else f"1 to {count}, a spectrum"
            raise StudyError(
                f"{self.source}: [spectrum] number must be {wanted} in {table.file}, but is {table.number}."
            )
        sweep = measurement.spectra[table.number - 1]
        low, high = table.flag_below_hz or 0.0, table.flag_above_hz or np.inf
        flagged = (sweep.frequency < low) | (sweep.frequency > high)
        if flagged.all():
            raise StudyError(
                f"{self.source}: [spectrum] flag_below_hz and flag_above_hz leave no point to trust: the spectrum runs "
                f"from {sweep.frequency.min():.4g} to {sweep.frequency.max():.4g} Hz."
            )
        trusted = int((~flagged).sum())
        if table.noise_percent is None and table.noise_ohm_cm2 is None and trusted < FEWEST:
            raise StudyError(
                f"{self.source}: [spectrum] noise cannot be estimated from {trusted} points (at least {FEWEST} are "
                "needed); give noise_percent or noise_ohm_cm2."
            )
        try:
            return spectrum_data(
                sweep.frequency,
                sweep.impedance * table.area_cm2 * 1e-4,
                relative_noise=None if table.noise_percent is None else table.noise_percent / 100.0,
                absolute_noise=None if table.noise_ohm_cm2 is None else table.noise_ohm_cm2 * 1e-4,
                flagged=flagged,
                flagged_factor=table.flag_factor,
            )
        except ValueError as error:
            raise StudyError(f"{self.source}: [spectrum] {error}") from error

    def problem(self, data: "SpectrumData") -> "SpectrumProblem":
        """The fitting problem.

        Raises:
            StudyError: as `cell`, `parameters` and `before`, or the cell cannot run what came before.
        """
        from jaxcell.inference import SpectrumProblem
        from jaxcell.simulation import SimulationError

        try:
            return SpectrumProblem(
                self.cell(),
                data,
                self.parameters(),
                before=self.before(),
                rig=self.rig(),
                grid_points=self.content.fit.grid_points,
                shells=self.content.spectrum.shells,
            )
        except SimulationError as error:
            raise StudyError(
                f"{self.source}: [spectrum] before: the cell cannot run these steps at the start values: "
                f"{ended(error)}."
            ) from error
