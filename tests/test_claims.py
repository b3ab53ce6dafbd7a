"""The claims: what is kept and found, what is measured, and the table that is shown (verdicts: test_golden.py)."""

import ast
import contextlib
import dataclasses
import datetime
import html
import itertools
import re
from pathlib import Path

import nbformat
import pytest
from made.results import MACHINE, made
from made.verdicts import ALL_RESULTS, busy, counted, handed, kept, recorded, speeds, starts

import conc_lab as lab
from conc_lab.student import cell as cells, bets as lesson
from conc_lab import claims as claim_table, __main__, verdicts
from conc_lab.engine import experiment as experiments, parameters, run as runner
from conc_lab.drawing import claims_chart as claimed
from conc_lab.claims import TABLE, Claims, fitting
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.engine.result import Result, load

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
CELLS = [
    cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
]
IDS = [claim["id"] for claim in TABLE["claims"]]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A notebook's folder that is empty, in a session in which nothing has been told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cells, "_TOLD", [])
    return tmp_path / "my_work/results"


def test_figures_have_their_interval():
    """A figure that is measured has the range over its rounds beside it."""
    assert "pure Python 1.00× (in every round)" in verdicts.c4(speeds(1.0), speeds([1.8, 1.9, 1.9])).figure
    assert "hashing 1.90× (1.80× to 1.90×" in verdicts.c4(speeds(1.0), speeds([1.8, 1.9, 1.9])).figure
    assert "hashing 90% (in every round)" in verdicts.c5(recorded(0.0, 0.9)).figure
    assert "two processes 1.80 (in every round)" in verdicts.c7(busy(1.0, 1.8)).figure
    assert "spawn 9.0 (in every round)" in verdicts.c8(kept(0.05, 9)).figure
    assert "computing 38 (in every round) against 0 (in" in verdicts.c9(counted((38, 2, 1001))).figure
    assert "times a thread: spawn 400 (300 to 500)" in verdicts.c12(starts(spawn=[30, 50, 40])).figure
    assert "threads by pipe 5.14 (4 to 6), processes by pipe 6" in verdicts.c13(handed([5.14, 4, 6], 6.0, 14.0)).figure


def test_the_claims_drawn():
    """Every claim has its line, with its mark in the column of its verdict, told apart by more than colour."""
    words = [*verdicts.WORDS, *verdicts.WORDS, "holds", "holds", "depends", "missing"]
    rows = [{"id": f"C{n}", "title": f"claim {n}", "word": word} for n, word in enumerate(words, 1)]
    ax = claimed.plot_claims(rows)
    columns = [tick.get_text().replace("\n", " ") for tick in ax.get_xticklabels()]
    seen = {}
    for line in ax.lines:
        for place, at in zip(line.get_xdata(), line.get_ydata(), strict=True):
            seen[ax.get_yticklabels()[at].get_text()] = columns[place]
    names = {"cannot tell": "cannot be told here", "missing": "not measured"}
    assert seen == {f"C{n}  claim {n}": names.get(word, word) for n, word in enumerate(words, 1)}
    assert len({line.get_marker() for line in ax.lines}) == len(verdicts.WORDS)
    picture = claimed.picture(rows)
    assert "holds: C1, C6, C11, C12; depends: C3, C8, C13;" in picture.alt and picture.sentence.startswith("Holds: C1")
    assert set(claimed.COLUMNS) == set(verdicts.WORDS)


def test_a_magnitude_in_doubt():
    """Where the hardware decides how much, the figure says so."""
    assert "in doubt: each task cost" in verdicts.c4(speeds(1.0), speeds(1.4, busy={("threads", 2): 1.9})).figure


TIMED = {"timeline", "hand-over", "computing", "hashing", "start-up", "waiting", "transfer"}
LATER = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC).isoformat()


def test_what_is_needed_can_be_measured():
    """What a run measures are parameters that its experiment accepts, and it has what its claims need."""
    for name, run in TABLE["runs"].items():
        given = {key: value for key, value in (run["needs"] | run["measure"]).items() if value is not None}
        params = parameters.checked(experiments.function(run["experiment"]), given)
        assert name not in TIMED or params["rounds"] >= verdicts.FEWEST
        result = Result(run["experiment"], params, MACHINE, [], LATER)
        assert fitting({"measured": result, "made": ALL_RESULTS[name]}, name) == ["measured", "made"]


def calls_in(path):
    """What the lesson's cells measure: the checked parameters of each call of an experiment, by its name."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        tree = compile(cell.source, path.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.fullmatch(r"lab\.\w+", name := ast.unparse(node.func)):
                name, given = name.removeprefix("lab."), {}
                for word in node.keywords:
                    with contextlib.suppress(ValueError):  # a bet, or what depends on the machine
                        given[word.arg] = ast.literal_eval(word.value)
                if name in lab.EXPERIMENTS and name != "advise":
                    yield name, parameters.checked(experiments.function(name), given)


def test_a_finished_course_leaves_nothing_missing(monkeypatch):
    """The lesson that a run of the table names measures what its claims need, times in rounds enough for a verdict."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "class")
    for name, run in TABLE["runs"].items():
        (path,) = [path for path in NOTEBOOKS if path.stem == run["lesson"]]
        found = {str(params): Result(kind, params, MACHINE, [], LATER) for kind, params in calls_in(path)}
        fits = fitting(found, name)
        assert fits, name
        assert name not in TIMED or {found[key].params["rounds"] >= verdicts.FEWEST for key in fits} == {True}, name


def test_the_newest_that_has_what_is_needed():
    """Of several results the newest counts, and none of another task, with fewer workers or kinds."""
    old, other = speeds(1.0, task="count_primes"), speeds(1.9, task="zlib")
    less = made({("threads", 1): 1.0, ("processes", 1): 1.0}, task="count_primes")
    new = Result("speedup", old.params, MACHINE, old.rows, LATER)
    found = {"old": old, "new": new, "other": other, "less": less}
    assert fitting(found, "computing") == ["new", "old"]
    assert fitting({"other": other, "less": less}, "computing") == []


def test_every_claim_once():
    """C1 to C14 stand in the table in this order, each with a lesson and with bets that exist."""
    assert [f"C{number}" for number in range(1, 15)] == IDS and len(verdicts.DECIDE) == 14
    for claim in TABLE["claims"]:
        assert claim["lesson"] and {run for run in claim["runs"]} <= set(TABLE["runs"])
        assert all(lesson.Bet(name).said == "" for name in claim["bets"] + claim["answers"])
    assert set(claim_table.SIGNS) == set(verdicts.WORDS)


def test_bets_and_answers_are_told_apart():
    """What a claim shows as a bet is asked for as a bet in a lesson, and what it shows as an answer as a question."""
    for key, call in (("bets", "bet"), ("answers", "question")):
        asked = set(re.findall(rf"lab\.{call}\(\"(\w+)\"", "\n".join(CELLS)))
        assert {name for claim in TABLE["claims"] for name in claim[key]} <= asked
    bet, answer = lesson.bet("echo"), lesson.question("one_cpu")
    bet.commit(2)
    answer.commit(0)
    found = lab.claims()
    rows = {row["id"]: (row["bet"], row["answer"]) for row in found.rows}
    assert (rows["C9"], rows["C13"], rows["C1"]) == ((bet.said, ""), ("", ""), ("", answer.said))
    assert f"you answered: {answer.said[:30]}" in str(found) and f"your bet: {bet.said[:30]}" in str(found)
    page = html.unescape(found._repr_html_())
    assert f"<td>answered: {answer.said}<" in page and f"<td>{bet.said}<" in page


def test_all_is_kept():
    """With a result of every kind kept, a new kernel finds a verdict for every claim, and the student's bets."""
    for result in ALL_RESULTS.values():
        result.keep()
    lesson.bet("cpu_threads").commit(0)
    lesson.bet("first").commit([1, 1.5])
    found = lab.claims()
    assert [row["id"] for row in found.rows] == IDS and "missing" not in {row["word"] for row in found.rows}
    bets = {row["id"]: row["bet"] for row in found.rows}
    assert bets["C4"] == lesson.bet("cpu_threads").said and bets["C7"] == "2 threads 1×, 2 processes 1.5×"
    assert bets["C1"] == "" and "Missing" not in found.sentence
    assert list(found.frame.columns) == ["id", "title", "says", "bet", "answer", "word", "why", "figure", "lesson"]


def test_missing_ones_are_named():
    """What no lesson has kept yet is named with the lesson to run; a claim needs all of its results."""
    speeds(1.0, task="count_primes").keep()
    found = lab.claims()
    words = {row["id"]: row["word"] for row in found.rows}
    assert words["C7"] == "holds" and set(words.values()) == {"holds", "missing"}
    assert "C4 (run 02_cpu_bound)" in found.sentence and "C14 (run 07_moving_data and 08_races)" in found.sentence
    assert "C7" not in found.sentence


def test_a_broken_file_is_named(folder):
    """A file that is no result is left out by its name and reason, and the others count."""
    speeds(1.0, task="count_primes").keep()
    (folder / "a<b>.json").write_text("{")
    found = lab.claims()
    assert "Left out: a<b>.json is not a whole result" in found.sentence
    assert "a&lt;b&gt;.json" in found._repr_html_() and "a<b>" not in found._repr_html_()
    assert {row["word"] for row in found.rows} == {"holds", "missing"}


PARTS = {  # what may be lacking in a file: its facts, all columns, all rows but the first or the last
    "no facts": lambda result: dataclasses.replace(result, machine={}),
    "no columns": lambda result: dataclasses.replace(result, rows=[{}]),
    "the first row": lambda result: dataclasses.replace(result, rows=result.rows[:1]),
    "the last row": lambda result: dataclasses.replace(result, rows=result.rows[-1:]),
}


@pytest.mark.parametrize("name", ["transfer", "sharing"])
def test_a_partial_file_does_not_count(name, folder):
    """A newer file that carries no verdict is left out by its name, and the one before it decides."""
    for number, result in enumerate(ALL_RESULTS.values()):
        result.save(folder / f"{number}.json")
    whole = {row["id"]: row for row in lab.claims().rows}
    concerned = [claim["id"] for claim in TABLE["claims"] if name in claim["runs"]]
    for part, partial in PARTS.items():
        dataclasses.replace(partial(ALL_RESULTS[name]), started=LATER).save(folder / "part.json")
        found = lab.claims()
        rows = {row["id"]: row for row in found.rows}
        for key, row in rows.items():
            assert row == whole[key] or (key in concerned and row["word"] == "cannot tell"), (part, row)
        if part == "no columns":
            assert "Left out: part.json, whose rows are not those of a whole run (" in found.sentence and rows == whole


def test_only_a_partial_file(folder):
    """Where no file carries a verdict the claim is missing, the files are named, and measuring fills it."""
    stopped = [row for row in ALL_RESULTS["faults"].rows if row["fault"] != "segfault"]
    dataclasses.replace(ALL_RESULTS["faults"], rows=stopped).save(folder / "stopped.json")
    dataclasses.replace(ALL_RESULTS["hashing"], machine={}).save(folder / "hashing.json")
    dataclasses.replace(ALL_RESULTS["computing"], rows=[{"kind": "threads"}]).save(folder / "computing.json")
    strange = [row | {"kind": "word " * 99} for row in ALL_RESULTS["memory"].rows]
    dataclasses.replace(ALL_RESULTS["memory"], rows=strange).save(folder / "memory.json")
    found = lab.claims()
    words = {row["id"]: row["word"] for row in found.rows}
    assert set(words.values()) == {"missing"} and {"faults", "hashing", "computing", "memory"} <= found.lacking
    assert "Left out: stopped.json, whose rows are not those of a whole run (KeyError: " in found.sentence
    assert "Left out: computing.json or hashing.json, whose rows " in found.sentence
    assert "Left out: memory.json, whose rows " in found.sentence and found.sentence.count("word") < 30
    again = Claims(found.found | {"new": dataclasses.replace(ALL_RESULTS["faults"], started=LATER)}, {}, found.broken)
    assert {row["id"] for row in again.rows if row["word"] != "missing"} == {"C10"}
    assert "stopped.json" not in again.sentence


def test_one_file_for_the_same_parameters(folder):
    """A second run with the same parameters replaces the first, and one with others stands beside it."""
    first, again, other = speeds(1.0), speeds(1.9), speeds(1.0, task="zlib")
    assert first.keep() == again.keep() != other.keep() and len(list(folder.iterdir())) == 2
    assert load(first.keep()) == first


class Display:
    """What a cell shows, in order."""

    def __init__(self, monkeypatch):
        import IPython

        self.shown = []
        monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": object()}))
        monkeypatch.setattr("IPython.display.display", self.display)

    def display(self, shown, display_id):
        self.shown.append(shown)
        return type("Handle", (), {"update": lambda handle, new: self.shown.append(new)})()


def test_a_cell_keeps_its_result(monkeypatch, folder):
    """A call in a notebook's cell keeps its result; outside a notebook it writes nothing."""
    monkeypatch.setattr(runner, "run", lambda *given, **hooks: speeds(1.0))
    lab.speedup()
    assert not folder.exists()
    Display(monkeypatch)
    lab.speedup()
    (path,) = folder.iterdir()
    assert load(path) == speeds(1.0)


def test_a_folder_that_cannot_be_written_is_told_once(monkeypatch, tmp_path):
    """Where nothing can be kept the call returns all the same, and a second one does not repeat it."""
    (tmp_path / "my_work").write_text("a file where the folder should be")
    monkeypatch.setattr(runner, "run", lambda *given, **hooks: speeds(1.0))
    page = Display(monkeypatch)
    assert lab.speedup() == lab.speedup() == speeds(1.0)
    said = [shown.data for shown in page.shown if "could not be written" in shown.data]
    assert len(said) == 1 and "the run itself is fine" in said[0] and 'role="status"' in said[0]


def test_the_page():
    """The table has a caption, heads for its columns and rows, a sign and words for each verdict, and escapes text."""
    counted((0, 0, 0), uncounted={"threads": "no counts <here>"}).keep()
    page = lab.claims()._repr_html_()
    assert "<caption>Of 14 claims: " in page and page.count('scope="col"') == 4
    assert re.findall(r'<th scope="row"><b>(\w+)</b>', page) == IDS
    assert "<b>? this machine cannot tell</b>: no counts &lt;here&gt;" in page and "<here>" not in page
    assert page.count("– not measured yet") == 13 and '<a href="06_switching.ipynb">Lesson 06 switching</a>' in page


def test_the_text():
    """Printed, each claim stands with its wording, verdict, figures, bet and lesson, in lines of 100 at most."""
    for result in ALL_RESULTS.values():
        result.keep()
    lesson.bet("crash").commit(1)
    text = str(lab.claims())
    assert max(map(len, text.splitlines())) <= 100
    for word in (
        "C10  Processes make",
        "± depends: on what you call",
        "figures: after a crash",
        f"your bet: {lesson.bet('crash').said[:30]}",
    ):
        assert word in text
    assert "lesson: 09_when_workers_fail" in text and text.splitlines()[-1].startswith("Of 14 claims: holds ")


def test_only_what_is_missing_is_measured(monkeypatch):
    """Measuring runs what no kept result has, in the time that is left, with a line of progress for each."""
    ran, said = [], []

    def run(experiment, params, timeout_s, on_progress):
        assert 0 < timeout_s <= 60
        ran.append(experiment)
        on_progress(0.5, "round 1 of 2", 1.0)
        name = "hashing" if params.get("task") == "sha256" else "waiting" if params.get("task") == "sleep" else None
        name = name or {"startup": "start-up"}.get(experiment) or params.get("question") or experiment
        return ALL_RESULTS[{"speedup": "computing"}.get(name, name)]

    monkeypatch.setattr(runner, "run", run)
    for name in ("sharing", "start methods", "switches", "computing"):
        ALL_RESULTS[name].keep()
    found = claim_table.measured(lab.claims(), said.append, 60)
    assert sorted(ran) == sorted(
        ["memory", "speedup", "speedup", "timeline", "startup", "switching", "faults", "transfer", "races"]
    )
    assert not {row["word"] for row in found.rows} & {"missing"} and "3 of 13: races, 50%" in said


def test_what_cannot_be_measured_is_told(monkeypatch):
    """A run that fails, or for which no time is left, leaves its claims untold with the reason, and others go on."""
    clock = itertools.count()
    monkeypatch.setattr(claim_table.time, "monotonic", lambda: next(clock))

    def run(experiment, params, timeout_s, on_progress):
        if timeout_s < 1:
            raise LabError("the run was ended")
        if experiment == "faults":
            raise LabError("no room for faults")
        return ALL_RESULTS.get(experiment, ALL_RESULTS["switches"])

    monkeypatch.setattr(runner, "run", run)
    rows = {row["id"]: row for row in claim_table.measured(Claims({}, {}, []), lambda text: None, 8).rows}
    assert rows["C1"]["word"] == "does not hold" and rows["C5"]["word"] == "depends"
    assert (rows["C10"]["word"], rows["C10"]["why"]) == ("cannot tell", "no room for faults")
    assert (rows["C8"]["word"], rows["C8"]["why"]) == ("cannot tell", "the 8 s were over before it was measured")


def test_an_interrupt_ends_the_command(monkeypatch, capsys):
    """A run that is interrupted ends the measuring, and the command with 130 and one sentence."""
    ran = []

    def run(experiment, params, timeout_s, on_progress):
        ran.append(experiment)
        raise RunStopped(runner.STOPPED)

    monkeypatch.setattr(runner, "run", run)
    with pytest.raises(RunStopped):
        claim_table.measured(lab.claims(), lambda text: None)
    assert __main__.main(["claims"]) == 130 and len(ran) == 2
    assert capsys.readouterr() == ("", f"{runner.STOPPED}\n")


def test_the_command(monkeypatch, capsys):
    """`conc-lab claims` prints the table and ends with 0."""
    for result in ALL_RESULTS.values():
        result.keep()
    assert __main__.main(["claims"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{lab.claims()}\n" and err == ""
