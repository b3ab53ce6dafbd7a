"""Sharing: every cell of its table, what must not be taken for sharing, and pictures that are placed by the rows."""

import itertools
import os

import helpers
import pytest
from made.sharing import RESULT, TRUTH, made

from conc_lab.drawing import picture
from conc_lab.engine import kinds, machine, run
from conc_lab.engine.errors import LabError
from conc_lab.experiments.sharing import chart, measure, worker
from conc_lab.experiments.sharing.measure import FILE, INTERPRETER, KINDS, OBJECT, PID, THINGS, THREAD


def test_every_cell():
    """Each cell is what this kind of worker is known to do, the same on every run, or absent with the reason."""
    whole, again = (
        run.run("sharing", {"kinds": asked}, timeout_s=helpers.LIVENESS_S).rows for asked in (KINDS, KINDS[::-1])
    )
    assert [(row["kind"], row["thing"]) for row in whole] == list(itertools.product(KINDS, THINGS))
    assert sorted(again, key=str) == sorted(whole, key=str)
    for row in whole:
        if reason := kinds.unavailable(row["kind"]):
            assert (row["cell"], row["evidence"], row["reason"]) == ("absent", None, reason)
            continue
        assert (row["cell"], row["reason"]) == (TRUTH[row["kind"]][row["thing"]], None), row
        assert len(row["evidence"]) > 20 and "None" not in row["evidence"]
        if row["thing"] in (PID, THREAD, INTERPRETER):
            assert row["different_ids"] == (1 if row["cell"] == "shared" else measure.WORKERS + 1), row
            assert f"have {row['different_ids']} " in row["evidence"]
        else:
            assert row["different_ids"] is None


def test_only_the_same_file_is_read(tmp_path):
    """A worker takes no other file for the parent's, and reads nothing where the descriptor is closed."""
    (tmp_path / "one").write_bytes(b"." * 8)
    (tmp_path / "other").write_bytes(b"." * 8)
    with open(tmp_path / "one", "rb", buffering=0) as one, open(tmp_path / "other", "rb", buffering=0) as other:
        status, descriptor = os.fstat(one.fileno()), one.fileno()
        identity = status.st_dev, status.st_ino
        assert worker.read(descriptor, *identity) and one.tell() == worker.BYTES
        assert not worker.read(other.fileno(), *identity) and other.tell() == 0
    assert not worker.read(descriptor, *identity)


def test_an_offset_of_its_own_is_no_sharing(monkeypatch):
    """A worker that has the same file, but moves an offset of its own, does not share it."""
    monkeypatch.setattr(worker, "read", lambda *_: True)
    (row,) = [row for row in measure.sharing(["threads"]) if isinstance(row, dict) and row["thing"] == FILE]
    assert row["cell"] == "copied" and "from 0 to 0" in row["evidence"]


def test_nothing_to_look_at(monkeypatch):
    """Only kinds that this machine lacks are refused before the start; beside another one they are absent rows."""
    monkeypatch.setattr(kinds, "start_methods", lambda: ["spawn"])
    with pytest.raises(LabError, match=r"^nothing to look at: start method 'fork' does not exist on this platform"):
        run.checked("sharing", {"kinds": ["fork"]})
    assert run.checked("sharing", {"kinds": ["fork", "spawn"]})[0] == {"kinds": ["fork", "spawn"]}
    rows = [row for row in measure.sharing(["fork"]) if isinstance(row, dict)]
    assert {row["cell"] for row in rows} == {"absent"} and {row["evidence"] for row in rows} == {None}
    assert all("one of: spawn" in row["reason"] for row in rows) and len(rows) == len(THINGS)


def test_no_room(monkeypatch):
    """Workers that the free memory does not hold are refused with one sentence."""
    facts = machine.machine() | {"memory_free_bytes": 13 << 20}
    monkeypatch.setattr(run, "machine", lambda: facts)
    with pytest.raises(LabError, match=r"3 spawn processes .* at most 1 would fit"):
        run.checked("sharing", {"kinds": ["threads", "spawn"]})


def test_a_worker_that_raises(monkeypatch):
    """What goes wrong in a worker comes back as one sentence with the worker's traceback."""
    monkeypatch.setattr(worker, "append", lambda items: 1 / 0)
    with pytest.raises(LabError, match=r"^a worker raised ZeroDivisionError: division by zero$") as caught:
        list(measure.sharing(["threads"]))
    assert "Traceback" in caught.value.detail


def axes(result, name):
    """The axes of a chart."""
    (ax,) = getattr(chart, f"{name}_chart")(result, None)[0].axes
    return ax


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_chart():
    """The table has a line for each thing, a column for each kind, and each word in a rectangle of its own look."""
    ax, shown = axes(RESULT, "sharing"), ["threads", "spawn", "fork"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == shown
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(THINGS)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for (column, kind), (line, thing) in itertools.product(enumerate(shown), enumerate(THINGS)):
        assert written[column, line] == TRUTH[kind][thing], (kind, thing)
    assert len(ax.patches) == len(ax.texts) == 27
    looks = {}
    for patch, text in zip(ax.patches, ax.texts, strict=True):
        looks.setdefault(text.get_text(), set()).add((patch.get_facecolor(), patch.get_hatch()))
    assert set(looks) == {word for cells in TRUTH.values() for word in cells.values()}
    assert all(len(each) == 1 for each in looks.values()) and len(set.union(*looks.values())) == len(looks)


def test_boxes_chart():
    """One thread, many threads, and each other kind of worker stand below each other, each in its boxes."""
    written = texts(axes(made("threads", "spawn", "fork", "interpreters"), "boxes"))
    titles = ["one thread in one process", "many threads in one process"]
    titles += ["many processes, by spawn", "many processes, by fork", "many interpreters in one process"]
    starts = [written.index(title) for title in titles]
    parts = [written[start:end] for start, end in itertools.pairwise([*starts, len(written)])]
    one, many, spawn, fork, interpreters = parts
    assert [part.count("process") for part in parts] == [1, 1, 2, 2, 1]
    assert [part.count("thread") for part in parts] == [1, 2, 2, 2, 2]
    assert interpreters.count("interpreter") == 2 and "together: open files" in interpreters
    assert many.count("modules (code), globals (data), objects (heap), open files") == 1
    assert many.count("locals (stack)") == 2 and one.count("locals (stack)") == 1
    assert spawn.count("modules (code): re-imported") == 2 and spawn.count("open files: absent") == 2
    assert fork.count("together: open files") == 1 and fork.count("objects (heap): copied") == 2


def test_boxes_stand_inside_each_other():
    """Around a thread's label are its box and a process's, a smaller one always before a larger one."""
    ax = axes(made("threads", "spawn", "fork", "interpreters"), "boxes")
    for text in ax.texts:
        x, y = text.get_position()
        around = [
            (patch.get_height(), -patch.zorder)
            for patch in sorted(ax.patches, key=lambda patch: patch.get_width())
            if 0 < x - patch.get_x() < patch.get_width() and 0 < y - patch.get_y() < patch.get_height()
        ]
        assert len(set(around)) == len(around) and around == sorted(around)
        assert text.get_text() != "thread" or len(around) in (2, 3)
    assert max(text.get_position()[1] for text in ax.texts) + 1 <= ax.get_ylim()[0] and ax.get_ylim()[1] == 0


def test_boxes_come_from_the_rows():
    """A cell that says something else puts the thing into another box."""
    result = made("threads", "spawn")
    (row,) = [row for row in result.rows if (row["kind"], row["thing"]) == ("spawn", OBJECT)]
    row["cell"] = "shared"
    assert "together: objects (heap)" in texts(axes(result, "boxes"))
    assert "share objects (heap)." in picture.show(result, "boxes").sentence


def test_kinds_that_are_not_there():
    """A kind that this machine lacks is told and not drawn; boxes need threads and another kind."""
    result = made("threads", "fork", lacking=["fork"])
    figure, alt, sentence = chart.sharing_chart(result, None)
    assert sentence.endswith("thread-local value. Fork does not exist here.") and "fork" not in alt
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["threads"]
    assert list(picture.table(result).columns) == ["thing", "threads"]
    for other in (result, made("threads"), made("spawn", "fork")):
        with pytest.raises(LabError, match="the boxes need threads and another kind"):
            picture.show(other, "boxes")
