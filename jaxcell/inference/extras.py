"""Packages of the optional extra `bayes`, imported when they are used."""

import warnings
from typing import Any

MISSING = 'Sampling a posterior needs numpyro and arviz: pip install "jaxcell[bayes]".'


class MissingExtraError(ImportError, RuntimeError):
    """A package of an optional extra is not installed; the message says how to install it."""


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
    """numpyro's pair of init and step; raises `MissingExtraError` where it is not installed."""
    try:
        from numpyro.infer.hmc import hmc
    except ImportError as error:
        raise MissingExtraError(MISSING) from error
    return hmc
