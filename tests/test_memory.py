"""The memory experiment: what its rows hold, known amounts that it must find, and what may be said of rows."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import helpers
import psutil
import pytest
from made.results import MACHINE

from conc_lab.experiments.memory import worker as _memory_worker
from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner
from conc_lab.engine.errors import LabError
from conc_lab.experiments.memory import measure as module
from conc_lab.experiments.memory.measure import MB, added, conclusions, meter

COLUMNS = {
    "round", "order", "kind", "workers", "touch", "data_bytes", "processes", "rss_before_bytes", "pss_before_bytes",
    "uss_before_bytes", "rss_bytes", "pss_bytes", "uss_bytes", "others_uss_bytes", "worker_rss_bytes",
    "worker_pss_bytes", "worker_uss_bytes", "missing",
}  # fmt: skip
PSS = pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this platform has no PSS")
FORK = pytest.mark.skipif("fork" not in executors.start_methods(), reason="this platform has no fork")


def run(**params):
    """A run with these parameters, by default of one worker, once."""
    return runner.run("memory", {"workers": [1], "rounds": 1} | params, timeout_s=helpers.LIVENESS_S)


def refused(machine=MACHINE, **params):
    """The one sentence that refuses these parameters on this machine."""
    checked = parameters.checked(experiments.function("memory"), {"kinds": ["threads"]} | params)
    with pytest.raises(LabError) as caught:
        module.check(checked, machine)
    assert "\n" not in str(caught.value) and not caught.value.detail
    return str(caught.value)


HERE = [kind for kind in module.kinds() if kind not in module.INSIDE or not executors.unavailable(kind)]


@pytest.mark.parametrize("kind", HERE)
def test_rows_of_a_run(kind):
    """A run has every variant once a round, in a shuffled order, and its columns hold what they say."""
    rows = run(kinds=[kind], workers=[1, 3], rounds=2, parent_data="bytes", data_mb=1, touch=["untouched", "read"]).rows
    wanted = sorted(itertools.product([1, 3], ["untouched", "read"]))
    for number in (0, 1):
        mine = [item for item in rows if item["round"] == number]
        assert sorted((item["workers"], item["touch"]) for item in mine) == sorted(wanted)
        assert sorted(item["order"] for item in mine) == list(range(4))
    for item in rows:
        assert item.keys() == COLUMNS and item["kind"] == kind and item["data_bytes"] == MB
        inside = kind in module.INSIDE
        assert item["processes"] == 1 if inside else item["processes"] >= 1 + item["workers"]
        assert (item["worker_rss_bytes"] is None) == inside
        if item["pss_bytes"] is not None:
            assert item["missing"] is None
            assert 0 < item["uss_bytes"] <= item["pss_bytes"] <= item["rss_bytes"]
            assert item["others_uss_bytes"] <= item["uss_bytes"]
            assert inside or 0 < item["worker_uss_bytes"] <= item["worker_pss_bytes"] <= item["worker_rss_bytes"]
    json.dumps(rows, allow_nan=False)


@PSS
@pytest.mark.parametrize("helpers_of, extra", [("fork", 0), ("spawn", 1), ("forkserver", 2)])
def test_helpers_are_counted(helpers_of, extra):
    """The program, its workers and multiprocessing's helpers are counted, and nothing that runs beside it."""
    if helpers_of not in executors.start_methods():
        pytest.skip(f"this platform has no {helpers_of}")
    (item,) = run(kinds=[helpers_of], workers=[2]).rows
    assert item["processes"] == 1 + 2 + extra


# (kind, form, touch): how many copies of the data one worker adds
COPIES = {
    ("threads", "bytes", "written"): 0,
    ("threads", "ints", "written"): 0,
    ("fork", "bytes", "untouched"): 0,
    ("fork", "bytes", "read"): 0,
    ("fork", "bytes", "written"): 1,
    ("fork", "ints", "untouched"): 0,
    ("fork", "ints", "read"): 0.8,  # all but the list's table: 8 of 40 bytes an item
    ("fork", "ints", "written"): 1,
    ("forkserver", "bytes", "untouched"): 0,
    ("forkserver", "bytes", "read"): 1,
    ("spawn", "bytes", "untouched"): 0,
    ("spawn", "ints", "read"): 1,
    ("spawn", "bytes", "written"): 1,
    ("interpreters", "bytes", "written"): 1,
}


@PSS
@pytest.mark.slow
@pytest.mark.parametrize("kind, form, touch", COPIES)
def test_known_amounts(kind, form, touch):
    """A worker that touches 100 MB of its own adds 100 MB, within 3 %, and one that shares them adds none."""
    if kind not in HERE:
        pytest.skip(f"this Python has no {kind}")
    size = 100
    (bare,) = run(kinds=[kind]).rows
    (item,) = run(kinds=[kind], parent_data=form, data_mb=size, touch=[touch]).rows
    share = 0.8 if (form, touch, kind) == ("ints", "read", "fork") and _memory_worker.size_of_int() == 32 else None
    wanted = COPIES[kind, form, touch] if share is None else share
    for grown in (added(item, "pss") - added(bare, "pss"),):
        assert grown / MB == pytest.approx(wanted * size, abs=0.03 * size)
    if kind == "fork":
        grown = item["worker_uss_bytes"] - bare["worker_uss_bytes"]
        assert grown / MB == pytest.approx(wanted * size, abs=0.03 * size)


@PSS
@FORK
def test_writing_copies_what_is_written():
    """A forked worker that writes 20 MB adds them to the machine and has them to itself; one that reads does not."""
    read, written = conclusions(run(kinds=["fork"], parent_data="bytes", data_mb=20, touch=["read", "written"]).rows)
    assert (read["touch"], written["touch"]) == ("read", "written")
    for column in ("added_bytes", "worker_uss_bytes"):
        assert (written[column] - read[column]) / MB == pytest.approx(20, abs=0.6)
    assert written["rss_added_bytes"] - read["rss_added_bytes"] < 2 * MB  # RSS sees no difference


@pytest.mark.parametrize("form", ["bytes", "ints"])
def test_made_data(form):
    """The data take the bytes asked for, to within an item, and every int is an object of its own."""
    data = _memory_worker.make(form, 1_000_000)
    if form == "bytes":
        assert len(data) == 1_000_000 and set(data) == {ord("x")}
    else:
        each = _memory_worker.size_of_int()
        assert each >= sys.getsizeof(data[0]) and each % 16 == 0
        assert 0 <= 1_000_000 - len(data) * (8 + each) < 8 + each
        assert len({id(item) for item in data}) == len(data) and min(data) > 1 << 16


@pytest.mark.parametrize("form", ["bytes", "ints"])
def test_touches(form, monkeypatch):
    """Reading leaves the data as they are, writing changes each page of them, leaving alone makes none."""
    before = _memory_worker.make(form, 100_000)
    monkeypatch.setattr(_memory_worker, "_data", None)
    _memory_worker.act(form, 100_000, "untouched")
    assert _memory_worker._data is None
    _memory_worker.act(form, 100_000, "read")
    assert _memory_worker._data == before
    _memory_worker.act(form, 100_000, "written")
    after = _memory_worker._data
    assert len(after) == len(before)
    assert all(after[i : i + 4096] != before[i : i + 4096] for i in range(0, len(before), 4096))


def test_no_data():
    """No megabytes of data are as good as none."""
    (item,) = run(kinds=["threads"], parent_data="ints", data_mb=0, touch=["written"]).rows
    assert item["data_bytes"] == 0


@PSS
def test_a_reading():
    """A process's figures are those of its smaps: what is private is USS, and PSS lies between it and RSS."""
    found = module.reading(os.getpid())
    assert 0 < found["uss"] <= found["pss"] <= found["rss"]
    full = psutil.Process().memory_full_info()
    for name, value in found.items():
        assert value == pytest.approx(getattr(full, name), rel=0.05)


@pytest.mark.parametrize("refuses", [False, True])
def test_a_reading_without_pss(monkeypatch, refuses):
    """Where there is no PSS, it is None, and USS too where the system keeps it from other processes."""

    class Process:
        def __init__(self, pid):
            pass

        def memory_full_info(self):
            if refuses:
                raise psutil.AccessDenied(1)
            return type("pfullmem", (), {"rss": 5, "uss": 3})

        def memory_info(self):
            return type("pmem", (), {"rss": 5})

    monkeypatch.setattr(psutil, "Process", Process)
    assert module.reading(0) == {"rss": 5, "pss": None, "uss": None if refuses else 3}  # no /proc/0 anywhere


def test_missing():
    """A meter that is missing is named with the reason."""
    assert module._missing({"pss_bytes": 1, "uss_bytes": 1}) is None
    assert "no PSS" in module._missing({"pss_bytes": None, "uss_bytes": 1})
    assert "no USS" in module._missing({"pss_bytes": None, "uss_bytes": None})


def test_the_best_meter():
    """PSS is used where every row has it, else USS, else RSS."""
    whole, no_pss, rss = (row("fork", 1, 3, lacks=lacks) for lacks in ((), ("pss",), ("pss", "uss")))
    assert [meter(rows) for rows in ([whole], [no_pss], [rss], [whole, no_pss], [no_pss, rss])] == [
        "pss", "uss", "rss", "uss", "rss",
    ]  # fmt: skip


def test_what_was_added():
    """By USS, the program's first process is left out: it shares with its forks what had been its own."""
    item = row("fork", 2, 6, rss=30, own=2)
    assert [added(item, by) / MB for by in ("pss", "rss", "uss")] == [6, 30, 4]
    assert added(row("threads", 2, 6), "uss") == 3 * MB


def test_conclusions():
    """Medians over the rounds, kinds and touches in their order, and the slope from fewest to most workers."""
    rows = [row("spawn", workers, 8 + 9 * workers + number, number=number) for workers in (4, 1) for number in range(3)]
    rows += [row("threads", 1, 0.1), row("spawn", 1, 100, touch="read"), row("fork", 2, 6, own=2.5)]
    found = conclusions(rows)
    assert [(item["kind"], item["touch"], item["workers"]) for item in found] == [
        ("threads", "untouched", 1), ("fork", "untouched", 2),
        ("spawn", "untouched", 1), ("spawn", "untouched", 4), ("spawn", "read", 1),
    ]  # fmt: skip
    assert [item["added_bytes"] / MB for item in found] == pytest.approx([0.1, 6, 18, 45, 100])
    assert [item["each_bytes"] / MB for item in found] == pytest.approx([0.1, 3, 9, 9, 100])
    assert found[0]["worker_uss_bytes"] is None and found[1]["worker_uss_bytes"] == 2.5 * MB


GIB = 1 << 30
FREE = MACHINE | {"memory_free_bytes": GIB}


def test_what_cannot_fit():
    """Copies that the free memory cannot hold are refused with the number of workers that would fit."""
    words = refused(FREE, kinds=["spawn"], workers=[1, 64], parent_data="ints", data_mb=100, touch=["read"])
    (fits,) = re.fullmatch(r"64 spawn processes need about .* are free: at most (\d+) would fit", words).groups()
    given = {"kinds": ["spawn"], "parent_data": "ints", "data_mb": 100, "touch": ["read"]}
    function = experiments.function("memory")
    module.check(parameters.checked(function, given | {"workers": [int(fits)]}), FREE)
    assert "would fit" in refused(FREE, **given, workers=int(fits) + 1)


@FORK
def test_what_is_shared_fits():
    """Forked workers that share the data, and threads, are not refused where copies would be."""
    given = {"kinds": ["threads", "fork"], "workers": 64, "parent_data": "bytes", "data_mb": 100}
    function = experiments.function("memory")
    for touch in ("untouched", "read"):
        module.check(parameters.checked(function, given | {"touch": touch}), FREE)
    assert refused(FREE, **given, touch="written").startswith("64 fork processes need")
    assert refused(FREE, **given | {"parent_data": "ints"}, touch="read").startswith("64 fork processes need")


def test_the_data_alone_do_not_fit():
    """Data that the free memory cannot hold even once are refused with the amount that would."""
    words = refused(MACHINE | {"memory_free_bytes": 90 * MB}, parent_data="bytes", data_mb=100)
    assert words.endswith(": at most 48 MB of data would fit")


def test_threads_that_do_not_fit():
    """Threads are refused, too, where there is no memory for them."""
    words = refused(MACHINE | {"memory_free_bytes": module.PROGRAM_BYTES + 10 * MB}, workers=64)
    assert words.startswith("64 threads need about ") and words.endswith("at most 9 would fit")


def test_nothing_to_touch():
    """Reading or writing data that are not there is refused."""
    assert refused(parent_data="none", touch=["untouched", "read"]).startswith("with parent_data 'none' there is")


@pytest.mark.skipif("interpreters" in HERE, reason="this Python has interpreters")
def test_interpreters_where_there_are_none():
    """A Python without subinterpreters says which has them."""
    assert refused(kinds="interpreters").startswith("interpreters need Python 3.14; this is ")


@PSS
@pytest.mark.parametrize("whose", ["kind", "--multiprocessing-fork"], ids=["the program's", "its worker's"])
def test_a_limit_on_memory(whose, monkeypatch, tmp_path):
    """A limit that the data do not fit under, in the program or in a worker, is one sentence that says what to do."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import resource, sys\nif {whose!r} in str(sys.argv):\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (110 << 20, 110 << 20))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LabError) as caught:
        run(kinds=["spawn"], parent_data="bytes", data_mb=100, touch=["written"])
    assert str(caught.value) == (
        "the program that was to be measured with spawn could not go on: this machine, or a limit set on memory here, "
        "gave no more; ask for less data or fewer workers"
    )


@FORK
@pytest.mark.parametrize("how", ["os._exit(3)", "raise RuntimeError('two\\nlines')"])
def test_a_program_that_fails(how, monkeypatch, tmp_path):
    """A program that ends or fails is one sentence with what is known, and nothing is left."""
    code = f"import os; {how}" if "exit" in how else BROKEN.format(how=how)
    helpers.instead_of_our_programs(monkeypatch, code)
    with pytest.raises(LabError) as caught:
        list(module.memory([1], ["fork"], "none", 0, ["untouched"], 1))
    assert "\n" not in str(caught.value)
    said = "it ended with exit code 3" if "exit" in how else "it failed with RuntimeError: two lines"
    assert str(caught.value) == f"the program that was to be measured with fork could not go on: {said}"


BROKEN = """
from conc_lab import _memory_worker
def fails(**spec):
    {how}
_memory_worker._run = fails
_memory_worker.main()
"""


def test_a_spawned_worker_imports_no_more_than_a_bare_one():
    """What a worker must import to act is the package, this module and the crew's own, and no library."""
    code = (
        "import os, sys; before = set(sys.modules); import conc_lab._memory_worker, conc_lab._worker; "
        "print(*sorted(name for name in set(sys.modules) - before if 'conc_lab' in name or name in ('json', 'psutil')))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(module.__file__).parent.parent.parent)}
    out = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert out.split() == ["conc_lab", "conc_lab._memory_worker", "conc_lab._worker"]
