"""The script in fit/ that uses nothing but optax reaches the optimum of the packaged fit."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxcell.inference import fit
from jaxcell.study import load_study
from jaxcell.study.run import prepare

FIT = Path(__file__).parents[2] / "fit"


def test_plain_adam_reaches_the_packaged_optimum():
    spec = importlib.util.spec_from_file_location("optax_by_hand", FIT / "optax_by_hand.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert len((FIT / "optax_by_hand.py").read_text().splitlines()) <= 40

    _, _, problem = prepare(load_study(FIT / "virtual_pulses.toml"))
    packaged = fit(problem, starts=4)
    same_grid = problem.renewed(jnp.asarray(packaged.theta))
    with jax.numpy_dtype_promotion("standard"):  # optax multiplies its integer step count with floats
        theta, losses = script.adam_fit(same_grid)
    assert losses[-1] < 1e-3 * losses[0]
    np.testing.assert_allclose(np.asarray(theta), packaged.theta, rtol=0.0, atol=1e-4)
