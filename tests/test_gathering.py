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
    (folder / f"{EVIL[:8]} too.json").write_text("no result")
    page = gather.gather(folder)._repr_html_()
    assert "<script" not in page and "onerror=alert(1)>" not in page and "&lt;script&gt;" in page


def test_noise_is_said(tmp_path):
    """Files whose size should not be believed are counted in the sentence."""
    made(TYPICAL, control=1.3).save(tmp_path / "noisy.json")
    made(TYPICAL).save(tmp_path / "quiet.json")
    assert "In 1 of them the size is in doubt" in gather.gather(tmp_path).chart("speedup").sentence


def test_facts_or_rows_of_no_run(tmp_path):
    """A whole file whose rows or facts are not those of a run is refused, in one short sentence."""
    machine = {"usable_cpus": 2, "system": "Linux", "python": "3"}
    for result in (made(TYPICAL), made_startup()):
        for broken in (
            {"machine": {}},
            {"machine": machine | {"usable_cpus": "2" * 999}},
            {"machine": machine | {"usable_cpus": 0}},
            {"rows": [{"kind": "threads\n" * 999}]},
            *([{"params": {}}] if result.experiment == "speedup" else []),  # it does not say what was measured
            *({"rows": [row | {"workers": workers} for row in result.rows]} for workers in ("2", 0, 257, 1.5, True)),
        ):
            dataclasses.replace(result, **broken).save(tmp_path / "a.json")
            (reason,) = gather.gather(tmp_path).refused.values()
            case = result.experiment, str(broken)[:60], reason
            assert reason.startswith(f"its rows or facts are not those of a {result.experiment} run ("), case
            assert "\n" not in reason and len(reason) < 200, case


def test_an_unknown_experiment(tmp_path):
    """A result of an experiment that this conc_lab lacks is refused by its name, of which a long one is cut."""
    for name in ("", "<b>speed up", "speedup\n" * 99):
        dataclasses.replace(made(TYPICAL), experiment=name).save(tmp_path / "a.json")
        gathered = gather.gather(tmp_path)
        (reason,) = gathered.refused.values()
        assert reason.startswith("this conc_lab has no experiment '") and len(reason) < 60 and "\n" not in reason
        assert "<b>speed" not in gathered._repr_html_()


def test_labels_of_any_text(tmp_path):
    """Of a system's name a label has 20 characters, and a question mark for what cannot be printed."""
    facts(made(TYPICAL), system="\n\0$^$" * 9, python=["3"]).save(tmp_path / "a.json")
    gathered = gather.gather(tmp_path)
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
        gathered = gather.gather(tmp_path)
        assert (list(gathered.results), list(gathered.refused)) == ((["a.json"], []) if good else ([], ["a.json"])), (
            value
        )


def test_a_range_that_is_none(tmp_path):
    """A file whose median is sound is refused where its range is not."""
    speeds = TYPICAL | {("processes", 2): [1.9, 1.9, 1.9, 1e-8, 1e-8]}
    made(speeds, rounds=5).save(tmp_path / "a.json")
    assert "a figure must be from 1e-06 to" in gather.gather(tmp_path).refused["a.json"]


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
