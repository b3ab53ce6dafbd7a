"""Rows and results of the races made by hand."""

from conc_lab.engine.result import Result
from made.results import MACHINE

OPEN = [("threads", "none"), ("shared", "none")]
GUARDED = [("threads", "lock"), ("shared", "lock")]
OWNED = [("processes", "none"), ("queue", "none")]


def row(method="handshake", way="threads", lock="none", lost=0, expected=1000, number=0):
    return {
        "round": number,
        "method": method,
        "way": way,
        "lock": lock,
        "what": "threads" if method == "deadlock" else "updates",
        "expected": expected,
        "counted": expected - lost,
        "lost": lost,
        "seen_by_parent": 0 if way == "processes" else expected - lost,
    }


def made(*rows, usable=2, quota=None, gil=True):
    machine = MACHINE | {"usable_cpus": usable, "cpu_quota": quota, "gil": gil}
    return Result("races", {"rounds": 1}, machine, list(rows), "2026-01-31T12:00:00+00:00")


def update_rows(method, lost, expected=1000):
    """A row for each way and lock; without a lock `lost` updates are lost where memory is shared."""
    return [row(method, *pair, lost, expected) for pair in OPEN] + [
        row(method, *pair, 0, expected) for pair in GUARDED + OWNED
    ]


WHOLE = made(
    *update_rows("handshake", 500),
    *update_rows("call", 321),
    *update_rows("plain", 0, 2000),
    row("deadlock", lock="opposite order", lost=2, expected=2),
    row("deadlock", lock="same order", expected=2),
)
