"""The table of claims: each of the article's decided by the student's own rows.

The rows are those that the lessons kept in my_work/results, or that a run measures here. claims.json holds the
wording, and which experiment with which parameters decides; how it decides is in verdicts.py.
"""

import html
import json
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import lesson, result, runner
from .errors import LabError
from .result import Result
from .verdicts import DECIDE, Verdict

SIGNS = {
    "holds": "✓ holds",
    "does not hold": "✗ does not hold",
    "depends": "± depends",
    "cannot tell": "? this machine cannot tell",
    "missing": "– not measured yet",
}
# JupyterLab aligns the cells of a table to the right; colours are left to its theme.
CSS = """<style>
.conc-lab-claims {overflow-x: auto}
.conc-lab-claims :is(td, th) {text-align: left !important; vertical-align: top !important; white-space: normal}
.conc-lab-claims :is(td, th) {min-width: 6em; max-width: 24em}
.conc-lab-claims th[scope=row] {font-weight: normal}
.conc-lab-claims caption {text-align: left; caption-side: top}
</style>"""
LIMIT_S = 110  # with what it takes to start and to end, two minutes
TABLE = json.loads((Path(__file__).parent / "claims.json").read_text(encoding="utf-8"))


def claims() -> "Claims":
    """The table of claims from what the lessons kept in my_work/results, the newest of each; missing ones are named."""
    found, unread = [], []
    for path in sorted(result.KEPT.glob("*.json")):
        try:
            found.append(result.load(path))
        except LabError as error:
            unread.append(str(error))
    return Claims(found, {}, unread)


def measured(known: "Claims", say: Callable[[str], None], limit_s: float = LIMIT_S) -> "Claims":
    """The table with what is missing measured here, in `limit_s` seconds in all; `say` gets lines of progress."""
    end, found, failed = time.monotonic() + limit_s, list(known.found), {}
    for number, (name, run) in enumerate(TABLE["runs"].items(), 1):
        if newest(found, name):
            continue
        params = {key: value for key, value in (run["needs"] | run["measure"]).items() if value is not None}
        step = f"{number} of {len(TABLE['runs'])}: {name}"
        progress = partial(_report, say, step)
        progress(0)
        try:
            found.append(runner.run(run["experiment"], params, max(0, end - time.monotonic()), on_progress=progress))
        except LabError as error:
            late = time.monotonic() >= end
            failed[name] = f"the {limit_s:g} s were over before it was measured" if late else str(error)
    return Claims(found, failed, known.unread)


def _report(say, step, fraction, *_):
    say(f"{step}, {fraction:.0%}")


def newest(found: list[Result], name: str) -> Result | None:
    """The newest of the results that has what the run called `name` is for."""
    run = TABLE["runs"][name]
    fits = [one for one in found if one.experiment == run["experiment"] and _has(one.params, run["needs"])]
    return max(fits, key=lambda one: one.started, default=None)


def _has(params, needs):
    return all(
        set(value) <= set(params.get(key, ())) if isinstance(value, list) else params.get(key) == value
        for key, value in needs.items()
    )


class Claims:
    """The table, which shows itself in a cell; a row is a dict with id, says, bet, word, why, figure and lesson."""

    def __init__(self, found: list[Result], failed: dict[str, str], unread: list[str]):
        self.found, self.unread, self.rows = found, unread, []
        for claim, decide in zip(TABLE["claims"], DECIDE, strict=True):
            results = {name: newest(found, name) for name in claim["runs"]}
            lacking = [name for name, one in results.items() if one is None]
            if any(name in failed for name in lacking):
                verdict = Verdict("cannot tell", "; ".join(dict.fromkeys(filter(None, map(failed.get, lacking)))))
            elif lacking:
                lessons = dict.fromkeys(TABLE["runs"][name]["lesson"] for name in lacking)
                verdict = Verdict("missing", f"run {' and '.join(lessons)}")
            else:
                verdict = decide(*results.values())
            bets = "; ".join(filter(None, (lesson.Bet(name).said for name in claim["bets"])))
            self.rows.append({"id": claim["id"], "says": claim["says"], "bet": bets, **vars(verdict)})
            self.rows[-1]["lesson"] = claim["lesson"]

    @property
    def frame(self):
        """The table as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.rows)

    @property
    def sentence(self) -> str:
        """How many claims hold, do not, depend, cannot be told; and which are missing or could not be read."""
        words = [row["word"] for row in self.rows]
        parts = [f"{sign[2:]} {words.count(word)}" for word, sign in SIGNS.items() if words.count(word)]
        said = f"Of {len(words)} claims: {', '.join(parts)}."
        if missing := [f"{row['id']} ({row['why']})" for row in self.rows if row["word"] == "missing"]:
            said += f" Missing: {', '.join(missing)}."
        return " ".join([said, *(f"Left out: {problem}." for problem in self.unread)])

    def __str__(self):
        blocks = []
        for row in self.rows:
            parts = [f"{row['id']:4} {row['says']}", f"{SIGNS[row['word']]}: {row['why']}"]
            parts += [f"{name}: {row[key]}" for name, key in (("figures", "figure"), ("your bet", "bet")) if row[key]]
            first, *rest = [*parts, f"lesson: {row['lesson']}"]
            blocks.append(textwrap.fill(first, 100, subsequent_indent=" " * 5))
            blocks += [textwrap.fill(part, 100, initial_indent=" " * 5, subsequent_indent=" " * 7) for part in rest]
            blocks.append("")
        return "\n".join([*blocks, self.sentence])

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f'<tr><th scope="row"><b>{row["id"]}</b> {_text(row["says"])} '
            f'<a href="{row["lesson"]}.ipynb">Lesson {_text(row["lesson"].replace("_", " "))}</a></th>'
            f"<td>{_text(row['bet']) or '–'}</td>"
            f"<td><b>{_text(SIGNS[row['word']])}</b>: {_text(row['why'])}</td>"
            f"<td>{_text(row['figure']) or '–'}</td></tr>"
            for row in self.rows
        )
        heads = "".join(f'<th scope="col">{name}</th>' for name in ("claim", "your bet", "verdict", "your figures"))
        return (
            f'{CSS}<div class="conc-lab-claims"><table><caption>{_text(self.sentence)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _text(words):
    return html.escape(str(words))
