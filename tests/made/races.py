"""Rows and results of the races made by hand."""

from conc_lab.engine.result import Result
from made.results import MACHINE

OPEN = [("threads", "shared", "none"), ("fork", "shared", "none")]
GUARDED = [("threads", "shared", "lock"), ("fork", "shared", "lock")]
OWNED = [("fork", "own", "none"), ("threads", "queue", "none")]


def row(method="handshake", kind="threads", count="shared", lock="none", lost=0, expected=1000, number=0):
    row = {"round": number, "method": method, "kind": kind, "count": count, "lock": lock}
    counted = expected - lost
    return row | {
        "what": "threads" if method == "deadlock" else "updates",
        "expected": expected,
        "counted": counted,
        "lost": lost,
        "seen_by_parent": 0 if count == "own" else counted,
    }


def made(*rows, usable=2, quota=None, gil=True):
    machine = MACHINE | {"usable_cpus": usable, "cpu_quota": quota, "gil": gil}
    return Result("races", {"rounds": 1}, machine, list(rows), "2026-01-31T12:00:00+00:00", "fork")


def update_rows(method, lost, expected=1000):
    """A row for each kind, count and lock; without a lock `lost` updates are lost where the count is shared."""
    return [row(method, *variant, lost, expected) for variant in OPEN] + [
        row(method, *variant, 0, expected) for variant in GUARDED + OWNED
    ]


WHOLE = made(
    *update_rows("handshake", 500),
    *update_rows("call", 321),
    *update_rows("plain", 0, 2000),
    row("deadlock", lock="opposite order", lost=2, expected=2),
    row("deadlock", lock="same order", expected=2),
)
