"""What this machine can show: CPUs and memory that may really be used, and the Python that runs here.

Facts come from the operating system; no host name, user name or path is among them.
"""

import contextlib
import math
import os
import platform
import re
import sys
import sysconfig
from pathlib import Path

from . import cgroups, kinds


def machine() -> dict:
    """The facts, as plain values: what a result keeps.

    usable_cpus: whole CPUs that this process may use (see `usable_cpus`); cpu_quota: the fraction behind it,
    None where none was found (see `cpu_quota`); logical_cpus: of the hardware, None where unknown; memory_free_bytes;
    cpu, system; python (version), free_threaded (how it was built), gil (whether it is on now), start_methods (this
    Python's default first); binder: whether this is a Binder session.
    """
    import psutil

    quota = cpu_quota()
    return dict(
        usable_cpus=usable_cpus(quota),
        cpu_quota=quota,
        logical_cpus=psutil.cpu_count(),
        memory_free_bytes=memory_free(),
        cpu=_cpu_name(),
        system=system(),
        python=platform.python_version(),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        gil=gil(),
        start_methods=kinds.start_methods(),
        binder="BINDER_SERVICE_HOST" in os.environ or "BINDER_LAUNCH_HOST" in os.environ,
    )


def gil() -> bool:
    """Whether this interpreter has its GIL on; a kernel can have it on, because of what it imports, and a child not."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


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
    quotas = cgroups.cpu_quotas(root)
    with contextlib.suppress(ValueError):
        quotas.append(float(os.environ.get("CPU_LIMIT", "")))
    return min((quota for quota in quotas if quota > 0), default=None)


def memory_free(root: Path = Path("/")) -> int:
    """Bytes that can still be taken: what the system calls available, or what is left below a cgroup limit."""
    import psutil

    return max(0, min([psutil.virtual_memory().available, *cgroups.memory_left(root)]))


def _cpu_name():
    named = re.search("model name.*: (.*)", cgroups.text(Path("/proc/cpuinfo")))
    return named[1] if named else platform.processor() or None
