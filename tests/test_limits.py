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

if sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
    pytest.skip("only root can become another user, and mount, on Linux with util-linux", allow_module_level=True)

pytestmark = pytest.mark.slow
USERS = itertools.count(50_000 + os.getpid() % 10_000 * 100)  # limits on processes count all of a user's
REPOSITORY = Path(helpers.TESTS).parent  # and in it .venv
TMPFS = "mount -t tmpfs -o mode=1777,size={size} tmpfs {folder}"
# The user may read this repository and Python wherever they are, as an ordinary user may read his own.
CAPABILITIES = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
MIB = 1 << 20
# A run with workers enough to reach each limit, threads and processes.
MANY = {"kinds": ["threads", "processes"], "workers": [12], "task_ms": 0.2, "rounds": 1}


def limited(limits=None, fill=(), read_only=(), **params):
    """What tests/limited.py reports of a run under these limits."""
    sizes = {"/dev/shm": "64m", "/tmp": "64m", "/var/tmp": "1m"}
    mounts = [TMPFS.format(size=size, folder=folder) for folder, size in sizes.items()]
    if REPOSITORY.is_relative_to("/tmp"):  # which the new /tmp would hide
        shown = f"mkdir -p {REPOSITORY} && mount -c --bind /proc/self/fd/3 {REPOSITORY}"
        mounts = [f"exec 3<{REPOSITORY}", *mounts, shown]
    mounts += [f"mount -o remount,ro {folder}" for folder in read_only]
    user = str(next(USERS))
    spec = {"experiment": "speedup", "params": MANY | params, "limits": limits or {}, "fill": list(fill)}
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
    kind, sentence = report["reached"][:2]
    assert kind == "LabError" and "\n" not in sentence, report["reached"]
    advice = ("ask for ", "make room", "close other programs")
    assert any(words in sentence for words in advice) and "failed with" not in sentence, sentence
    assert report["left"] == {} and report["again"][0] == "rows", report


def test_too_few_processes():
    """RLIMIT_NPROC that the kernel's threads, the child, its watchdog or its workers reach."""
    for most in (1, 3, 5, 7):
        assert_one_sentence(limited({"RLIMIT_NPROC": most}))


def test_too_few_processes_for_the_pools_threads():
    """RLIMIT_NPROC reached by the threads that a pool starts when it has its processes: no run waits for ever."""
    for method, processes in (("fork", 6), ("forkserver", 8), ("spawn", 7)):
        given = {"kinds": [method], "workers": [4]}
        report = limited({"RLIMIT_NPROC": processes + 4}, **given)
        if report["reached"][0] == "rows":  # versions of Python differ in the threads that a pool has
            assert report["left"] == {} and report["again"][0] == "rows"
        else:
            assert_one_sentence(report)


def test_too_little_memory():
    """RLIMIT_AS that does not hold the workers' stacks is one sentence."""
    assert_one_sentence(limited({"RLIMIT_AS": 100 * MIB}))


def test_full_shared_memory():
    """A /dev/shm without room for a semaphore is one sentence."""
    report = limited(fill=["/dev/shm"])
    assert_one_sentence(report)
    assert "make room" in report["reached"][1]


def test_temporary_folder_that_cannot_be_written():
    """Where no temporary folder can be written, no run can be started, and the sentence says so."""
    report = limited(read_only=["/tmp", "/var/tmp"])
    assert report["reached"][:2] == report["again"][:2] and report["left"] == {}
    assert report["reached"][0] == "LabError" and "set TMPDIR to another folder" in report["reached"][1]
