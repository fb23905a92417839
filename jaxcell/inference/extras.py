"""Packages of the optional extra `bayes`, imported when they are used."""

import warnings
from importlib.util import find_spec
from typing import Any

MISSING = 'Sampling a posterior needs numpyro and arviz: pip install "jaxcell[bayes]".'


class MissingExtraError(ImportError, RuntimeError):
    """A package of an optional extra is not installed; the message says how to install it."""


def require_bayes() -> None:
    """Raises `MissingExtraError` where a package is missing, without importing any."""
    if any(find_spec(name) is None for name in ("numpyro", "arviz")):
        raise MissingExtraError(MISSING)


def import_arviz() -> Any:
    """ArviZ, of either major version; raises `MissingExtraError` where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # 0.x announces 1.x on every import
            import arviz
    except ImportError as error:
        raise MissingExtraError(MISSING) from error
    return arviz


def import_hmc() -> Any:
    """What makes numpyro's init and step, and the class of a point whose gradient is known.

    Raises `MissingExtraError` where numpyro is not installed.
    """
    try:
        from numpyro.infer.hmc import hmc
        from numpyro.infer.util import ParamInfo
    except ImportError as error:
        raise MissingExtraError(MISSING) from error
    return hmc, ParamInfo
