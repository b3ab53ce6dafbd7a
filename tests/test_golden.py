"""The words of every chart of every recording, and every verdict: a change of wording is one diff of these files.

`CONC_LAB_GOLDEN=write pytest tests/test_golden.py` writes them anew.
"""

import os
from pathlib import Path

import pytest
import test_claims

from conc_lab.drawing import picture as charts
from conc_lab.engine import experiment as experiments, result
from conc_lab import verdicts
from conc_lab.engine.result import load

GOLDEN = Path(__file__).parent / "golden"
RECORDINGS = Path(result.__file__).parent / "recordings"


def held(name, text):
    """Compare the text with the golden file, or write it where that is asked for."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CONC_LAB_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("experiment", experiments.NAMES)
def test_words_of_recordings(experiment, monkeypatch):
    """Alt text, sentence and table of every chart of every recording are those of the golden file."""
    monkeypatch.setattr(result, "_rank", lambda found: (found.machine["usable_cpus"], found.started))
    parts = []
    for path in sorted(RECORDINGS.glob(f"{experiment}-*.json")):
        recorded = load(path)
        parts.append(f"== {path.stem}")
        for name, maker in charts._module(recorded).CHARTS.items():
            _, alt, sentence = maker(recorded, None, None)
            parts.append(f"-- {name}\n{alt}\n{sentence}")
        parts.append(charts.table(recorded).to_csv(index=False))
    held(experiment, "\n".join(parts))


def test_words_of_verdicts():
    """Verdict, reason and figures of every made case are those of the golden file."""
    lines = []
    for (claim, case), (results, _, _) in test_claims.OUTCOMES.items():
        verdict = verdicts.DECIDE[test_claims.IDS.index(claim)](*results)
        lines.append(f"{claim} {case}: {verdict.word} | {verdict.why} | {verdict.figure}\n")
    held("verdicts", "".join(lines))
