"""Hand-overs between threads and between processes, by pipe and by lock, on one CPU and on two; and claim C13.

Echo draws its round trips as pingpong does: a line for each variant, with every run of it.
"""

import pandas

from ...drawing import kit, verdict, words
from ...engine.stats import paired, spread, where
from .measure import PARTNERS, PLACES

NEEDS_TWO_CPUS = True
VARIANT = ["place", "kind", "primitive"]
SAID = {"same CPU": "one CPU", "other CPU": "two CPUs"}  # of places


def summary(result) -> pandas.DataFrame:
    """What a round trip took, a line for each place and pair of partners that has figures."""
    lines = medians(result, VARIANT, [(place, *partner) for place in PLACES for partner in PARTNERS])
    return lines.assign(name=lines.place.replace(SAID) + ": " + lines.kind + ", " + lines.primitive)


def medians(result, by: list[str], variants: list[tuple]) -> pandas.DataFrame:
    """The variants that have figures, in their order: round_trip_us (the median of the runs), low, high, runs, figure.

    by: the columns that tell the variants apart, which come first.
    """
    lines = spread(result.frame, "round_trip_us", *by).rename(columns={"median": "round_trip_us"})
    return pandas.DataFrame(variants, columns=by).merge(lines.assign(figure=lines.round_trip_us.map(us)))


def round_trips(result, lines: pandas.DataFrame, title: str):
    """The figure with a strip for each line, and its alt text."""
    across = "round trip, there and back (each step multiplies)"
    ax = kit.strips(lines, result.frame, "round_trip_us", us, title, across)
    return ax.figure, f"Round trips, medians of the runs. {'; '.join(lines.name + ': ' + lines.figure)}."


def us(value: float) -> str:
    """Microseconds in the unit that fits."""
    return words.duration(value / 1e6)


def compared(frame: pandas.DataFrame, column: str, first: dict, second: dict) -> str:
    """How many times as much the rows that match `first` have as those that match `second`, where the rounds agree."""
    ratio, direction = paired(frame, column, first, second)
    return "no clear difference" if direction == "unclear" else words.times(ratio)


def pingpong_chart(result, bet):
    """Every run, median and range of each place and pair of partners.

    The sentence compares threads with processes on the same pipe, and one CPU with two.
    """
    rows, lines, by_pipe = result.frame, summary(result), []
    parts = list((rows.place.replace(SAID) + ": " + rows.reason).dropna().unique())
    for place, partners in lines.groupby("place", sort=False):
        threads, processes, _ = partners[VARIANT].to_dict("records")
        by_pipe.append(f"{SAID.get(place, place)}, {compared(rows, 'round_trip_us', threads, processes)}")
    parts.append(f"how long threads took with the same pipe, compared with processes: {'; '.join(by_pipe)}")
    one, two = (where(lines, place=place).round_trip_us.to_numpy() for place in PLACES[:2])
    if len(two):
        least, most = words.times(min(two / one)), words.times(max(two / one))
        parts.append(f"on two CPUs a round trip took {least} to {most} as long as on one")
    return *round_trips(result, lines, parts[-1]), words.sentence(*parts)


def C13_verdict(handed):
    """Round trips through the same pipe by threads and by processes, and by threads with locks."""
    lines = summary(handed)[: len(PARTNERS)]  # of the first place that has figures
    parts = [f"{x.kind} by {x.primitive} {words.between(x.low, x.round_trip_us, x.high)}" for x in lines.itertuples()]
    pipe, processes, lock = lines[VARIANT].to_dict("records")
    by_pipe, by_lock = (paired(handed.frame, "round_trip_us", threads, processes)[1] for threads in (pipe, lock))
    return verdict.first(
        f"µs a round trip, {lines.place[0]}: {', '.join(parts)}",
        (by_pipe == "unclear", "cannot tell", "with the same pipe, sometimes threads were faster, sometimes processes"),
        (by_pipe == "more", "does not hold", "with the same pipe, processes were faster"),
        (by_lock == "more", "depends", "on how: with the same pipe threads are faster, with a lock they aren't"),
        (True, "holds", "with the same pipe"),
    )
