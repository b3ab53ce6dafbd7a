"""Rows and results of the memory experiment made by hand."""

import itertools

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.memory.measure import INSIDE, MB
from made.results import MACHINE


def row(kind, workers, grown, *, touch="untouched", rss=None, own=None, number=0, size=0, lacks=()):
    """A row in which workers added `grown` MB by PSS, `rss` MB by RSS, and one has `own` MB to itself.

    lacks: the meters that the platform lacks.
    """
    inside = kind in INSIDE
    made = {"round": number, "order": 0, "kind": kind, "workers": workers, "touch": touch, "data_bytes": size * MB}
    made["processes"] = 1 if inside else 1 + workers
    own = None if inside else own if own is not None else grown / workers
    values = {"pss": grown, "rss": grown if rss is None else rss, "uss": grown - 3}  # the parent shares, too
    for name, value in values.items():
        known = name not in lacks
        made |= {f"{name}_before_bytes": 10 * MB if known else None}
        made |= {f"{name}_bytes": round((10 + value) * MB) if known else None}
        made |= {f"worker_{name}_bytes": None if own is None or not known else round(own * MB)}
    made["others_uss_bytes"] = None if "uss" in lacks else 0 if inside else round(own * workers * MB)
    made["missing"] = "X does not say: no PSS" if lacks else None
    return made


def made(*rows, **params):
    """A result of these rows, whose parameters fit them."""
    given = {name: list(dict.fromkeys(item[name] for item in rows)) for name in ("workers", "touch")}
    given |= {"kinds": list(dict.fromkeys(item["kind"] for item in rows))}
    defaults = parameters.described(experiment.function("memory"))
    whole = {name: parameter.default for name, parameter in defaults.items()} | given | params
    return Result("memory", whole, MACHINE, list(rows), "2026-01-31T12:00:00+00:00")


TYPICAL = made(
    *[
        row(kind, workers, fixed + each * workers, rss=fixed + more * workers, own=own)
        for (kind, fixed, each, more, own), workers in itertools.product(
            [("threads", 0, 0.02, 0.02, None), ("fork", 1, 2.5, 17, 2.2), ("spawn", 8, 9, 16, 8.5)], [1, 2, 4]
        )
    ]
)
TOUCHED = made(
    row("fork", 2, 5, own=2, rss=200, size=100),
    row("fork", 2, 170, touch="read", own=82, rss=200, size=100),
    row("threads", 2, 0.1, size=100),
    row("threads", 2, 0.1, touch="read", size=100),
    parent_data="ints",
    data_mb=100,
)
