"""The table of README that compares with PyBaMM, from the stored figures.

python benchmarks/pybamm_table.py
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- against_pybamm -->\n", "<!-- end -->\n"
MODELS = {"dfn_single_ion": "DFN, t+ = 1", "dfn_binary": "DFN, t+ = 0.38", "spm": "single particle"}
DERIVATIVES = {
    "Positive electrode active material volume fraction": "active fraction",
    "Positive particle diffusivity [m2.s-1]": "diffusivity in particles",
}
HEADER = """\
| half cell of Xu et al. 2019, a cycle on events | jaxcell | PyBaMM | ratio |
|---|---|---|---|
"""


def table(stored: dict[str, Any]) -> str:
    """Markdown: processor time a cycle, both sides within 0.1 mV of converged."""
    rows = []
    for name, words in MODELS.items():
        if name not in stored:
            continue
        entry = stored[name]
        rows.append(_row(f"{words}: run", entry["forward"]))
        for count in ("8", "32"):
            if count in entry:
                ours, theirs = entry[count]["jaxcell_parameters"], entry[count]["pybamm_parameters"]
                numbers = str(ours) if ours == theirs else f"{ours} ({theirs} in PyBaMM)"
                rows.append(
                    _row(f"{words}: with the gradient of a misfit by {numbers} numbers", entry[count]["gradient"])
                )
                rows.append(_row(f"{words}: with all derivatives by them", entry[count]["sensitivities"]))
    for name, values in stored.get("derivatives", {}).items():
        ours = abs(values["jaxcell"] / values["central"] - 1.0)
        theirs = abs(values["pybamm_pybamm"] / values["pybamm_central"] - 1.0)
        words = f"DFN, t+ = 0.38: relative error of dV/d(ln p) 600 s after an event, p the {DERIVATIVES[name]}"
        rows.append(f"| {words} | {ours:.1g} | {theirs:.2g} | |\n")
    return HEADER + "".join(rows)


def _row(words: str, times: dict[str, float]) -> str:
    ours, theirs, ratio = (_digits(times[name]) for name in ("jaxcell_ms", "pybamm_ms", "ratio"))
    return f"| {words} | {ours} ms | {theirs} ms | {ratio} |\n"


def _digits(value: float) -> str:
    """Two of them, or all before the point."""
    return f"{value:.0f}" if value >= 10.0 else f"{value:.1f}"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    stored = json.loads((RESULTS / "against_pybamm.json").read_text())
    README.write_text(before + BEGIN + table(stored) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
