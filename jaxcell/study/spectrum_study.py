"""A study of an impedance spectrum: which file, which of its sweeps, which cell and numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from jaxcell.study.messages import StudyError
from jaxcell.study.schema import CellTable, FitTable, ParameterTable, Positive, StudyTable, Table
from jaxcell.study.study import CellStudy

if TYPE_CHECKING:
    from jaxcell.inference import SpectrumData, SpectrumProblem
    from jaxcell.io import Measurement


class SpectrumTable(Table):
    """A sweep, the `number`-th of its file from 1, with the cell as built.

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

    @model_validator(mode="after")
    def _some_trusted(self) -> "SpectrumTable":
        low, high = self.flag_below_hz or 0.0, self.flag_above_hz or float("inf")
        if not low < high:
            raise ValueError(f"must have flag_below_hz < flag_above_hz, but they are {low:g} and {high:g}")
        return self


class SpectrumStudyFile(Table):
    """The whole file."""

    study: StudyTable
    spectrum: SpectrumTable
    cell: CellTable
    parameters: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    fit: FitTable = FitTable(starts=12)


@dataclass(frozen=True)
class SpectrumStudy(CellStudy):
    """A checked study of an impedance spectrum."""

    content: SpectrumStudyFile

    @property
    def data_table(self) -> str:
        return "spectrum"

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

        table, count = self.content.spectrum, len(measurement.spectra)
        if not count:
            raise StudyError(f"{self.source}: [spectrum] file = {table.file!r} holds no impedance spectra.")
        if table.number > count:
            raise StudyError(
                f"{self.source}: [spectrum] number must be one of the {count} spectra in {table.file}, but is "
                f"{table.number}."
            )
        sweep = measurement.spectra[table.number - 1]
        low, high = table.flag_below_hz or 0.0, table.flag_above_hz or np.inf
        try:
            return spectrum_data(
                sweep.frequency,
                sweep.impedance * table.area_cm2 * 1e-4,
                relative_noise=None if table.noise_percent is None else table.noise_percent / 100.0,
                absolute_noise=None if table.noise_ohm_cm2 is None else table.noise_ohm_cm2 * 1e-4,
                flagged=(sweep.frequency < low) | (sweep.frequency > high),
                flagged_factor=table.flag_factor,
            )
        except ValueError as error:
            raise StudyError(f"{self.source}: [spectrum] {error}") from error

    def problem(self, data: "SpectrumData") -> "SpectrumProblem":
        """The fitting problem; raises as `cell` and `parameters`."""
        from jaxcell.inference import SpectrumProblem

        points = self.content.fit.grid_points
        return SpectrumProblem(self.cell(), data, self.parameters(), grid_points=points)
