"""The notebooks run from top to bottom, without a warning, and draw their figures."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import matplotlib.image
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
FIGURES = {
    "cycles_to_lithium_loss": ["cycles_fit", "cycles_profile", "cycles_capacity"],
    "layer_design": ["design_robust"],
}
SAYS = {
    "cycles_to_lithium_loss": [
        "exchange current is identified",
        "conductivity is seen only in combination with film",
        "fits as well.",  # the profile is open on one side
        "Only the sum is identified, not its division into channels",
        "holds the truth",
    ],
    "layer_design": ["Converged; 3 of 3 starts ended here.", "per mol m-2", "robust: ", "of the draws"],
}


def test_every_notebook_is_here() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == set(FIGURES) == set(SAYS)


@pytest.mark.parametrize("name", list(FIGURES))
def test_notebook_runs(name: str, tmp_path: Path) -> None:
    # Compiled programs are shared with the other tests, and compiled as they are there.
    cache = {"JAX_COMPILATION_CACHE_DIR": str(jax.config.values["jax_compilation_cache_dir"])}
    cache |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment = os.environ | cache | {"MPLBACKEND": "Agg", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", NOTEBOOKS / f"{name}.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    missing = [words for words in SAYS[name] if words not in done.stdout]
    assert not missing, done.stdout
    drawn = sorted(path.stem for path in (tmp_path / "results" / "notebooks").glob("*.png"))
    assert drawn == sorted(FIGURES[name])
    for figure in drawn:
        picture = matplotlib.image.imread(tmp_path / "results" / "notebooks" / f"{figure}.png")
        assert picture[..., :3].std() > 0.02, "an empty figure"
