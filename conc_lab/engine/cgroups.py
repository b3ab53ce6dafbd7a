"""The control groups that this process is in, version 1 and 2, and the numbers in their files."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

MEMORY = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))  # of v2 and of v1
NO_LIMIT = 1 << 60  # v1 writes a number near 2**63 where there is none


def folders(controller: str, root: Path) -> Iterator[Path]:
    """This process's folder for a controller and every folder above it, in v1 and v2 hierarchies.

    They are looked for below /sys/fs/cgroup. A container may show only its own folder there, as the top: of a path in
    /proc/self/cgroup, which counts from the host's root, nothing else is found then.
    """
    for membership in text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = membership.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / (controllers and controller)
            folder = top / path.lstrip("/")
            yield from (level for level in (folder, *folder.parents) if level.is_relative_to(top))


def cpu_quotas(root: Path) -> list[float]:
    """CPUs' worth of time, for every level that has a quota."""
    # v1 writes -1 without a quota.
    levels = list(folders("cpu", root))
    pairs = [numbers(level / "cpu.max") for level in levels]  # v2: "max 100000", "150000 100000"
    pairs += [numbers(level / "cpu.cfs_quota_us") + numbers(level / "cpu.cfs_period_us") for level in levels]
    return [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and 0 < pair[0] < NO_LIMIT]


def memory_left(root: Path) -> list[int]:
    """Bytes left below the limit of every level that has one; cached files that can be dropped are left."""
    left = []
    for folder in folders("memory", root):
        # v1 has a sum over the levels below as well.
        can_go = max(map(int, re.findall(r"inactive_file (\d+)", text(folder / "memory.stat"))), default=0)
        for limit_name, used_name in MEMORY:
            used = sum(numbers(folder / used_name)) - can_go
            left += [limit - used for limit in numbers(folder / limit_name) if limit < NO_LIMIT]
    return left


def numbers(path: Path) -> list[int]:
    """The numbers in a file, one beyond every limit for "max"; none where there is no such file."""
    return [NO_LIMIT if word == "max" else int(word) for word in text(path).split()]


def text(path: Path) -> str:
    """What is in a file of the system's, nothing where there is no such file."""
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
