"""The interval that `next_measurement` promises is what simulated experiments of the chosen measurement give."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
EXPERIMENTS = 16


def test_promised_interval_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import promised_interval as script

    chosen = script.recommended()
    assert chosen.best.name == "fast"
    assert chosen.best.narrowing > 10.0
    met = script.compared(chosen.best.sd, *script.simulated(chosen.best.name, EXPERIMENTS))
    # The spread of 16 estimates is known to 18 %, their mean to a quarter of it.
    assert met.spread == pytest.approx(met.promised, rel=0.45)
    assert abs(met.bias) < 3.0 * met.promised / EXPERIMENTS**0.5
    # Fits do not know the noise: Student's quantile, of two times 30 residuals, and no less than was promised.
    assert 0.9 < met.own / met.promised < 1.4
    # 12 or fewer of 16 intervals of 95 % hold the truth once in 140 times.
    assert met.inside >= 13
