"""The sharing experiment: every cell of its table, what its rows hold, and the pictures that are placed by them."""

import itertools
import json
import os
import sys

import helpers
import pytest

from conc_lab.drawing import picture as charts
from conc_lab.engine import pools as executors, run as runner, machine as this_machine
from conc_lab.experiments.sharing import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.sharing import measure as module
from conc_lab.experiments.sharing.measure import FILE, INTERPRETER, KINDS, OBJECT, PID, THINGS, THREAD

COLUMNS = ["thing", "kind", "cell", "evidence", "different_ids", "reason"]
IDS = {"process id": PID, "native thread id": THREAD, "interpreter": INTERPRETER}


def missing(kind):
    return executors.unavailable(*KINDS[kind])


def run(*kinds):
    return runner.run("sharing", {"kinds": kinds}, timeout_s=helpers.LIVENESS_S)


@pytest.fixture(scope="module")
def whole():
    """The result of one run with every kind."""
    return run(*KINDS)


def test_schema(whole):
    """A row is one thing for one kind, in the order asked for, with the same columns in every row, and is JSON."""
    assert [(row["kind"], row["thing"]) for row in whole.rows] == list(itertools.product(KINDS, THINGS))
    assert all(list(row) == COLUMNS for row in whole.rows)
    assert json.loads(json.dumps(whole.rows)) == whole.rows


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_cell(whole, kind, thing):
    """Each cell is what this kind of worker is known to do; a kind that this Python lacks is absent, and why."""
    (row,) = [row for row in whole.rows if (row["kind"], row["thing"]) == (kind, thing)]
    if reason := missing(kind):
        assert (row["cell"], row["evidence"], row["reason"]) == ("absent", None, reason)
    else:
        assert (row["cell"], row["reason"]) == (TRUTH[kind][thing], None)
        assert len(row["evidence"]) > 20 and "None" not in row["evidence"]


def test_ids_are_counted(whole):
    """Parent and workers have one id together where it is shared, and otherwise one more than there are workers."""
    for row in whole.rows:
        workers = 1 if row["thing"] == INTERPRETER else module.WORKERS
        if row["thing"] not in IDS.values() or row["reason"]:
            assert row["different_ids"] is None
        else:
            assert row["different_ids"] == (1 if row["cell"] == "shared" else workers + 1)
            assert f"have {row['different_ids']} " in row["evidence"]


def test_the_same_on_every_run(whole):
    """A second run gives the same rows to the letter, in whatever order the kinds are asked for."""
    again = run(*reversed(KINDS))
    assert sorted(again.rows, key=str) == sorted(whole.rows, key=str)


@pytest.mark.parametrize(
    ("crossed", "found", "cell"),
    [(True, found, "shared") for found in ("copied", "re-imported", "own", "absent")]
    + [(False, found, found) for found in ("copied", "re-imported", "own", "absent")],
)
def test_judged(crossed, found, cell):
    """A change that crosses over makes a thing shared, whatever the worker had found; else that is the cell."""
    assert module.judged(crossed, found) == cell


@pytest.mark.parametrize(
    ("ids", "outcome"),
    [
        ([7, 7, 7, 7], ("shared", "3 workers and the parent have 1 id together", 1)),
        ([7, 8, 9, 6], ("own", "3 workers and the parent have 4 ids together", 4)),
        ([7, 8], ("own", "1 worker and the parent have 2 ids together", 2)),
    ],
)
def test_counted(ids, outcome):
    """Ids are shared where there is one, and the evidence says how many workers had how many."""
    assert module._counted(ids, "id") == outcome


@pytest.mark.skipif(sys.platform != "linux", reason="lists /proc and /dev/shm")
def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """After a run there is no file, no semaphore, no descriptor and no thread more than before."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, in_memory = (helpers.descriptors(), helpers.threads()), helpers.shared_memory()
    run(*KINDS)
    assert (helpers.descriptors(), helpers.threads()) == before and list(tmp_path.iterdir()) == []
    # /dev/shm belongs to all programs: what another one has there for a while goes away again.
    assert helpers.becomes_true(lambda: helpers.shared_memory() <= in_memory, helpers.LIVENESS_S)


def test_only_the_same_file_is_read(tmp_path):
    """A worker takes no other file for the parent's, and reads nothing where the descriptor is closed."""
    (tmp_path / "one").write_bytes(b"." * 8)
    (tmp_path / "other").write_bytes(b"." * 8)
    with open(tmp_path / "one", "rb", buffering=0) as one, open(tmp_path / "other", "rb", buffering=0) as other:
        status, descriptor = os.fstat(one.fileno()), one.fileno()
        identity = (status.st_dev, status.st_ino)
        assert module.far.read(descriptor, identity) and one.tell() == module.far.BYTES
        assert not module.far.read(other.fileno(), identity) and other.tell() == 0
    assert not module.far.read(descriptor, identity)


def test_an_offset_of_its_own_is_no_sharing(monkeypatch):
    """A worker that has the same file, but moves an offset of its own, does not share it."""
    monkeypatch.setattr(module.far, "read", lambda *_: True)
    (row,) = [row for row in module.sharing(["thread"]) if isinstance(row, dict) and row["thing"] == FILE]
    assert row["cell"] == "copied" and "from 0 to 0" in row["evidence"]


def test_nothing_to_look_at(monkeypatch):
    """Only kinds that this machine lacks are refused before the start; beside another one they are absent rows."""
    monkeypatch.setattr(executors, "start_methods", lambda: ["spawn"])
    with pytest.raises(LabError, match=r"^nothing to look at: start method 'fork' does not exist on this platform"):
        module.check({"kinds": ["fork"]}, this_machine.machine())
    module.check({"kinds": ["fork", "spawn"]}, this_machine.machine())
    rows = [row for row in module.sharing(["fork"]) if isinstance(row, dict)]
    assert {row["cell"] for row in rows} == {"absent"} and {row["evidence"] for row in rows} == {None}
    assert all("one of: spawn" in row["reason"] for row in rows) and len(rows) == len(THINGS)


def test_memory_that_does_not_suffice():
    """Workers that the free memory does not hold are refused with the number that would fit."""
    with pytest.raises(LabError, match=r"3 spawn processes .* at most 1 would fit"):
        module.check({"kinds": ["thread", "spawn"]}, this_machine.machine() | {"memory_free_bytes": 13 << 20})


def test_no_room_for_a_file(monkeypatch):
    """A temporary file that cannot be written is one sentence."""

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(LabError, match=r"^no temporary file could be written \(No space left on device\); make room"):
        list(module.sharing(["thread"]))


def test_a_worker_that_raises(monkeypatch):
    """What goes wrong in a worker comes back as one sentence with the worker's traceback."""
    monkeypatch.setattr(module.far, "interpreter", lambda: 1 / 0)
    with pytest.raises(LabError, match=r"^a worker raised ZeroDivisionError: division by zero$") as caught:
        list(module.sharing(["thread"]))
    assert "Traceback" in caught.value.detail


def axes(result, chart):
    return drawn.CHARTS[chart](result, None, None)[0].axes


def texts(ax):
    return [text.get_text() for text in ax.texts]


def sharing_chart():
    """The table has a line for each thing, a column for each kind, and the cell's word in each rectangle."""
    (ax,) = axes(RESULT, "sharing")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["thread", "spawn", "fork"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(THINGS)
    assert ax.get_ylim() == (len(THINGS), 0)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for column, kind in enumerate(("thread", "spawn", "fork")):
        for line, thing in enumerate(THINGS):
            assert written[column + 0.5, line + 0.5] == TRUTH[kind][thing]
    assert len(ax.patches) == len(ax.texts) == 27


def boxes_chart():
    """One thread, many threads and the kinds of process stand below each other, each in its boxes."""
    one, many, spawn, fork = axes(RESULT, "boxes")
    assert [ax.get_title("left") for ax in (one, many, spawn, fork)] == [
        "one thread in one process",
        "many threads in one process",
        "many processes, by spawn",
        "many processes, by fork",
    ]
    assert [texts(ax).count("process") for ax in (one, many, spawn, fork)] == [1, 1, 2, 2]
    assert [texts(ax).count("thread") for ax in (one, many, spawn, fork)] == [1, 2, 2, 2]
    assert texts(many).count("modules (code), globals (data), objects (heap), open files") == 1
    assert texts(many).count("locals (stack)") == 2
    assert texts(spawn).count("modules (code): re-imported") == 2 and texts(spawn).count("open files: absent") == 2
    assert texts(fork).count("together: open files") == 1 and texts(fork).count("objects (heap): copied") == 2


def test_boxes_stand_inside_each_other():
    """Every thread's box lies within one process's, and every line of text within the picture."""
    for ax in axes(made("thread", "spawn", "fork", "subinterpreter"), "boxes"):
        edges = {"process": [], "interpreter": [], "thread": []}
        labels = [text for text in ax.texts if text.get_text() in edges]
        for label, patch in zip(labels, ax.patches, strict=True):
            edges[label.get_text()].append(patch.get_extents().transformed(ax.transData.inverted()))
        for inner in edges["thread"] + edges["interpreter"]:
            assert sum(box.x0 <= inner.x0 and inner.x1 <= box.x1 for box in edges["process"]) == 1
        lowest = max(text.get_position()[1] for text in ax.texts)
        assert lowest + 1 <= ax.get_ylim()[0] and ax.get_ylim()[1] == 0


def test_boxes_come_from_the_rows():
    """A cell that says something else puts the thing into another box."""
    result = made("thread", "spawn")
    (row,) = [row for row in result.rows if (row["kind"], row["thing"]) == ("spawn", OBJECT)]
    row["cell"] = "shared"
    assert OBJECT in drawn.placed(result.rows, "spawn")["together"]
    assert "together: objects (heap)" in texts(axes(result, "boxes")[-1])
    assert "share objects (heap)." in charts.show(result, "boxes").sentence


def test_subinterpreters_are_boxes_in_one_process():
    """Subinterpreters stand in one process, with its open files together."""
    last = axes(made("thread", "subinterpreter"), "boxes")[-1]
    assert [texts(last).count(word) for word in ("process", "interpreter", "thread")] == [1, 2, 2]
    assert "together: open files" in texts(last)
    (table,) = axes(made("subinterpreter"), "sharing")
    assert [tick.get_text() for tick in table.get_xticklabels()] == ["sub-\ninterpreter"]


@pytest.mark.parametrize("kinds", [["thread"], ["spawn", "fork"]])
def test_boxes_need_threads_and_another_kind(kinds):
    """Boxes of threads alone, or of none, are refused in a sentence; the table is drawn."""
    with pytest.raises(LabError, match="the boxes need a thread and another kind"):
        charts.show(made(*kinds), "boxes")
    assert charts.show(made(*kinds)).png


def test_alt_text_holds_every_cell():
    """The alt text names every thing of every kind with its word."""
    alt = charts.show(made("thread", "spawn")).alt
    assert alt == (
        "A table of what a worker shares with the program that started it. "
        "A thread – shared: process id, interpreter, value set before the start, value the worker writes, object "
        "handed over and open file; own: native thread id, local variables and thread-local value. "
        "A spawn process – copied: object handed over; re-imported: value set before the start; own: process id, "
        "native thread id, interpreter, value the worker writes, local variables and thread-local value; "
        "absent: open file."
    )


def test_boxes_alt_text():
    """The alt text of the boxes says what is in which box, and with what word."""
    alt = charts.show(made("thread", "fork"), "boxes").alt
    assert alt == (
        "Boxes in boxes. One thread in one process: the process holds modules (code), globals (data), objects (heap) "
        "and open files; the thread holds locals (stack) and thread-locals. "
        "Many threads in one process: the process holds modules (code), globals (data), objects (heap) and open files, "
        "once; every thread holds locals (stack) and thread-locals. "
        "Many processes, by fork: together have open files; every process holds modules (code): copied, globals (data) "
        "and objects (heap): copied; every thread holds locals (stack) and thread-locals: copied."
    )


def test_sentences():
    """The sentence says what each kind shares, and why a kind is not shown."""
    assert charts.show(made("thread", "spawn", "fork")).sentence == (
        "A thread shares everything here with its parent but the native thread id, local variables and thread-local "
        "value; a spawn process shares nothing here; a fork process shares the open file."
    )
    lacking = charts.show(made("thread", "forkserver", lacking=["forkserver"]))
    assert lacking.sentence.endswith("thread-local value. Forkserver does not exist here.")
    assert "forkserver" not in lacking.alt
    boxes = charts.show(made("thread", "spawn"), "boxes").sentence
    assert boxes.startswith("Many threads in one process have one set of everything but locals (stack) and thread-loc")
    assert boxes.endswith("many processes, by spawn, share none of these.")


def test_table():
    """The table under the panel has a line for each thing and a column for each kind that exists."""
    table = charts.table(made("thread", "spawn", "fork", lacking=["fork"]))
    assert list(table.columns) == ["thing", "thread", "spawn"] and list(table.thing) == list(THINGS)
    assert list(table.spawn) == [TRUTH["spawn"][thing] for thing in THINGS]


def test_every_word_has_a_look_of_its_own():
    """No two words have the same fill and hatch, and every word that a row can hold has one."""
    assert {word for cells in TRUTH.values() for word in cells.values()} == set(drawn.LOOKS)
    assert len(set(drawn.LOOKS.values())) == len(drawn.LOOKS)


def test_axes_of_ones_own():
    """`plot_x(result, ax)` draws on the axes it is given and returns it; without any it makes one."""
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert drawn.plot_sharing(RESULT, ax) is ax and drawn.plot_boxes(RESULT, "fork", ax) is ax
    assert drawn.plot_sharing(RESULT).texts and drawn.plot_boxes(RESULT, "thread").texts
