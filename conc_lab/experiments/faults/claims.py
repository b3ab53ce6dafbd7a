"""What a crash in a pool makes of the claim that processes are more reliable than threads."""

from ...drawing.verdict import Verdict, decides
from ...engine.result import Result


@decides("C10")
def what_a_crash_ends(broken: Result) -> Verdict:
    """A crash in a pool of threads and in one of processes: who lives on, and is anything recovered."""
    rows = {row["api"]: row for row in broken.rows if row["fault"] == "segfault"}
    threads, processes = rows["ThreadPoolExecutor"], rows["ProcessPoolExecutor"]
    if problem := threads["reason"] or processes["reason"]:
        return Verdict("cannot tell", problem)
    lived = ["went on" if row["survived"] else f"ended ({row['ended']})" for row in (threads, processes)]
    figure = "after a crash: with threads the program {}, with processes it {}".format(*lived)
    if not processes["survived"] or threads["survived"]:
        return Verdict("does not hold", "a crash did the same to both, or worse with processes", figure)
    if processes["others_finished"] and processes["usable_again"]:
        return Verdict("holds", "the crash stayed in its process, and the pool went on", figure)
    lost = "the pool takes no new task" if processes["others_finished"] else "the other worker's task was lost"
    return Verdict("depends", f"on what you call reliable: the crash stayed in its process, but {lost}", figure)
