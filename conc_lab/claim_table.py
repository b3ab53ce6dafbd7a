"""The table of claims: each of the article's decided by the student's own rows.

The rows are those that the lessons kept in my_work/results, or that a run measures here. claims.json holds the
wording, and which experiment with which parameters decides; the deciders stand beside the experiments, in claims.py,
and are found by the claim's id.
"""

import itertools
import json
import textwrap
import time
from collections.abc import Callable
from functools import cache, cached_property
from html import escape
from pathlib import Path

from .drawing import kit, picture, words
from .drawing.verdict import DECIDERS, Verdict
from .engine import experiment, kinds, result, run
from .engine.errors import LabError, RunStopped
from .engine.result import Result
from .student import bets

SIGNS = {  # verdict -> how it is said; and its heading, marker and colour in the chart
    "holds": ("✓ holds", "holds", "o", "#009E73"),
    "depends": ("± depends", "depends", "D", "#E69F00"),
    "does not hold": ("✗ does not hold", "does not hold", "X", "#D55E00"),
    "cannot tell": ("? this machine cannot tell", "cannot be\ntold here", "s", "#56B4E9"),
    "missing": ("– not measured yet", "not\nmeasured", "|", "#777777"),
}
# JupyterLab aligns the cells of a table to the right; colours are left to its theme.
CSS = """<style>
.conc-lab-claims {overflow-x: auto}
.conc-lab-claims :is(td, th) {text-align: left !important; vertical-align: top !important; white-space: normal}
.conc-lab-claims :is(td, th) {min-width: 6em; max-width: 24em}
.conc-lab-claims th[scope=row] {font-weight: normal}
.conc-lab-claims caption {text-align: left; caption-side: top}
</style>"""
HEADS = "".join(f'<th scope="col">{name}</th>' for name in ("claim", "your bet or answer", "verdict", "your figures"))
LIMIT_S = 110  # with what it takes to start and to end, two minutes
PACKAGE = Path(__file__).parent
TABLE = json.loads((PACKAGE / "claims.json").read_text(encoding="utf-8"))


@cache
def deciders() -> dict[str, Callable]:
    """The decider of every claim by its id: those in the claims.py of each experiment that has one."""
    for path in PACKAGE.glob("experiments/*/claims.py"):
        experiment.part(path.parent.name, "claims")
    return DECIDERS


def claims() -> "Claims":
    """The table of claims from what the lessons kept in my_work/results, the newest of each; missing ones are named."""
    kept, unread = {}, []
    for path in sorted(result.KEPT.glob("*.json")):
        try:
            kept[path.name] = result.load(path)
        except LabError as error:
            unread.append(str(error))
    return Claims(kept, {}, unread)


def measured(known: "Claims", say: Callable[[str], None], limit_s: float = LIMIT_S) -> "Claims":
    """The table with what is missing measured here, in `limit_s` seconds in all; `say` gets lines of progress.

    Raises RunStopped when a run is interrupted.
    """
    end, new, failed = time.monotonic() + limit_s, {}, {}

    def progress(done, *_):
        say(f"{step}, {done:.0%}")

    for number, (name, wanted) in enumerate(TABLE["runs"].items(), 1):
        if name not in known.lacking or fitting(new, name):
            continue
        params = {key: value for key, value in (wanted["needs"] | wanted["measure"]).items() if value is not None}
        if "kinds" in params:
            params["kinds"] = kinds.here(params["kinds"])
        say(step := f"{number} of {len(TABLE['runs'])}: {name}")
        try:
            left_s = max(0, end - time.monotonic())
            new[f"the run of {name}"] = run.run(wanted["experiment"], params, left_s, on_progress=progress)
        except RunStopped:
            raise
        except LabError as error:
            late = time.monotonic() >= end
            failed[name] = f"the {limit_s:g} s were over before it was measured" if late else str(error)
    return Claims(known.results | new, failed, known.unread)


def fitting(results: dict[str, Result], name: str) -> list[str]:
    """Which of the results have what the run called `name` is for, the newest first."""
    wanted = TABLE["runs"][name]
    own = [key for key, one in results.items() if one.experiment == wanted["experiment"]]
    fits = [key for key in own if all(_has(results[key], *need) for need in wanted["needs"].items())]
    return sorted(fits, key=lambda key: results[key].started, reverse=True)


def _has(one, name, needed):
    """Whether a result has what is needed of a parameter; "processes" is what it meant when it was asked for."""
    if isinstance(needed, list):
        return {one.processes if item == "processes" else item for item in needed} <= set(one.params[name])
    return one.params[name] == needed


class Claims:
    """The table, which shows itself in a cell.

    A row is a dict with id, says, bet, answer (to the lesson's question), word, why, figure and lesson. `lacking` names
    the runs whose results are missing, `unread` says which files are left out, and why.
    """

    def __init__(self, results: dict[str, Result], failed: dict[str, str], unread: list[str]):
        self.results, self.unread, self.rows, self.lacking = results, list(unread), [], set()
        for claim in TABLE["claims"]:
            bet, answer = (_joined(bets.Bet(name).words for name in claim[key]) for key in ("bets", "answers"))
            row = {key: claim[key] for key in ("id", "title", "says")} | {"bet": bet, "answer": answer}
            self.rows.append(row | vars(self._verdict(claim, failed)) | {"lesson": claim["lesson"]})

    def _verdict(self, claim, failed):
        fits = {name: fitting(self.results, name) for name in claim["runs"]}
        for names in itertools.product(*fits.values()):
            try:
                return deciders()[claim["id"]](*(self.results[name] for name in names))
            except result.ODD as error:
                problem = f"{' and '.join(names)}, whose rows are not those of a whole run ({type(error).__name__})"
                self.unread += [problem] if problem not in self.unread else []
        lacking = [name for name, found in fits.items() if not found] or claim["runs"]
        self.lacking.update(lacking)
        if problems := dict.fromkeys(failed[name] for name in lacking if name in failed):
            return Verdict("cannot tell", "; ".join(problems))
        lessons = dict.fromkeys(TABLE["runs"][name]["lesson"] for name in lacking)
        return Verdict("missing", f"run {' and '.join(lessons)}")

    @cached_property
    def frame(self):
        """The table as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.rows)

    @property
    def sentence(self) -> str:
        """How many claims hold, do not, depend, cannot be told; and which are missing or could not be read."""
        verdicts = [row["word"] for row in self.rows]
        parts = [f"{sign[2:]} {verdicts.count(word)}" for word, (sign, *_) in SIGNS.items() if word in verdicts]
        text = f"Of {len(verdicts)} claims: {', '.join(parts)}."
        if missing := [f"{row['id']} ({row['why']})" for row in self.rows if row["word"] == "missing"]:
            text += f" Missing: {', '.join(missing)}."
        return " ".join([text, *(f"Left out: {problem}." for problem in self.unread)])

    def __str__(self):
        blocks, labels = [], {"figures": "figure", "your bet": "bet", "you answered": "answer", "lesson": "lesson"}
        for row in self.rows:
            parts = [f"{label}: {row[key]}" for label, key in labels.items() if row[key]]
            blocks.append(textwrap.fill(f"{row['id']:4} {row['says']}", 100, subsequent_indent=" " * 5))
            for part in (f"{SIGNS[row['word']][0]}: {row['why']}", *parts):
                blocks.append(textwrap.fill(part, 100, initial_indent=" " * 5, subsequent_indent=" " * 7))
            blocks.append("")
        return "\n".join([*blocks, self.sentence])

    __repr__ = __str__

    def _repr_html_(self):
        body = ""
        for row in self.rows:
            said = _joined((row["bet"], row["answer"] and f"answered: {row['answer']}"))
            lesson = f'<a href="{row["lesson"]}.ipynb">Lesson {row["lesson"].replace("_", " ")}</a>'
            body += f'<tr><th scope="row"><b>{row["id"]}</b> {escape(row["says"])} {lesson}</th>'
            body += f"<td>{escape(said) or '–'}</td><td><b>{SIGNS[row['word']][0]}</b>: {escape(row['why'])}</td>"
            body += f"<td>{escape(row['figure']) or '–'}</td></tr>"
        table = f"<caption>{escape(self.sentence)}</caption><thead><tr>{HEADS}</tr></thead><tbody>{body}</tbody>"
        chart = picture.drawn(claims_chart, self)._repr_html_()
        return f'{chart}{CSS}<div class="conc-lab-claims"><table>{table}</table></div>'


def _joined(texts):
    return "; ".join(filter(None, texts))


def claims_chart(table: Claims):
    """One mark for each claim: lines are claims, columns are verdicts."""
    rows, parts = table.rows, []
    ax = kit.figure(1.2 + 0.27 * len(rows)).add_subplot()
    for place, (word, (_, _, marker, colour)) in enumerate(SIGNS.items()):
        lines = [line for line, row in enumerate(rows) if row["word"] == word]
        ax.plot([place] * len(lines), lines, marker, color=colour, markersize=11, markeredgewidth=2, clip_on=False)
        parts += [f"{word}: {', '.join(rows[line]['id'] for line in lines)}"] if lines else []
    kit.names(ax, [f"{row['id']}  {row['title']}" for row in rows])
    kit.columns(ax, [heading for _, heading, *_ in SIGNS.values()])
    ax.xaxis.tick_top()
    return ax.figure, f"The claims by verdict. {'; '.join(parts)}.", words.sentence("; ".join(parts))
