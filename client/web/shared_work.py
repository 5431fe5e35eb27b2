"""Long work that several requests may want at the same time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class SharedWork:
    """Does each piece of work once, however many wait for it.

    In threads of its own: FastAPI's are few, and whoever waited in them would hold up all others.

    Parameters
    ----------
    n_threads : int
        Pieces of work that are done at a time.
    """

    def __init__(self, n_threads: int) -> None:
        self._under_way: dict[str, Future[None]] = {}
        self._threads = ThreadPoolExecutor(n_threads)

    async def done(self, key: str, work: Callable[[], None]) -> None:
        """Wait until work is done that is known by `key`; it goes on if nobody waits any more."""
        future = self._under_way.get(key)
        if future is None:
            future = self._under_way[key] = self._threads.submit(work)
            future.add_done_callback(lambda _: self._under_way.pop(key, None))
        await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
