"""What a posterior is written as, what its checks say, and what happens without the extra."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import sum_problem

from jaxcell.inference import FitSettings, MissingExtraError, fit, inference_data, laplace, posterior, save_draws
from jaxcell.inference.arviz_data import to_arviz
from jaxcell.inference.extras import import_arviz
from jaxcell.inference.nuts import Chains
from jaxcell.inference.sampling_checks import check, judge
from jaxcell.posterior_plots import marginals_figure, pairs_figure

pytest.importorskip("numpyro", reason="the extra `bayes` is not installed")
pytest.importorskip("xarray", reason="the extra `bayes` is not installed")


@pytest.fixture(scope="module")
def drawn():
    return laplace(fit(sum_problem(), starts=12, settings=FitSettings(ridges=0)), draws=400)


def test_netcdf_holds_every_draw_with_its_unit(drawn, tmp_path):
    save_draws(drawn, tmp_path / "posterior.nc")
    again = import_arviz().from_netcdf(str(tmp_path / "posterior.nc"))
    for name in ("layer", "interface"):
        np.testing.assert_array_equal(again["posterior"][name].values, drawn.values[name])
        assert again["posterior"][name].attrs["units"] == "ohm"
    np.testing.assert_array_equal(again["posterior"]["total"].values, drawn.combinations["total"])
    prior = np.log(again["prior"]["layer"].values)
    assert prior.std() == pytest.approx(np.log(100.0) / 3.92, rel=0.1)
    assert "sample_stats" not in again.children if hasattr(again, "children") else "sample_stats" not in again.groups()


def test_the_shim_speaks_to_either_arviz(monkeypatch):
    """0.x takes groups as keywords, 1.x as one dictionary."""
    seen = []

    class Fake:
        __version__ = "1.2.0"

        @staticmethod
        def from_dict(groups):
            seen.append(groups)
            return import_arviz().from_dict(**groups) if import_arviz().__version__[0] == "0" else None

    real = import_arviz()
    groups = {"posterior": {"x": np.zeros((1, 5))}, "prior": {"x": np.zeros((1, 5))}}
    if real.__version__.startswith("0."):
        monkeypatch.setattr("jaxcell.inference.arviz_data.import_arviz", lambda: Fake)
    to_arviz(groups, {"x": "V"}, {})
    if real.__version__.startswith("0."):
        assert seen == [groups]


def test_figures_show_every_parameter(drawn):
    figure = marginals_figure(drawn, {"layer": 1e-4, "interface": 1.0}, {"layer": "ohm cm2", "interface": "ohm"})
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == ["layer\n/ ohm cm2", "interface\n/ ohm"]
    pairs = pairs_figure(drawn)
    assert pairs is not None
    assert len(pairs.axes) == 4


def test_the_summary_sets_the_prior_beside_the_posterior(drawn):
    said = drawn.summary()
    assert "prior 1 [0.1, 10]" in said
    assert "total = 3" in said
    assert "a curved trade-off is not in it" in said
    assert drawn.to_dict()["parameters"]["layer"]["prior_median_and_interval95"][0] == pytest.approx(1.0, rel=1e-2)


def chains_of(draws, diverging=0, steps=7):
    shape = draws.shape
    rng = np.random.default_rng(0)
    flags = np.zeros(shape, dtype=bool)
    flags.ravel()[:diverging] = True
    rest = (jnp.asarray(rng.normal(size=shape)), jnp.asarray(rng.normal(size=shape)), jnp.asarray(flags))
    return Chains(jnp.asarray(draws)[..., None], *rest, jnp.full(shape, steps), jnp.ones(shape))


def test_good_chains_are_called_good():
    draws = np.random.default_rng(1).normal(size=(4, 1000))
    found = check(draws)
    assert found.r_hat < 1.01
    assert 3000 < found.ess_bulk < 5000
    good, words = judge({"a": found}, chains_of(draws), 255)
    assert good
    assert words[0].startswith("The 4 chains agree")
    assert words[-1] == "No draw diverged."


def test_chains_that_disagree_creep_or_diverge_are_told():
    rng = np.random.default_rng(2)
    apart = rng.normal(size=(4, 500)) + np.array([0.0, 0.0, 0.0, 2.0])[:, None]
    good, words = judge({"a": check(apart)}, chains_of(apart, diverging=3, steps=255), 255)
    said = " ".join(words)
    assert not good
    assert "do not agree" in said
    assert "3 of 2000 draws diverged" in said
    assert "100% of the draws were cut off after 255 steps" in said
    slow = np.cumsum(rng.normal(size=(4, 300)), axis=1) * 0.01 + rng.normal(size=(4, 1))
    assert not judge({"a": check(slow)}, chains_of(slow), 255)[0]
    one = rng.normal(size=(1, 500))
    assert "One chain cannot be compared" in judge({"a": check(one)}, chains_of(one), 255)[1][0]


def test_without_the_extra_one_sentence_says_what_to_install(drawn, monkeypatch):
    for name in ("arviz", "numpyro"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r'pip install "jaxcell\[bayes\]"'):
        posterior(drawn.result)
    with pytest.raises(MissingExtraError, match="needs numpyro and arviz"):
        inference_data(drawn)
    assert laplace(drawn.result, draws=10).theta.shape == (1, 10, 2)
