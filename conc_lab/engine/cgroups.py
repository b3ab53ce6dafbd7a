"""The control groups that this process is in, version 1 and 2, and the numbers in their files."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

MEMORY = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))  # of v2 and of v1
NO_LIMIT = 1 << 60  # v1 writes a number near 2**63 where there is none


def folders(controller: str, root: Path) -> Iterator[Path]:
    """This process's folder for a controller and every folder above it, in v1 and v2 hierarchies.

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
            kind, options = tail.split()[0], tail.split()[-1].split(",")  # the source between may be empty
            if (kind == "cgroup" and controller in options) if controllers else kind == "cgroup2":
                top = root / mount_point.lstrip("/")
                folder = top / path.removeprefix(mount_root).lstrip("/")
                yield from (level for level in (folder, *folder.parents) if level.is_relative_to(top))
                break


def memory(root: Path) -> Iterator[tuple[float, float]]:
    """(limit, what is left of it) in bytes at every level that has one; what can be dropped is not used."""
    for folder in folders("memory", root):
        for limit_name, used_name in MEMORY:
            for limit in numbers(folder / limit_name):
                if limit < NO_LIMIT:
                    used = sum(numbers(folder / used_name))
                    yield limit, limit - used + _inactive_file(folder)


def numbers(path: Path) -> list[float]:
    """The numbers in a file, infinity for "max"; none where there is no such file."""
    with contextlib.suppress(OSError):
        return [math.inf if word == "max" else float(word) for word in path.read_text().split()]
    return []


def _inactive_file(folder):
    with contextlib.suppress(OSError):
        counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return float(counts.get("total_inactive_file", counts.get("inactive_file", 0)))
    return 0
