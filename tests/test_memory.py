"""Memory: known amounts that a run must find, what it concludes from rows, what is refused, and the charts."""

import collections
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import helpers
import psutil
import pytest
from made.memory import TOUCHED, TYPICAL, made, row
from made.results import MACHINE

from conc_lab.engine import experiment, kinds, parameters
from conc_lab.engine.errors import LabError
from conc_lab.engine.run import run
from conc_lab.experiments.memory import chart, measure, worker
from conc_lab.experiments.memory.chart import added, meter, summary
from conc_lab.experiments.memory.measure import MB

HERE = kinds.here(measure.KINDS)
PSS = pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this platform has no PSS")
FORK = pytest.mark.skipif("fork" not in kinds.start_methods(), reason="this platform has no fork")


def ran(**params):
    """The result of a run with these parameters, by default of one worker, once."""
    return run("memory", {"workers": [1], "rounds": 1} | params, timeout_s=helpers.LIVENESS_S)


def check(free_mb=1000, **params):
    """Ask whether these parameters are allowed where so many MB are free."""
    checked = parameters.checked(experiment.function("memory"), params)
    measure.check(checked, MACHINE | {"memory_free_bytes": free_mb * MB})


@PSS
def test_rows_of_a_run():
    """Program, workers and helpers are counted, and each figure lies between those that bound it."""
    rows = helpers.real("memory").rows
    assert sorted(item["kind"] for item in rows) == sorted(HERE)
    for item in rows:
        helpers_of = {"fork": 0, "spawn": 1, "forkserver": 2}  # none; the resource tracker; it and the server
        inside = item["kind"] in measure.INSIDE
        assert item["processes"] == (1 if inside else 1 + 2 + helpers_of[item["kind"]]), item
        assert 0 < item["uss_bytes"] <= item["pss_bytes"] <= item["rss_bytes"] and item["missing"] is None
        assert (item["worker_rss_bytes"] is None) == inside and item["others_uss_bytes"] <= item["uss_bytes"]
        assert inside or 0 < item["worker_uss_bytes"] <= item["worker_pss_bytes"] <= item["worker_rss_bytes"]


INT_BYTES = 32 if sys.getsizeof(1 << 29) <= 32 else 48  # without a GIL each int is larger
COPIES = {  # kind: {(form, touch): how many copies of the data one worker adds}
    "threads": {("bytes", "written"): 0, ("ints", "written"): 0},
    "fork": {
        ("bytes", "untouched"): 0,
        ("bytes", "read"): 0,
        ("bytes", "written"): 1,
        ("ints", "untouched"): 0,
        ("ints", "read"): 0.8 if INT_BYTES == 32 else 1,  # 8 of 40 bytes an item are the list's
        ("ints", "written"): 1,
    },
    "forkserver": {("bytes", "untouched"): 0, ("bytes", "read"): 1},
    "spawn": {("bytes", "untouched"): 0, ("ints", "read"): 1, ("bytes", "written"): 1},
    "interpreters": {("bytes", "written"): 1},
}


@PSS
@pytest.mark.slow
def test_known_amounts():
    """A worker that touches 100 MB of its own adds 100 MB, within 3 %, and one that shares them adds none."""
    size = 100
    for kind in (kind for kind in COPIES if kind in HERE):
        (bare,) = ran(kinds=[kind]).frame.assign(pss=lambda rows: added(rows, "pss")).itertuples()
        for form in {form for form, _ in COPIES[kind]}:
            touches = [touch for other, touch in COPIES[kind] if other == form]
            rows = ran(kinds=[kind], parent_data=form, data_mb=size, touch=touches).frame
            for item in rows.assign(pss=added(rows, "pss")).itertuples():
                which = kind, form, item.touch
                wanted = pytest.approx(COPIES[kind][form, item.touch] * size, abs=0.03 * size)
                assert (item.pss - bare.pss) / MB == wanted, which
                if kind == "fork":
                    assert (item.worker_uss_bytes - bare.worker_uss_bytes) / MB == wanted, which


@PSS
@FORK
def test_writing_copies_what_is_written():
    """A forked worker that writes 20 MB adds them to the machine and has them to itself; one that reads does not."""
    lines = summary(ran(kinds=["fork"], parent_data="bytes", data_mb=20, touch=["read", "written"])).set_index("touch")
    more = lines.drop(columns=["kind", "name", "figure"]).diff().loc["written"] / MB
    assert [more.added_bytes, more.worker_uss_bytes] == pytest.approx([20, 20], abs=0.6)
    assert more.rss_added_bytes < 2  # RSS sees no difference


def test_data(monkeypatch):
    """The data take the bytes asked for; reading leaves them, writing changes every page, leaving alone makes none."""
    for form in ("bytes", "ints"):
        data = worker.make(form, 1_000_000)
        if form == "bytes":
            assert len(data) == 1_000_000
        else:
            assert 0 <= 1_000_000 - len(data) * (8 + INT_BYTES) < 8 + INT_BYTES
            assert len({id(item) for item in data}) == len(data)
        monkeypatch.setattr(worker, "_data", None)
        worker.act(form, 1_000_000, "untouched")
        assert worker._data is None
        worker.act(form, 1_000_000, "read")
        assert worker._data == data
        worker.act(form, 1_000_000, "written")
        after = worker._data
        assert all(after[i : i + 4096] != data[i : i + 4096] for i in range(0, len(data), 4096)), form


@PSS
def test_a_reading():
    """A process's figures are the sums over its pages that the system tells."""
    text = Path("/proc/self/smaps_rollup").read_text()
    sizes = {name: int(size) << 10 for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    own = sum(size for name, size in sizes.items() if name.startswith("Private_"))
    assert measure.reading(os.getpid()) == pytest.approx(
        {"pss": sizes["Pss"], "uss": own, "rss": sizes["Rss"]}, rel=0.05
    )


@pytest.mark.parametrize(("tells", "shown"), [((0, 0), "no PSS"), (None, "no PSS and no USS")])
def test_a_system_that_tells_less(tells, shown, monkeypatch):
    """Where a system has no PSS, or denies the full figures of another program, the row says what is missing."""
    full = collections.namedtuple("pfullmem", ["rss", "uss"])
    whole = {"memory_info": full(5, 0)._replace(uss=None), "memory_full_info": tells and full(5, 3)}
    monkeypatch.setattr(psutil.Process, "as_dict", lambda self, names: whole)
    (item,) = measure.memory([1], ["threads"], "none", 0, ["untouched"], 1)
    assert item["missing"].endswith(f" shows {shown} of other programs") and item["pss_bytes"] is None
    assert item["rss_bytes"] == 5 * item["processes"] and item["uss_bytes"] == (tells and 3 * item["processes"])


def test_meters():
    """PSS is used where every row has it, else USS, else RSS; by USS the program's first process is left out."""
    whole, no_pss, rss = (row("fork", 1, 3, lacks=lacks) for lacks in ((), ("pss",), ("pss", "uss")))
    cases = [([whole], "pss"), ([no_pss], "uss"), ([rss], "rss"), ([whole, no_pss], "uss"), ([no_pss, rss], "rss")]
    for rows, by in cases:
        assert meter(made(*rows).frame) == by
    frame = made(row("fork", 2, 6, rss=30, own=2), row("threads", 2, 6)).frame
    assert [list(added(frame, by) / MB) for by in ("pss", "rss", "uss")] == [[6, 6], [30, 6], [4, 3]]


def test_summary():
    """Medians over the rounds, kinds and touches in their order, and the slope from fewest to most workers."""
    rows = [row("spawn", workers, 8 + 9 * workers + number, number=number) for workers in (4, 1) for number in range(3)]
    rows += [row("threads", 1, 0.1), row("spawn", 1, 100, touch="read"), row("fork", 2, 6, own=2.5)]
    lines = summary(made(*rows))
    assert list(lines.kind) == ["threads", "fork", "spawn", "spawn", "spawn"]
    assert list(lines.touch) == ["untouched"] * 4 + ["read"] and list(lines.workers) == [1, 2, 1, 4, 1]
    assert list(lines.added_bytes / MB) == pytest.approx([0.1, 6, 18, 45, 100])
    assert list(lines.each_bytes / MB) == pytest.approx([0.1, 3, 9, 9, 100])
    assert math.isnan(lines.worker_uss_bytes[0]) and lines.worker_uss_bytes[1] == 2.5 * MB


def test_what_fits():
    """Copies of the data that free memory cannot hold are refused with what would fit, which does."""
    large = {"kinds": ["threads", "spawn"], "parent_data": "ints", "data_mb": 100, "touch": ["read"]}
    with pytest.raises(LabError, match=r"^65 programs and workers with 100 MB of data each need about") as caught:
        check(**large, workers=[1, 64])
    fits = int(re.search(r"ask for (\d+) at most$", str(caught.value))[1]) - 1  # the program is one of them
    check(**large, workers=fits)
    with pytest.raises(LabError, match=rf"^{fits + 2} programs and workers"):
        check(**large, workers=fits + 1)
    for shared in ({"touch": ["untouched"]}, {"kinds": ["threads"]}):
        check(**large | shared, workers=64)
        with pytest.raises(LabError, match=r"^1 programs and workers with 100 MB"):
            check(90, **large | shared, workers=64)


def test_nothing_to_touch():
    """Data that are not there cannot be read."""
    with pytest.raises(LabError, match=r"^with parent_data 'none' there is"):
        check(parent_data="none", touch=["untouched", "read"])


@PSS
@pytest.mark.parametrize("whose", ["kind", "--multiprocessing-fork"], ids=["the program's", "its worker's"])
def test_a_limit_on_memory(whose, monkeypatch, tmp_path):
    """A limit that the data do not fit under, in the program or in a worker, is one sentence that says what to do."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import resource, sys\nif {whose!r} in str(sys.argv):\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (110 << 20, 110 << 20))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LabError, match=r"^the program with spawn could not go on: .* less data or fewer workers$"):
        ran(kinds=["spawn"], parent_data="bytes", data_mb=100, touch=["written"])


BROKEN = """
from conc_lab.experiments.memory import worker
def fails(**spec):
    raise RuntimeError("two\\nlines")
worker.hold = fails
worker.main()
"""


def test_a_program_that_fails(monkeypatch):
    """A program that ends or fails is one sentence with what is known."""
    programs = {
        "import os; os._exit(3)": "it ended with exit code 3",
        BROKEN: "it failed with RuntimeError: two lines",
    }
    for code, words in programs.items():
        with monkeypatch.context() as patch:
            helpers.instead_of_our_programs(patch, code)
            with pytest.raises(LabError, match=f"threads could not go on: {words}$"):
                list(measure.memory([1], ["threads"], "none", 0, ["untouched"], 1))


def test_workers_import_little():
    """What the workers of any experiment must import brings in no library."""
    heavy = {"pandas", "numpy", "matplotlib", "psutil"}
    folders = (path.parent.name for path in Path(worker.__file__).parents[1].glob("*/worker.py"))
    workers = (f"conc_lab.experiments.{name}.worker" for name in folders)
    code = f"import sys, {', '.join(workers)}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_chart():
    """What was added stands above what one worker has to itself, or has a column for each touch; a line a kind."""
    top, own = chart.memory_chart(TYPICAL, None)[0].axes
    assert top.get_ylabel() == "added to the\nmachine, MB (PSS)" and own.get_ylabel() == "one worker's\nown, MB (USS)"
    lines = {line.get_label(): line for line in top.lines}
    assert list(lines) == ["threads", "fork", "spawn"]
    assert lines["spawn"].get_xydata().tolist() == [[1, 17], [2, 26], [4, 44]]
    assert [line.get_label() for line in own.lines] == ["fork", "spawn"]
    figure = chart.memory_chart(TOUCHED, None)[0]
    assert [ax.get_xlabel() for ax in figure.axes] == ["workers (untouched)", "workers (read)"]
    untouched, read = ({line.get_label(): line for line in ax.lines} for ax in figure.axes[:2])
    assert list(untouched["fork"].get_ydata()) == [5] and list(read["fork"].get_ydata()) == [170]
    assert list(untouched["the size of the data"].get_ydata()) == [100, 100]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim() and figure.axes[0].get_ylim()[1] > 170
    flat = made(row("fork", 1, 3, size=100), parent_data="bytes")  # as high as for data that are copied
    assert chart.memory_chart(flat, None)[0].axes[0].get_ylim()[1] > 100
    assert len(chart.memory_chart(made(row("threads", 1, 0.1)), None)[0].axes) == 1


def test_meters_chart():
    """The summed RSS stands above the summed PSS, on one scale, for the most workers of each kind and touch."""
    rss, pss = chart.meters_chart(TYPICAL, None)[0].axes
    assert [ax.get_title(loc="left") for ax in (rss, pss)] == ["RSS", "PSS"] and rss.get_xlim() == pss.get_xlim()
    for ax, sizes in ((rss, [0.08, 69, 72]), (pss, [0.08, 11, 44])):
        names = [tick.get_text() for tick in ax.get_yticklabels()]
        assert names == ["4 threads", "4 forked processes", "4 spawned processes"]
        assert [bar.get_width() / MB for bar in ax.containers[0]] == pytest.approx(sizes)
    assert chart.meters_chart(TOUCHED, None)[0].axes[0].get_yticklabels()[-1].get_text() == "2 forked processes (read)"


def test_sentences_that_no_recording_has():
    """A missing meter is named first; where there is RSS only, nothing stands beside it."""
    for lacks, shown in ((("pss",), "USS"), (("pss", "uss"), "RSS")):
        result = made(row("threads", 1, 3, lacks=lacks), row("fork", 1, 5, lacks=lacks))
        figure, _, sentence = chart.memory_chart(result, None)
        assert sentence.startswith(f"X does not say: no PSS, so {shown} is shown. Each worker adds, helpers")
        assert f"MB ({shown})" in figure.axes[0].get_ylabel()
    figure, alt, sentence = chart.meters_chart(result, None)
    assert len(figure.axes) == 1 and alt.endswith("; RSS, 1 forked process: 5.0 MB.")
    assert sentence.startswith("1 thread added 3.0 MB by RSS. RSS counts")
    words = chart.memory_chart(TOUCHED, None)[2]
    assert words.startswith("The program holds 100 MB of ints. Each worker adds, helpers included: a thread ")
    assert words.endswith("a forked process (read) 85.0 MB.")
    told = chart.meters_chart(TOUCHED, None)[2]
    assert told.startswith("2 forked processes (untouched) added 200 MB by RSS, 5.0 MB by PSS.")
