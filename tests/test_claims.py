"""The claims: what is kept and found, what is measured, and the table that is shown (verdicts: test_golden.py)."""

import ast
import contextlib
import dataclasses
import datetime
import html
import itertools
import re
from pathlib import Path

import helpers
import nbformat
import pytest
from made.results import MACHINE, made
from made.verdicts import ALL_RESULTS, busy, counted, handed, kept, recorded, speeds, starts

import conc_lab as lab
from conc_lab import __main__, claim_table
from conc_lab.claim_table import TABLE, Claims, fitting
from conc_lab.drawing import verdict
from conc_lab.engine import experiment, kinds, parameters, run
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.engine.result import Result, load
from conc_lab.engine.session import STOPPED
from conc_lab.student import bets

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
CELLS = [one.source for path in NOTEBOOKS for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
CLAIMS = {claim["id"]: claim for claim in TABLE["claims"]}
IDS = [*CLAIMS]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A notebook's folder that is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my_work/results"


def figure(claim, *results):
    """The figures that the claim's decider gives for these results."""
    return claim_table.decider(CLAIMS[claim])(*results).figure


def test_figures_have_their_interval():
    """A figure that is measured has the range over its rounds beside it; a magnitude in doubt is left out, and why."""
    assert "pure Python 1.00× (in every round)" in figure("C4", speeds(1.0), speeds([1.8, 1.9, 1.9]))
    assert "hashing 1.90× (1.80× to 1.90×" in figure("C4", speeds(1.0), speeds([1.8, 1.9, 1.9]))
    doubtful = figure("C4", speeds(1.0), speeds(1.4, busy={("threads", 2): 1.9}))
    assert "in doubt: each task cost" in doubtful and "1.4" not in doubtful
    assert "hashing 90% (in every round)" in figure("C5", recorded(0.0, 0.9))
    assert "two processes 1.80 (in every round)" in figure("C7", busy(1.0, 1.8))
    assert "spawn 9.0 (in every round)" in figure("C8", kept(0.05, 9))
    assert "computing 38 (in every round) against 0 (in" in figure("C9", counted((38, 2, 1001)))
    assert "times a thread: spawn 400 (300 to 500)" in figure("C12", starts(spawn=[30, 50, 40]))
    assert "threads by pipe 5.14 (4 to 6), processes by pipe 6" in figure("C13", handed([5.14, 4, 6], 6.0, 14.0))


TIMED = {"timeline", "ping-pong", "computing", "hashing", "start-up", "waiting", "transfer"}
LATER = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC).isoformat()


def measured(name, **given):
    """A result of this experiment, without rows, that was asked for with these parameters."""
    function = experiment.function(name)
    processes = parameters.processes(function, given)
    return Result(name, parameters.checked(function, given), MACHINE, [], LATER, processes)


def test_what_is_needed_can_be_measured():
    """What a run measures are parameters that its experiment accepts, and it has what its claims need."""
    for name, wanted in TABLE["runs"].items():
        given = {key: value for key, value in (wanted["needs"] | wanted["measure"]).items() if value is not None}
        result = measured(wanted["experiment"], **given)
        assert name not in TIMED or result.params["rounds"] >= verdict.FEWEST
        assert fitting({"measured": result, "made": ALL_RESULTS[name]}, name) == ["measured", "made"], name


def calls_in(path):
    """What the lesson's cells measure: the experiment's name and the parameters of each call, as far as they stand."""
    for one in nbformat.read(path, as_version=4).cells:
        if one.cell_type != "code" or one.source.startswith("%%"):
            continue
        tree = compile(one.source, path.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.fullmatch(r"lab\.\w+", name := ast.unparse(node.func)):
                name, given = name.removeprefix("lab."), {}
                for word in node.keywords:
                    with contextlib.suppress(ValueError):  # a bet, or what depends on the machine
                        given[word.arg] = ast.literal_eval(word.value)
                if name in experiment.names() and name != "advise":
                    yield name, given


def test_a_finished_course_leaves_nothing_missing():
    """The lesson that a run of the table names measures what its claims need, times in rounds enough for a verdict."""
    for name, wanted in TABLE["runs"].items():
        (path,) = [path for path in NOTEBOOKS if path.stem == wanted["lesson"]]
        with helpers.profile("class"):
            results = {str(call): measured(call[0], **call[1]) for call in calls_in(path)}
        fits = fitting(results, name)
        assert fits, name
        assert name not in TIMED or {results[key].params["rounds"] >= verdict.FEWEST for key in fits} == {True}, name


def test_the_newest_that_has_what_is_needed():
    """Of several results the newest counts, and none of another task, with fewer workers or kinds."""
    old, other = speeds(1.0, task="count_primes"), speeds(1.9, task="zlib")
    less = made({("threads", 1): 1.0, ("processes", 1): 1.0}, task="count_primes")
    new = dataclasses.replace(old, started=LATER)
    results = {"old": old, "new": new, "other": other, "less": less}
    assert fitting(results, "computing") == ["new", "old"]
    assert fitting({"other": other, "less": less}, "computing") == []


def test_processes_are_those_that_were_asked_for():
    """A run has the processes that a claim needs where they were asked for as such, whatever start method that was."""
    asked = measured("speedup", kinds=["threads", "processes"], rounds=5)
    method = measured("speedup", kinds=["threads", kinds.start_methods()[0]], rounds=5)
    assert asked.params == method.params
    assert fitting({"asked": asked, "by its method": method}, "computing") == ["asked"]


def test_every_claim_once():
    """C1 to C14 stand in the table in this order, each with a lesson and with bets that exist."""
    assert [f"C{number}" for number in range(1, 15)] == IDS
    for claim in TABLE["claims"]:
        assert callable(claim_table.decider(claim))
        assert claim["lesson"] and set(claim["runs"]) <= TABLE["runs"].keys()
        assert all(bets.Bet(name).words == "" for name in claim["bets"] + claim["answers"])


def test_bets_and_answers():
    """What a claim shows as a bet is asked for as a bet in a lesson, and what it shows as an answer as a question."""
    for key, call in (("bets", "bet"), ("answers", "question")):
        asked = set(re.findall(rf"lab\.{call}\(\"(\w+)\"", "\n".join(CELLS)))
        assert {name for claim in TABLE["claims"] for name in claim[key]} <= asked
    bet, answer = bets.bet("echo"), bets.question("one_cpu")
    bet.commit(2)
    answer.commit(0)
    table = lab.claims()
    said = {row["id"]: row["said"] for row in table.rows}
    assert (said["C9"], said["C13"], said["C1"]) == (bet.words, "", answer.words)
    assert f"your bet or answer: {answer.words[:30]}" in str(table)
    page = html.unescape(table._repr_html_())
    assert f"<p>your bet or answer: {answer.words}</p>" in page and f": {bet.words}</p>" in page


def test_all_is_kept():
    """With a result of every kind kept, a new kernel finds a verdict for every claim, and the student's bets."""
    for result in ALL_RESULTS.values():
        result.keep()
    bets.bet("cpu_threads").commit(0)
    bets.bet("first").commit(2)
    table = lab.claims()
    assert [row["id"] for row in table.rows] == IDS and "not measured yet" not in {row["word"] for row in table.rows}
    said = {row["id"]: row["said"] for row in table.rows}
    assert said["C4"] == bets.bet("cpu_threads").words and said["C7"] == bets.bet("first").words
    assert said["C1"] == "" and "not measured" not in table.sentence
    held = {row["id"]: row["held"] for row in table.rows}
    marks = {bets.bet("cpu_threads").mark(one) for one in ALL_RESULTS.values()}
    assert marks == {held["C4"], ""} and held["C4"] in bets.HELD.values() and held["C1"] == ""


def test_missing_ones_are_named():
    """What no lesson has kept yet is named with the lesson to run; a claim needs all of its results."""
    speeds(1.0, task="count_primes").keep()
    table = lab.claims()
    verdicts = {row["id"]: row["verdict"] for row in table.rows}
    assert verdicts.pop("C7").startswith("✓ holds: ")
    assert verdicts["C4"] == "– not measured yet: run 02_cpu_bound"
    assert verdicts["C14"] == "– not measured yet: run 07_moving_data and 04_races"
    assert table.sentence == "Of 14 claims: holds 1, not measured yet 13."


def test_a_broken_file_is_named(folder):
    """A file that is no result is left out by its name and reason, and the others count."""
    speeds(1.0, task="count_primes").keep()
    (folder / "a<b>.json").write_text("{")
    table = lab.claims()
    assert "Left out: a<b>.json is not a complete result" in table.sentence
    assert "a&lt;b&gt;.json" in table._repr_html_() and "a<b>" not in table._repr_html_()
    assert {row["word"] for row in table.rows} == {"holds", "not measured yet"}


PARTS = {  # what may be lacking in a file: all columns, all rows but the first or the last
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
        table = lab.claims()
        rows = {row["id"]: row for row in table.rows}
        for key, row in rows.items():
            assert row == whole[key] or (key in concerned and row["word"] == "cannot tell"), (part, row)
        if part.startswith("no"):
            assert "Left out: part.json is not a complete result: " in table.sentence and rows == whole


def test_only_a_partial_file(folder):
    """Where no file carries a verdict the claim is missing, the files are named, and measuring fills it."""
    stopped = [row for row in ALL_RESULTS["faults"].rows if row["fault"] != "segfault"]
    dataclasses.replace(ALL_RESULTS["faults"], rows=stopped).save(folder / "stopped.json")
    ALL_RESULTS["hashing"].save(folder / "hashing.json")
    serial = [row for row in ALL_RESULTS["computing"].rows if row["kind"] == "serial"]
    dataclasses.replace(ALL_RESULTS["computing"], rows=serial).save(folder / "computing.json")
    strange = [row | {"kind": "word " * 99} for row in ALL_RESULTS["memory"].rows]
    dataclasses.replace(ALL_RESULTS["memory"], rows=strange).save(folder / "memory.json")
    table = lab.claims()
    words = {row["id"]: row["word"] for row in table.rows}
    assert set(words.values()) == {"not measured yet"} and {"faults", "hashing", "computing", "memory"} <= table.lacking
    for names in ("stopped.json", "computing.json and hashing.json", "computing.json", "memory.json"):
        assert f"Left out: {names}, whose rows do not come from a complete run (" in table.sentence
    assert table.sentence.count("word") < 30
    again = Claims(table.results | {"new": dataclasses.replace(ALL_RESULTS["faults"], started=LATER)}, {}, table.unread)
    assert {row["id"] for row in again.rows if row["word"] != "not measured yet"} == {"C10"}


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
    monkeypatch.setattr(run, "run", lambda *given, **hooks: speeds(1.0))
    lab.speedup()
    assert not folder.exists()
    Display(monkeypatch)
    lab.speedup()
    (path,) = folder.iterdir()
    assert load(path) == speeds(1.0)


def test_a_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    """Where nothing can be kept the call returns all the same, and says so."""
    (tmp_path / "my_work").write_text("a file where the folder should be")
    monkeypatch.setattr(run, "run", lambda *given, **hooks: speeds(1.0))
    page = Display(monkeypatch)
    assert lab.speedup() == speeds(1.0)
    said = page.shown[-1].data
    assert "could not be written" in said and "The run itself is fine" in said and 'role="status"' in said


def test_the_page():
    """A row has a sign and a word, the claim in short, the bet's mark and the key figure; the rest is folded."""
    counted((0, 0, 0), uncounted={"threads": "no counts <here>"}).keep()
    speeds(1.0, task="count_primes").keep()
    speeds([1.8, 1.9, 1.9], task="sha256").keep()
    bets.question("one_cpu").commit(0)
    page = lab.claims()._repr_html_()
    assert re.search("<caption[^>]*>Of 14 claims: ", page) and page.count('scope="col"') == 4
    rows = [html.unescape(row) for row in page.split("<tr>")[2:]]
    folded = re.compile(r'<td>(.*?)</td><th scope="row"><details><summary [^>]*>(.*?)</summary>(.*)</details></th>')
    heads = [folded.match(row).groups() for row in rows]
    assert [summary for _, summary, _ in heads] == [f"{key} {claim['title']}" for key, claim in CLAIMS.items()]
    for claim, (*_, told) in zip(CLAIMS.values(), heads, strict=True):
        assert claim["says"] in told and claim["lesson"] in told
    marks = dict(zip(IDS, (mark for mark, *_ in heads), strict=True))
    assert (marks["C4"], marks["C9"]) == ("± depends", "? cannot tell")
    assert list(marks.values()).count("– not measured yet") == 11
    assert "<td>✗ wrong</td>" in rows[0] and "<td>–</td>" in rows[1]
    assert "<td>two threads with pure Python 1.00×, with hashing 1.90×</td>" in rows[3]
    assert "(1.80× to 1.90×)" in heads[3][2]
    assert "<td>no counts <here></td>" in rows[8] and "<here>" not in page
    assert '<a href="10_switching.ipynb" ' in rows[8] and "<td>run 07_moving_data and 04_races</td>" in rows[13]


def test_the_text():
    """Printed, each claim stands with its wording, lesson, verdict, figures and bet, in lines of 100 at most."""
    for result in ALL_RESULTS.values():
        result.keep()
    bets.bet("crash").commit(1)
    text = str(lab.claims())
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "C10 Processes make a more reliable system. (08_when_workers_fail)",
        "verdict: ± depends: on what you call",
        "your figures: after a crash",
        f"your bet or answer: {bets.bet('crash').words[:30]}",
    ):
        assert words in text
    assert text.splitlines()[-1].startswith("Of 14 claims: holds ")


def test_only_what_is_missing_is_measured(monkeypatch):
    """Measuring runs what no kept result has, in the time that is left, with a line of progress for each."""
    ran, said = [], []

    def instead(name, params, timeout_s):
        assert 0 < timeout_s <= 60
        ran.append(name)
        runs = {"startup": "start-up", "pingpong": "ping-pong"}
        runs |= {"count_primes": "computing", "sha256": "hashing", "sleep": "waiting"}
        key = params.get("task", name)
        return ALL_RESULTS[runs.get(key, key)]

    monkeypatch.setattr(run, "run", instead)
    for name in ("sharing", "start methods", "switches", "computing"):
        ALL_RESULTS[name].keep()
    table = claim_table.measured(lab.claims(), said.append, 60)
    assert sorted(ran) == sorted(
        ["memory", "speedup", "speedup", "timeline", "startup", "pingpong", "faults", "transfer", "races"]
    )
    assert not {row["word"] for row in table.rows} & {"not measured yet"} and said[0] == "3 of 13: races"


def test_what_cannot_be_measured_is_told(monkeypatch):
    """A run that fails, or for which no time is left, leaves its claims untold with the reason, and others go on."""
    clock = itertools.count()
    monkeypatch.setattr(claim_table.time, "monotonic", lambda: next(clock))

    def instead(name, params, timeout_s):
        if timeout_s < 1:
            raise LabError("the run was ended")
        if name == "faults":
            raise LabError("no room for faults")
        return ALL_RESULTS.get(name, ALL_RESULTS["switches"])

    monkeypatch.setattr(run, "run", instead)
    rows = {row["id"]: row for row in claim_table.measured(Claims({}, {}, []), lambda text: None, 8).rows}
    assert rows["C1"]["word"] == "does not hold" and rows["C5"]["word"] == "depends"
    assert rows["C10"]["verdict"] == "? cannot tell: no room for faults"
    assert rows["C8"]["verdict"] == "? cannot tell: the 8 s ran out before it was measured"


def test_an_interrupt_ends_the_command(monkeypatch, capsys):
    """A run that is interrupted ends the measuring, and the command with 130 and one sentence."""
    ran = []

    def instead(name, params, timeout_s):
        ran.append(name)
        raise RunStopped(STOPPED)

    monkeypatch.setattr(run, "run", instead)
    with pytest.raises(RunStopped):
        claim_table.measured(lab.claims(), lambda text: None)
    assert __main__.main(["claims"]) == 130 and len(ran) == 2
    assert capsys.readouterr() == ("", f"1 of 13: sharing\n{STOPPED}\n")


def test_the_command(monkeypatch, capsys):
    """`conc-lab claims` prints the table and ends with 0."""
    for result in ALL_RESULTS.values():
        result.keep()
    assert __main__.main(["claims"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{lab.claims()}\n" and err == ""
