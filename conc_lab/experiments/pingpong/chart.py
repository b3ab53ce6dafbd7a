"""Hand-overs between threads and between processes, by pipe and by lock, on one CPU and on two."""

import pandas

from ...drawing import words
from ...engine.result import Result, once
from ...engine.stats import paired, where
from .measure import PARTNERS, PLACES
from .round_trips import drawn, spreads, us

NEEDS_TWO_CPUS = True


@once
def summary(result: Result) -> pandas.DataFrame:
    """What a round trip took, a line for each place and pair of partners that has figures."""
    variants = [(place, *partner) for place in PLACES for partner in PARTNERS]
    lines = spreads(result, variants, ["place", "kind", "primitive"])
    return lines.assign(name=lines.place + ": " + lines.kind + ", " + lines.primitive)


def pingpong_chart(result: Result, bet, earlier):
    """Every run, median and range of each place and pair of partners."""
    return *drawn(result, summary(result)), pingpong_sentence(result)


def pingpong_sentence(result: Result) -> str:
    """Threads against processes on the same pipe, the lock beside them, and one CPU against two."""
    parts = [f"{line.place}: {line.reason}" for line in result.frame.dropna(subset="reason").itertuples()]
    for place, lines in summary(result).groupby("place", sort=False):
        each = [f"{us(line.round_trip_us)} by {line.primitive} between {line.kind}" for line in lines.itertuples()]
        by_pipe = lines[["place", "kind", "primitive"]].to_dict("records")[:2]
        ratio, verdict = paired(result.frame, "round_trip_us", *by_pipe)
        told = f"by the same pipe threads took {ratio:.2f} times as long as processes"
        told = "by the same pipe these rounds do not tell them apart" if verdict == "unclear" else told
        parts.append(f"{place}: {words.listed(each)}; {told}")
    one, two = (where(summary(result), place=place).round_trip_us for place in PLACES[:2])
    if len(two):
        ratios = two.to_numpy() / one.to_numpy()
        span = f"{ratios.min():.1f} to {ratios.max():.1f}"
        parts.append(f"on two CPUs instead of one, a round trip took {span} times as long")
    return words.sentence(*dict.fromkeys(parts))


CHARTS = {"pingpong": pingpong_chart}
