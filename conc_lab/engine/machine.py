"""What this machine can show: CPUs and memory that may really be used, and the Python that runs here.

Facts come from the operating system; no host name, user name or path is among them.
"""

import contextlib
import html
import math
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from . import kinds


class Facts(dict):
    """Facts about this machine; in a cell, a sentence and a table."""

    def sentence(self) -> str:
        """What the facts mean for an experiment, in words."""
        cpus = f"{self['usable_cpus']} of this machine's {self['logical_cpus']} logical CPUs"
        quota = f" (a quota of {self['cpu_quota']:g})" if self["cpu_quota"] else ""
        alone = (
            " With one usable CPU no kind of worker computes faster than serial." if self["usable_cpus"] == 1 else ""
        )
        return f"This notebook may use {cpus}{quota} and {self['memory_free_bytes'] / 2**30:.1f} GiB of memory.{alone}"

    def _repr_html_(self):
        rows = "".join(
            f'<tr><td style="text-align: left">{name}</td>'
            f'<td style="text-align: left">{html.escape(str(value))}</td></tr>'
            for name, value in self.items()
        )
        return f"<p>{html.escape(self.sentence())}</p><table>{rows}</table>"


def machine() -> Facts:
    """The facts, as plain values: what a result keeps and `python -m conc_lab machine` prints.

    usable_cpus: whole CPUs that this process may use (see `usable_cpus`); cpu_quota: the fraction behind it,
    None without a quota; logical_cpus, physical_cpus: of the hardware, None where unknown; memory_bytes,
    memory_limit_bytes (None without a limit), memory_free_bytes; cpu, system, architecture; the `python_facts`, of
    which start_methods has this Python's default first; binder: whether this is a Binder session.
    """
    import psutil

    quota = cpu_quota()
    return Facts(
        usable_cpus=usable_cpus(quota),
        cpu_quota=quota,
        logical_cpus=psutil.cpu_count(),
        physical_cpus=psutil.cpu_count(logical=False),
        memory_bytes=psutil.virtual_memory().total,
        memory_limit_bytes=memory_limit(),
        memory_free_bytes=memory_free(),
        cpu=_cpu_name(),
        system=system(),
        architecture=platform.machine(),
        **python_facts(),
        binder="BINDER_SERVICE_HOST" in os.environ or "BINDER_LAUNCH_HOST" in os.environ,
    )


def system() -> str:
    """What people call this system: Linux, macOS, Windows."""
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def python_facts() -> dict:
    """python (version), implementation, free_threaded (how it was built), gil (whether on now), start_methods."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "start_methods": kinds.start_methods(),
    }


def capacity(facts: dict) -> float:
    """CPUs' worth of time: a quota of 1.5 is two usable CPUs, and no more than 1.5 of them at the same time."""
    return min(facts["usable_cpus"], facts["cpu_quota"] or math.inf)


def capped(facts: dict) -> bool:
    """Whether it is a limit on CPU time, not the number of CPUs, that leaves one usable: then two may overlap."""
    return facts["usable_cpus"] == 1 and bool(facts["cpu_quota"]) and facts["logical_cpus"] != 1


def usable_cpus(quota: float | None) -> int:
    """The least of the CPUs in the affinity mask and the quota rounded up.

    `os.process_cpu_count` and `os.cpu_count` do not know quotas.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(quota) if quota else allowed))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """CPUs' worth of time this process may use: the least cgroup quota (v1 or v2, any level) or CPU_LIMIT."""
    quotas = []
    for folder in cgroup_folders("cpu", root):
        quota, period = _numbers(folder / "cpu.max") or (None, None)  # v2: "max 100000" or "150000 100000"
        if quota is None:
            quota = (_numbers(folder / "cpu.cfs_quota_us") or [None])[0]  # v1: -1 without a quota
            period = (_numbers(folder / "cpu.cfs_period_us") or [None])[0]
        if quota and period and quota > 0:
            quotas.append(quota / period)
    quotas += _from_environment("CPU_LIMIT")
    return min(quotas, default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes this process and its neighbours may use: the least cgroup limit (v1 or v2) or MEM_LIMIT."""
    limits = []
    for folder in cgroup_folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = (_numbers(folder / name) or [None])[0]
            if limit is not None and limit < 1 << 60:  # v1 writes a number near 2**63 for "no limit"
                limits.append(int(limit))
    limits += [int(limit) for limit in _from_environment("MEM_LIMIT")]
    return min(limits, default=None)


def memory_free(root: Path = Path("/")) -> int:
    """Bytes that can still be taken: what the system calls available, or what is left below a limit."""
    import psutil

    free = [psutil.virtual_memory().available]
    for folder in cgroup_folders("memory", root):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _numbers(folder / limit_name), _numbers(folder / used_name)
            if limit and used and limit[0] is not None:
                free.append(int(limit[0] - used[0] + _inactive_file(folder)))
    for limit in _from_environment("MEM_LIMIT"):
        used = 0
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
                used += process.memory_info().rss
        free.append(int(limit - used))
    return max(0, min(free))


def cgroup_folders(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """This process's cgroup folder for a controller and every folder above it, in v1 and v2 hierarchies.

    A path in /proc/self/cgroup counts from the hierarchy's root, a mount may show only a part of it
    (field 4 of /proc/self/mountinfo).
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for mount in mounts:
            fields, _, tail = mount.partition(" - ")
            _, _, _, mount_root, mount_point = fields.split()[:5]
            kind, options = tail.split()[0], tail.split()[-1]  # the source between may be empty
            wanted = kind == "cgroup" and controller in options.split(",") if controllers else kind == "cgroup2"
            if not wanted:
                continue
            top = root / mount_point.lstrip("/")
            below = path[len(mount_root) :] if path.startswith(mount_root) and mount_root != "/" else path
            folder = top / below.lstrip("/")
            while True:
                yield folder
                if folder == top or top not in folder.parents:
                    break
                folder = folder.parent
            break


def _numbers(path):
    """The numbers in a cgroup file, None for "max"; None where there is no such file."""
    try:
        words = path.read_text().split()
    except OSError:
        return None
    return [None if word == "max" else float(word) for word in words]


def _inactive_file(folder):
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split() for line in lines)
    return int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))


def _from_environment(name):
    try:
        value = float(os.environ.get(name, ""))
    except ValueError:
        return []
    return [value] if value > 0 else []


def _cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None
