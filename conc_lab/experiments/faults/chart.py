"""Who survives a failing worker: a table of a line for each fault and API, a column for each thing; and claim C10."""

import pandas

from ...drawing import kit, verdict, words
from .measure import FAULTS, IN_PROCESS
from .program import NOTHING, RESULT

COLORS = {"✓": "#CCEBE3", "✗": "#F7DFD0", "–": "#EEEEEE", "": "none"}


def summary(result) -> pandas.DataFrame:
    """A line for each case: fault, worker (its API, with the start method where there are several), and its cells.

    Each cell is a sign (✓ good, ✗ bad, – not seen) and words that go on where the name of its column ends.
    """
    return pandas.DataFrame([_line(row, result.params) for row in result.rows])


def _line(row, params):
    several = len(params["kinds"]) > 1 and row["api"] not in IN_PROCESS
    told, stuck, unknown = row["told"], row["ended"] == "never", "– not here" if row["reason"] else "– program ended"

    def cell(good, yes, no):
        return unknown if good is None else f"✓ {yes}" if good else f"✗ {no}"

    goes, ends = "can kill it" if row["stoppable"] else "goes on", "cannot end" if stuck else "ends"
    return {
        "fault": row["fault"],
        "worker": f"{row['api']} ({row['kind']})" if several else row["api"],
        f"in {params['patience_s']:g} s you get": cell(told and told not in (NOTHING, RESULT), told, told),
        "the other task": cell(row["others_finished"], "finishes", "is lost"),
        "a new task": cell(row["usable_again"], "is done", "is refused"),
        "the program": cell(row["survived"] and not stuck, goes, ends),
    }


def faults_chart(result, bet):
    """The table, under a heading for each fault; the sentence says what was lost where, and what was not shown."""
    lines, tables = summary(result), []
    for fault, cases in lines.groupby("fault", sort=False):
        cells = cases.set_index("   " + cases.worker).drop(columns=["fault", "worker"])
        tables += [pandas.DataFrame("", [f"{fault}: {FAULTS[fault]}"], cells.columns), cells]
    cells = lines.melt(["fault", "worker"], ["the other task", "the program"], var_name="what", value_name="cell")
    bad = cells[cells.cell.str.startswith("✗")].groupby(["what", "cell"], sort=False)
    parts = [f"{what} {cell[2:]}: {_cases(cases)}" for (what, cell), cases in bad]
    for reason, cases in lines.groupby(result.frame.reason, sort=False):
        parts.append(f"not shown here, because {reason}: {_cases(cases)}")
    sentence = words.sentence(*parts or ["no other task is lost, and every program goes on"])
    title = "what happened when one of two workers failed"
    return *kit.cells(pandas.concat(tables), lambda cell: COLORS[cell[:1]], title), sentence


def _cases(cases):
    """Faults and workers in words: workers with the same faults go together."""
    faults = cases.groupby("worker", sort=False).fault.agg(words.listed)
    return "; ".join(f"{fault} in {words.listed(same.index)}" for fault, same in faults.groupby(faults, sort=False))


def C10_verdict(broken):
    """A crash in a pool of threads and in one of processes: who lives on, and is anything recovered."""
    rows = {row["api"]: row for row in broken.rows if row["fault"] == "segfault"}
    threads, processes = rows["ThreadPoolExecutor"], rows["ProcessPoolExecutor"]
    if problem := threads["reason"] or processes["reason"]:
        return verdict.Verdict("cannot tell", problem)
    lived = ["went on" if row["survived"] else f"ended ({row['ended']})" for row in (threads, processes)]
    figure = "after a crash: with threads the program {}, with processes it {}".format(*lived)
    if not processes["survived"] or threads["survived"]:
        return verdict.Verdict("does not hold", "a crash did the same to both, or worse with processes", figure)
    if processes["others_finished"] and processes["usable_again"]:
        return verdict.Verdict("holds", "the crash stayed in its process, and the pool went on", figure)
    lost = "the pool takes no new task" if processes["others_finished"] else "the other worker's task was lost"
    return verdict.Verdict("depends", f"on what you call reliable: the crash stayed in its process, but {lost}", figure)


def crash_verdict(broken):
    """What becomes of the other worker's task when one of a ProcessPoolExecutor crashes."""
    (row, *_) = [row for row in broken.rows if (row["fault"], row["api"]) == ("segfault", "ProcessPoolExecutor")]
    if row["reason"]:
        return verdict.Verdict("cannot tell", row["reason"], "no crash")
    other = "finished" if row["others_finished"] else "was lost"
    word = {RESULT: "again", NOTHING: "waits"}.get(row["told"], other)
    return verdict.Verdict(word, "", f"the other task {other}, and the caller got {row['told']}")
