"""The spectra of a file with their Kramers-Kronig tests: in words for the terminal, and as a folder of files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from jaxcell.answer import plain_table, print_bullets, print_table
from jaxcell.impedance_validity import KramersKronig, KramersKronigError, kramers_kronig
from jaxcell.io import Measurement
from jaxcell.study.progress import Progress, silent


class SpectraError(ValueError):
    """A file or number without the spectra that were asked for."""


Tested = dict[int, KramersKronig | str]
"""By number of the spectrum, from 1: its test, or why there is none."""


def check_spectra(measurement: Measurement, wanted: Sequence[int] | None = None, tell: Progress = silent) -> Tested:
    """Test the spectra of a measurement; None tests all. A spectrum that is too short keeps a sentence.

    `tell` is called with a stage, what is done and what there is to do.

    Raises:
        SpectraError: the measurement has no spectra, or none of a number wanted.
    """
    name, held = measurement.provenance.name, len(measurement.spectra)
    if not held:
        raise SpectraError(f"{name} holds no impedance spectra.")
    missing = [number for number in wanted or () if not 1 <= number <= held]
    if missing:
        raise SpectraError(f"{name} has {_numbered(held)}, but --number asks for {missing[0]}.")
    found: Tested = {}
    numbers = list(dict.fromkeys(range(1, held + 1) if wanted is None else wanted))
    for done, number in enumerate(numbers):
        tell("testing spectra", done, len(numbers))
        try:
            found[number] = kramers_kronig(measurement.spectra[number - 1])
        except KramersKronigError as error:
            found[number] = str(error).replace("Argument `spectrum`", "it")
    return found


def table_of(measurement: Measurement, tested: Tested) -> pd.DataFrame:
    """One row a spectrum, resistances in ohm, or in ohm cm2 where the measurement has an area."""
    factor, unit = _unit(measurement)
    rows = []
    for number, result in tested.items():
        s = measurement.spectra[number - 1]
        fast, slow = int(np.argmax(s.frequency)), int(np.argmin(s.frequency))
        known = isinstance(result, KramersKronig)
        rows.append(
            {
                "Spectrum": number,
                "Points": len(s),
                "Start / s": s.time[0],
                "Highest Frequency / Hz": s.frequency[fast],
                "Lowest Frequency / Hz": s.frequency[slow],
                f"Re at Highest / {unit}": factor * s.real[fast],
                f"Re at Lowest / {unit}": factor * s.real[slow],
                "Bias Current / A": s.bias_current,
                "Bias Voltage / V": s.bias_voltage,
                "RC Elements": result.elements if known else None,
                "Mu": result.mu if known else None,
                "Noise / %": 100 * result.noise if known else None,
                "Flagged": int(result.flagged.sum()) if known else None,
                "Kramers-Kronig": result.sentence() if known else f"not tested: {result}",
            }
        )
    return pd.DataFrame(rows)


def points_of(measurement: Measurement, tested: Tested) -> pd.DataFrame:
    """Every point of the spectra tested, flagged or not, with model and residuals where there is a test."""
    tables = []
    for number, result in tested.items():
        s = measurement.spectra[number - 1]
        frame = pd.DataFrame(
            {
                "Spectrum": number,
                "Test Time / s": s.time,
                "Frequency / Hz": s.frequency,
                "Real Impedance / ohm": s.real,
                "Imaginary Impedance / ohm": s.imaginary,
            }
        )
        known = isinstance(result, KramersKronig)
        nothing = np.full(len(s), np.nan)
        frame["Model Real Impedance / ohm"] = result.model.real if known else nothing
        frame["Model Imaginary Impedance / ohm"] = result.model.imag if known else nothing
        frame["Residual Real / 1"] = result.residual_real if known else nothing
        frame["Residual Imaginary / 1"] = result.residual_imag if known else nothing
        frame["Score / 1"] = result.score if known else nothing
        frame["Flagged"] = result.flagged.astype(int) if known else nothing
        tables.append(frame)
    return pd.concat(tables, ignore_index=True)


def save_spectra(measurement: Measurement, tested: Tested, folder: Path, tell: Progress = silent) -> None:
    """Write spectra.csv (one row a spectrum), points.csv (one row a point) and a figure each into a folder."""
    from jaxcell.impedance_plots import kramers_kronig_figure

    table_of(measurement, tested).to_csv(folder / "spectra.csv", index=False, lineterminator="\n")
    points_of(measurement, tested).to_csv(folder / "points.csv", index=False, lineterminator="\n")
    figures = folder / "figures"
    figures.mkdir()
    for done, (number, result) in enumerate(tested.items()):
        tell("drawing spectra", done, len(tested))
        if isinstance(result, KramersKronig):
            title = f"{measurement.provenance.name}, spectrum {number}"
            figure = kramers_kronig_figure(result, title, area=measurement.area)
            figure.savefig(figures / f"spectrum_{number}.png", metadata={"Software": None})


def print_spectra(console: Console, measurement: Measurement, tested: Tested) -> None:
    """The table, the verdicts and the reader's notices."""
    factor, unit = _unit(measurement)
    p = measurement.provenance
    console.print(f"{p.name} ({p.format}): {_count(len(measurement.spectra))}, {len(tested)} shown", soft_wrap=True)
    table = plain_table(console, "no", "points", "from / s", "frequencies / Hz", f"Re(Z) / {unit}", "bias", "flagged")
    for number, result in tested.items():
        s = measurement.spectra[number - 1]
        fast, slow = int(np.argmax(s.frequency)), int(np.argmin(s.frequency))
        table.add_row(
            str(number),
            str(len(s)),
            f"{s.time[0]:.6g}",
            f"{s.frequency[fast]:.4g} to {s.frequency[slow]:.4g}",
            f"{factor * s.real[fast]:.4g} to {factor * s.real[slow]:.4g}",
            _bias(s.bias_current, s.bias_voltage),
            f"{int(result.flagged.sum())}" if isinstance(result, KramersKronig) else "-",
        )
    print_table(console, table)
    verdicts = [
        f"{number}: {result.sentence() if isinstance(result, KramersKronig) else f'not tested: {result}'}"
        for number, result in tested.items()
    ]
    print_bullets(console, "Kramers-Kronig test", verdicts)
    console.print("\nFlagged points are kept everywhere; leave out of a fit what you do not trust.", soft_wrap=True)
    print_bullets(console, "On the file", list(measurement.notices))


def _count(spectra: int) -> str:
    return "1 spectrum" if spectra == 1 else f"{spectra} spectra"


def _numbered(spectra: int) -> str:
    return "one spectrum, 1" if spectra == 1 else f"the spectra 1 to {spectra}"


def _unit(measurement: Measurement) -> tuple[float, str]:
    return (1.0, "ohm") if measurement.area is None else (measurement.area * 1e4, "ohm cm2")


def _bias(current: float | None, voltage: float | None) -> str:
    parts = [] if current is None else [f"{current:.3g} A"]
    parts += [] if voltage is None else [f"{voltage:.4g} V"]
    return ", ".join(parts) or "not recorded"
