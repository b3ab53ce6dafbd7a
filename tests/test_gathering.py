"""conc_lab.gathering: a class of thirty, five of whose files are broken and one of which carries HTML."""

import dataclasses
import json

import pytest
from made.results import TYPICAL, made
from made.startup import made_startup

from conc_lab.student import class_results as gather
from conc_lab.engine.errors import LabError

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
        costs = {("thread", False): 0.1, ("spawn", False): 40 + number}
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
    gathered = gather.gather(folder)
    assert len(gathered.results) == 25 and "group b/startup-8.json" in gathered.results
    reasons = {
        "broken truncated.json": "truncated",
        "broken schema.json": "schema version 7",
        "broken other.json": "not a result that conc_lab saved",
        "broken rows.json": "not those of a speedup run (KeyError",
        "speedup-0.json": "the same result as broken <script>.json",
    }
    assert gathered.refused.keys() == reasons.keys()
    assert all(reason in gathered.refused[name] for name, reason in reasons.items())


def test_the_frame_has_every_figure(folder):
    """The frame has a row for each kind and number of workers of each file, with its machine."""
    frame = gather.gather(folder).frame
    mine = frame[frame.file == "speedup-9.json"]
    assert set(mine.cpus) == {2} and set(mine.system) == {"Darwin"}
    assert mine[(mine.worker == "processes") & (mine.workers == 2)].value.item() == pytest.approx(1.59)
    spawn = frame[(frame.file == "group b/startup-3.json")]
    assert spawn.value.item() == pytest.approx(430) and set(spawn.worker) == {"spawn"}


def test_the_charts_hold_the_medians(folder):
    """Each chart's alt text has the median of every group, and the number of files behind it."""
    gathered = gather.gather(folder)
    alt = gathered.chart("speedup").alt
    assert "2 workers, count_primes" in alt
    assert "two CPUs, Darwin: threads 1.00× (four files), processes 1.62× (four files)" in alt
    assert "two CPUs, Windows: spawn 435× (eight files)" in gathered.chart("startup").alt


def test_text_of_a_file_is_escaped(folder):
    """Nothing that stands in a file, or in its name, becomes an element of the page."""
    page = gather.gather(folder)._repr_html_()
    assert "<script" not in page and "onerror=alert(1)>" not in page and "&lt;script&gt;" in page


def test_noise_is_said(tmp_path):
    """Files whose size should not be believed are counted in the sentence."""
    made(TYPICAL, control=1.3).save(tmp_path / "noisy.json")
    made(TYPICAL).save(tmp_path / "quiet.json")
    assert "In 1 of them the size is in doubt" in gather.gather(tmp_path).chart("speedup").sentence


@pytest.mark.parametrize(
    "broken",
    [
        {"machine": {}},
        {"machine": {"usable_cpus": "2", "system": "Linux", "python": "3"}},
        {"machine": {"usable_cpus": 0, "system": "Linux", "python": "3"}},
        {"machine": {"usable_cpus": True, "system": "Linux", "python": "3"}},
        {"machine": {"usable_cpus": 2.0, "system": "Linux", "python": "3"}},
        {"machine": {"usable_cpus": 10**400, "system": "Linux", "python": "3"}},
        {"rows": [{"kind": "threads\n" * 999}]},
    ],
    ids=["no facts", "cpus a text", "no cpu", "true cpus", "half cpus", "too many cpus", "no columns"],
)
@pytest.mark.parametrize("result", [made(TYPICAL), made_startup()], ids=["speedup", "startup"])
def test_facts_or_rows_of_no_run(tmp_path, result, broken):
    """A whole file whose rows or facts are not those of a run is refused, in one short sentence."""
    dataclasses.replace(result, **broken).save(tmp_path / "a.json")
    (reason,) = gather.gather(tmp_path).refused.values()
    assert reason.startswith(f"its rows or facts are not those of a {result.experiment} run (") and "\n" not in reason
    assert len(reason) < 200


def test_a_speedup_of_no_task(tmp_path):
    """A result of speedup that does not say what was measured is refused."""
    dataclasses.replace(made(TYPICAL), params={}).save(tmp_path / "a.json")
    assert "not those of a speedup run (KeyError: 'task')" in gather.gather(tmp_path).refused["a.json"]


@pytest.mark.parametrize("workers", ["2", 0, -1, 257, 10**400, 2.0, 1.5, None, [2], True, float("1e9")], ids=repr)
@pytest.mark.parametrize("result", [made(TYPICAL), made_startup()], ids=["speedup", "startup"])
def test_workers_that_are_no_number_of_workers(tmp_path, result, workers):
    """A file with a number of workers that no run can have is refused, and the others are kept."""
    rows = [row | {"workers": workers} for row in result.rows]
    dataclasses.replace(result, rows=rows).save(tmp_path / "a.json")
    result.save(tmp_path / "b.json")
    gathered = gather.gather(tmp_path)
    assert list(gathered.refused) == ["a.json"] and list(gathered.results) == ["b.json"]


@pytest.mark.parametrize("name", ["speed up", "", "<b>", "speedup\n", "\ud800" * 99], ids=ascii)
def test_an_unknown_experiment(tmp_path, name):
    """A result of an experiment that this conc_lab lacks is refused by its name."""
    dataclasses.replace(made(TYPICAL), experiment=name).save(tmp_path / "a.json")
    gathered = gather.gather(tmp_path)
    (reason,) = gathered.refused.values()
    assert reason.startswith("this conc_lab has no experiment '") and len(reason) < 60 and "\n" not in reason
    assert "<b>&" not in gathered._repr_html_().encode().decode()


def test_labels_of_any_text(tmp_path):
    """A system's name that no font or page can hold is drawn with question marks."""
    facts(made(TYPICAL), system="\ud800\n\0$^$" * 9, python=["3"]).save(tmp_path / "a.json")
    gathered = gather.gather(tmp_path)
    assert "two CPUs, ???$^$???" in gathered.chart("speedup").alt and gathered._repr_html_().encode()


def test_a_name_that_is_not_utf_8(tmp_path):
    """A file whose name is half a character costs the page nothing."""
    (tmp_path / "a\udcff.json").write_text("{")
    assert b"<b>a?.json</b>" in gather.gather(tmp_path)._repr_html_().encode()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "0", "1e308", "1e-300", f"1{400 * '0'}", '"2"', "true"])
def test_figures_that_are_no_figures(tmp_path, value):
    """A speed that is not a positive number of a size that can be drawn is refused."""
    text = made(TYPICAL, rounds=1).save(tmp_path / "a.json").read_text()
    first = json.loads(text)["rows"][2]["speedup"]
    (tmp_path / "a.json").write_text(text.replace(f'"speedup": {json.dumps(first)}', f'"speedup": {value}'))
    gathered = gather.gather(tmp_path)
    assert list(gathered.refused) == ["a.json"] and not gathered.results


def test_a_range_that_is_none(tmp_path):
    """A file whose median is sound is refused where its range is not."""
    speeds = TYPICAL | {("processes", 2): [1.9, 1.9, 1.9, 1e-8, 1e-8]}
    made(speeds, rounds=5).save(tmp_path / "a.json")
    assert "a figure must be from 1e-06 to" in gather.gather(tmp_path).refused["a.json"]


def test_whole_numbers_are_figures(tmp_path):
    """A speed that the file writes as a whole number counts."""
    text = made(TYPICAL, rounds=1).save(tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace('"speedup": 1.0', '"speedup": 1'))
    assert "threads 1.00×" in gather.gather(tmp_path).chart("speedup").alt


def test_results_of_other_experiments_are_kept(tmp_path):
    """A result that has nothing to draw over a class is counted, and no chart is shown for it."""
    dataclasses.replace(made(TYPICAL), experiment="sharing").save(tmp_path / "a.json")
    gathered = gather.gather(tmp_path)
    assert "1 results: 1 of sharing" in gathered._repr_html_() and "<img" not in gathered._repr_html_()
    with pytest.raises(LabError, match="none of these results is of 'speedup'"):
        gathered.chart("speedup")
    facts(dataclasses.replace(made(TYPICAL), experiment="sharing"), usable_cpus=0).save(tmp_path / "b.json")
    assert "cpus must be from 1 to 4096, got 0" in gather.gather(tmp_path).refused["b.json"]


def test_no_files(tmp_path):
    """No folder, or none with results, is one sentence."""
    with pytest.raises(LabError, match="is not a folder"):
        gather.gather(tmp_path / "nowhere")
    with pytest.raises(LabError, match=r"there is no \.json file"):
        gather.gather(tmp_path)
