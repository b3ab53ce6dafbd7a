"""conc_lab.this_machine: the limits that hold here, and nothing personal among the facts."""

import getpass
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

import conc_lab as lab
from conc_lab.drawing.facts import Tiles
from conc_lab.engine import kinds, machine, pythons


@pytest.fixture
def tree(tmp_path):
    """A function that writes a root folder with these memberships and cgroup files."""

    def write(cgroup, files):
        root = Path(tempfile.mkdtemp(dir=tmp_path))
        files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
        for name, text in (files | {"proc/self/cgroup": cgroup + "\n"}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


CPU = "3:cpuset:/\n4:cpuacct,cpu:"


def test_cpu_quota(tree):
    """The least quota of any level counts."""
    for what, cgroup, files, quota in (
        ("no quota", "0::/a", {"a/cpu.max": "max 100000\n", "cpu.max": "max 100000\n"}, None),
        ("another period", "0::/a", {"a/cpu.max": "75000 50000\n"}, 1.5),
        ("a level between", "0::/a/b/c", {"a/cpu.max": "50000 100000", "a/b/c/cpu.max": "max 100000"}, 0.5),
        ("the root's is least", "0::/a", {"cpu.max": "20000 100000", "a/cpu.max": "400000 100000"}, 0.2),
        ("the lowest is least", "0::/a/b", {"cpu.max": "400000 100000", "a/b/cpu.max": "100000 100000"}, 1.0),
    ):
        assert machine.cpu_quota(tree(cgroup, files)) == quota, what


def v1_quota(folder, quota):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}


def test_cpu_quota_of_v1(tree):
    """The least quota of any level counts in cgroup version 1, too, and where both versions are mounted."""
    for what, cgroup, files, quota in (
        ("none", f"{CPU}/a", v1_quota("cpu/a", -1), None),
        ("above", f"{CPU}/a/b", v1_quota("cpu/a", 40000), 0.4),
        ("Docker", f"{CPU}/docker/abc", v1_quota("cpu", 100000), 1.0),
        ("memory's", "4:memory:/a", v1_quota("memory/a", 70000), None),
        ("beside v2", f"{CPU}/a\n0::/b", v1_quota("cpu/a", 90000), 0.9),
    ):
        assert machine.cpu_quota(tree(cgroup, files)) == quota, what


def test_limit_of_a_hub(tree, monkeypatch):
    """A hub's CPU_LIMIT is one more limit, and the least wins; what is no positive number is none."""
    root = tree("0::/", {"cpu.max": "300000 100000"})
    for text, quota in (("0.5", 0.5), ("4000", 3.0), *((text, 3.0) for text in ("", "0", "none", "-1", "nan"))):
        monkeypatch.setenv("CPU_LIMIT", text)
        assert machine.cpu_quota(root) == quota, text


def test_usable_cpus(monkeypatch):
    """Usable CPUs are the quota rounded up, at least one and no more than the affinity mask allows."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for quota, usable in ((None, 8), (0.1, 1), (1.0, 1), (1.5, 2), (64, 8)):
        assert machine.usable_cpus(quota) == usable


def test_usable_cpus_follow_affinity():
    """A process that may run on one CPU has one usable CPU."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this platform has no affinity")
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from conc_lab.engine import machine; print(machine.usable_cpus(None))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(machine.__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True).stdout == b"1\n"


def test_memory_limit(tree):
    """The least memory limit of any level bounds what is free; v1's huge number is none."""
    name = "memory/memory.limit_in_bytes"
    for what, cgroup, files, left in (
        ("v2 nested", "0::/a", {"memory.max": "max", "a/memory.max": "2000\n"}, [2000]),
        ("v2 above", "0::/a", {"memory.max": "1000", "a/memory.max": "2000\n"}, [2000, 1000]),
        ("v1", "9:memory:/docker/x", {name: "3000\n"}, [3000]),
        ("v1 without", "9:memory:/", {name: "9223372036854771712"}, []),
    ):
        root = tree(cgroup, files)
        assert machine.memory_left(root) == left, what
        assert not left or machine.memory_free(root) == min(left), what


def test_memory_free(tree):
    """Below a limit is free what is not used; cached files that can be dropped are not used, and nothing is below 0."""
    files = {"memory.max": "9000", "memory.current": "4000", "memory.stat": "anon 100\ninactive_file 500\n"}
    assert machine.memory_free(tree("0::/", files)) == 5500
    assert machine.memory_free(tree("0::/", {"memory.max": "10", "memory.current": "400"})) == 0


def test_without_proc(tmp_path):
    """Where there is no /proc there is no quota and no limit."""
    assert machine.cpu_quota(tmp_path) is None
    assert machine.memory_free(tmp_path) > 0


def test_facts_are_plain_and_not_personal():
    """No value among the facts holds the host's name, the user's name or a path."""
    facts = machine.machine()
    secrets = [socket.gethostname(), str(Path.home()), os.getcwd(), sys.prefix]
    secrets += [getpass.getuser()] * (len(getpass.getuser()) > 3)
    for name, value in facts.items():
        assert isinstance(value, (str, int, float, bool, list, type(None))), name
        assert not [secret for secret in secrets if secret in str(value)], name


def test_binder(monkeypatch):
    """A session is on Binder where one of the variables says so that Binder sets."""
    names = ("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST")
    for present in (None, *names):
        for name in names:
            monkeypatch.delenv(name, raising=False)
        if present:
            monkeypatch.setenv(present, "https://mybinder.org/")
        assert machine.machine()["binder"] is bool(present)


FACTS = {"usable_cpus": 2, "logical_cpus": 8, "cpu_quota": None, "memory_free_bytes": 3 << 29, "system": "Linux"}
FACTS |= {"python": "3.14.0", "gil": True, "start_methods": ["forkserver", "fork"], "cpu": "<i>"}
TWO = {"2 usable CPUs": "of 8 logical CPUs", "1.5 GiB": "of free memory", "Python 3.14.0": "GIL on"}
TWO |= {"Linux": "processes start with forkserver"}
ONE = {"1 usable CPU": "of 8 logical CPUs, a quota of 0.5", **dict(list(TWO.items())[1:]), "Python 3.14.0": "GIL off"}


def test_tiles():
    """In a cell the facts that matter are four tiles, the others a folded table; what one CPU means is said."""
    for facts, tiles in (({}, TWO), ({"usable_cpus": 1, "cpu_quota": 0.5, "gil": False}, ONE)):
        page = Tiles(FACTS | facts)._repr_html_()
        assert re.findall(r"<li><b>(.*?)</b><br>(.*?)</li>", page) == list(tiles.items())
        assert ("With one usable CPU, no kind of worker" in page) is (tiles is ONE)
        assert page.index("<details>") < page.index("<table>") < page.index(">&lt;i&gt;<") and "<i>" not in page
    assert isinstance(lab.machine(), Tiles)


def test_a_quota_that_was_not_found():
    """People read where a quota was looked for, in a cell as on the command line; the fact itself is a plain None."""
    facts, limited = Tiles(FACTS), Tiles(FACTS | {"cpu_quota": 1.5})
    assert facts.in_words()["cpu_quota"] == "none found (in Linux control groups or CPU_LIMIT)"
    assert ">none found (in " in facts._repr_html_() and facts["cpu_quota"] is None
    words = {"memory_free_bytes": "1,610,612,736 (1.5 GiB)", "pythons": ", ".join(pythons.found())}
    assert limited.in_words() == limited | words
    assert ">1.5<" in limited._repr_html_()


def test_facts_fit_together():
    """Usable CPUs and free memory stay within what the machine has."""
    facts = machine.machine()
    assert 1 <= facts["usable_cpus"] <= facts["logical_cpus"]
    assert 0 < facts["memory_free_bytes"] <= psutil.virtual_memory().total
    assert facts["start_methods"] == kinds.start_methods()
    assert facts["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
