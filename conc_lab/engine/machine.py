"""What this machine can show: CPUs and memory that may really be used, and the Python that runs here.

Facts come from the operating system; no host name, user name or path is among them.
"""

import contextlib
import math
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from . import this_python

# The limit and what is used, in the files of a control group, version 2 and version 1.
MEMORY = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
NO_LIMIT = 1 << 60  # v1 writes a number near 2**63 where there is none


def machine() -> dict:
    """The facts, as plain values: what a result keeps.

    usable_cpus: whole CPUs that this process may use (see `usable_cpus`); cpu_quota: the fraction behind it,
    None where none was found (see `cpu_quota`); logical_cpus: of the hardware, None where unknown; memory_free_bytes;
    cpu, system; python (version), free_threaded (how it was built), gil (whether it is on now), start_methods (this
    Python's default first); binder: whether this is a Binder session.
    """
    import psutil

    quota, binder = cpu_quota(), "BINDER_SERVICE_HOST" in os.environ or "BINDER_LAUNCH_HOST" in os.environ
    facts = {"usable_cpus": usable_cpus(quota), "cpu_quota": quota, "logical_cpus": psutil.cpu_count()}
    facts |= {"memory_free_bytes": memory_free(), "cpu": _cpu_name(), "system": system()}
    return facts | this_python.facts() | {"binder": binder}


def system() -> str:
    """What people call this system: Linux, macOS, Windows."""
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def capacity(facts: dict) -> float:
    """CPUs' worth of time: a quota of 1.5 is two usable CPUs, and no more than 1.5 of them at the same time."""
    return min(facts["usable_cpus"], facts["cpu_quota"] or math.inf)


def usable_cpus(quota: float | None) -> int:
    """The least of the CPUs in the affinity mask and the quota rounded up.

    The mask is not looked at on Windows and macOS. `os.process_cpu_count` and `os.cpu_count` do not know quotas.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(quota) if quota else allowed))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """CPUs' worth of time this process may use: the least cgroup quota (v1 or v2, any level) or CPU_LIMIT.

    None is not "no limit": Windows' job objects, macOS, and limits that a host sets around a container or a virtual
    machine are not looked at.
    """
    levels = list(_folders("cpu", root))
    pairs = [_numbers(level / "cpu.max") for level in levels]  # v2: "max 100000", "150000 100000"
    pairs += [_numbers(level / "cpu.cfs_quota_us") + _numbers(level / "cpu.cfs_period_us") for level in levels]
    # v1 writes -1 where there is no quota.
    quotas = [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and 0 < pair[0] < NO_LIMIT]
    with contextlib.suppress(ValueError):
        quotas.append(float(os.environ.get("CPU_LIMIT", "")))
    return min((quota for quota in quotas if 0 < quota < NO_LIMIT), default=None)


def memory_free(root: Path = Path("/")) -> int:
    """Bytes that can still be taken: what the system calls available, or what is left below a cgroup limit."""
    import psutil

    return max(0, min([psutil.virtual_memory().available, *memory_left(root)]))


def _cpu_name():
    named = re.search(r"^model name\s*: *(.+?) *$", _text(Path("/proc/cpuinfo")), re.MULTILINE)
    return named[1] if named else platform.processor() or None


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The folder of this process's control group for a controller, and every folder above it, in v1 and v2.

    They are looked for below /sys/fs/cgroup. A container may show only its own folder there, as the top: of a path in
    /proc/self/cgroup, which counts from the host's root, nothing else is found then.
    """
    for membership in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = membership.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / (controllers and controller)
            folder = top / path.lstrip("/")
            yield from (level for level in (folder, *folder.parents) if level.is_relative_to(top))


def memory_left(root: Path) -> list[int]:
    """Bytes left below the limit of every level that has one; cached files that can be dropped are left."""
    left = []
    for folder in _folders("memory", root):
        # v1 has a sum over the levels below as well.
        can_go = max(map(int, re.findall(r"inactive_file (\d+)", _text(folder / "memory.stat"))), default=0)
        for limit_name, used_name in MEMORY:
            used = sum(_numbers(folder / used_name)) - can_go
            left += [limit - used for limit in _numbers(folder / limit_name) if limit < NO_LIMIT]
    return left


def _numbers(path: Path) -> list[int]:
    """The numbers in a file, one beyond every limit for "max"; none where there is no such file."""
    return [NO_LIMIT if word == "max" else int(word) for word in _text(path).split()]


def _text(path: Path) -> str:
    """What is in a file of the system's, nothing where there is no such file."""
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
