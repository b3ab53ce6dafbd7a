"""Workers of Dask's engine `distributed`: of a cluster on this machine that ends with the pool, or of one elsewhere.

Imported only where the kind is "dask": `distributed` takes half a second and brings NumPy along. The workers of a
cluster on this machine are spawned, so they know this process's module search path; one elsewhere is sent a zip file
of what this process has imported of conc_lab and from the student's folder.
"""

import hashlib
import os
import sys
import tempfile
import threading
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from distributed import Client, LocalCluster, utils
from distributed.cfexecutor import ClientExecutor

from .errors import LabError

ANSWER_S = 10  # a scheduler that is there answers in milliseconds, one that is being started in seconds
PACKAGE, STDLIB = Path(__file__).parents[1], Path(os.__file__).parent
SAME = ("python", "distributed", "dask", "cloudpickle")  # what all must have in the same version: the others may differ


class DaskExecutor(ClientExecutor):
    """The client's executor with a `map` that gathers all results together, and calls on each of its workers."""

    def __init__(self, client: Client, workers: int):
        super().__init__(client, pure=False)  # equal calls are calls, not one
        self._workers = workers

    def here(self) -> list[str]:
        """The addresses of its workers, as far as they live; one that was started again has a new one."""
        return sorted(self._client.nthreads())[: self._workers]

    def on_each(self, function, args) -> list[Future]:
        """The futures of function(*args), called once on each worker; where one is lost meanwhile, on another."""
        return [self.submit(function, *args, workers=[each], allow_other_workers=True) for each in self.here()]

    def map(self, function, calls, chunksize=1):
        # A cluster elsewhere may have more workers than were asked for; another helps out when none of these is left.
        more = len(self._client.nthreads()) > self._workers
        some = {"workers": self.here(), "allow_other_workers": True} if more else {}
        return self._client.gather(self._client.map(function, calls, pure=False, **some))

    def shutdown(self, wait=True, *, cancel_futures=False):
        # Whoever is still asked for is given up: Dask would do a call again whose answer was lost with its worker.
        super().shutdown(wait=False)


def executor(workers: int, threads: int, scheduler: str | None, closing: ExitStack) -> DaskExecutor:
    """An executor of so many workers, all of them there; `closing` ends what it needs.

    scheduler: the address of a cluster that is there; without one a cluster is started here, on loopback alone, with so
    many threads in each worker. Raises LabError where no scheduler answers, or has other versions or fewer workers.
    """
    closing.callback(_end_threads, set(threading.enumerate()))
    if scheduler:
        client = closing.enter_context(connected(scheduler))
        try:
            client.wait_for_workers(workers, ANSWER_S)  # they may be on their way
        except TimeoutError:
            there = f"you asked for {workers} workers, but the cluster at {scheduler} has {len(client.nthreads())}"
            raise LabError(f"{there}: start more with `dask worker {scheduler}`") from None
        _send_code(client)
    else:
        quiet = {"silence_logs": "CRITICAL", "host": "127.0.0.1"}
        quiet |= dict.fromkeys(("dashboard_address", "worker_dashboard_address"), "127.0.0.1:0")
        cluster = closing.enter_context(LocalCluster(n_workers=workers, threads_per_worker=threads, **quiet))
        client = closing.enter_context(Client(cluster))
    return DaskExecutor(client, workers)


def connected(scheduler: str) -> Client:
    """A client of the cluster at this address, which has the versions that this Python has; else a LabError."""
    try:
        client = Client(scheduler, timeout=ANSWER_S)
    except (OSError, ValueError, TypeError) as error:  # no such address, or no such way of speaking
        raise LabError(f"no Dask scheduler answers at {scheduler}: start `dask scheduler` and `dask worker`") from error
    found = client.get_versions()
    parts = [found["client"], found["scheduler"], *found["workers"].values()]
    for name in SAME:
        if len(versions := {each["packages"][name].removesuffix(".final.0") for each in parts}) > 1:
            client.close()
            both = f"two versions of {name} ({' and '.join(sorted(versions))})"
            raise LabError(f"the cluster at {scheduler} and this Python have {both}: install the same one in both")
    return client


def _send_code(client):
    """Send what this process has imported of conc_lab, and from its folder: the student's own tasks."""
    here, content = os.getcwd(), {"conc_lab/__init__.py": b""}  # ours looks for folders, which a zip file has not
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or os.devnull)
        students = path.is_relative_to(here) and not path.is_relative_to(STDLIB) and "site-packages" not in path.parts
        if path.suffix == ".py" and (students or path.is_relative_to(PACKAGE)):
            file = name.replace(".", "/") + "/__init__" * hasattr(module, "__path__") + ".py"
            content.setdefault(file, path.read_bytes())
    # A package without __init__.py, as my_work is, is found by the entries of its folders.
    content |= {f"{folder}/": b"" for name in content for folder in list(PurePosixPath(name).parents)[:-1]}
    with tempfile.TemporaryDirectory() as folder:
        # Named by its content: a cluster that has it keeps one file, one that has another finds the new one first.
        path = Path(folder, f"conc_lab_{hashlib.sha256(repr(content).encode()).hexdigest()[:8]}.zip")
        with zipfile.ZipFile(path, "w") as file:
            for name, data in content.items():
                file.writestr(name, data)
        client.upload_file(str(path))


def _end_threads(before):
    """End the threads that came since then, also what `distributed` keeps for big messages: a fork may follow."""
    utils._offload_executor.shutdown()
    utils._offload_executor = ThreadPoolExecutor(1, "Dask-Offload")
    for thread in set(threading.enumerate()) - before:
        thread.join(ANSWER_S)
