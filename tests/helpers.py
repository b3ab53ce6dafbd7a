"""Short ways to start a small run and to look at what it left."""

import contextlib
import ctypes
import functools
import importlib
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple
from multiprocessing import resource_tracker, util
from pathlib import Path

import psutil
import pytest

from conc_lab.__main__ import main
from conc_lab.engine import experiment, kinds, parameters, result, run

PR_SET_CHILD_SUBREAPER = 36
TESTS = os.path.dirname(__file__)
# Every start method; with every test only the one that needs all that the others need.
METHODS = [
    method if method == "forkserver" else pytest.param(method, marks=pytest.mark.slow)
    for method in kinds.start_methods()
]
# Runs here take up to about 3 s, and a stuck one must fail rather than wait for the runner's 300 s.
LIVENESS_S = 60
# A small run of every experiment, with worker processes where it has any; by default one round of what is quick.
RUNS = {name: {"rounds": 1} for name in experiment.names()}
RUNS |= {
    "advise": {"task_ms": 0.2, "within_s": 1},
    "cluster": {"parts": ["cost", "loss"], "kinds": ["processes"], "calls": 20, "rounds": 1},
    "contention": {"run_ms": 0.2, "rounds": 1},
    "echo": {"run_ms": 2, "intervals_us": [5000], "rounds": 1},
    "faults": {"faults": ["raise", "segfault", "hang"], "apis": ["Thread", "Pool"], "patience_s": 0.5},
    "interval": {"run_ms": 2, "intervals_us": [5000, 10], "rounds": 1},
    "memory": {"workers": [2], "rounds": 1},
    "pingpong": {"run_ms": 2, "rounds": 1},
    "races": {"counts": ["shared"], "methods": ["handshake", "deadlock"], "turns": 20, "rounds": 1},
    "scaling": {"serial_percent": [0, 50], "task_ms": 0.2, "rounds": 1},
    "sharing": {},
    "speedup": {"kinds": ["threads", "processes"], "workers": [2], "task_ms": 0.2, "rounds": 1},
    "startup": {"workers": [1, 2], "starts": 2, "rounds": 1},
    "switches": {"waits": 10, "run_ms": 2, "rounds": 1},
    "timeline": {"tasks": ["count_primes"], "window_ms": 20, "rounds": 1},
    "transfer": {"sizes_kb": [1], "chunks": [1], "rounds": 1},
}
KEPT = None  # the folder of what `real_run` keeps; pytest_configure in conftest.py makes and removes it
SMALL = {"task": "count_primes", "workers": [2], "kinds": ["threads"], "task_ms": 0.2, "rounds": 1}


def as_options(case):
    """The words of the command line that ask for a run of `RUNS`."""
    words = [case]
    for name, value in RUNS[case].items():
        words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return words


RealRun = namedtuple("RealRun", "result path png printed left")


@functools.cache
def real_run(case):
    """A run of `RUNS` by the command line, made once a session: its result as loaded from the file at `path`, the
    chart's file `png`, what it `printed`, and what it left behind (see `left_since`).
    """
    if case == "cluster" and (lacks := kinds.unavailable("dask")):
        pytest.skip(lacks)
    folder = KEPT / case
    scratch = folder / "t"
    scratch.mkdir(parents=True)
    path, png, printed = folder / "result.json", folder / "chart.png", io.StringIO()
    words = [*as_options(case), "--timeout", LIVENESS_S, "--save", path, "--chart", png]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.delenv("CPU_LIMIT", raising=False)
        patch.chdir(TESTS)
        watch(patch, scratch)
        before = traces()
        status = main([str(word) for word in words])
        left = left_since(before)
    assert status == 0
    return RealRun(result.load(path), path, png, printed.getvalue(), left)


def real(case):
    """The result of `real_run`: a small real run of every experiment, by its name."""
    return real_run(case).result


def small(timeout_s=LIVENESS_S, **params):
    """The result of a run of `SMALL` with these parameters."""
    return run.run("speedup", SMALL | params, timeout_s=timeout_s)


@contextlib.contextmanager
def profile(name):
    """The experiments with the defaults of this profile, which they have from their import."""
    measures = [experiment.part(each, "measure") for each in experiment.names()]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CONC_LAB_PROFILE", name)
            yield list(map(importlib.reload, measures))
    finally:
        list(map(importlib.reload, measures))


@contextlib.contextmanager
def started(timeout_s=LIVENESS_S, **params):
    """A started `Run` of `SMALL` with these parameters, ended in any case."""
    checked = parameters.checked(experiment.function("speedup"), SMALL | params)
    one = run.Run("speedup", checked, timeout_s)
    try:
        yield one
    finally:
        one.stop()
        with contextlib.suppress(Exception):
            one.close()


def becomes_true(condition, within_s):
    """Whether `condition()` holds before `within_s` seconds are over."""
    deadline = time.monotonic() + within_s
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds


def descriptors():
    """This process's open files by number, less the one that the listing needs, and the fonts that charts keep."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return {number: target for number, target in found.items() if not target.endswith(".ttf")}


def shared_memory():
    """What Python programs have in /dev/shm: semaphores, blocks, and the heap of synchronized values."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(("sem.mp-", "psm_", "pym-"))}


def threads():
    """The native ids of this process's Python threads."""
    return {thread.native_id for thread in threading.enumerate()}


def children():
    """The processes below this one, zombies too, less the resource tracker of this process, which it keeps.

    Where Linux lists them it is asked for the children only, among them every orphan (see `become_subreaper`): to
    look for the whole family in the list of all processes took 40 ms, twice for every test.
    """
    lists = list(Path("/proc/self/task").glob("*/children"))
    found = set() if lists else set(psutil.Process().children(recursive=True))
    try:
        pids = {int(word) for each in lists for word in each.read_text().split()}
    except (FileNotFoundError, ProcessLookupError):  # a thread ended meanwhile, and another has its children now
        return children()
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.add(psutil.Process(pid))
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
    return {child for child in found if child.pid != tracker}


def begun(command, **how):
    """A started program whose orphans are its own, and not this process's: tests may run beside it."""
    return subprocess.Popen(command, preexec_fn=become_subreaper if os.name != "nt" else None, **how)


def runs_still(process):
    """Whether a process still runs, and is no zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def become_subreaper():
    """On Linux, orphans of a run come back to this process instead of to init, so that they are seen."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def watch(monkeypatch, folder):
    """Send temporary files to this folder and start what this process keeps, so that `traces` tells of runs alone."""
    util.get_temp_dir()  # multiprocessing's own, which it makes once and keeps until this process ends
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    if os.name != "nt":
        resource_tracker.ensure_running()  # this process's own stays until it ends


def traces():
    """What a run could leave behind, as it is now: {what: names}."""
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError:  # there is none that can be written to
        temporary = os.devnull
    return {
        "processes": set(filter(runs_still, children())),
        "shared memory": shared_memory() if os.path.isdir("/dev/shm") else set(),
        "open files": set(descriptors()) if os.path.isdir("/proc/self/fd") else set(),
        "threads": threads(),
        "temporary files": {str(path) for path in Path(temporary).rglob("*")},
    }


def left_since(before):
    """What there is now and was not in the `traces` before: {what: names}, empty where nothing is left.

    Shared memory that another program is using is not ours: all processes of a run are gone. A resource tracker
    leaves 30 ms after its program, and a thread that has said its last may still be on its way out.
    """

    def more():
        now = traces()
        found = {what: now[what] - before[what] for what in now}
        if found["shared memory"]:
            found["shared memory"] -= used_by_others()
            found["shared memory"] &= shared_memory()  # others' came and went meanwhile
        return {what: names for what, names in found.items() if names}

    becomes_true(lambda: not more().keys() & {"shared memory", "threads"}, 5)
    return more()


def used_by_others():
    """The names in /dev/shm of what some process other than this one has mapped.

    Told by inode: a semaphore's mapping has the name that sem_open gave the file before the one it has now.
    """
    inodes = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                inodes.update(line.split()[4] for line in maps.read_text().splitlines() if "/dev/shm/" in line)
    return {entry.name for entry in os.scandir("/dev/shm") if str(entry.inode()) in inodes}


def instead_of_our_programs(monkeypatch, code):
    """Whatever small program conc_lab starts, it runs this code."""
    popen = subprocess.Popen

    def other(command, **pipes):
        assert command[3].startswith("from conc_lab.")
        return popen([*command[:3], code, *command[4:]], **pipes)

    monkeypatch.setattr(subprocess, "Popen", other)
