"""Rows and results of the transfer experiment made by hand."""

from conc_lab.engine import experiment as experiments, parameters
from conc_lab.experiments.transfer.measure import measure as module
from conc_lab.engine.result import Result
from made.results import MACHINE

SIZES = (1000, 10_000, 100_000)
# a reference that costs nothing, a pickle that costs by the byte, a block that overtakes it
THOUSANDTH = {"reference": [20e-6] * 3, "pickle": [1e-3, 10e-3, 100e-3], "new block": [4e-3, 9e-3, 20e-3]}


def rows_of(times, sizes=SIZES, rounds=3, chunks=None):
    """Rows with these hand-over times: {way: [seconds of each size, or a list of seconds of each round]}."""
    rows = []
    for number in range(rounds):
        for way, seconds in times.items():
            for size, value in zip(sizes, seconds, strict=True):
                value = value[number] if isinstance(value, list) else value
                rows.append(module._row(number, 0, way, value, 1, size_bytes=size, read_s=value / 10))
        for chunk, value in (chunks or {}).items():
            rows.append(module._row(number, 0, "map", value, 500, chunk=chunk))
    return rows


def made(times=THOUSANDTH, sizes=SIZES, rounds=3, chunks=None, usable=2):
    """A result with such rows."""
    chunks = chunks or {1: 60e-6, 100: 1e-6}
    defaults = parameters.described(experiments.function("transfer"))
    params = {name: parameters.default(parameter) for name, parameter in defaults.items()}
    params |= {"ways": list(times), "sizes_kb": [size // 1000 for size in sizes], "chunks": list(chunks)}
    rows = rows_of(times, sizes, rounds, chunks)
    return Result("transfer", params, MACHINE | {"usable_cpus": usable}, rows, "2026-01-31T12:00:00+00:00")
