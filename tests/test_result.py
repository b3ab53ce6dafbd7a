"""Results: what was saved comes back equal; what is not whole is refused in one sentence that names the file."""

import copy
import dataclasses
import getpass
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import helpers
import pytest
import record
from made.results import MACHINE, TYPICAL, made

import conc_lab
from conc_lab.engine import experiment, files, machine, parameters, result
from conc_lab.engine.errors import LabError

MADE = made(TYPICAL, rounds=2)
MADE = dataclasses.replace(MADE, machine=MACHINE | {"cpu": "Ünïcode™ CPU"})
MADE.rows[0]["setup_s"] = 0.1 + 0.2
CONTENT = {"kind": result.KIND, "schema": result.SCHEMA} | dataclasses.asdict(MADE)


def refused(path):
    """The sentence that refuses to load a file; it names the file and not where it lies."""
    with pytest.raises(LabError) as caught:
        result.load(path)
    sentence = str(caught.value)
    assert "\n" not in sentence and Path(path).name in sentence and str(Path(path).parent) not in sentence
    return sentence


def written(path, content):
    """The path, with this content as JSON in it."""
    path.write_text(json.dumps(content))
    return path


def test_round_trip(tmp_path):
    """What was saved is loaded equal, to the last digit, from the path that save returned."""
    for processes in (None, "fork"):
        saved = dataclasses.replace(MADE, processes=processes)
        assert result.load(saved.save(tmp_path / "a" / "b.json")) == saved


def test_the_file(tmp_path):
    """The file has a line for each row; one whose name ends in .gz is the same text, compressed alike each time."""
    text = MADE.save(tmp_path / "a.json").read_text()
    lines = [line.rstrip(",") for line in text.splitlines()]
    assert [line for line in lines if line.startswith("{") and len(line) > 1] == [json.dumps(row) for row in MADE.rows]
    packed = MADE.save(tmp_path / "a.json.gz").read_bytes()
    assert gzip.decompress(packed).decode() == text and MADE.save(tmp_path / "b.json.gz").read_bytes() == packed
    assert result.load(tmp_path / "a.json.gz") == MADE


def test_saving_replaces(tmp_path):
    """A second save replaces the first whole and leaves no other file."""
    path = tmp_path / "result.json"
    path.write_text("x" * 100_000)
    MADE.save(path)
    assert result.load(path) == MADE
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows replaces no file that is open")
def test_saving_at_the_same_time(tmp_path):
    """Whoever reads a file that two threads write again and again finds one of them whole; the umask stays."""
    path, texts, over = tmp_path / "file", ["a" * 100_000, "b" * 250_000], threading.Event()
    umask = os.umask(0o027)
    try:
        writers = [
            threading.Thread(target=lambda text=text: [files.write(path, text, "it") for _ in range(200)])
            for text in texts
        ]
        files.write(path, texts[0], "it")
        seen = set()

        def read():
            while not over.is_set():
                seen.add(path.read_text())

        reader = threading.Thread(target=read)
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join(helpers.LIVENESS_S)
        over.set()
        reader.join(helpers.LIVENESS_S)
        assert seen <= set(texts), [len(text) for text in seen]
        assert path.stat().st_mode & 0o777 == 0o640 and [entry.name for entry in tmp_path.iterdir()] == ["file"]
    finally:
        assert os.umask(umask) == 0o027


def test_a_disk_that_is_full(tmp_path):
    """Where only a part can be written, the earlier file stays as it was, and no other."""
    resource = pytest.importorskip("resource")
    path = MADE.save(tmp_path / "result.json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, hard))
    try:
        with pytest.raises(LabError, match=r"^the result could not be written to .*result\.json: File too large$"):
            dataclasses.replace(MADE, started=result.now()).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.load(path) == MADE
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_what_json_cannot_hold(tmp_path):
    """A result with a figure that JSON cannot hold leaves the earlier file as it was, and no other."""
    path = MADE.save(tmp_path / "result.json")
    with pytest.raises((LabError, ValueError)):
        dataclasses.replace(MADE, rows=[{"wall_s": float("nan")}]).save(path)
    assert result.load(path) == MADE
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_unwritable(tmp_path):
    """Where the result cannot be written, the sentence gives the path and the system's reason, and no file stays."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "result.json", tmp_path / "folder", "/proc/nowhere/result.json", os.devnull):
        with pytest.raises(LabError, match="could not be written to ") as caught:
            MADE.save(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["file", "folder"] and not os.path.isfile(os.devnull)


def test_nothing_personal_is_saved(tmp_path, monkeypatch):
    """The saved text of a run, own task included, holds no user name, host name or path."""
    monkeypatch.chdir(helpers.TESTS)
    text = helpers.small(task="own_tasks:fine").save(tmp_path / "run.json").read_text()
    secrets = [socket.gethostname(), os.getcwd(), *map(str, (Path.home(), tmp_path, sys.prefix, result.PACKAGE))]
    secrets += [getpass.getuser()] * (len(getpass.getuser()) > 3)
    assert not [secret for secret in secrets if secret in text]


def test_a_file_that_is_cut_off(tmp_path):
    """A file cut off anywhere, packed or not, or one that is no JSON, is refused."""
    for name, step in (("whole.json", 97), ("whole.json.gz", 31)):
        whole = MADE.save(tmp_path / name).read_bytes()
        for length in range(0, len(whole) - 1, step):
            (tmp_path / "part.json").write_bytes(whole[:length])
            sentence = refused(tmp_path / "part.json")
            assert sentence.startswith("part.json is not a complete result: ")
    for content in (b"\xff\xfe\x00", b"\x80", b"PK\x03\x04", b"[" * 100_000, b"\x1f\x8b no zip"):
        (tmp_path / "part.json").write_bytes(content)
        assert len(refused(tmp_path / "part.json")) < 300, content[:20]


def test_other_json(tmp_path):
    """JSON that conc_lab did not save is refused as such."""
    for content in ([], None, "text", {}, {"kind": "nbformat"}):
        assert "other.json is not a complete result: conc_lab did not save it" in refused(
            written(tmp_path / "other.json", content)
        ), content


def test_other_schema(tmp_path):
    """A result of another schema version is refused with its version and what to do."""
    for schema in (0, 3, "1", None):
        sentence = refused(written(tmp_path / "new.json", CONTENT | {"schema": schema}))
        assert f"it has schema version {schema!r}, so open it with the conc_lab that saved it" in sentence


def test_missing_or_wrong_parts(tmp_path):
    """A result without one of its parts, or with one of another type, is refused with the part's name."""
    for name in (field.name for field in dataclasses.fields(result.Result)):
        lacking = {part: value for part, value in CONTENT.items() if part != name}
        for content in (lacking, CONTENT | {name: 3}):
            assert repr(name) in refused(written(tmp_path / "part.json", content))
    for name, value, words in (
        ("rows", [], "it has no rows"),
        ("rows", [MADE.rows[0], 3], "in row 1 is 3, not "),
        ("experiment", "switching", "unknown experiment 'switching'; one of: advise, "),
    ):
        assert words in refused(written(tmp_path / "part.json", CONTENT | {name: value}))


def test_damaged_rows_of_every_experiment(tmp_path):
    """A result is refused that lacks a parameter or column; but a lacking column may be None."""
    for name in experiment.names():
        whole = result.recording(name)
        content = CONTENT | dataclasses.asdict(dataclasses.replace(whole, rows=whole.rows[:3]))
        path = written(tmp_path / f"{name}.json", content)
        assert result.load(path).rows == whole.rows[:3]
        for column, kind in experiment.columns(name).items():
            damaged = copy.deepcopy(content)
            del damaged["rows"][1][column]
            if kind.endswith("?"):
                damaged["rows"][1]["of_old"] = 3
                assert result.load(written(path, damaged)).rows[1] == whole.rows[1] | {column: None}, (name, column)
            else:
                assert f"{column} in row 1 is None, not {kind}" in refused(written(path, damaged)), name
        for parameter in whole.params:
            left = {key: value for key, value in whole.params.items() if key != parameter}
            assert f"these parameters are missing: {parameter}" in refused(written(path, content | {"params": left})), (
                name
            )
        for row, column, value, kind in ((1, column, [], kind) for column, kind in experiment.columns(name).items()):
            damaged = copy.deepcopy(content)
            damaged["rows"][row][column] = value if "list" not in kind else 3
            sentence = f"{column} in row {row} is {damaged['rows'][row][column]}, not {kind}"
            assert sentence in refused(written(path, damaged)), (name, column)
        facts = {"machine": content["machine"] | {"gil": None}}
        assert "some facts about the machine are missing" in refused(written(path, content | facts)), name


def test_no_file(tmp_path):
    """A path that leads nowhere, to a folder, or to a pipe that nobody writes to, is refused as no file."""
    (tmp_path / "folder").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    for name in ("missing.json", "folder", "pipe"):
        assert refused(tmp_path / name) == f"{name} is not a complete result: it is not a file"
    for nothing in (None, 3):
        with pytest.raises(LabError, match=f"^{nothing} is not a complete result: .*PathLike"):
            result.load(nothing)


def test_frame():
    """The frame has one row an observation and one column a quantity; shown, the kind is what was asked for."""
    asked = dataclasses.replace(MADE, rows=[MADE.rows[0] | {"kind": kind} for kind in "abc"], processes="b")
    assert list(asked.frame.columns) == list(MADE.rows[0]) and asked.frame is asked.frame
    assert (list(asked.frame.kind), list(asked.shown.kind)) == (["a", "b", "c"], ["a", "processes", "c"])
    plain = dataclasses.replace(MADE, processes=None)
    assert plain.shown is plain.frame


TYPES = {"int": [int], "float": [int, float], "str": [str], "bool": [bool], "list": [list]}


def test_recordings_are_whole():
    """Every recording can be loaded, is of the case that its name tells, and has the facts and types that it should."""
    names = set()
    for path in result.RECORDINGS.glob("*.gz"):
        loaded = result.load(path)
        name, case, *python = path.name.removesuffix(".json.gz").split("-")
        facts = loaded.machine
        version = ".".join(facts["python"].split(".")[:2]) + "t" * facts["free_threaded"]
        assert (loaded.experiment, [version, f"{facts['usable_cpus']}cpu"]) == (name, python), path.name
        assert machine.machine().keys() <= facts.keys() <= MACHINE.keys(), path.name
        wanted = record.cases(name)[case]
        if name == "sharing":  # which is recorded with all the kinds that the Python has
            wanted = {}
        elif "kinds" in wanted:
            kinds = [loaded.processes if kind == "processes" else kind for kind in wanted["kinds"]]
            both = [kind for kind in loaded.params["kinds"] if kind in kinds or kind != "interpreters"]
            wanted = wanted | {"kinds": [kind for kind in kinds if kind in both or kind != "interpreters"]}
            loaded.params["kinds"] = both
        assert wanted.items() <= loaded.params.items(), path.name
        names.add((name, case))
        for column, kind in experiment.columns(name).items():
            types = TYPES[kind.rstrip("?")] + [type(None)] * kind.endswith("?")
            assert all(type(row[column]) in types for row in loaded.rows), (path.name, column)
    assert names == {(name, case) for name in experiment.names() for case in record.cases(name)}


def test_cases_to_record():
    """Every case to record has parameters that its experiment takes."""
    for name in experiment.names():
        for params in record.cases(name).values():
            parameters.checked(experiment.function(name), params)


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """A function that makes these the only recordings: by name, with what tells one from another."""
    monkeypatch.setattr(result, "RECORDINGS", tmp_path)

    def make(*names):
        for name in names:
            dataclasses.replace(MADE, started=name).save(tmp_path / f"{name}.json.gz")

    return make


def test_recording_by_its_name(recordings, tmp_path):
    """A recording is found by experiment, case and facts in its file's name, and no other file is opened."""
    recordings("speedup-sleep-3.13-2cpu", "speedup-zlib-3.13-2cpu", "speedup-zlib-3.13t-2cpu", "speedup-zlib-3.1-2cpu")
    for name in (
        "speedup-zlib-3.12-1cpu.json.gz",
        "startup-nothing-3.13-99cpu.json.gz",
        "speedup-zlib-3.13-99cpu.json",
    ):
        (tmp_path / name).write_bytes(b"not to be opened")
    for wanted, name in (
        ({"task": "sleep"}, "speedup-sleep-3.13-2cpu"),
        ({"case": "zlib", "python": "3.13"}, "speedup-zlib-3.13-2cpu"),
        ({"gil": False}, "speedup-zlib-3.13t-2cpu"),
        ({"task": "zlib", "python": "3.1"}, "speedup-zlib-3.1-2cpu"),
    ):
        assert result.recording("speedup", **wanted).started == name, wanted
    for wanted in ({"task": "sha256"}, {"gil": False, "python": "3.1"}):
        assert result.recording("speedup", **wanted) is None, wanted
    assert result.recording("speed") is None


def test_the_recording_of_this_python(recordings, tmp_path):
    """Of several, one with most CPUs is taken; of these, one of the Python that runs here, or else of the newest."""
    here = "{}.{}".format(*sys.version_info)
    recordings("speedup-zlib-3.9-2cpu", "speedup-zlib-3.99-2cpu", "speedup-zlib-3.10-2cpu", f"speedup-zlib-{here}-2cpu")
    assert result.recording("speedup").started == f"speedup-zlib-{here}-2cpu"
    (tmp_path / f"speedup-zlib-{here}-2cpu.json.gz").unlink()
    assert result.recording("speedup").started == "speedup-zlib-3.99-2cpu"
    recordings("speedup-zlib-3.8-10cpu")
    assert result.recording("speedup").started == "speedup-zlib-3.8-10cpu"


def test_recordings_are_made_again(monkeypatch, tmp_path, capsys):
    """A case to record is run and saved, six digits of each figure, under a name that tells it; a refusal is said."""
    ran = []

    def run(name, params):
        ran.append(params["task"])
        if params["task"] == "zlib":
            raise LabError("zlib is not here")
        return dataclasses.replace(MADE, machine=MACHINE | {"python": "3.13.1", "free_threaded": True})

    monkeypatch.setattr(record.run, "run", run)
    monkeypatch.setattr(result, "RECORDINGS", tmp_path)
    monkeypatch.setenv("CONC_LAB_PROFILE", "quick")
    record.main(["speedup", "--cases", "sha256", "zlib"])
    assert ran == ["sha256", "zlib"]
    (path,) = tmp_path.iterdir()
    assert path.name == "speedup-sha256-3.13t-2cpu.json.gz" and result.load(path).rows[0]["setup_s"] == 0.3
    assert "speedup zlib: zlib is not here" in capsys.readouterr().err


LOOK = "import sys, conc_lab; conc_lab.__all__, dir(conc_lab); print(*sys.modules)"


def test_importing_conc_lab_is_light():
    """`import conc_lab` brings in no other library and none of its own modules."""
    environment = os.environ | {"PYTHONPATH": str(result.PACKAGE.parent)}
    loaded = subprocess.check_output([sys.executable, "-c", LOOK], env=environment, text=True).split()
    assert [name for name in loaded if name.startswith("conc_lab")] == ["conc_lab"]
    assert not {"pandas", "numpy", "matplotlib", "ipywidgets", "psutil", "IPython", "multiprocessing"} & set(loaded)


def test_unknown_public_name():
    """A name that conc_lab lacks is refused with those that it has."""
    with pytest.raises(AttributeError, match=r"conc_lab has no 'speedupp'; it has: .*machine"):
        conc_lab.speedupp  # noqa: B018


SPEEDUP = {"round": 0, "order": 1, "repeat": None, "cpu": None, "kind": "processes", "workers": 2, "tasks": 16}
SPEEDUP |= {"setup_s": 0.1, "wall_s": 0.2, "teardown_s": 0.1, "cpu_s": 0.2, "voluntary_switches": 7}
SPEEDUP |= {"involuntary_switches": None, "results_equal": True, "speedup": 1.9, "cores_busy": 1.9, "cpu_cost": 1.0}
STARTUP = {"round": 0, "order": 0, "start": 0, "main_imports": "nothing", "way": "thread", "cold": False, "workers": 2}
STARTUP |= {"start_s": 0.1, "answer_s": 0.2, "end_s": 0.1, "new_process": False, "ran_main": False}
ECHO = {"round": 0, "neighbours": "processes", "count": 1, "interval_us": None, "reason": None, "trips": 90}
ECHO |= {"round_trip_us": 18.2, "p10_us": 10.0, "p90_us": 25.1}
TRANSFER = {"round": 0, "order": 0, "way": "", "size_bytes": 1000, "chunk": None, "tasks": 7, "handover_s": 1e-05}
TRANSFER |= {"read_s": 0.1, "content_equal": True}
RACES = {"round": 0, "method": "call", "way": "", "lock": "none", "what": "updates", "expected": 9, "counted": 9}
RACES |= {"seen_by_parent": 0, "lost": 0}
FAULTS = {"fault": "hang", "worker": "", "start_method": "spawn", "told": "nothing", "others_finished": True}
FAULTS |= {"usable_again": True, "stoppable": None, "survived": True, "ended": "by itself", "reason": None}
OF_EACH = ("reference", "pickle", "new block", "same block", "interpreters", "map")
APIS = ["Thread", "ThreadPoolExecutor", "InterpreterPoolExecutor", "Process", "ProcessPoolExecutor", "Pool"]
# experiment: (parameters, rows, columns that go) of schema 1, then (parameters, what each row has instead, processes)
OLD = {
    "speedup": (
        {"task": "sleep", "workers": [2], "kinds": ["threads", "processes"], "start_method": "fork", "task_ms": 5.0}
        | {"rounds": 9},
        [SPEEDUP, SPEEDUP | {"kind": "serial"}],
        ("kind",),
        {"task": "sleep", "workers": [2], "kinds": ["threads", "fork"], "task_ms": 5.0, "rounds": 9},
        [{"kind": "fork", "ran": None}, {"kind": "serial", "ran": None}],
        "fork",
    ),
    "startup": (
        {"ways": ["thread", "interpreter", "fork"], "workers": [2], "main_imports": "nothing", "starts": 2}
        | {"rounds": 1},
        [STARTUP | {"way": way} for way in ("thread", "interpreter", "fork", "forkserver", "spawn")],
        ("way",),
        {"kinds": ["threads", "interpreters", "fork"], "workers": [2], "main_imports": "nothing", "starts": 2}
        | {"rounds": 1},
        [{"kind": kind} for kind in ("threads", "interpreters", "fork", "forkserver", "spawn")],
        None,
    ),
    "echo": (
        {"question": "echo", "workers": 4, "intervals_us": [50.0], "waits": 10, "run_ms": 2.0, "start_method": "fork"}
        | {"rounds": 1},
        [ECHO, ECHO | {"neighbours": "threads", "count": 4, "interval_us": 50.0}],
        ("neighbours", "count", "reason"),
        {"workers": [1, 4], "intervals_us": [50.0], "run_ms": 2.0, "rounds": 1},
        [{"kind": "processes", "workers": 1}, {"kind": "threads", "workers": 4}],
        None,
    ),
    "transfer": (
        {"sizes_kb": [1], "ways": ["reference", "pickle", "interpreters"], "chunks": [1], "start_method": "forkserver"}
        | {"rounds": 5},
        [TRANSFER | {"way": way} for way in OF_EACH],
        ("way",),
        {"sizes_kb": [1], "kinds": ["threads", "forkserver", "interpreters"]}
        | {"channels": ["reference", "pickle", "queue"], "chunks": [1], "rounds": 5},
        [{"kind": "threads", "channel": "reference"}]
        + [{"kind": "forkserver", "channel": channel} for channel in ("pickle", "new block", "same block")]
        + [{"kind": "interpreters", "channel": "queue"}, {"kind": "forkserver", "channel": "map"}],
        "forkserver",
    ),
    "races": (
        {"ways": ["threads", "processes", "shared", "queue"], "methods": ["call"], "start_method": "spawn", "turns": 5}
        | {"increments": 7, "patience_ms": 500, "rounds": 3},
        [RACES | {"way": way} for way in ("threads", "processes", "shared", "queue")],
        ("way",),
        {"kinds": ["threads", "spawn"], "counts": ["shared", "own", "queue"], "methods": ["call"], "turns": 5}
        | {"increments": 7, "patience_ms": 500, "rounds": 3},
        [
            {"kind": kind, "count": count}
            for kind, count in (("threads", "shared"), ("spawn", "own"), ("spawn", "shared"), ("threads", "queue"))
        ],
        "spawn",
    ),
    "faults": (
        {"faults": ["hang"], "workers": APIS, "start_method": "spawn", "patience_s": 3.0},
        [FAULTS | {"worker": api, "start_method": None if number < 3 else "spawn"} for number, api in enumerate(APIS)],
        ("worker", "start_method"),
        {"faults": ["hang"], "apis": APIS, "kinds": ["spawn"], "patience_s": 3.0},
        [
            {"api": api, "kind": kind}
            for api, kind in zip(APIS, ["threads"] * 2 + ["interpreters"] + ["spawn"] * 3, strict=True)
        ],
        "spawn",
    ),
}


def test_results_of_schema_1(tmp_path):
    """A result that an earlier conc_lab saved comes back in the names of today, with its figures as they were."""
    for name, (params, rows, gone, new_params, new_columns, processes) in OLD.items():
        content = {"kind": result.KIND, "schema": 1, "experiment": "switching" if "question" in params else name}
        content |= {"params": params, "machine": MACHINE, "rows": rows, "started": "2026-01-31T12:00:00+00:00"}
        loaded = result.load(written(tmp_path / "old.json", content))
        assert (loaded.experiment, loaded.params, loaded.processes) == (name, new_params, processes)
        kept = [{column: value for column, value in row.items() if column not in gone} for row in rows]
        assert loaded.rows == [row | new for row, new in zip(kept, new_columns, strict=True)], name
        assert (loaded.machine, loaded.started) == (MACHINE, content["started"])
        assert result.load(loaded.save(tmp_path / "new.json")) == loaded
        del content["rows"][0][gone[0]]
        assert "in row 0 is None, not " in refused(written(tmp_path / "old.json", content)), name
