"""A Dask cluster: what its chart says, what is refused, and one whose scheduler and workers are separate programs."""

import subprocess
import sys

import helpers
import psutil
import pytest
from helpers import LIVENESS_S
from made.results import MACHINE

from conc_lab.drawing import picture
from conc_lab.engine import kinds, pools, run
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import Result
from conc_lab.engine.tasks import OWN, Task
from conc_lab.experiments.cluster import chart, measure
from conc_lab.student import own_task
from conc_lab.student.own_cluster import own_cluster

pytestmark = pytest.mark.skipif(kinds.unavailable("dask") is not None, reason="no distributed here")
TASKS = 10_000


def row(part, kind, workers=2, threads=1, number=0, tasks=1000, **values):
    """One row, whose other columns are None."""
    given = {"round": number, "part": part, "kind": kind, "workers": workers, "threads": threads, "tasks": tasks}
    return dict.fromkeys(helpers.experiment.columns("cluster")) | given | values


def made(*rows):
    """A result of these rows."""
    return Result("cluster", {"parts": ["cost"]}, MACHINE, list(rows), "")


def test_a_lost_worker():
    """Every time: the pool of processes has the results from before and is broken, Dask has them all and goes on."""
    lost = {row["kind"]: row for row in helpers.real("cluster").rows if row["part"] == "loss"}
    cluster, (pool,) = lost.pop("dask"), lost.values()
    assert (pool["results"], pool["repeated"], pool["usable_again"]) == (measure.VICTIM, 0, False)
    assert cluster["results"] == measure.MANY and cluster["repeated"] >= 1 and cluster["usable_again"]


def test_what_the_chart_says():
    """The sentence has median costs, twice of which a task must take, cores and losses; the bet is by rate."""
    costs = [("threads", 0.01), ("dask", 0.5)]
    cost = [row("cost", kind, number=n, wall_s=wall_s * (n + 1)) for n in range(3) for kind, wall_s in costs]
    busy = [row("threads", "dask", 1, 2, wall_s=1, cores_busy=1.0), row("threads", "dask", wall_s=1, cores_busy=1.9)]
    lost = [row("loss", "spawn", tasks=8, results=4, repeated=0, usable_again=False)]
    lost += [row("loss", "dask", tasks=8, results=8, repeated=3, usable_again=True)]
    said = picture.show(made(*cost, *busy, *lost)).sentence
    assert said == (
        "A task that does nothing took 20 µs with 2 threads and 1 ms with 2 Dask workers. Two Dask workers beat a "
        "plain loop when a task takes over 2 ms. Pure Python: 1 Dask worker with two threads kept 1.00 cores busy and "
        "2 Dask workers with one thread each kept 1.90 cores busy. After the loss of a worker: 2 spawned processes had "
        "4 results, no new tasks; 2 Dask workers had 8 results, 3 repeated."
    )
    for wall_s, word in ((0.005, "100,000"), (0.1, "10,000"), (1, "1,000"), (10, "100")):
        assert chart.dask_rate_verdict(made(row("cost", "dask", wall_s=wall_s))).word == word


# In a program of its own, because a client that never was one leaves a thread.
NOBODY_THERE = """
from conc_lab.engine import dask_pool, errors
dask_pool.ANSWER_S = 0.2
try:
    dask_pool.connected("tcp://127.0.0.1:9")
except errors.LabError as error:
    print(error)
"""


def test_what_is_refused(monkeypatch):
    """One sentence each: no address, no such kind, no `distributed`, no scheduler, another version, a lost one."""
    dask_pool = pytest.importorskip("conc_lab.engine.dask_pool")

    def refusal(call, *args, **named):
        with pytest.raises(LabError) as caught:
            call(*args, **named)
        return str(caught.value)

    for address in ("localhost", "tcp://localhost", 8786, ""):
        assert refusal(run.checked, "speedup", {}, None, address).startswith("scheduler must be an address such as")
    assert "leave scheduler out" in refusal(run.checked, "startup", {}, None, "tcp://127.0.0.1:8786")
    assert run.checked("speedup", {"kinds": "threads"}, None, "tcp://127.0.0.1:8786")[0]["kinds"] == ["threads", "dask"]
    lacks = {"packages": ["psutil"]}
    assert "`pip install -e '.[cluster]'`" in refusal(run.checked, "speedup", {"kinds": ["dask"]}, lacks)
    assert "`/python -m pip install distributed`" in refusal(run.checked, "cluster", {}, lacks | {"path": "/python"})
    alone = subprocess.run([sys.executable, "-c", NOBODY_THERE], capture_output=True, text=True, timeout=LIVENESS_S)
    assert alone.stdout.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: start"), alone.stderr

    class Other:
        def get_versions(self):
            return {"client": self.parts("3.14.1.final.0"), "scheduler": self.parts("3.12.1.final.0"), "workers": {}}

        def parts(self, python):
            return {"packages": dict.fromkeys(dask_pool.SAME, "1") | {"python": python}}

        def close(self):
            """As a client is."""

    monkeypatch.setattr(dask_pool, "Client", lambda *args, **named: Other())
    assert "two versions of python (3.12.1 and 3.14.1)" in refusal(dask_pool.connected, "tcp://a:1")
    for name in pools.LOST:
        with (
            pytest.raises(LabError, match=r"^Dask lost its scheduler, or"),
            pools.WorkerPool(None, "dask", 2)._failures_told(),
        ):
            raise type(name, (Exception,), {})


@pytest.mark.slow
def test_separate_programs(tmp_path, monkeypatch, nothing_left):
    """With a scheduler and two workers that know no file of ours a student's task is measured there; too many workers
    are refused; 10,000 tasks survive the loss of a worker, and memory stays level; then nothing is left.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    function = own_task.define("survives", SURVIVES)
    before = psutil.Process().children()
    with own_cluster(2) as address:
        params = {"task": "survives", "kinds": ["threads"], "workers": [2], "task_ms": 1, "rounds": 1}
        measured = run.run("speedup", params, helpers.LIVENESS_S, scheduler=address)
        assert {row["kind"] for row in measured.rows} == {"serial", "threads", "dask"}
        assert "127.0.0.1" not in str(measured.params) + str(measured.machine)
        with pytest.raises(LabError, match=r"asked for 3 workers, but .* has 2: start more with `dask worker tcp://"):
            run.run("speedup", params | {"workers": [3], "kinds": ["dask"]}, helpers.LIVENESS_S, scheduler=address)
        monkeypatch.setattr(kinds, "scheduler", address)

        def resident():
            started = set(psutil.Process().children()) - set(before)
            every = [one for program in started for one in [program, *program.children(recursive=True)]]
            return sum(one.memory_info().rss for one in every)

        with pools.opened("dask", 2) as pool:
            calls = [(number, str(tmp_path)) for number in range(TASKS)]
            survives, warm = Task("survives", OWN, "", function, None), calls[: TASKS // 10]
            assert list(pool.map(survives, warm)) == [number for number, _ in warm]
            at_first, pids = resident(), {usage.pid for usage in pool.usages()}
            assert list(pool.map(survives, calls)) == [number for number, _ in calls]
            assert len(pids & {usage.pid for usage in pool.usages()}) == 1  # the other one was started again
            assert resident() < at_first + (100 << 20)  # it grew by less than a fifth of that


SURVIVES = """import os

def survives(number=0, folder=None):
    if number == 5000:
        try:
            open(os.path.join(folder, "once"), "x").close()
        except FileExistsError:
            return number
        os._exit(1)
    return number
"""
