"""Sharing: every cell of its table, what must not be taken for sharing, and pictures that are placed by the rows."""

import itertools
import os

import helpers
import pytest
from made.sharing import RESULT, TRUTH, made

from conc_lab.drawing import picture as charts
from conc_lab.engine import pools as executors, run as runner, machine as this_machine
from conc_lab.experiments.sharing.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.sharing.measure import measure as module
from conc_lab.experiments.sharing.measure import FILE, INTERPRETER, KINDS, OBJECT, PID, THINGS, THREAD


def test_every_cell():
    """Each cell is what this kind of worker is known to do, the same on every run, or absent with the reason."""
    kinds = list(KINDS)
    whole, again = (
        runner.run("sharing", {"kinds": asked}, timeout_s=helpers.LIVENESS_S).rows for asked in (kinds, kinds[::-1])
    )
    assert [(row["kind"], row["thing"]) for row in whole] == list(itertools.product(KINDS, THINGS))
    assert sorted(again, key=str) == sorted(whole, key=str)
    for row in whole:
        if reason := executors.unavailable(*KINDS[row["kind"]]):
            assert (row["cell"], row["evidence"], row["reason"]) == ("absent", None, reason)
            continue
        assert (row["cell"], row["reason"]) == (TRUTH[row["kind"]][row["thing"]], None), row
        assert len(row["evidence"]) > 20 and "None" not in row["evidence"]
        if row["thing"] in (PID, THREAD, INTERPRETER):
            workers = 1 if row["thing"] == INTERPRETER else module.WORKERS
            assert row["different_ids"] == (1 if row["cell"] == "shared" else workers + 1), row
            assert f"have {row['different_ids']} " in row["evidence"]
        else:
            assert row["different_ids"] is None


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


def test_no_room(monkeypatch):
    """Workers that the free memory does not hold, and a temporary file that cannot be written, are one sentence."""
    with pytest.raises(LabError, match=r"3 spawn processes .* at most 1 would fit"):
        module.check({"kinds": ["thread", "spawn"]}, this_machine.machine() | {"memory_free_bytes": 13 << 20})

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


def test_chart():
    """The table has a line for each thing, a column for each kind, and each word in a rectangle of its own look."""
    (ax,) = axes(RESULT, "sharing")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["thread", "spawn", "fork"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(THINGS)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for column, kind in enumerate(("thread", "spawn", "fork")):
        for line, thing in enumerate(THINGS):
            assert written[column + 0.5, line + 0.5] == TRUTH[kind][thing], (kind, thing)
    assert len(ax.patches) == len(ax.texts) == 27
    looks = {}
    for patch, text in zip(ax.patches, ax.texts, strict=True):
        looks.setdefault(text.get_text(), set()).add((patch.get_facecolor(), patch.get_hatch()))
    assert set(looks) == {word for cells in TRUTH.values() for word in cells.values()}
    assert all(len(each) == 1 for each in looks.values()) and len(set.union(*looks.values())) == len(looks)


def test_boxes_chart():
    """One thread, many threads, and each other kind of worker stand below each other, each in its boxes."""
    one, many, spawn, fork, interpreters = axes(made("thread", "spawn", "fork", "subinterpreter"), "boxes")
    assert [ax.get_title("left") for ax in (one, many, spawn, fork)] == [
        "one thread in one process",
        "many threads in one process",
        "many processes, by spawn",
        "many processes, by fork",
    ]
    assert [texts(ax).count("process") for ax in (one, many, spawn, fork, interpreters)] == [1, 1, 2, 2, 1]
    assert [texts(ax).count("thread") for ax in (one, many, spawn, fork, interpreters)] == [1, 2, 2, 2, 2]
    assert texts(interpreters).count("interpreter") == 2 and "together: open files" in texts(interpreters)
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
    assert "together: objects (heap)" in texts(axes(result, "boxes")[-1])
    assert "share objects (heap)." in charts.show(result, "boxes").sentence


def test_kinds_that_are_not_there():
    """A kind that this machine lacks is told and not drawn; boxes need threads and another kind."""
    result = made("thread", "fork", lacking=["fork"])
    figure, alt, sentence = drawn.CHARTS["sharing"](result, None, None)
    assert sentence.endswith("thread-local value. Fork does not exist here.") and "fork" not in alt
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["thread"]
    assert list(charts.table(result).columns) == ["thing", "thread"]
    for other in (result, made("thread"), made("spawn", "fork")):
        with pytest.raises(LabError, match="the boxes need a thread and another kind"):
            charts.show(other, "boxes")
