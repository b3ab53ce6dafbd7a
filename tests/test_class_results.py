"""conc_lab.student.class_results: a class of thirty, five of whose files are broken and one of which carries HTML."""

import dataclasses
import json
import os
import threading

import pytest
from helpers import LIVENESS_S
from made.results import TYPICAL, made
from made.startup import made_startup
from made.switches import made as counted

from conc_lab.engine.errors import LabError
from conc_lab.student.class_results import gather

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def facts(result, **changed):
    """The result with other facts about its machine."""
    return dataclasses.replace(result, machine=result.machine | changed)


@pytest.fixture
def folder(tmp_path):
    """Thirty files: 16 of speedup, 9 of startup, five broken in different ways; one good one carries HTML."""
    for number in range(16):
        speeds = TYPICAL | {("processes", 2): 1.5 + number / 100}
        result = facts(made(speeds), usable_cpus=2 if number % 2 else 4, system=["Linux", "Darwin"][number // 8])
        result.save(tmp_path / f"speedup-{number}.json")
    for number in range(9):
        costs = {("threads", False): 0.1, ("spawn", False): 40 + number}
        result = facts(made_startup(costs, workers=(1,)), system=EVIL if number == 8 else "Windows")
        result.save(tmp_path / "group b" / f"startup-{number}.json")
    whole = (tmp_path / "speedup-0.json").read_text()
    broken = {
        "truncated": whole[: len(whole) // 2],
        "schema": json.dumps(json.loads(whole) | {"schema": 7}),
        "other": json.dumps({"nbformat": 4}),
        "rows": json.dumps(json.loads(whole) | {"rows": [{"wall_s": "fast"}]}),
        f"{EVIL[:8]}": whole,
    }
    for name, text in broken.items():
        (tmp_path / f"broken {name.replace('/', '')}.json").write_text(text)
    assert len(list(tmp_path.rglob("*.json"))) == 30
    return tmp_path


def test_the_good_are_kept_and_the_broken_refused_by_name(folder):
    """25 files are kept; each of the five others is refused by its name, with its own reason."""
    gathered = gather(folder)
    assert len(gathered.results) == 25 and "group b/startup-8.json" in gathered.results
    reasons = {
        "broken truncated.json": "is not a complete result",
        "broken schema.json": "schema version 7",
        "broken other.json": "conc_lab did not save it",
        "broken rows.json": "in row 0 is None, not ",
        "speedup-0.json": "the same result as broken <script>.json",
    }
    assert gathered.refused.keys() == reasons.keys()
    assert all(reason in gathered.refused[name] for name, reason in reasons.items())


def test_the_frame_has_every_figure(folder):
    """The frame has a row for each kind and number of workers of each file, with its machine."""
    frame = gather(folder).frame
    own = frame[frame.file == "speedup-9.json"]
    assert set(own.cpus) == {2} and set(own.system) == {"Darwin"}
    assert own[(own.kind == "processes") & (own.workers == 2)].value.item() == pytest.approx(1.59)
    spawn = frame[(frame.file == "group b/startup-3.json")]
    assert spawn.value.item() == pytest.approx(430) and set(spawn.kind) == {"spawn"}


def test_the_charts_hold_the_medians(folder):
    """Each chart's alt text has the median of every kind by CPUs and system, and the number of files behind it."""
    charts = gather(folder).charts()
    assert charts["speedup"].alt.startswith("Medians, times as fast as serial: count_primes, two workers. Two CPUs, ")
    assert "Two CPUs, Darwin: threads 1.00× (four files); two CPUs, Darwin: processes 1.62× (four files)" in (
        charts["speedup"].alt
    )
    assert "two CPUs, Windows: spawn 435× (eight files)" in charts["startup"].alt
    assert "16 files" in charts["speedup"].sentence


def test_text_of_a_file_is_escaped(folder):
    """Nothing that stands in a file, or in its name, becomes an element of the page."""
    (folder / f"{EVIL[:8]} too.json").write_text("no result")
    page = gather(folder)._repr_html_()
    assert "<script" not in page and "onerror=alert(1)>" not in page and "&lt;script&gt;" in page


def test_noise_is_said(tmp_path):
    """Files whose size should not be believed are counted in the sentence."""
    made(TYPICAL, control=1.3).save(tmp_path / "noisy.json")
    made(TYPICAL).save(tmp_path / "quiet.json")
    assert "In 1 of them the size is in doubt" in gather(tmp_path).charts()["speedup"].sentence


def changed(result, **columns):
    """The result with other values in its rows."""
    return dataclasses.replace(result, rows=[row | columns for row in result.rows])


def test_rows_of_no_run(tmp_path):
    """A file whose rows are whole, but not those of a run that could be drawn, is refused in one short sentence."""
    speed, start = made(TYPICAL), made_startup()
    listed = dataclasses.replace(speed, params=speed.params | {"task": ["sha256"]})
    for result, name in (
        *((changed(speed, kind=kind), "speedup") for kind in ("", "serial", "<b>" * 999)),
        *((changed(start, kind=kind), "startup") for kind in ("", "<b>" * 999)),
        (changed(speed, speedup=10**400), "speedup"),
        (changed(start, main_imports="\n" * 999), "startup"),
        (listed, "speedup"),
    ):
        result.save(tmp_path / "a.json")
        (refused,) = gather(tmp_path).refused.values()
        assert refused.startswith(f"its rows do not come from a complete {name} run ("), refused
        assert "\n" not in refused and len(refused) < 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFO")
def test_what_is_no_file(tmp_path):
    """A FIFO or a folder whose name ends in .json is refused, and nobody waits for it."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    gathered = []
    thread = threading.Thread(target=lambda: gathered.append(gather(tmp_path).refused), daemon=True)
    thread.start()
    thread.join(LIVENESS_S)
    assert gathered == [
        {name: f"{name} is not a complete result: it is not a file" for name in ("pipe.json", "folder.json")}
    ]


def test_one_worker_is_no_speedup_of_a_class(tmp_path):
    """Of several numbers of workers the one that most files have is drawn, and one worker alone never."""
    made({("threads", 1): 1.0, ("threads", 4): 1.0}).save(tmp_path / "a.json")
    made({("threads", 1): 1.0}).save(tmp_path / "b.json")
    assert "count_primes, four workers" in gather(tmp_path).charts()["speedup"].alt


def test_results_of_other_experiments_are_kept(tmp_path):
    """A result that has nothing to draw over a class is counted, and no chart is shown for it."""
    counted().save(tmp_path / "a.json")
    gathered = gather(tmp_path)
    assert "read: 1 of switches; refused: 0" in gathered._repr_html_() and "<img" not in gathered._repr_html_()
    assert gathered.charts() == {}


def test_no_files(tmp_path):
    """No folder, or none with results, is one sentence."""
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(LabError, match=r"there is no \.json file in .*: give the folder"):
            gather(folder)
