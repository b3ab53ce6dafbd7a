"""Limits of the system that are reached, for real: one sentence that says what to do, nothing left, the next run whole.

Each case runs tests/limited.py as an ordinary user of its own, with a /tmp, a /var/tmp and a /dev/shm of its own.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

from conc_lab.engine import experiment as experiments

if sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
    pytest.skip("only root can become another user, and mount, on Linux with util-linux", allow_module_level=True)

USERS = itertools.count(50_000 + os.getpid() % 10_000 * 100)  # limits on processes count all of a user's
REPOSITORY = Path(helpers.TESTS).parent  # and in it .venv
TMPFS = "mount -t tmpfs -o mode=1777,size={size} tmpfs {folder}"
# The user may read this repository and Python wherever they are, as an ordinary user may read his own.
CAPABILITIES = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
MIB = 1 << 20
# Runs with workers enough to reach each limit, threads and processes.
MANY = {
    "speedup": {"kinds": ["threads", "processes"], "workers": [12], "task_ms": 0.2, "rounds": 1},
    "startup": {"workers": [12], "rounds": 1},
    "memory": {"workers": [12], "kinds": ["threads", "fork"], "rounds": 1},
    "switching": {"question": "switches", "workers": 12, "waits": 10, "run_ms": 2, "rounds": 1},
    "transfer": {"sizes_kb": [1], "ways": ["reference", "pickle", "same block"], "chunks": [1], "rounds": 1},
    "sharing": {"kinds": ["thread", "fork", "spawn"]},
    "races": {"turns": 10, "increments": 10, "patience_ms": 50, "rounds": 1},
    "faults": {"faults": ["raise"], "workers": ["Thread", "Process", "ProcessPoolExecutor", "Pool"]},
    "timeline": {"work": ["sleep"], "window_ms": 20, "rounds": 1},
    "advise": {"task": "sleep", "task_ms": 5, "within_s": 1},
}
SLOW = [name if name == "speedup" else pytest.param(name, marks=pytest.mark.slow) for name in experiments.NAMES]


def limited(experiment, limits=None, fill=(), read_only=(), params=None):
    """What tests/limited.py reports of the experiment under these limits."""
    sizes = {"/dev/shm": "64m", "/tmp": "64m", "/var/tmp": "1m"}
    mounts = [TMPFS.format(size=size, folder=folder) for folder, size in sizes.items()]
    if REPOSITORY.is_relative_to("/tmp"):  # which the new /tmp would hide
        shown = f"mkdir -p {REPOSITORY} && mount -c --bind /proc/self/fd/3 {REPOSITORY}"
        mounts = [f"exec 3<{REPOSITORY}", *mounts, shown]
    mounts += [f"mount -o remount,ro {folder}" for folder in read_only]
    user = str(next(USERS))
    spec = {"experiment": experiment, "params": params or MANY[experiment], "limits": limits or {}, "fill": list(fill)}
    command = ["unshare", "-m", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh"]
    command += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *CAPABILITIES]
    command += [sys.executable, os.path.join(helpers.TESTS, "limited.py"), json.dumps(spec)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": "/tmp", "HOME": "/"}
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=200)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts of one's own here: {done.stderr.strip()}")
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def assert_one_sentence(report):
    """The run ended with one sentence, left nothing, and the next run was whole."""
    kind, sentence = report["found"][:2]
    assert kind == "LabError" and "\n" not in sentence, report["found"]
    advice = ("ask for ", "make room", "would fit", "close other programs")
    assert any(words in sentence for words in advice) and "failed with" not in sentence, sentence
    assert report["left"] == {} and report["again"][0] == "rows", report


@pytest.mark.parametrize("experiment", SLOW)
def test_too_few_processes(experiment):
    """RLIMIT_NPROC that leaves room for the run and one worker: the others are refused, by advice in its rows."""
    report = limited(experiment, {"RLIMIT_NPROC": 7})
    if experiment == "advise":
        assert report["found"][0] == "rows" and report["left"] == {}
    else:
        assert_one_sentence(report)


@pytest.mark.parametrize("most", range(1, 7))
@pytest.mark.slow
def test_too_few_processes_for_the_run_itself(most):
    """RLIMIT_NPROC that the kernel, its threads, the child or its watchdog reach before there is any worker."""
    assert_one_sentence(limited("speedup", {"RLIMIT_NPROC": most}))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("experiment", ["speedup", "memory"])
@pytest.mark.parametrize("beyond", [0, 2])
def test_too_few_processes_for_the_pools_threads(experiment, method, beyond):
    """RLIMIT_NPROC reached by the threads that a pool starts when it has its processes: no run waits for ever."""
    processes = {"fork": 6, "forkserver": 8, "spawn": 7}[method] + 4 + (experiment == "memory")
    params = {"workers": [4], "rounds": 1}
    params |= {"kinds": [method]} if experiment == "memory" else {"kinds": ["processes"], "start_method": method}
    report = limited(experiment, {"RLIMIT_NPROC": processes + beyond}, params=params)
    if report["found"][0] == "rows":  # versions of Python differ in the threads that a pool has
        assert report["left"] == {} and report["again"][0] == "rows"
    else:
        assert_one_sentence(report)


THREADS = {"speedup", "memory", "switching"}  # whose number of threads can be chosen, and which wait for each other


@pytest.mark.parametrize("experiment", SLOW)
def test_too_little_memory(experiment):
    """RLIMIT_AS that does not hold the workers' stacks, or a run at all, is one sentence."""
    params = MANY[experiment] | ({"ways": ["thread"]} if experiment == "startup" else {})
    limit = 100 * MIB if experiment in THREADS else 40 * MIB
    assert_one_sentence(limited(experiment, {"RLIMIT_AS": limit}, params=params))


@pytest.mark.parametrize("experiment", SLOW)
def test_full_shared_memory(experiment):
    """A /dev/shm without room for a semaphore or a block is one sentence; start-up and timeline's threads need none."""
    report = limited(experiment, fill=["/dev/shm"])
    if experiment in ("startup", "advise"):  # which tells of processes that cannot be started in its rows
        assert report["found"][0] == "rows" and report["left"] == {}
    else:
        assert_one_sentence(report)
        assert "make room" in report["found"][1] or "would fit" in report["found"][1]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["startup", "sharing", "faults"])
def test_temporary_folder_that_is_full(experiment):
    """Temporary folders that have become full are one sentence for the experiments that write files."""
    assert_one_sentence(limited(experiment, fill=["/tmp", "/var/tmp"]))


def test_temporary_folder_that_cannot_be_written():
    """Where no temporary folder can be written, no run can be started, and the sentence says so."""
    report = limited("speedup", read_only=["/tmp", "/var/tmp"])
    assert report["found"][:2] == report["again"][:2] and report["left"] == {}
    assert report["found"][0] == "LabError" and "set TMPDIR to a folder that can be written to" in report["found"][1]
