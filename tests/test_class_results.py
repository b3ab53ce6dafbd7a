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
        "broken truncated.json": "truncated",
        "broken schema.json": "schema version 7",
        "broken other.json": "not a result that conc_lab saved",
        "broken rows.json": "row 0 does not have the columns round, order",
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
    """Each chart's alt text has the median of every group, and the number of files behind it."""
    gathered = gather(folder)
    alt = gathered.chart("speedup").alt
    assert "two workers, count_primes" in alt
    assert "two CPUs, Darwin: threads 1.00× (four files), processes 1.62× (four files)" in alt
    assert "two CPUs, Windows: spawn 435× (eight files)" in gathered.chart("startup").alt


def test_text_of_a_file_is_escaped(folder):
    """Nothing that stands in a file, or in its name, becomes an element of the page."""
    (folder / f"{EVIL[:8]} too.json").write_text("no result")
    page = gather(folder)._repr_html_()
    assert "<script" not in page and "onerror=alert(1)>" not in page and "&lt;script&gt;" in page


def test_noise_is_said(tmp_path):
    """Files whose size should not be believed are counted in the sentence."""
    made(TYPICAL, control=1.3).save(tmp_path / "noisy.json")
    made(TYPICAL).save(tmp_path / "quiet.json")
    assert "In 1 of them the size is in doubt" in gather(tmp_path).chart("speedup").sentence


def changed(result, **columns):
    """The result with other values in its rows."""
    return dataclasses.replace(result, rows=[row | columns for row in result.rows])


def test_facts_or_rows_of_no_run(tmp_path):
    """A file whose rows are whole, but not those of a run that could be drawn, is refused in one short sentence."""
    speed, start = made(TYPICAL), made_startup()
    listed = dataclasses.replace(speed, params=speed.params | {"task": ["sha256"]})
    for result, reason in (
        *((facts(result, usable_cpus=cpus), "its cpus must be") for result in (speed, start) for cpus in (0, 10**400)),
        *((changed(speed, workers=workers), "its workers must be from 1 to 256") for workers in (0, 257, 10**400)),
        (changed(start, workers=257), "its workers must be from 1 to 256"),
        *((changed(speed, kind=kind), "its rows are not") for kind in ("", "serial", "<b>" * 999)),
        *((changed(start, kind=kind), "its rows are not") for kind in ("", "<b>" * 999)),
        (changed(speed, speedup=10**400), "its rows are not those of a whole speedup run (OverflowError: "),
        (changed(start, main_imports="\n" * 999), "its rows are not those of a whole startup run (ValueError: "),
        (listed, "its rows are not those of a whole speedup run (ValueError: "),
    ):
        result.save(tmp_path / "a.json")
        (refused,) = gather(tmp_path).refused.values()
        assert refused.startswith(reason) and "\n" not in refused and len(refused) < 200, refused


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFO")
def test_what_is_no_file(tmp_path):
    """A FIFO or a folder whose name ends in .json is refused, and nobody waits for it."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    gathered = []
    thread = threading.Thread(target=lambda: gathered.append(gather(tmp_path).refused), daemon=True)
    thread.start()
    thread.join(LIVENESS_S)
    assert gathered == [{name: f"{name} is not a file" for name in ("pipe.json", "folder.json")}]


def test_labels_of_any_text(tmp_path):
    """Of a system's name a label has 20 characters, and a question mark for what cannot be printed."""
    facts(made(TYPICAL), system="\n\0$^$" * 9, python="\ud800").save(tmp_path / "a.json")
    gathered = gather(tmp_path)
    assert f"two CPUs, {'??$^$' * 4}:" in gathered.chart("speedup").alt and gathered._repr_html_().encode()


def test_figures_that_are_no_figures(tmp_path):
    """A speed that is not a positive number of a size that can be drawn is refused; a whole number is one."""
    text = made(TYPICAL, rounds=1).save(tmp_path / "a.json").read_text()
    first = json.dumps(json.loads(text)["rows"][2]["speedup"])
    for value, good in (
        ("NaN", False),
        ("-1", False),
        ("0", False),
        ("1e308", False),
        ('"2"', False),
        ("true", False),
        ("2", True),
    ):
        (tmp_path / "a.json").write_text(text.replace(f'"speedup": {first}', f'"speedup": {value}'))
        gathered = gather(tmp_path)
        assert (list(gathered.results), list(gathered.refused)) == ((["a.json"], []) if good else ([], ["a.json"])), (
            value
        )


def test_a_range_that_is_none(tmp_path):
    """A file whose median is sound is refused where its range is not."""
    speeds = TYPICAL | {("processes", 2): [1.9, 1.9, 1.9, 1e-8, 1e-8]}
    made(speeds, rounds=5).save(tmp_path / "a.json")
    assert "its low must be from 1e-06 to" in gather(tmp_path).refused["a.json"]


def test_results_of_other_experiments_are_kept(tmp_path):
    """A result that has nothing to draw over a class is counted, and no chart is shown for it."""
    counted().save(tmp_path / "a.json")
    gathered = gather(tmp_path)
    assert "1 results: 1 of switches" in gathered._repr_html_() and "<img" not in gathered._repr_html_()
    with pytest.raises(LabError, match="none of these results is of 'speedup'"):
        gathered.chart("speedup")


def test_no_files(tmp_path):
    """No folder, or none with results, is one sentence."""
    with pytest.raises(LabError, match="is not a folder"):
        gather(tmp_path / "nowhere")
    with pytest.raises(LabError, match=r"there is no \.json file"):
        gather(tmp_path)
