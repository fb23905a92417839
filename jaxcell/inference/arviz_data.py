"""Draws as ArviZ data, for its plots and for `posterior.nc`; the one place that knows which ArviZ is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .draws import Posterior
from .extras import import_arviz
from .ridge import physical

_PRIOR_DRAWS = 1000


def inference_data(posterior: Posterior, *, seed: int = 0) -> Any:
    """`InferenceData` (ArviZ 0.x) or a `DataTree` (1.x) with groups posterior, sample_stats and prior.

    Parameters and combinations in SI or the units of `combination_units`; the prior is drawn by `seed`.
    """
    groups = {
        "posterior": posterior.values | posterior.combinations | posterior.unknowns,
        "prior": _prior(posterior, seed),
    }
    chains = posterior.chains
    if chains is not None:
        groups["sample_stats"] = {
            "lp": np.asarray(chains.lp),
            "energy": np.asarray(chains.energy),
            "diverging": np.asarray(chains.diverging),
            "n_steps": np.asarray(chains.steps),
            "acceptance_rate": np.asarray(chains.acceptance),
        }
    units = {name: m.unit for name, m in (posterior.marginals | posterior.combined).items()}
    return to_arviz(groups, units, {"method": posterior.method, "noise": posterior.likelihood.noise})


def to_arviz(groups: Mapping[str, Mapping[str, np.ndarray]], units: Mapping[str, str], about: Mapping[str, str]) -> Any:
    """Arrays of shape (chains, draws) by group and name, with the unit of each as an attribute."""
    az = import_arviz()
    # 0.x takes a keyword for each group, 1.x a dictionary of groups.
    plain = {group: dict(arrays) for group, arrays in groups.items()}
    data = az.from_dict(**plain) if az.__version__.startswith("0.") else az.from_dict(plain)
    for group in ("posterior", "prior"):
        for name in data[group].data_vars:
            data[group][name].attrs["units"] = units.get(str(name), "")
    data["posterior"].attrs.update(about)
    return data


def save_draws(posterior: Posterior, path: str | Path, *, seed: int = 0) -> None:
    """Write `inference_data` as netCDF-4; `arviz.from_netcdf(path)` reads it."""
    data = inference_data(posterior, seed=seed)
    data.to_netcdf(str(path), engine="h5netcdf")


def read_draws(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Draws of the posterior group of a netCDF file by name, shape (chains, draws), and the units it gives for them.

    What is not one number a draw is left out.

    **Raises** `MissingExtraError` without ArviZ, `ValueError` where the file is not one of ArviZ's.
    """
    az = import_arviz()
    if not Path(path).is_file():
        raise ValueError(f"There is no file {path}.")
    try:
        group = az.from_netcdf(str(path))["posterior"]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a netCDF file with a group 'posterior' ({error}).") from error
    numbers = {str(name): data for name, data in group.data_vars.items() if data.ndim == 2}
    units = {name: str(data.attrs["units"]) for name, data in numbers.items() if "units" in data.attrs}
    return {name: np.asarray(data.values) for name, data in numbers.items()}, units


def _prior(posterior: Posterior, seed: int) -> dict[str, np.ndarray]:
    """Independent draws of every parameter's prior inside its bounds, one chain."""
    parameters = posterior.result.problem.parameters
    rng = np.random.default_rng(seed)
    theta = parameters.prior_quantiles(rng.random((len(parameters.names), _PRIOR_DRAWS)))
    problem = posterior.result.problem
    return {name: physical(problem, k, theta[k])[None, :] for k, name in enumerate(parameters.names)}
