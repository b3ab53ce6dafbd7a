"""The words of every chart of every recording, and every verdict: a change of wording is one diff of these files.

`CONC_LAB_GOLDEN=write pytest tests/test_golden.py` writes them anew.
"""

import os
from pathlib import Path

import pytest
from made.verdicts import OUTCOMES

from conc_lab import claim_table
from conc_lab.drawing import picture
from conc_lab.engine import experiment, result
from conc_lab.student import compare

COMPARED = {"contention": "all", "memory": "none", "speedup": "count_primes", "startup": "nothing", "transfer": "all"}
GOLDEN = Path(__file__).parent / "golden"


def held(name, text):
    """Compare the text with the golden file, or write it where that is asked for."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CONC_LAB_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", experiment.names())
def test_words_of_recordings(name):
    """Alt text and sentence of every chart, and the table, of every recording are those of the golden file."""
    parts = []
    for path in sorted(result.RECORDINGS.glob(f"{name}-*.json.gz")):
        recorded = result.load(path)
        parts.append(f"== {path.name.removesuffix('.json.gz')}")
        for chart, maker in picture.charts(recorded).items():
            _, alt, sentence = maker(recorded, None)
            parts.append(f"-- {chart}\n{alt}\n{sentence}")
        parts.append("")
    held(name, "\n".join(parts))


def test_tables_of_recordings():
    """The table of one recording of each experiment is that of the golden file."""
    recorded = (result.recording(name, python="3.14") for name in experiment.names())
    held("tables", "".join(f"== {one.experiment}\n{picture.table(one).to_csv(index=False)}" for one in recorded))


def test_words_of_comparisons():
    """Alt text and sentence of every experiment's recordings under three Pythons are those of the golden file."""
    parts = []
    for name, case in COMPARED.items():
        results = [result.recording(name, case=case, python=python) for python in ("3.11", "3.13t", "3.14")]
        parts += [f"== {name}", *compare.compare_chart(results)[1:], ""]
    held("compare", "\n".join(parts))


def test_words_of_verdicts():
    """Verdict, reason and figures of every made case are those of the golden file."""
    lines, claims = [], {claim["id"]: claim for claim in claim_table.TABLE["claims"]}
    for (claim, case), results in OUTCOMES.items():
        verdict = claim_table.decider(claims[claim])(*results)
        lines.append(f"{claim} {case}: {verdict.word} | {verdict.why} | {verdict.figure}\n")
    held("verdicts", "".join(lines))
