"""A small study with a known answer, and the command line called in this process."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from typer.testing import CliRunner

from jaxcell.cli import app
from jaxcell.io import write_bdf_csv

STUDY = """
[study]
title = "Two resistances in series"

[data]
file = "made.bdf.csv"
area_cm2 = 2.0

[cell]
kind = "symmetric"

[cell.separator]
thickness_um = 100
ionic_conductivity_s_cm = 2e-4

[cell.electrode]
lithium_thickness_um = 50

[cell.electrode.interface]
kinetics.exchange_current_density_ma_cm2 = 1.0

[parameters.separator_conductivity]
path = "separator.ionic_conductivity"
unit = "mS/cm"
bounds = [1e-3, 10]
prior = { range95 = [0.01, 5] }

[parameters.exchange_current_density]
path = "electrode.interface.kinetics.exchange_current_density"
unit = "mA/cm2"
bounds = [0.01, 100]
prior = { median = 1.0, factor95 = 20 }

[fit]
starts = 2
"""

TOTAL = 100.0
"""Area-specific resistance of the made record [ohm cm2]."""


class Called(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def call(*arguments: str | Path) -> Called:
    """Call the command line in this process."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Called(result.exit_code, result.stdout, result.stderr)


def replaced(text: str, *replacements: tuple[str, str]) -> str:
    """A study with some of its text replaced, every piece of which is there."""
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return text


def write_record(folder: Path, rise: float = 0.0, per: int = 60) -> Path:
    """Four half-cycles of `per` rows at 0.05 mA cm-2 on TOTAL, a row every 30 s, with 20 uV of noise; `rise` [V] builds
    up within 5 min."""
    sign = np.repeat([1.0, -1.0, 1.0, -1.0], per)
    since = np.tile(30.0 * np.arange(1, per + 1), 4)
    current = np.concatenate([[0.0], 0.1e-3 * sign])
    voltage = 0.05e-3 * TOTAL * sign - rise * np.exp(-since / 300.0) * sign
    voltage = np.concatenate([[0.0], voltage]) + np.random.default_rng(1).normal(0.0, 20e-6, sign.size + 1)
    step = np.concatenate([[0], 1 + np.repeat(np.arange(4), per)])
    time = 30.0 * np.arange(sign.size + 1)
    return write_bdf_csv(folder / "made.bdf.csv", time=time, voltage=voltage, current=current, step=step)
