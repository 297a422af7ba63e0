"""Files off the hub: recordings and their waveforms, on disks that may be slow, far away or full.

A read or write blocks its thread, so in a gevent worker it must not happen in the hub. Threads of its own: the database's
one thread (`database.py`) must not wait for a slow disk. Without gevent it simply calls.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_THREADS = 2
"""One may be reading an hour for its waveform while the other writes what is being said."""
_pools: dict[int, Any] = {}


def on_disk(fn: Callable[[], T]) -> T:
    """Run `fn`, which takes no lock that greenlets hold; wait for it, return or raise what it did."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return fn()

    def in_pool() -> tuple[T | None, Exception | None]:
        try:
            return fn(), None
        except Exception as error:  # carried over by hand: gevent would also print it
            return None, error

    result, error = _pool().apply(in_pool)
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _pool() -> Any:
    from gevent import get_hub
    from gevent.threadpool import ThreadPool

    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()  # of the process we were forked from: its threads are not here
        _pools[pid] = ThreadPool(_THREADS, hub=get_hub())
    return _pools[pid]
