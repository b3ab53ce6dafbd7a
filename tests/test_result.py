"""conc_lab.result: what was saved comes back equal; what was not is refused in one sentence."""

import dataclasses
import getpass
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

import conc_lab
from conc_lab.engine import experiment as experiments, parameters, result, machine as this_machine
from conc_lab.engine.errors import LabError
from conc_lab.recordings import __main__ as record

MADE_UP = result.Result(
    "speedup",
    {"task": "count_primes", "workers": [1, 2], "task_ms": 0.5},
    {"cpu": "Ünïcode™ CPU", "cpu_quota": None, "usable_cpus": 2, "python": "3.12.1"},
    [{"round": 0, "wall_s": 0.1 + 0.2, "repeat": None, "results_equal": True}, {"round": 1, "wall_s": 1e-9}],
    result.now(),
)
RECORDINGS = Path(conc_lab.__file__).parent / "recordings"
CONTENT = {"kind": result.KIND, "schema": result.SCHEMA, "experiment": "speedup", "params": {}, "machine": {}}
CONTENT |= {"rows": [{}], "started": ""}


def refused(path):
    """The sentence that refuses to load a file; it names the file and not where it lies."""
    with pytest.raises(LabError) as caught:
        result.load(path)
    sentence = str(caught.value)
    assert "\n" not in sentence and Path(path).name in sentence
    return sentence


def test_round_trip(tmp_path):
    """What was saved is loaded equal, to the last digit, from the path that save returned."""
    assert result.load(MADE_UP.save(tmp_path / "a" / "b.json")) == MADE_UP


def test_saving_replaces(tmp_path):
    """A second save replaces the first whole and leaves no other file."""
    path = tmp_path / "result.json"
    path.write_text("x" * 100_000)
    MADE_UP.save(path)
    assert result.load(path) == MADE_UP
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_nothing_personal_is_saved(tmp_path, monkeypatch):
    """The saved text of a run, own task included, holds no user name, host name or path."""
    monkeypatch.chdir(helpers.TESTS)
    text = helpers.small(task="own_tasks:fine").save(tmp_path / "run.json").read_text()
    secrets = [
        socket.gethostname(),
        str(Path.home()),
        os.getcwd(),
        str(tmp_path),
        sys.prefix,
        str(Path(conc_lab.__file__).parent),
    ]
    secrets += [getpass.getuser()] * (len(getpass.getuser()) > 3)
    assert not [secret for secret in secrets if secret in text]


def test_not_whole(tmp_path):
    """A file cut off anywhere, or one that is no JSON, is refused as not whole."""
    whole = MADE_UP.save(tmp_path / "whole.json").read_bytes()
    parts = [whole[:length] for length in range(0, len(whole) - 1, 7)]
    for content in (*parts, b"\xff\xfe\x00", b"\x80", b"PK\x03\x04", b"[" * 100_000):
        (tmp_path / "part.json").write_bytes(content)
        assert "is not a whole result: it is truncated or not JSON" in refused(tmp_path / "part.json"), content[:20]


def test_other_json(tmp_path):
    """JSON that conc_lab did not save is refused as such."""
    for text in ("[]", "null", '"text"', "{}", '{"kind": "nbformat"}'):
        (tmp_path / "other.json").write_text(text)
        assert "is JSON, but not a result" in refused(tmp_path / "other.json"), text


def test_other_schema(tmp_path):
    """A result of another schema version is refused with both versions."""
    for schema in (2, "1", None):
        (tmp_path / "new.json").write_text(json.dumps(CONTENT | {"schema": schema}))
        wanted = f"schema version {schema!r} and this conc_lab reads {result.SCHEMA}"
        assert wanted in refused(tmp_path / "new.json")


def test_missing_or_wrong_parts(tmp_path):
    """A result without one of its parts, or with one of another type, is refused with the part's name."""
    path = tmp_path / "part.json"
    for name in ("experiment", "params", "machine", "rows", "started"):
        for content in (CONTENT | {name: 3}, {part: value for part, value in CONTENT.items() if part != name}):
            path.write_text(json.dumps(content))
            assert repr(name) in refused(path)
    for rows, words in (([], "has no rows"), ([{}, 3], "a row is not an object")):
        path.write_text(json.dumps(CONTENT | {"rows": rows}))
        assert words in refused(path)


def test_no_file(tmp_path):
    """A path that leads nowhere, or to a folder, is refused with the system's reason."""
    assert "No such file" in refused(tmp_path / "missing.json")
    (tmp_path / "folder").mkdir()
    assert "directory" in refused(tmp_path / "folder")


def test_unwritable(tmp_path):
    """Where the result cannot be written, the sentence gives the path and the system's reason, and no file stays."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "result.json", tmp_path / "folder", "/proc/nowhere/result.json"):
        with pytest.raises(LabError, match="could not be written to ") as caught:
            MADE_UP.save(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_file_that_is_refused_half_way(tmp_path):
    """A result that JSON cannot hold leaves the earlier file as it was, and no other."""
    path = MADE_UP.save(tmp_path / "result.json")
    broken = result.Result("speedup", {}, {}, [{"wall_s": float("nan")}], "")
    with pytest.raises((LabError, ValueError)):
        broken.save(path)
    assert result.load(path) == MADE_UP
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    """Where only a part can be written, the earlier file stays as it was, and no other."""
    path = MADE_UP.save(tmp_path / "result.json")

    def write_half(self, text, **how):
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(LabError, match="No space left"):
        patched.setattr(Path, "write_text", write_half)
        MADE_UP.save(path)
    assert result.load(path) == MADE_UP
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_frame():
    """The frame has one row an observation and one column a quantity."""
    pytest.importorskip("pandas")
    frame = MADE_UP.frame
    assert list(frame.columns) == ["round", "wall_s", "repeat", "results_equal"] and len(frame) == 2
    assert MADE_UP.frame is frame


def test_recordings_are_whole():
    """Every recording can be loaded, is its experiment's, and tells nothing of its machine but the known facts."""
    for path in RECORDINGS.glob("*.json"):
        found = result.load(path)
        assert path.name.startswith(f"{found.experiment}-") and found.rows
        assert set(found.machine) <= set(this_machine.machine())


def test_every_case_is_recorded():
    """Every case to record can be run, and has files from a machine with two usable CPUs, with what the case names."""
    assert record.CASES.keys() == set(conc_lab.EXPERIMENTS)
    for experiment, cases in record.CASES.items():
        for name, params in cases.items():
            parameters.checked(experiments.function(experiment), params)
            found = [result.load(path) for path in RECORDINGS.glob(f"{experiment}-{name}-*-2cpu.json")]
            assert {(one.experiment, one.machine["usable_cpus"]) for one in found} == {(experiment, 2)}, name
            if experiment != "sharing":  # which is recorded with all the kinds that the Python has
                assert all(params.items() <= one.params.items() for one in found), name


def test_recording_by_parameters(tmp_path, monkeypatch):
    """A recording is found by its experiment and by the parameters given, or there is none."""
    MADE_UP.save(tmp_path / "recordings" / "speedup-here.json")
    monkeypatch.setattr(result, "__file__", str(tmp_path / "result.py"))
    assert result.recording("speedup") == result.recording("speedup", task="count_primes") == MADE_UP
    assert result.recording("speedup", task="sleep") is None
    assert result.recording("speed") is None


def test_recording_by_facts(tmp_path, monkeypatch):
    """A recording is found by facts about its machine, too; of several, the one with most CPUs is taken."""
    facts = {"python": "3.13.0", "gil": True, "usable_cpus": 2}
    machines = {"a": facts, "b": facts | {"usable_cpus": 16}}
    machines |= {"c": facts | {"gil": False}, "d": facts | {"python": "3.1.3"}}
    for name, machine in machines.items():
        dataclasses.replace(MADE_UP, machine=machine).save(tmp_path / "recordings" / f"speedup-{name}.json")
    monkeypatch.setattr(result, "__file__", str(tmp_path / "result.py"))
    assert result.recording("speedup").machine == machines["b"]
    assert result.recording("speedup", usable_cpus=2, gil=True, python="3.13").machine == machines["a"]
    assert result.recording("speedup", gil=False).machine == machines["c"]
    assert result.recording("speedup", python="3.1").machine == machines["d"]
    assert result.recording("speedup", gil=False, python="3.1") is None


def test_the_recording_of_this_python(tmp_path, monkeypatch):
    """Of recordings with as many CPUs that of the Python version running here is taken, or else the newest's."""
    here = "{}.{}.0".format(*sys.version_info)
    monkeypatch.setattr(result, "__file__", str(tmp_path / "result.py"))
    for version, started in (("3.9.2", "2026-09"), ("3.99.0", "2026-01"), ("3.99.7", "2026-03"), (here, "2025-01")):
        facts = MADE_UP.machine | {"python": version}
        path = tmp_path / "recordings" / f"speedup-{version}.json"
        dataclasses.replace(MADE_UP, machine=facts, started=started).save(path)
    assert result.recording("speedup").machine["python"] == here
    path.unlink()
    assert result.recording("speedup").machine["python"] == "3.99.7"
    dataclasses.replace(MADE_UP, machine=facts | {"python": "3.8.1", "usable_cpus": 4}).save(path)
    assert result.recording("speedup").machine["python"] == "3.8.1"


def test_recordings_are_made_again(monkeypatch, tmp_path, capsys):
    """A case to record is run and saved under a name that tells it; a refusal is said."""
    ran = []

    def run(experiment, params):
        ran.append((experiment, params))
        if params.get("task") == "zlib":
            raise LabError("zlib is not here")
        return dataclasses.replace(MADE_UP, machine={"python": "3.13.1", "free_threaded": True, "usable_cpus": 2})

    monkeypatch.setattr(record.runner, "run", run)
    monkeypatch.setattr(record, "__file__", str(tmp_path / "record.py"))
    monkeypatch.setenv("CONC_LAB_PROFILE", "quick")
    record.main(["speedup", "--cases", "sha256", "zlib"])
    assert [params["task"] for _, params in ran] == ["sha256", "zlib"]
    assert [path.name for path in tmp_path.iterdir()] == ["speedup-sha256-3.13t-2cpu.json"]
    assert "zlib is not here" in capsys.readouterr().err


LOOK = "import sys, conc_lab; conc_lab.__all__, dir(conc_lab); print(*sys.modules)"


def test_importing_conc_lab_is_light():
    """`import conc_lab` brings in no other library and none of its own modules."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    loaded = subprocess.check_output([sys.executable, "-c", LOOK], env=environment, text=True).split()
    assert [name for name in loaded if name.startswith("conc_lab")] == ["conc_lab"]
    assert not {"pandas", "numpy", "matplotlib", "ipywidgets", "psutil", "IPython", "multiprocessing"} & set(loaded)


def test_unknown_public_name():
    """A name that conc_lab lacks is refused with those that it has."""
    with pytest.raises(AttributeError, match=r"conc_lab has no 'speedupp'; it has: .*machine"):
        conc_lab.speedupp  # noqa: B018
