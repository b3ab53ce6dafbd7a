"""The table of claims: each of the article's decided by the student's own rows.

The rows are those that the lessons kept in my_work/results, or that a run measures here. claims.json holds the
wording, and which experiment with which parameters decides; the deciders are next to the experiments, in chart.py,
and are found by the claim's id: `C4_verdict`.
"""

import itertools
import json
import re
import textwrap
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

from .drawing.shell.style import KEYS, STYLE, folded
from .drawing.verdict import Verdict
from .engine import experiment, pythons, result, run
from .engine.errors import LabError, RunStopped
from .student import bets

PARTS = {"said": "your bet or answer", "verdict": "verdict", "figure": "your figures"}  # of a row, and their names
RANGES = re.compile(r" \([^()]*( to |every round)[^()]*\)")  # of a figure: not in short
TABLE = json.loads(Path(__file__).with_name("claims.json").read_text(encoding="utf-8"))


def decider(claim: dict) -> Callable:
    """The function that decides a claim; it stands with the experiment of the first run that the claim needs."""
    chart = experiment.part(TABLE["runs"][claim["runs"][0]]["experiment"], "chart")
    return getattr(chart, f"{claim['id']}_verdict")


def claims() -> "Claims":
    """The table of claims from what the lessons kept in my_work/results, the newest of each; missing ones are named."""
    kept, unread = {}, []
    for path in sorted(result.KEPT.glob("*.json")):
        try:
            kept[path.name] = result.load(path)
        except LabError as error:
            unread.append(str(error))
    return Claims(kept, {}, unread)


def measured(known: "Claims", say: Callable[[str], None], limit_s: float = 110) -> "Claims":
    """The table with what is missing measured here, in `limit_s` seconds in all; `say` gets a line for each run.

    With what it takes to start and to end, the default comes to two minutes. Raises RunStopped when a run is
    interrupted.
    """
    end, new, failed = time.monotonic() + limit_s, {}, {}
    for number, (name, wanted) in enumerate(TABLE["runs"].items(), 1):
        if name not in known.lacking or fitting(new, name):
            continue
        params = {key: value for key, value in (wanted["needs"] | wanted["measure"]).items() if value is not None}
        say(f"{number} of {len(TABLE['runs'])}: {name}")
        try:
            new[f"the run of {name}"] = run.run(wanted["experiment"], params, max(0, end - time.monotonic()))
        except RunStopped:
            raise
        except LabError as error:
            late = time.monotonic() >= end
            failed[name] = f"the {limit_s:g} s ran out before it was measured" if late else str(error)
    return Claims(known.results | new, failed, known.unread)


def fitting(results: dict[str, result.Result], name: str) -> list[str]:
    """Which of the results have what the run called `name` is for, the newest first."""
    wanted = TABLE["runs"][name]
    own = {key: one for key, one in results.items() if one.experiment == wanted["experiment"]}
    fits = [key for key, one in own.items() if all(_has(one, *need) for need in wanted["needs"].items())]
    return sorted(fits, key=lambda key: results[key].started, reverse=True)


def _has(one, name, needed):
    """Whether a result has what is needed of a parameter; "processes" is what it meant when it was asked for."""
    if isinstance(needed, list):
        given, needed = one.params[name], {one.processes if item == "processes" else item for item in needed}
        return isinstance(given, list) and needed <= set(given)
    return one.params[name] == needed


def _held(bet, results):
    """What came of a bet by the newest rows that it is about, of an answer whether it is right; "" without either."""
    marks = [bet.mark(one) for one in sorted(results, key=lambda one: one.started, reverse=True)]
    right = bets.RIGHT[bet.options[bet.answer]["holds"]] if bet.answer is not None else ""
    return next(filter(None, marks), "" if "measured" in bet.question else right)


class Claims:
    """The table, which shows itself in a cell.

    A row is a claim of claims.json with said (the student's bet, or answer to the lesson's question), held (what came
    of that), word (one that has a sign in claims.json), verdict (in words), figure, and key (the figure in short).
    `lacking` names the runs whose results are missing, `unread` says which files are left out, and why.
    """

    def __init__(self, results: dict[str, result.Result], failed: dict[str, str], unread: list[str]):
        self.results, self.unread, self.rows, self.lacking = results, list(unread), [], set()
        for claim in TABLE["claims"]:
            told = self._verdict(claim, failed)
            asked = [bets.Bet(name) for name in claim["bets"] + claim["answers"]]
            row = {"said": [bet.words for bet in asked], "held": [_held(bet, self.results.values()) for bet in asked]}
            row = {part: "; ".join(filter(None, texts)) for part, texts in row.items()}
            row |= {"word": told.word, "figure": told.figure, "key": RANGES.sub("", told.figure or told.why)}
            self.rows.append(claim | row | {"verdict": f"{TABLE['signs'][told.word]} {told.word}: {told.why}"})

    def _verdict(self, claim, failed):
        fits = {name: fitting(self.results, name) for name in claim["runs"]}
        for names in itertools.product(*fits.values()):
            if len({pythons.name(self.results[name].machine) for name in names}) > 1:
                continue  # no claim is decided by two Pythons together
            try:
                return decider(claim)(*(self.results[name] for name in names))
            except result.ODD as error:
                problem = f"{' and '.join(names)}, whose rows do not come from a complete run ({type(error).__name__})"
                self.unread += [problem] if problem not in self.unread else []
        lacking = [name for name, found in fits.items() if not found] or claim["runs"]
        self.lacking.update(lacking)
        if problems := dict.fromkeys(failed[name] for name in lacking if name in failed):
            return Verdict("cannot tell", "; ".join(problems))
        lessons = dict.fromkeys(TABLE["runs"][name]["lesson"] for name in lacking)
        return Verdict("not measured yet", f"run {' and '.join(lessons)}")

    @property
    def sentence(self) -> str:
        """How many claims hold, do not, depend, cannot be told or are missing; and which files could not be read."""
        verdicts = [row["word"] for row in self.rows]
        counts = ", ".join(f"{word} {verdicts.count(word)}" for word in TABLE["signs"] if word in verdicts)
        left_out = "".join(f" Left out: {problem}." for problem in self.unread)
        return f"Of {len(verdicts)} claims: {counts}.{left_out}"

    def __repr__(self):
        blocks = []
        for row in self.rows:
            lines = [f"{row['id']} {row['says']} ({row['lesson']})"]
            lines += [f"{name}: {row[part]}" for part, name in PARTS.items() if row[part]]
            blocks.append("\n".join(textwrap.fill(line, 100, subsequent_indent="    ") for line in lines))
        return "\n\n".join([*blocks, self.sentence])

    def _repr_html_(self):
        body = ""
        for row in self.rows:
            lesson = f'<a href="{row["lesson"]}.ipynb" {KEYS}>{row["lesson"]}</a>'
            parts = "".join(f"<p>{name}: {escape(row[part])}</p>" for part, name in PARTS.items() if row[part])
            prose = folded(f"{row['id']} {row['title']}", f"<p>{escape(row['says'])} {lesson}</p>{parts}")
            body += f'<tr><td>{TABLE["signs"][row["word"]]} {row["word"]}</td><th scope="row">{prose}</th>'
            body += f"<td>{row['held'] or '–'}</td><td>{escape(row['key'])}</td></tr>"
        return STYLE + TABLE["page"].format(escape(self.sentence), body)
