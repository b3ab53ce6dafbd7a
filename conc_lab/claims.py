"""The table of claims: each of the article's decided by the student's own rows.

The rows are those that the lessons kept in my_work/results, or that a run measures here. claims.json holds the
wording, and which experiment with which parameters decides; how it decides is in verdicts.py.
"""

import html
import itertools
import json
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .student import bets as lesson
from .engine import result, run as runner
from .engine.errors import LabError, RunStopped
from .engine.result import Result
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
    found, unread = {}, []
    for path in sorted(result.KEPT.glob("*.json")):
        try:
            found[path.name] = result.load(path)
        except LabError as error:
            unread.append(str(error))
    return Claims(found, {}, unread)


def measured(known: "Claims", say: Callable[[str], None], limit_s: float = LIMIT_S) -> "Claims":
    """The table with what is missing measured here, in `limit_s` seconds in all; `say` gets lines of progress.

    Raises RunStopped when a run is interrupted.
    """
    end, new, failed = time.monotonic() + limit_s, {}, {}
    for number, (name, run) in enumerate(TABLE["runs"].items(), 1):
        if name not in known.lacking or fitting(new, name):
            continue
        params = {key: value for key, value in (run["needs"] | run["measure"]).items() if value is not None}
        step = f"{number} of {len(TABLE['runs'])}: {name}"
        progress = partial(_report, say, step)
        progress(0)
        try:
            found = runner.run(run["experiment"], params, max(0, end - time.monotonic()), on_progress=progress)
            new[f"the run of {name}"] = found
        except RunStopped:
            raise
        except LabError as error:
            late = time.monotonic() >= end
            failed[name] = f"the {limit_s:g} s were over before it was measured" if late else str(error)
    return Claims(known.found | new, failed, known.broken)


def _report(say, step, fraction, *_):
    say(f"{step}, {fraction:.0%}")


def fitting(found: dict[str, Result], name: str) -> list[str]:
    """Which of the results have what the run called `name` is for, the newest first."""
    run = TABLE["runs"][name]
    fits = [key for key, one in found.items() if one.experiment == run["experiment"] and _has(one.params, run["needs"])]
    return sorted(fits, key=lambda key: found[key].started, reverse=True)


def _has(params, needs):
    return all(
        isinstance(params.get(key), list | tuple) and all(item in params[key] for item in value)
        if isinstance(value, list)
        else params.get(key) == value
        for key, value in needs.items()
    )


def _decided(decide, found, fits):
    """The verdict of the newest results with which there is one, or None; and what had to be left out, and why."""
    first = problem = None
    for names in itertools.product(*fits):
        try:
            verdict = decide(*(found[name] for name in names))
        except result.ODD as error:
            first = first or names
            problem = problem or textwrap.shorten(f"{type(error).__name__}: {error}", 100)
            continue
        left_out = [name for name, mine in zip(names, fits, strict=True) for name in mine[: mine.index(name)]]
        return verdict, _not_whole(" and ".join(left_out), problem) if left_out else None
    return None, _not_whole(" or ".join(first), problem) if first else None


def _not_whole(names, problem):
    return f"{names}, whose rows are not those of a whole run ({problem})"


class Claims:
    """The table, which shows itself in a cell.

    A row is a dict with id, says, bet, answer (to the lesson's question), word, why, figure and lesson. `lacking` names
    the runs whose results are missing, or carry no verdict.
    """

    def __init__(self, found: dict[str, Result], failed: dict[str, str], broken: list[str]):
        self.found, self.broken, self.unread = found, broken, list(broken)
        self.rows, self.lacking = [], set()
        for claim, decide in zip(TABLE["claims"], DECIDE, strict=True):
            fits = [fitting(found, name) for name in claim["runs"]]
            verdict, left_out = _decided(decide, found, fits)
            if left_out and left_out not in self.unread:
                self.unread.append(left_out)
            if verdict is None:
                lacking = [name for name, mine in zip(claim["runs"], fits, strict=True) if not mine] or claim["runs"]
                self.lacking.update(lacking)
                lessons = " and ".join(dict.fromkeys(TABLE["runs"][name]["lesson"] for name in lacking))
                problems = dict.fromkeys(failed[name] for name in lacking if name in failed)
                verdict = Verdict("missing", f"run {lessons}")
                if problems:
                    verdict = Verdict("cannot tell", "; ".join(problems))
            said = {
                key: "; ".join(filter(None, (lesson.Bet(name).said for name in claim[f"{key}s"])))
                for key in ("bet", "answer")
            }
            self.rows.append({"id": claim["id"], "title": claim["title"], "says": claim["says"]} | said | vars(verdict))
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
            labels = {"figures": "figure", "your bet": "bet", "you answered": "answer"}
            parts += [f"{label}: {row[key]}" for label, key in labels.items() if row[key]]
            first, *rest = [*parts, f"lesson: {row['lesson']}"]
            blocks.append(textwrap.fill(first, 100, subsequent_indent=" " * 5))
            blocks += [textwrap.fill(part, 100, initial_indent=" " * 5, subsequent_indent=" " * 7) for part in rest]
            blocks.append("")
        return _sendable("\n".join([*blocks, self.sentence]))

    __repr__ = __str__

    def _repr_html_(self):
        from .drawing import claims_chart as claimed

        rows = "".join(
            f'<tr><th scope="row"><b>{row["id"]}</b> {_text(row["says"])} '
            f'<a href="{row["lesson"]}.ipynb">Lesson {_text(row["lesson"].replace("_", " "))}</a></th>'
            f"<td>{_text(_said(row)) or '–'}</td>"
            f"<td><b>{_text(SIGNS[row['word']])}</b>: {_text(row['why'])}</td>"
            f"<td>{_text(row['figure']) or '–'}</td></tr>"
            for row in self.rows
        )
        heads = "".join(
            f'<th scope="col">{name}</th>' for name in ("claim", "your bet or answer", "verdict", "your figures")
        )
        return _sendable(
            f"{claimed.picture(self.rows)._repr_html_()}{CSS}"
            f'<div class="conc-lab-claims"><table><caption>{_text(self.sentence)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _said(row):
    return "; ".join(filter(None, (row["bet"], row["answer"] and f"answered: {row['answer']}")))


def _sendable(text):
    """Without the half characters that a file may hold, and no page or terminal takes."""
    return text.encode(errors="replace").decode()


def _text(words):
    return html.escape(str(words))
