"""An executor for coroutines. On its own, because asyncio brings 60 modules along: a fork copies what they take."""

import asyncio
import inspect
import threading
from concurrent.futures import Executor, Future


class AsyncioExecutor(Executor):
    """Runs coroutine functions, `max_workers` of them at a time, on one event loop in one thread."""

    def __init__(self, max_workers: int):
        self._loop = asyncio.new_event_loop()
        self._limit = asyncio.Semaphore(max_workers)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running = set()

    def submit(self, function, /, *args, **kwargs) -> Future:
        if self._loop.is_closed():
            raise RuntimeError("cannot schedule new futures after shutdown")
        return asyncio.run_coroutine_threadsafe(self._call(function, args, kwargs), self._loop)

    async def _call(self, function, args, kwargs):
        self._running.add(asyncio.current_task())
        try:
            async with self._limit:
                value = function(*args, **kwargs)
                return await value if inspect.isawaitable(value) else value
        finally:
            self._running.discard(asyncio.current_task())

    def shutdown(self, wait=True, *, cancel_futures=False):
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._drain(cancel_futures), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _drain(self, cancel):
        while self._running:
            if cancel:
                for task in self._running:
                    task.cancel()
            await asyncio.wait(self._running)
