"""What every test shares: the quick profile, `--slow`, and a watch over processes that a test leaves behind."""

import contextlib
import gc
import os
import signal
import tempfile
from pathlib import Path

import helpers
import psutil
import pytest

os.environ["CONC_LAB_PROFILE"] = "quick"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # pools are forked from this process: it must have one thread


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_configure(config):
    from conc_lab.drawing import kit  # which brings NumPy: not before OPENBLAS_NUM_THREADS is set

    helpers.become_subreaper()
    kit.DPI = 100  # fewer dots take half of the time
    folder = tempfile.TemporaryDirectory(prefix="real-")
    config.add_cleanup(folder.cleanup)
    helpers.KEPT = Path(folder.name)
    # A shell without job control starts a command in the background with SIGINT ignored; no kernel is started so.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """What takes long in programs of its own begins now, where a test will ask for it: `begin` of a test's module."""
    gc.freeze()  # what has been imported is no garbage: to look at it again and again took a sixth of the time
    modules = {item.module for item in session.items if hasattr(getattr(item, "module", None), "begin")}
    for module in () if session.config.option.collectonly else modules:
        module.begin([item for item in session.items if item.module is module], session.config.add_cleanup)


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    """None of the limits that this machine's own hub may have set."""
    monkeypatch.delenv("CPU_LIMIT", raising=False)


@pytest.fixture(autouse=True)
def no_process_left(request):
    """Fails a test that leaves a process behind, be it its own child or the orphan of one."""
    before = helpers.children()
    yield
    # Adopted orphans are waited for here, as by nobody else. A resource tracker leaves 30 ms after its program.
    _, left = psutil.wait_procs(helpers.children() - before, timeout=1)
    found = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append((process.pid, " ".join(process.cmdline())[:100]))
            for member in [*process.children(recursive=True), process]:
                member.kill()
    assert not found, f"{request.node.name} left processes behind: {found}"


@pytest.fixture
def nothing_left(tmp_path_factory, monkeypatch):
    """Fails a test that leaves a process, shared memory, an open file, a thread or a temporary file behind."""
    helpers.watch(monkeypatch, tmp_path_factory.mktemp("t"))  # a short name: forkserver puts a socket there
    before = helpers.traces()
    yield
    assert helpers.left_since(before) == {}
