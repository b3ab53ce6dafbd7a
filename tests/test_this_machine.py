"""conc_lab.this_machine: the limits that hold here, and nothing personal among the facts."""

import getpass
import html
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from conc_lab.engine import pools as executors, machine as this_machine

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate"
PROC = "23 1 0:21 / /proc rw - proc proc rw"


def v1(root="/", controllers="cpu,cpuacct"):
    return f"33 24 0:30 {root} /sys/fs/cgroup/{controllers} ro,nosuid master:11 - cgroup cgroup rw,{controllers}"


@pytest.fixture
def tree(tmp_path):
    """A function that writes a root folder with these memberships, mounts and cgroup files."""

    def write(cgroup, mounts, files):
        files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
        files |= {"proc/self/cgroup": cgroup + "\n", "proc/self/mountinfo": "\n".join([PROC, *mounts]) + "\n"}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


CPU = "3:cpuset:/\n4:cpu,cpuacct:"


def v1_quota(folder, quota):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}


UNIFIED = V2.replace("/cgroup ", "/cgroup/unified ")
CPU_CASES = {
    "no quota": ("0::/a", [V2], {"a/cpu.max": "max 100000\n", "cpu.max": "max 100000\n"}, None),
    "a fraction": ("0::/a", [V2], {"a/cpu.max": "150000 100000\n"}, 1.5),
    "nested below the root's": ("0::/a/b", [V2], {"cpu.max": "400000 100000", "a/b/cpu.max": "100000 100000"}, 1.0),
    "a level between": ("0::/a/b/c", [V2], {"a/cpu.max": "50000 100000", "a/b/c/cpu.max": "max 100000"}, 0.5),
    "the root's below the nested": ("0::/a", [V2], {"cpu.max": "20000 100000", "a/cpu.max": "400000 100000"}, 0.2),
    "namespace root": ("0::/", [V2], {"cpu.max": "300000 100000"}, 3.0),
    "another period": ("0::/", [V2], {"cpu.max": "25000 50000"}, 0.5),
    "v1 without a quota": (f"{CPU}/a", [v1()], v1_quota("cpu,cpuacct/a", -1), None),
    "v1 nested": (f"{CPU}/a", [v1()], v1_quota("cpu,cpuacct/a", 250000), 2.5),
    "v1 above": (f"{CPU}/a/b", [v1()], v1_quota("cpu,cpuacct/a", 40000), 0.4),
    "v1 in Docker": (f"{CPU}/docker/abc", [v1("/docker/abc")], v1_quota("cpu,cpuacct", 100000), 1.0),
    "v1 below Docker's root": (f"{CPU}/docker/abc/x", [v1("/docker/abc")], v1_quota("cpu,cpuacct/x", 70000), 0.7),
    "another controller": ("4:memory:/a", [v1(), v1(controllers="memory")], v1_quota("memory/a", 70000), None),
    "v1 beside v2": (f"{CPU}/a\n0::/b", [v1(), UNIFIED], v1_quota("cpu,cpuacct/a", 90000), 0.9),
    "v2 beside v1": (f"{CPU}/a\n0::/b", [v1(), UNIFIED], {"unified/b/cpu.max": "80000 100000"}, 0.8),
    "no source": ("0::/", ["31 23 0:28 / /run rw - tmpfs  rw", V2], {"cpu.max": "300000 100000"}, 3.0),
}


@pytest.mark.parametrize(("cgroup", "mounts", "files", "expected"), CPU_CASES.values(), ids=CPU_CASES)
def test_cpu_quota(tree, cgroup, mounts, files, expected):
    """The least quota of any level counts, in both cgroup versions and wherever the mount begins."""
    assert this_machine.cpu_quota(tree(cgroup, mounts, files)) == expected


def test_cpu_limit_counts_beside_cgroups(tree, monkeypatch):
    """A hub's CPU_LIMIT is one more quota, and the least wins."""
    root = tree("0::/", [V2], {"cpu.max": "300000 100000"})
    monkeypatch.setenv("CPU_LIMIT", "0.5")
    assert this_machine.cpu_quota(root) == 0.5
    monkeypatch.setenv("CPU_LIMIT", "8")
    assert this_machine.cpu_quota(root) == 3.0


@pytest.mark.parametrize("text", ["", "0", "none", "-1", "nan"])
def test_a_limit_that_is_none(monkeypatch, tmp_path, text):
    """A variable that holds no positive number is no limit."""
    monkeypatch.setenv("CPU_LIMIT", text)
    monkeypatch.setenv("MEM_LIMIT", text)
    assert this_machine.cpu_quota(tmp_path) is None
    assert this_machine.memory_limit(tmp_path) is None


@pytest.mark.parametrize(("quota", "usable"), [(None, 8), (0.1, 1), (1.0, 1), (1.5, 2), (7.01, 8), (64, 8)])
def test_usable_cpus(monkeypatch, quota, usable):
    """Usable CPUs are the quota rounded up, at least one and no more than the affinity mask allows."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert this_machine.usable_cpus(quota) == usable


def test_usable_cpus_follow_affinity():
    """A process that may run on one CPU has one usable CPU."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this platform has no affinity")
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from conc_lab import this_machine; print(this_machine.usable_cpus(None))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(this_machine.__file__).parent.parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True).stdout == b"1\n"


MEMORY_CASES = {
    "v2 nested": ("0::/a", [V2], {"memory.max": "max", "a/memory.max": "2000\n"}, 2000),
    "v2 above": ("0::/a", [V2], {"memory.max": "1000", "a/memory.max": "2000\n"}, 1000),
    "v2 without": ("0::/a", [V2], {"a/memory.max": "max\n"}, None),
    "v1": ("9:memory:/docker/x", [v1("/docker/x", "memory")], {"memory/memory.limit_in_bytes": "3000\n"}, 3000),
    "v1 without": ("9:memory:/", [v1("/", "memory")], {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
}


@pytest.mark.parametrize(("cgroup", "mounts", "files", "expected"), MEMORY_CASES.values(), ids=MEMORY_CASES)
def test_memory_limit(tree, cgroup, mounts, files, expected):
    """The least memory limit of any level counts; v1's huge number is none."""
    assert this_machine.memory_limit(tree(cgroup, mounts, files)) == expected


def test_mem_limit_counts_beside_cgroups(tree, monkeypatch):
    """A hub's MEM_LIMIT is one more limit."""
    root = tree("0::/", [V2], {"memory.max": "5000"})
    monkeypatch.setenv("MEM_LIMIT", "4000")
    assert this_machine.memory_limit(root) == 4000


def test_memory_free_below_a_limit(tree):
    """What is free is the limit less what is used, where cached files that can be dropped are not used."""
    files = {"memory.max": "9000", "memory.current": "4000", "memory.stat": "anon 100\ninactive_file 500\n"}
    assert this_machine.memory_free(tree("0::/", [V2], files)) == 5500


def test_memory_free_is_never_negative(tree):
    """A group above its limit has nothing left rather than less."""
    assert this_machine.memory_free(tree("0::/", [V2], {"memory.max": "10", "memory.current": "400"})) == 0


def test_memory_free_with_a_child_that_ends_meanwhile(tmp_path, monkeypatch):
    """A child that is gone when its memory is asked for takes none."""
    with subprocess.Popen(["sleep", "60"]) as process:
        gone = psutil.Process(process.pid)
        process.kill()
    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: [gone])
    monkeypatch.setenv("MEM_LIMIT", str(1 << 30))
    assert 0 < this_machine.memory_free(tmp_path) < 1 << 30


def test_without_proc(tmp_path):
    """Where there is no /proc there is no quota and no limit."""
    assert this_machine.cpu_quota(tmp_path) is None
    assert this_machine.memory_limit(tmp_path) is None
    assert this_machine.memory_free(tmp_path) > 0


def test_facts_are_plain_and_not_personal():
    """No value among the facts holds the host's name, the user's name or a path."""
    facts = this_machine.machine()
    secrets = [socket.gethostname(), str(Path.home()), os.getcwd(), sys.prefix]
    secrets += [getpass.getuser()] * (len(getpass.getuser()) > 3)
    for name, value in facts.items():
        assert isinstance(value, (str, int, float, bool, list, type(None))), name
        assert not [secret for secret in secrets if secret in str(value)], name


@pytest.mark.parametrize("name", [None, "BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST"])
def test_binder(monkeypatch, name):
    """A session is on Binder where one of the variables says so that Binder sets."""
    for variable in ("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST"):
        monkeypatch.delenv(variable, raising=False)
    if name:
        monkeypatch.setenv(name, "https://mybinder.org/")
    assert this_machine.machine()["binder"] is bool(name)


FACTS = {"usable_cpus": 2, "logical_cpus": 8, "cpu_quota": None, "memory_free_bytes": 3 << 29}
ALONE = " With one usable CPU no kind of worker computes faster than serial."


@pytest.mark.parametrize(
    ("facts", "cpus", "alone"),
    [
        ({}, "2 of this machine's 8 logical CPUs", ""),
        ({"cpu_quota": 1.5}, "2 of this machine's 8 logical CPUs (a quota of 1.5)", ""),
        ({"usable_cpus": 1}, "1 of this machine's 8 logical CPUs", ALONE),
    ],
)
def test_facts_in_words(facts, cpus, alone):
    """The facts say how many CPUs and how much memory this notebook may use, and what one CPU means."""
    facts = this_machine.Facts(FACTS | facts, cpu="<i>")
    assert facts.sentence() == f"This notebook may use {cpus} and 1.5 GiB of memory.{alone}"
    assert html.escape(facts.sentence()) in facts._repr_html_() and "<i>" not in facts._repr_html_()


def test_facts_fit_together():
    """Usable CPUs and free memory stay within what the machine has."""
    facts = this_machine.machine()
    assert 1 <= facts["usable_cpus"] <= facts["logical_cpus"]
    assert 0 < facts["memory_free_bytes"] <= facts["memory_bytes"]
    assert facts["start_methods"] == executors.start_methods()
    assert facts["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
