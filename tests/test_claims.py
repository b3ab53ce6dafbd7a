"""The claims: every outcome of every verdict from made rows, what is kept and found, and the table that is shown."""

import ast
import contextlib
import dataclasses
import datetime
import html
import itertools
import json
import os
import platform
import re
from pathlib import Path

import nbformat
import pytest
from made import faults as made_faults
from made import memory as made_memory
from made import sharing as made_sharing
from made import startup as made_startup
from made import switching as made_switching
from made import timeline as made_timeline
from made import transfer as made_transfer
from made.races import row as races_row
from made.results import MACHINE, TWO, made

import conc_lab as lab
from conc_lab.student import cell as cells, bets as lesson
from conc_lab import claims as claim_table, __main__, verdicts
from conc_lab.engine import experiment as experiments, parameters, run as runner, stats as summary
from conc_lab.drawing import claims_chart as claimed
from conc_lab.claims import TABLE, Claims, fitting
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.experiments.sharing import measure as shared
from conc_lab.engine.result import Result, load

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
CELLS = [
    cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
]
NOISY = [0.7, 1.4, 0.9, 1.3, 1.0]
CALM = {("threads", 2): 1.0}  # cores busy: one in all
IDS = [claim["id"] for claim in TABLE["claims"]]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A notebook's folder that is empty, in a session in which nothing has been told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cells, "_TOLD", [])
    return tmp_path / "my_work/results"


def sharing(*kinds, pids=None, lacking=(), **changes):
    """The true table with these changes to a thread's cells, and these numbers of process ids by kind."""
    result = made_sharing.made(*kinds, lacking=lacking)
    for row in result.rows:
        if row["thing"] == shared.PID:
            row["different_ids"] = ({"thread": 1} if pids is None else pids).get(row["kind"], 4)
        elif row["thing"] == shared.THREAD:
            row["different_ids"] = 4
        if row["kind"] == "thread":
            row["cell"] = changes.get(row["thing"].replace(" ", "_"), row["cell"])
    return result


def alike(value, opened):
    """Two start methods that give a worker the same."""
    result = sharing("thread", "spawn", "fork")
    for row in result.rows:
        if row["kind"] != "thread" and row["thing"] in (shared.VALUE, shared.OBJECT, shared.FILE):
            row["cell"] = opened if row["thing"] == shared.FILE else value
    return result


def speeds(threads, *, usable=2, rounds=5, **how):
    """A speedup result of two threads and two processes."""
    return made({("threads", 2): threads, ("processes", 2): 1.9}, usable=usable, rounds=rounds, **how)


def busy(threads, processes, **how):
    return made(TWO, busy={("threads", 2): threads, ("processes", 2): processes}, rounds=how.pop("rounds", 5), **how)


def waits(threads, processes, dearer=True, workers=16, **how):
    speeds = {("threads", workers): threads, ("processes", workers): processes}
    result = made(speeds, waits=True, alone=0.01, rounds=5, **how)
    for row in result.rows:
        if not (dearer[row["round"]] if isinstance(dearer, list) else dearer):
            row["setup_s"] = row["teardown_s"] = 0.01
    return result


def recorded(pure, hashing, usable=2, processes=0.9, rounds=5):
    """A timeline whose two threads, and two processes at pure Python, ran at once for these shares of the time."""
    cases = (
        ("count_primes", "threads", pure),
        ("sha256", "threads", hashing),
        ("count_primes", "processes", processes),
    )
    rows = []
    for (task, kind, share), number in itertools.product(cases, range(rounds)):
        which = {"task": task, "kind": kind, "number": number}
        rows += [made_timeline.block(0, 0, 10, **which), made_timeline.block(1, 0, 10 * share, **which)]
        rows += [made_timeline.block(1, 10 * share, 10, False, **which)]
    return made_timeline.made(rows, usable)


def kept(threads, process, lacks=()):
    """A memory result of four threads and four processes that add so many MB each."""
    rows = [
        made_memory.row("threads", 4, 4 * threads, lacks=lacks),
        made_memory.row("spawn", 4, 4 * process, lacks=lacks),
    ]
    return made_memory.made(*rows)


def counted(threads, **how):
    """Voluntary switches of threads by work, where processes have 0, 1 and 1000."""
    values = {(work, "threads"): (value, 1) for work, value in zip(verdicts.switching.WORKS, threads, strict=True)}
    values |= {(work, "processes"): (n, 1) for work, n in zip(verdicts.switching.WORKS, (0, 1, 1000), strict=True)}
    return made_switching.counts(values, **how)


def crash(threads=None, processes=None, reason=None):
    rows = [("ThreadPoolExecutor", threads), ("ProcessPoolExecutor", processes)]
    return made_faults.made(
        *(made_faults.row("segfault", worker, reason, **(changes or {})) for worker, changes in rows)
    )


def starts(rounds=5, **milliseconds):
    """A start-up result with a thread of 0.1 ms."""
    costs = {("thread", False): 0.1} | {(way, False): value for way, value in milliseconds.items()}
    return made_startup.made_startup(costs, rounds=rounds)


def handed(threads, processes, lock, **how):
    base = {("threads", "pipe"): threads, ("processes", "pipe"): processes, ("threads", "lock"): lock}
    values = {(place, *key): value for place in verdicts.switching.PLACES for key, value in base.items()}
    return made_switching.handover(values, **how)


def moved(reference, pickle, rounds=5):
    sizes = (1000, 10_000, 100_000)[: len(reference)]
    return made_transfer.made({"reference": reference, "pickle": pickle}, sizes, rounds)


def raced(lost=500):
    params = {"methods": ["handshake"], "ways": ["threads"], "rounds": 1}
    rows = [races_row(lost=lost), races_row(lock="lock")]
    return Result("races", params, MACHINE, rows, "2026-01-31T12:00:00+00:00")


QUICK = [20e-6] * 3
ALL = ("thread", "spawn", "fork", "forkserver")
BIG = kept(0.05, 9)
OUTCOMES = {  # (claim, what the rows say): (results, verdict, words of its reason)
    ("C1", "true"): ([sharing("thread", "spawn")], "does not hold", "one process holds all the threads"),
    ("C1", "a process for each thread"): ([sharing("thread", "spawn", pids={})], "holds", "process of its own"),
    ("C2", "true"): ([sharing("thread", "spawn")], "holds", "heap"),
    ("C2", "an open file of its own"): ([sharing("thread", open_file="own")], "does not hold", "not all"),
    ("C2", "shared locals"): ([sharing("thread", local_variables="shared")], "does not hold", "not all"),
    ("C3", "true"): ([sharing(*ALL), BIG], "depends", "on the start method"),
    ("C3", "spawn only"): ([sharing(*ALL, lacking=("fork", "forkserver")), BIG], "cannot tell", "spawn only"),
    ("C3", "all copied"): ([alike("copied", "copied"), BIG], "holds", "every start method"),
    ("C3", "all the same"): ([alike("re-imported", "absent"), BIG], "does not hold", "every start method"),
    ("C4", "GIL"): ([speeds(1.0), speeds(1.9)], "depends", "releases the GIL; slower they were not"),
    ("C4", "slower, and faster"): ([speeds(0.6), speeds(1.9)], "depends", "releases the GIL"),
    ("C4", "the clock is unclear"): ([speeds(NOISY, busy=CALM), speeds(1.9)], "depends", "the clock cannot tell"),
    ("C4", "both unclear"): ([speeds(NOISY, busy=CALM)] * 2, "cannot tell", "whether they were slower"),
    ("C4", "no GIL"): ([speeds(1.9), speeds(1.9)], "does not hold", "both were faster"),
    ("C4", "slower"): ([speeds(0.6), speeds(1.0)], "holds", "such a case"),
    ("C4", "slower on one CPU"): ([speeds(0.6, usable=1), speeds(1.0, usable=1)], "holds", "such a case"),
    ("C4", "no gain"): ([speeds(1.0), speeds(1.0)], "does not hold", "neither a gain nor a loss"),
    ("C4", "one CPU"): ([speeds(1.0, usable=1), speeds(1.0, usable=1)], "cannot tell", "one usable CPU"),
    ("C4", "noise"): ([speeds(NOISY, busy={("threads", 2): 1.3}), speeds(1.9)], "cannot tell", "differ too much"),
    ("C4", "starved"): ([speeds(NOISY, alone=0.5), speeds(1.9)], "cannot tell", "left even the serial runs only 0.50"),
    ("C4", "few rounds"): ([speeds(1.0, rounds=2), speeds(1.9)], "cannot tell", "too few rounds"),
    ("C5", "GIL"): ([recorded(0.02, 0.9)], "depends", "released the GIL"),
    ("C5", "turns"): ([recorded(0.02, 0.05)], "holds", "took turns"),
    ("C5", "no GIL"): ([recorded(0.9, 0.9)], "does not hold", "at the same time"),
    ("C5", "only pure Python"): ([recorded(0.9, 0.0)], "does not hold", "at pure Python"),
    ("C5", "one CPU"): ([recorded(0.0, 0.0, usable=1)], "cannot tell", "one usable CPU"),
    ("C5", "no CPU to spare"): ([recorded(0.0, 0.0, processes=0.05)], "cannot tell", "even two processes seldom"),
    ("C5", "in between"): ([recorded(0.0, 0.17)], "cannot tell", "too seldom"),
    ("C5", "few rounds"): ([recorded(0.02, 0.9, rounds=4)], "cannot tell", "too few rounds"),
    ("C6", "true"): ([waits(14.0, 13.5)], "holds", "dearer to start"),
    ("C6", "short waits"): ([waits(14.0, 6.0, task_ms=5)], "depends", "5 ms here"),
    ("C6", "too short for processes"): ([waits(14.0, 0.9, task_ms=0.5)], "depends", "0.5 ms here"),
    ("C6", "no overlap"): ([waits(1.0, 1.0)], "does not hold", "did not make the waits overlap"),
    ("C6", "one worker"): ([waits(1.0, 1.0, workers=1)], "cannot tell", "one worker alone"),
    ("C6", "as cheap"): ([waits(14.0, 14.0, dearer=False)], "does not hold", "cost no more"),
    ("C6", "dearer but once"): ([waits(14.0, 13.5, dearer=[1, 1, 0, 1, 1])], "cannot tell", "very different times"),
    ("C6", "noise"): ([waits(14.0, NOISY)], "cannot tell", "differ too much"),
    ("C7", "GIL"): ([busy(1.0, 1.8)], "holds", "not yet speed"),
    ("C7", "no GIL"): ([busy(1.8, 1.8)], "depends", "on the GIL"),
    ("C7", "one core"): ([busy(1.0, 1.0)], "cannot tell", "kept two processes from two CPUs"),
    ("C7", "one CPU"): ([busy(1.0, 1.0, usable=1)], "cannot tell", "one usable CPU"),
    ("C7", "starved"): ([busy(0.5, 0.9, alone=0.5)], "cannot tell", "other programs"),
    ("C7", "few rounds"): ([busy(1.0, 1.8, rounds=2)], "cannot tell", "too few"),
    ("C8", "true"): ([kept(0.05, 9)], "holds", "nearly"),
    ("C8", "dear threads"): ([kept(8, 9)], "does not hold", "about as much"),
    ("C8", "in between"): ([kept(2, 9)], "depends", "cheapest process"),
    ("C8", "RSS only"): ([kept(0.05, 9, lacks=("pss", "uss"))], "cannot tell", "no PSS"),
    ("C9", "GIL"): ([counted((38, 2, 1001))], "depends", "switched more when computing"),
    ("C9", "no more"): ([counted((3, 2, 1001))], "does not hold", "no more than processes"),
    ("C9", "always more"): ([counted((400, 400, 4000))], "holds", "whatever they did"),
    ("C9", "no counts"): ([counted((0, 0, 0), uncounted={"threads": "no counts <here>"})], "cannot tell", "no counts"),
    ("C10", "true"): ([crash()], "depends", "the other worker's task was lost"),
    ("C10", "refuses"): ([crash(processes={"others_finished": True})], "depends", "takes no new task"),
    ("C10", "recovers"): ([crash(processes={"others_finished": True, "usable_again": True})], "holds", "went on"),
    ("C10", "all end"): ([crash(processes={"survived": False})], "does not hold", "the same to both"),
    ("C10", "none ends"): ([crash({"survived": True})], "does not hold", "the same to both"),
    ("C10", "no signals"): ([crash(reason="no signals here")], "cannot tell", "no signals here"),
    ("C11", "GIL"): ([recorded(0.02, 0.9)], "depends", "released the GIL"),
    ("C11", "turns"): ([recorded(0.02, 0.05)], "does not hold", "took turns"),
    ("C11", "no GIL"): ([recorded(0.9, 0.9)], "holds", "at the same time"),
    ("C11", "one CPU"): ([recorded(0.0, 0.0, usable=1)], "cannot tell", "one usable CPU"),
    ("C11", "no CPU to spare"): ([recorded(0.0, 0.0, processes=0.05)], "cannot tell", "even two processes seldom"),
    ("C11", "in between"): ([recorded(0.17, 0.9)], "cannot tell", "too seldom"),
    ("C11", "few rounds"): ([recorded(0.9, 0.9, rounds=1)], "cannot tell", "too few rounds"),
    ("C12", "true"): ([starts(fork=2, spawn=40)], "holds", "start method"),
    ("C12", "one start method"): ([starts(spawn=40)], "holds", "at least ten times as long"),
    ("C12", "a cheap fork"): ([starts(fork=0.5, spawn=40)], "depends", "on the start method"),
    ("C12", "all cheap"): ([starts(fork=0.2, spawn=0.5)], "does not hold", "ten times"),
    ("C12", "noise"): ([starts(spawn=[0.5, 2, 0.5, 2, 2])], "cannot tell", "differ too much"),
    ("C12", "few rounds"): ([starts(rounds=4, fork=2, spawn=40)], "cannot tell", "too few rounds"),
    ("C13", "true"): ([handed(5.0, 6.0, 14.0)], "depends", "by a lock they do not"),
    ("C13", "always faster"): ([handed(5.0, 6.0, 4.0)], "holds", "the same pipe"),
    ("C13", "slower"): ([handed(7.0, 6.0, 14.0)], "does not hold", "processes were faster"),
    ("C13", "noise"): ([handed([5.0, 7.0], 6.0, 14.0)], "cannot tell", "now one was ahead"),
    ("C13", "not pinned"): (
        [handed(5.0, 6.0, 14.0, missing={"same CPU": "no affinity", "other CPU": "no affinity"})],
        "depends",
        "by a lock they do not",
    ),
    ("C14", "true"): (
        [moved(QUICK, [1e-3, 1e-2, 1e-1]), raced()],
        "holds",
        "races: 500 of 1,000 updates, each made to meet another,",
    ),
    ("C14", "nothing lost"): (
        [moved(QUICK, [1e-3, 1e-2, 1e-1]), raced(0)],
        "holds",
        "of 1,000 updates without a lock none",
    ),
    ("C14", "large only"): ([moved(QUICK, [1e-6, 1e-2, 1e-1]), raced()], "depends", "from 0.01 MB on"),
    ("C14", "never"): ([moved(QUICK, [1e-6, 1e-6, 1e-6]), raced()], "does not hold", "never slower"),
    ("C14", "one size"): ([moved([20e-6], [1e-3]), raced()], "cannot tell", "one size alone"),
    ("C14", "few rounds"): ([moved(QUICK, [1e-3, 1e-2, 1e-1], 4), raced()], "cannot tell", "too few rounds"),
    ("C14", "noise"): (
        [moved([[1, 3, 1, 3, 1], [3, 1, 1, 1, 3], [1, 1, 3, 3, 1]], [2, 2, 2]), raced()],
        "cannot tell",
        "differ too much",
    ),
}


@pytest.mark.parametrize(("claim", "case"), OUTCOMES, ids=map(" ".join, OUTCOMES))
def test_verdict(claim, case):
    """Rows of a known kind lead to the verdict they support, with its reason and, where something was seen, figures."""
    results, word, why = OUTCOMES[claim, case]
    verdict = verdicts.DECIDE[IDS.index(claim)](*results)
    assert (verdict.word, why in verdict.why) == (word, True), verdict
    assert verdict.figure or word == "cannot tell"


@pytest.mark.parametrize("claim", IDS)
def test_every_claim_has_its_outcomes(claim):
    """Each claim is tested with rows for three verdicts or more; C1 and C2, whose rows hold no figure, with two."""
    assert len({word for (name, _), (_, word, _) in OUTCOMES.items() if name == claim}) >= (
        2 if claim in ("C1", "C2") else 3
    )


def test_the_fewest_rounds():
    """A verdict needs as many rounds as an interval needs to hold the median with nine tenths."""
    coverage = {rounds: summary.interval(range(rounds))[2] for rounds in (verdicts.FEWEST - 1, verdicts.FEWEST)}
    assert list(coverage.values()) == [0.875, 0.9375]


def test_no_loss_is_no_price():
    """Where no update was lost, no price is named."""
    assert "price" not in verdicts.c14(moved(QUICK, [1e-3, 1e-2, 1e-1]), raced(0)).why


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


ALL_RESULTS = {
    "sharing": sharing("thread", "spawn"),
    "start methods": sharing(*ALL),
    "memory": kept(0.05, 9),
    "computing": speeds(1.0, task="count_primes"),
    "hashing": speeds(1.9, task="sha256"),
    "waiting": waits(14.0, 13.5, task="sleep"),
    "timeline": recorded(0.02, 0.9),
    "start-up": starts(spawn=40),
    "hand-over": handed(5.0, 6.0, 14.0),
    "switches": counted((38, 2, 1001)),
    "faults": made_faults.made(),
    "transfer": moved(QUICK, [1e-3, 1e-2, 1e-1]),
    "races": raced(),
}
TIMED = {"timeline", "hand-over", "computing", "hashing", "start-up", "waiting", "transfer"}
LATER = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC).isoformat()


@pytest.mark.parametrize("name", TABLE["runs"])
def test_what_is_needed_can_be_measured(name):
    """What a run measures are parameters that its experiment accepts, and it has what its claims need."""
    run = TABLE["runs"][name]
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


@pytest.mark.parametrize("name", TABLE["runs"])
def test_a_finished_course_leaves_nothing_missing(name, monkeypatch):
    """The lesson that a run of the table names measures what its claims need, times in rounds enough for a verdict."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "class")
    run = TABLE["runs"][name]
    (path,) = [path for path in NOTEBOOKS if path.stem == run["lesson"]]
    found = {str(params): Result(kind, params, MACHINE, [], LATER) for kind, params in calls_in(path)}
    assert fitting(found, name), found
    if name in TIMED:
        assert {found[key].params["rounds"] >= verdicts.FEWEST for key in fitting(found, name)} == {True}


def test_the_newest_that_has_what_is_needed():
    """Of several results the newest counts, and none of another task, with fewer workers or kinds."""
    old, other = speeds(1.0, task="count_primes"), speeds(1.9, task="zlib")
    less = made({("threads", 1): 1.0, ("processes", 1): 1.0}, task="count_primes")
    new = Result("speedup", old.params, MACHINE, old.rows, LATER)
    found = {"old": old, "new": new, "other": other, "less": less}
    assert fitting(found, "computing") == ["new", "old"]
    assert fitting({"other": other, "less": less}, "computing") == []


@pytest.mark.parametrize("odd", [3, "count_primes", None, [["threads"]], {"threads": 1}], ids=repr)
def test_parameters_that_are_none(odd):
    """Parameters of other types than an experiment's have nothing that a run is for."""
    result = speeds(1.0, task="count_primes")
    for name in ("kinds", "workers"):
        assert fitting({"odd": dataclasses.replace(result, params=result.params | {name: odd})}, "computing") == []


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


def test_nothing_kept(folder):
    """Without any file, or a folder, all are missing and nothing is made."""
    assert {row["word"] for row in lab.claims().rows} == {"missing"} and not folder.exists()


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


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", TABLE["runs"])
def test_a_partial_file_does_not_count(name, part, folder):
    """A newer file that carries no verdict is left out by its name, and the one before it decides."""
    for number, result in enumerate(ALL_RESULTS.values()):
        result.save(folder / f"{number}.json")
    whole = {row["id"]: row for row in lab.claims().rows}
    dataclasses.replace(PARTS[part](ALL_RESULTS[name]), started=LATER).save(folder / "part.json")
    found = lab.claims()
    concerned = [claim["id"] for claim in TABLE["claims"] if name in claim["runs"]]
    for row in found.rows:
        assert row == whole[row["id"]] or (row["id"] in concerned and row["word"] == "cannot tell"), row
    if part == "no columns":
        assert "Left out: part.json, whose rows are not those of a whole run (" in found.sentence
        assert (
            found.sentence.count("part.json") == len(found.unread) and {row["id"]: row for row in found.rows} == whole
        )


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


def test_nothing_personal_is_kept():
    """A kept file holds neither the user's name, nor the host's, nor a folder's."""
    text = speeds(1.0).keep().read_text()
    assert set(json.loads(text)) == {"kind", "schema", "experiment", "params", "machine", "rows", "started"}
    assert platform.node() not in text and os.getcwd() not in text and os.path.expanduser("~") not in text


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


def test_half_a_character():
    """A text of a file that UTF-8 cannot hold costs neither the page nor the print."""
    counted((0, 0, 0), uncounted={"threads": "no \ud800 counts"}).keep()
    found = lab.claims()
    for shown in (found._repr_html_(), str(found)):
        assert "no ? counts" in shown and shown.encode()


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


def test_an_odd_result_is_measured_again(monkeypatch, folder):
    """What is kept but carries no verdict is measured like what is missing, and the rest is not."""
    for number, (name, result) in enumerate(ALL_RESULTS.items()):
        (dataclasses.replace(result, rows=[{}]) if name == "faults" else result).save(folder / f"{number}.json")
    ran = []

    def run(experiment, params, timeout_s, on_progress):
        ran.append(experiment)
        return dataclasses.replace(ALL_RESULTS["faults"], started=LATER)

    monkeypatch.setattr(runner, "run", run)
    rows = {row["id"]: row for row in claim_table.measured(lab.claims(), lambda text: None).rows}
    assert ran == ["faults"] and rows["C10"]["word"] == "depends"


def test_an_interrupt_ends_the_command(monkeypatch, capsys):
    """A run that is interrupted ends the measuring, and the command with 1 and one sentence."""
    ran = []

    def run(experiment, params, timeout_s, on_progress):
        ran.append(experiment)
        raise RunStopped(runner.STOPPED)

    monkeypatch.setattr(runner, "run", run)
    with pytest.raises(RunStopped):
        claim_table.measured(lab.claims(), lambda text: None)
    assert __main__.main(["claims"]) == 1 and len(ran) == 2
    assert capsys.readouterr() == ("", f"{runner.STOPPED}\n")


def test_the_command(monkeypatch, capsys):
    """`python -m conc_lab claims` prints the table and ends with 0."""
    for result in ALL_RESULTS.values():
        result.keep()
    assert __main__.main(["claims"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{lab.claims()}\n" and err == ""
