"""Sharing: every cell of its table, what must not be taken for sharing, and pictures that are placed by the rows."""

import itertools
import os

import helpers
import pytest
from made.sharing import RESULT, TRUTH, made
from matplotlib.transforms import Bbox

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
        descriptor, status = one.fileno(), os.fstat(one.fileno())
        assert worker.read(descriptor, status) == "offset 4" and one.tell() == 4
        assert worker.read(other.fileno(), status) == worker.NO_FILE and other.tell() == 0
    assert worker.read(descriptor, status) == worker.NO_FILE


def test_an_offset_of_its_own_is_no_sharing(monkeypatch):
    """A worker that has the same file, but moves an offset of its own, does not share it."""
    monkeypatch.setattr(worker, "read", lambda *_: "offset 4")
    (row,) = [row for row in measure.sharing(["threads"]) if row["thing"] == FILE]
    assert row["cell"] == "copied" and row["evidence"].endswith("the worker has 'offset 4', the parent 'offset 0'")


def test_a_kind_that_is_not_here(monkeypatch):
    """A kind that this machine lacks is not refused: it is absent in rows that say why, alone or among others."""
    monkeypatch.setattr(kinds, "start_methods", lambda: ["spawn"])
    assert run.checked("sharing", {"kinds": ["fork"]})[0] == {"kinds": ["fork"]}
    rows = list(measure.sharing(["fork"]))
    assert {row["cell"] for row in rows} == {"absent"} and {row["evidence"] for row in rows} == {None}
    assert all("choose one of spawn" in row["reason"] for row in rows) and [row["thing"] for row in rows] == list(
        THINGS
    )


def test_no_room(monkeypatch):
    """Workers that the free memory does not hold are refused with one sentence."""
    facts = machine.machine() | {"memory_free_bytes": 13 << 20}
    monkeypatch.setattr(run, "machine", lambda: facts)
    with pytest.raises(LabError, match=r"3 processes .spawn. .* ask for 1 at most"):
        run.checked("sharing", {"kinds": ["threads", "spawn"]})


def test_a_worker_that_raises(monkeypatch):
    """What goes wrong in a worker comes back as one sentence with the worker's traceback."""
    monkeypatch.setattr(worker, "change", lambda *_: 1 / 0)
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
    """The table has a line for each thing, a column for each kind, and each word on paper of its own colour.

    A first look has four of its lines.
    """
    (few,), (table,) = (axes(RESULT, name).tables for name in ("sharing", "whole"))
    for line, (thing, name) in enumerate(chart.FOUR.items(), 1):
        cells = [few[line, column].get_text().get_text() for column in range(4)]
        assert cells == [name, *(TRUTH[kind][thing] for kind in ("threads", "spawn", "fork"))]
    shown, colors = ["threads", "spawn", "fork"], {}
    written = {place: cell.get_text().get_text() for place, cell in table.get_celld().items()}
    assert [written.pop((0, column)) for column in range(4)] == ["", *shown]
    assert [written.pop((line, 0)) for line in range(1, 10)] == list(chart.NAMES.values())
    for (line, column), word in written.items():
        assert word == TRUTH[shown[column - 1]][THINGS[line - 1]]
        colors.setdefault(word, set()).add(table[line, column].get_facecolor())
    assert set(colors) == set(chart.COLORS) and len(set.union(*colors.values())) == len(colors)


def test_boxes_chart():
    """One thread, two threads, and two workers of each other kind stand below each other, each in its boxes."""
    written = texts(axes(made("threads", "spawn", "fork", "interpreters"), "boxes"))
    starts = [
        written.index(title)
        for title in ("1 thread", "2 threads", "2 spawned processes", "2 forked processes", "2 interpreters")
    ]
    one, two, spawn, fork, interpreters = (
        written[start:end] for start, end in itertools.pairwise([*starts, len(written)])
    )
    common, own = "code, global variables\nlist handed over (heap)\nopen files", "local variables (stack)"
    assert one[1:] == ["process", common, "thread", own]
    assert two[1:] == ["process", common, *2 * ["thread", own]]
    each = "code, global variables: re-imported\nlist handed over (heap): copied"
    assert spawn[1:] == [*2 * ["process", f"{each}\nopen files: absent"], *2 * ["thread", own]]
    copied = each.replace("re-imported", "copied")
    assert fork[1:] == ["together", "open files", *2 * ["process", copied], *2 * ["thread", own]]
    assert interpreters[1:] == ["process", "open files", *2 * ["interpreter", each], *2 * ["thread", own]]


def test_boxes_stand_inside_each_other():
    """A box lies beside each box drawn before it or wholly inside, and a text wholly inside every box it begins in."""
    ax = axes(made("threads", "spawn", "fork", "interpreters"), "boxes")
    boxes = [patch.get_bbox() for patch in ax.patches]
    for number, inner in enumerate(boxes):
        for outer in boxes[:number]:
            both = Bbox.intersection(outer, inner)
            assert both is None or both.width * both.height == 0 or both.bounds == inner.bounds
    for text in ax.texts:
        x, y = text.get_position()
        around = [box for box in boxes if box.contains(x, y)]
        assert all(box.contains(x, y + len(text.get_text().splitlines())) for box in around)
        assert text.get_text() != "thread" or len(around) in (2, 3)
    assert max(box.y1 for box in boxes) <= ax.get_ylim()[0] and ax.get_ylim()[1] == 0


def test_boxes_come_from_the_rows():
    """A cell that says something else puts the thing into another box."""
    result = made("threads", "spawn")
    (row,) = [row for row in result.rows if (row["kind"], row["thing"]) == ("spawn", OBJECT)]
    row["cell"] = "shared"
    written = texts(axes(result, "boxes"))
    assert written[written.index("together") + 1] == "list handed over (heap)"
    assert picture.show(result, "boxes").sentence.endswith("Shared with a spawned process: list handed over (heap).")


def test_kinds_that_are_not_there():
    """A kind that this machine lacks is told and not drawn, and be it the only one; boxes need threads."""
    result = made("threads", "fork", lacking=["fork"])
    _, alt, sentence = chart.sharing_chart(result, None)
    assert sentence.endswith("and global variable. Fork does not exist here.") and "fork" not in alt
    assert list(picture.table(result).columns) == ["thing", "threads"]
    assert picture.show(made("fork", lacking=["fork"])).sentence == "Fork does not exist here."
    with pytest.raises(LabError, match="the boxes compare other workers with threads"):
        picture.show(made("spawn", "fork"), "boxes")
