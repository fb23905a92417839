"""How often intervals hold truths that were drawn from the priors: Laplace, the fit's own, and profile likelihoods.

python benchmarks/calibration.py EXPERIMENT --draws 1000 --log calibration/

writes one line of JSON a draw below the folder, goes on where it stopped, and puts the rates into
results/calibration.json once all draws are there. `--table` prints what is stored.

Truths come from the priors, not from a fixed point: over such truths a credible interval has exactly its rate whatever
the likelihood, and a confidence interval, which has its rate at every truth, has it on average. So one run judges both.
Seeds are fixed in `calibration_experiments`. Bands are binomial, 99 % for all parameters of an experiment together.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from calibration_draws import LEVELS, METHODS, draw
from calibration_experiments import EXPERIMENTS
from scipy.stats import binom

OUT = Path(__file__).parent / "results" / "calibration.json"
CONFIDENCE = 0.99


def band(level: float, draws: int, parameters: int) -> tuple[float, float]:
    """Shares between which one rate lies, by Bonferroni so that all parameters do with `CONFIDENCE`."""
    tail = 0.5 * (1.0 - CONFIDENCE) / parameters
    low, high = (float(binom.ppf(p, draws, level)) / draws for p in (tail, 1.0 - tail))
    return low, high


def summary(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates by method, level and parameter, the band of each level, and what was counted beside them; a draw without a
    fit counts as a miss of everything."""
    sound = [one for one in draws if "failure" not in one]
    names = list(sound[0]["held"]["laplace"])
    rates: dict[str, Any] = {}
    for method in METHODS:
        for k, level in enumerate(LEVELS):
            if sound[0]["held"][method][names[0]][k] is not None:
                found = {name: sum(one["held"][method][name][k] for one in sound) / len(draws) for name in names}
                rates.setdefault(method, {})[str(level)] = found
    traced = [
        (name, one["held"]["profile"][name][-1], one["traced"][name])
        for one in sound
        if one["traced"]
        for name in names
    ]
    return {
        "draws": len(draws),
        "failed": len(draws) - len(sound),
        "bands": {str(level): band(level, len(draws), len(names)) for level in LEVELS},
        "rates": rates,
        "traced_profiles": {
            "count": len(traced),
            "ends": {kind: sum(found["ends"].count(kind) for _, _, found in traced) for kind in KINDS},
            "otherwise_than_at_the_truth": sum(found["held"] != held for _, held, found in traced),
        },
        "noise_refuted": sum(one["noise"][0] > 1.0 for one in sound),
        "white_noise_refuted": sum(one["noise"][1] > 1.0 for one in sound),
    }


KINDS = ("contour", "bound", "model", "unresolved")


def outside(found: dict[str, Any]) -> list[str]:
    """The rates that lie outside their bands, in words."""
    wrong = []
    for method, levels in found["rates"].items():
        for level, rates in levels.items():
            low, high = found["bands"][level]
            wrong += [
                f"{method} {float(level):.0%} {name}: {rate:.3f} not in {low:.3f} to {high:.3f}"
                for name, rate in rates.items()
                if not low <= rate <= high
            ]
    return wrong


def run(name: str, count: int, log: Path) -> list[dict[str, Any]]:
    """All draws, those that the log lacks made and added to it."""
    log.mkdir(parents=True, exist_ok=True)
    path = log / f"{name}.jsonl"
    done = {one["number"]: one for one in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    experiment = EXPERIMENTS[name]()
    with path.open("a") as lines:
        for number in range(count):
            if number not in done:
                done[number] = draw(experiment, number)
                lines.write(json.dumps(done[number]) + "\n")
                lines.flush()
    return [done[number] for number in range(count)]


def table(stored: dict[str, Any]) -> str:
    """What is stored, one line a rate."""
    lines = ["| experiment | parameter | interval | 50 % | 80 % | 95 % |", "|---|---|---|---|---|---|"]
    for name, found in stored.items():
        for parameter in found["rates"]["laplace"]["0.95"]:
            for method, levels in found["rates"].items():
                cells = [f"{100.0 * levels[str(q)][parameter]:.1f}" if str(q) in levels else "" for q in LEVELS]
                lines.append(f"| {name} | {parameter} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="?", choices=tuple(EXPERIMENTS))
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--log", type=Path, default=Path("calibration"))
    parser.add_argument("--table", action="store_true")
    chosen = parser.parse_args()
    stored = json.loads(OUT.read_text()) if OUT.exists() else {}
    if chosen.experiment is not None:
        found = summary(run(chosen.experiment, chosen.draws, chosen.log))
        stored = json.loads(OUT.read_text()) if OUT.exists() else {}
        stored = {
            name: found if name == chosen.experiment else stored[name] for name in {**stored, chosen.experiment: 0}
        }
        OUT.write_text(json.dumps(stored, indent=2) + "\n")
        print(json.dumps(found, indent=2), *outside(found), sep="\n")
    if chosen.table:
        print(table(stored))


if __name__ == "__main__":
    main()
