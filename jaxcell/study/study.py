"""A study: which measurement, which cell, which numbers are fitted."""

import abc
import math
import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jaxcell.study.folders import portable_file, study_folder
from jaxcell.study.messages import StudyError, checked
from jaxcell.study.schema import StudyFile

if TYPE_CHECKING:  # JAX is imported when a cell is built, not when a file is checked
    from jaxcell.cell import Cell
    from jaxcell.inference import ParameterSet
    from jaxcell.inference.cell_problem import CellProblem
    from jaxcell.io import Measurement
    from jaxcell.io.dataset import FittedRows
    from jaxcell.simulation import SimulationError
    from jaxcell.spectroscopy import Rig


@dataclass(frozen=True)
class CellStudy(abc.ABC):
    """A checked study file about the model of a cell; what is fitted is the final classes' own.

    Attributes:
        name: name of the file without folder and ending.
        source: the path as it was given, for messages.
        folder: where relative paths in the file start.
        content: the tables, in lab units.
        data_file: a file to use in place of the study's own, or None.
    """

    name: str
    source: str
    folder: Path
    content: Any
    data_file: str | None = None

    @property
    @abc.abstractmethod
    def data_table(self) -> str:
        """Name of the table that names the file of data."""

    def with_options(
        self, *, data: str | os.PathLike[str] | None = None, starts: int | None = None, seed: int | None = None
    ) -> Self:
        """The same study on another file, or with other starts or seed; None keeps what it has.

        Raises:
            StudyError: starts below 1 or a negative seed.
        """
        content = with_fit_options(self.content, starts=starts, seed=seed)
        return replace(self, content=content, data_file=self.data_file if data is None else os.fspath(data))

    def data_path(self) -> str:
        """Path of the measurement, environment variables and ~ expanded.

        Raises:
            StudyError: an environment variable in it is not set, or there is no such file.
        """
        if self.data_file is not None:
            return self.data_file
        return data_place(self.data_table, self._written(), self.folder, self.source)

    def cell(self) -> "Cell":
        """The cell with the values of the file.

        Raises:
            StudyError: the model refuses a value.
        """
        from jaxcell.study.build import build_cell

        try:
            return build_cell(self.content.cell, self.folder)
        except ValueError as error:
            raise StudyError(f"{self.source}: [cell] {error}") from error

    def rig(self) -> "Rig | None":
        """Leads and fixture of a spectrum; None for anything else."""
        return None

    def parameters(self) -> "ParameterSet":
        """The fitted numbers, in SI.

        Raises:
            StudyError: a path that does not exist, a unit that does not fit, or a start outside the bounds.
        """
        return self._parameters()[0]

    def units(self) -> dict[str, str]:
        """Each parameter's unit in the file, by name."""
        return {name: table.unit for name, table in self.content.parameters.items()}

    def factors(self) -> dict[str, float]:
        """Factor from each parameter's unit in the file to SI, by name; raises as `parameters`."""
        return self._parameters()[1]

    def resolved(self) -> dict[str, Any]:
        """Every table with defaults filled in, in lab units; without absolute paths, and without the priors that the
        study leaves to the model: those depend on the cell, and follow from it again."""
        from jaxcell.study.build import resolved_cell

        tables = self.content.model_dump(exclude_none=True)
        tables["cell"] = resolved_cell(self.content.cell, self.cell())
        tables[self.data_table]["file"] = portable_file(self._written(), self.data_file, self.folder)
        return tables

    def _parameters(self) -> "tuple[ParameterSet, dict[str, float]]":
        from jaxcell.study.build import build_parameters

        cell = self.cell()
        try:
            return build_parameters(self.content.parameters, self.content.cell, cell, self.rig())
        except ValueError as error:
            raise StudyError(f"{self.source}: {str(error).rstrip('.')}.") from error

    def _written(self) -> str:
        return getattr(self.content, self.data_table).file


@dataclass(frozen=True)
class Study(CellStudy):
    """A checked study of a record whose current is replayed."""

    content: StudyFile

    @property
    def data_table(self) -> str:
        return "data"

    def measurement(self) -> "Measurement":
        """Read the measurement.

        Raises:
            StudyError: an environment variable in its path is not set.
            MeasurementError: the file cannot be read.
        """
        from jaxcell.io import read_measurement

        table = self.content.data
        return read_measurement(
            self.data_path(),
            area=table.area_cm2 * 1e-4,
            thickness=None if table.thickness_um is None else table.thickness_um * 1e-6,
            format=table.format,
            positive_current=table.positive_current,
        )

    def fitted_rows(self, measurement: "Measurement") -> "FittedRows":
        """The rows of the measurement that are fitted, as a dataset.

        Raises:
            MeasurementError: too few rows are left, or the noise can neither be read nor estimated.
        """
        from jaxcell.io.dataset import Selection, fitted_rows

        table = self.content.data
        chosen = table.selection
        selection = Selection(
            cycles=None if chosen.cycles is None else tuple(chosen.cycles),
            steps=None if chosen.steps is None else tuple(chosen.steps),
            time=None if chosen.time_s is None else (chosen.time_s[0], chosen.time_s[1]),
            skip_after_step=table.skip_after_step_s,
            spacing=chosen.spacing_s,
            per_decade=chosen.per_decade,
            rests=table.fit_rests,
        )
        return fitted_rows(measurement, selection, None if table.noise_uv is None else table.noise_uv * 1e-6)

    def problem(self, measurement: "Measurement | FittedRows") -> "CellProblem":
        """The fitting problem on a measurement, or on its rows when they were chosen before.

        Raises:
            StudyError: as `cell` and `parameters`, or the cell cannot follow the measured current at the start values.
        """
        from jaxcell.inference.cell_problem import CellProblem
        from jaxcell.io import Measurement
        from jaxcell.simulation import SimulationError
        from jaxcell.solver.settings import Settings

        rows = self.fitted_rows(measurement) if isinstance(measurement, Measurement) else measurement
        table = self.content.fit
        follows = tolerance_for(float(rows.dataset.noise))
        settings = Settings(rtol=table.rtol or follows, atol=table.atol or follows)
        try:
            return CellProblem(
                self.cell(),
                rows.dataset,
                self.parameters(),
                settings=settings,
                grid_points=table.grid_points,
            )
        except SimulationError as error:
            raise StudyError(
                f"{self.source}: the cell cannot follow the measured current at the start values: {ended(error)}."
            ) from error


def with_fit_options(content: Any, *, starts: int | None, seed: int | None, table: str = "fit") -> Any:
    """The tables of a study with other starts or seed in [fit], or the table of that name; None keeps what is there.

    Raises:
        StudyError: starts below 1 or a negative seed.
    """
    for name, value, least in (("starts", starts, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise StudyError(f"--{name} must be a whole number of at least {least}, but is {value}.")
    changes = {k: v for k, v in (("starts", starts), ("seed", seed)) if v is not None}
    return content.model_copy(update={table: getattr(content, table).model_copy(update=changes)})


def study_name(place: Path) -> str:
    """Of the file; of the folder of results for the study that was written into it."""
    return place.resolve().parent.name if place.name == "config.toml" else place.stem


def data_place(table: str, written: str, folder: Path, source: str) -> str:
    """Path of the file that a study names in a table, environment variables and ~ expanded.

    Raises:
        StudyError: an environment variable in it is not set, or there is no such file.
    """
    for braced, bare in re.findall(r"\$\{(\w+)\}|\$(\w+)", written):
        name = braced or bare
        if not os.environ.get(name):
            raise StudyError(
                f"{source}: [{table}] file = {written!r} needs the environment variable {name}, which is not "
                f"set; set it with `export {name}=FOLDER`, or name the file with --data FILE."
            )
    path = folder / os.path.expanduser(os.path.expandvars(written))
    if not path.exists():
        start = (
            "" if Path(os.path.expanduser(written)).is_absolute() else ", as relative paths start in the study's folder"
        )
        raise StudyError(f"{source}: [{table}] file = {written!r} does not exist; looked for {path}{start}.")
    return str(path)


def tolerance_for(noise: float) -> float:
    """Local error of the simulation [V], and relative, that stays well below a sample's noise [V].

    A tenth of the noise, rounded down to a power of ten (every tolerance is a program of its own), at most 1e-4.
    """
    return max(1e-8, min(1e-4, 10.0 ** math.floor(math.log10(0.1 * noise * (1.0 + 1e-9)))))


def ended(error: "SimulationError") -> str:
    """When and why a run ended early."""
    run = error.solution
    reason = run.result.sentence.split(";")[0].rstrip(".")
    end, whole = float(run.trajectory.final_time), float(run.time[-1])
    return f"{reason[0].lower()}{reason[1:]}, at {end:.4g} s of {whole:.4g} s"


def load_study(path: str | os.PathLike[str]) -> Study:
    """Read and check a study file (TOML); no data are read and nothing is run.

    Raises:
        StudyError: the file is missing, is not TOML, or says something that is not known or not possible.
    """
    source, place, tables = read_tables(path)
    content = checked(StudyFile, tables, source)
    return Study(study_name(place), source, study_folder(place, content.study), content)


def read_tables(path: str | os.PathLike[str]) -> tuple[str, Path, dict[str, Any]]:
    """A TOML file as it was named, its place, and its tables.

    Raises:
        StudyError: the file is missing or is not TOML.
    """
    source = os.fspath(path)
    place = Path(source)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StudyError(f"{source} does not exist, but a study file (TOML) was expected.") from error
    except IsADirectoryError as error:
        raise StudyError(f"{source} is a folder, but a study file (TOML) was expected.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{source} is not text, but a study file (TOML) was expected.") from error
    except OSError as error:
        raise StudyError(f"{source} could not be opened: {error.strerror or error}.") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{source} is not valid TOML: {error}.") from error
    return source, place, tables
