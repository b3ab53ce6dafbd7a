"""Rows and results of the transfer experiment made by hand."""

from conc_lab.engine import parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.transfer.measure import transfer
from made.results import MACHINE

SIZES = (1000, 10_000, 100_000)
KINDS = {"reference": "threads", "queue": "interpreters"}  # the others are of processes
# a reference that costs nothing, a pickle that costs by the byte, a block that overtakes it
THOUSANDTH = {"reference": [20e-6] * 3, "pickle": [1e-3, 10e-3, 100e-3], "new block": [4e-3, 9e-3, 20e-3]}


def row(number, channel, handover_s, size_bytes=None, chunk=None):
    read_s = None if size_bytes is None else handover_s / 10
    row = {"round": number, "order": 0, "kind": KINDS.get(channel, "fork"), "channel": channel, "content_equal": True}
    return row | {
        "size_bytes": size_bytes,
        "chunk": chunk,
        "tasks": 1,
        "handover_s": float(handover_s),
        "read_s": read_s,
    }


def made(times=THOUSANDTH, sizes=SIZES, rounds=3, chunks=None, usable=2):
    """A result with these hand-over times: {channel: [seconds of each size, or a list of seconds of each round]}."""
    chunks, rows = chunks or {1: 60e-6, 100: 1e-6}, []
    for number in range(rounds):
        for channel, seconds in times.items():
            for size, value in zip(sizes, seconds, strict=True):
                rows.append(row(number, channel, value[number] if isinstance(value, list) else value, size))
        rows += [row(number, "map", value, chunk=chunk) for chunk, value in chunks.items()]
    given = {"channels": list(times), "sizes_kb": [size // 1000 for size in sizes], "chunks": list(chunks)}
    params = parameters.checked(transfer, given) | {"kinds": ["threads", "fork"]}
    return Result("transfer", params, MACHINE | {"usable_cpus": usable}, rows, "2026-01-31T12:00:00+00:00", "fork")
