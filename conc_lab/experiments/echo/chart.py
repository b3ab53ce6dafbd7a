"""A thread that answers, alone and next to threads or processes that compute."""

from ...drawing import verdict, words
from ..pingpong.chart import medians, round_trips, us
from .measure import variants

NEEDS_TWO_CPUS = True


def summary(result):
    """A DataFrame of what a round trip took, a line for each kind and number of others, the longest interval first."""
    ordered = variants(sorted(result.params["workers"]), sorted(result.params["intervals_us"], reverse=True))
    lines = medians(result, ["kind", "workers", "interval_us"], ordered)
    others = lines.apply(lambda line: words.name(line.kind, line.workers), axis=1)
    several = (lines.kind == "threads") & (lines.interval_us.nunique() > 1)
    intervals = (" with a " + lines.interval_us.map(us) + " interval").where(several, "")
    return lines.assign(name=("next to " + others + intervals).where(lines.kind != "none", "alone"))


def echo_chart(result, bet):
    """Every run, median and range of each variant.

    The sentence tells the echo next to threads at the longest and shortest interval, and next to processes.
    """
    lines = summary(result)
    alone, *threads, processes = lines[lines.workers <= min(result.params["workers"])].itertuples()
    longest, told = threads[0], dict.fromkeys((threads[0], threads[-1], processes))
    parts = [f"{words.times(line.round_trip_us / alone.round_trip_us)} as long {line.name}" for line in told]
    said = f"an answer took {alone.figure} alone. It took {words.listed(parts)}"
    waited = longest.round_trip_us >= 5 * alone.round_trip_us and 0.5 < longest.round_trip_us / longest.interval_us < 2
    why = f"a thread kept the GIL for about one switch interval, {us(longest.interval_us)}, and the echo waited"
    sentence = words.sentence(said, *[why] * (waited and result.machine["gil"]))
    return *round_trips(result, lines, f"an answer took {parts[0]}"), sentence


def echo_verdict(echoed):
    """The round trip next to one thread that computes, against the round trip alone and the switch interval."""
    lines = summary(echoed).query("kind == 'none' or kind == 'threads' and workers == 1 and interval_us == 5000")
    alone, disturbed = lines.itertuples()
    times, waited = disturbed.round_trip_us / alone.round_trip_us, 2500 < disturbed.round_trip_us < 10_000
    word = "hardly" if times < 1.5 else "twice" if times < 3 else "interval" if waited else "cannot tell"
    why = "that fits none of the options" if echoed.machine["gil"] else "the bet is about a Python with the GIL"
    figure = f"an answer took {alone.figure} alone, {disturbed.figure} next to a computing thread"
    return verdict.Verdict(word if echoed.machine["gil"] else "cannot tell", why, figure)
