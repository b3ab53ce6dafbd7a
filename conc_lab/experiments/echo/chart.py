"""A thread that answers, alone and beside threads or processes that compute."""

import pandas

from ...drawing import words
from ...engine.result import Result, once
from ..pingpong.chart import plot_round_trips, spreads, us
from .measure import variants

NEEDS_TWO_CPUS = True


@once
def summary(result: Result) -> pandas.DataFrame:
    """What a round trip took, a line for each kind and number of others, from the longest interval to the shortest."""
    ordered = variants(sorted(result.params["workers"]), sorted(result.params["intervals_us"], reverse=True))
    lines = spreads(result, ["kind", "workers", "interval_us"], ordered)
    return lines.assign(name=["alone", *map(_name, lines[1:].itertuples())])


def echo_chart(result: Result, bet):
    """Every run, median and range of each variant."""
    return *plot_round_trips(result, summary(result)), echo_sentence(result)


def echo_sentence(result: Result) -> str:
    """The echo alone, beside threads at the longest and shortest interval, and beside processes."""
    lines = summary(result)
    alone, *threads, processes = lines[lines.workers <= min(result.params["workers"])].itertuples()
    longest, parts = threads[0], []
    for line in dict.fromkeys((alone, longest, threads[-1], processes)):
        ratio = line.round_trip_us / alone.round_trip_us
        times = f" ({ratio:,.0f} times as long)" if ratio >= 1.5 else ""
        parts.append(f"{us(line.round_trip_us)} {line.name}{times}")
    texts = [f"a round trip took {'; '.join(parts)}"]
    steps = longest.round_trip_us / longest.interval_us
    waited = longest.round_trip_us >= 5 * alone.round_trip_us and 0.5 < steps < 3
    if not result.machine["gil"]:
        cpu = ", and where the echo took longer it waited for a CPU" if waited else ""
        texts.append(f"this Python runs without the GIL: there is no interval to wait for{cpu}")
    elif waited:
        texts.append("the echo waited for about one switch interval: the thread that computes keeps the GIL that long")
    return words.sentence(*texts)


def _name(line):
    interval = f", interval {us(line.interval_us)}" if line.kind == "threads" else ""
    return f"beside {words.name(line.kind, line.workers)}{interval}"
