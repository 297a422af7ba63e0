"""Arithmetic off the hub: one thread per worker for the analysis of all its calls.

A second of audio takes a few milliseconds, which no other call of the worker may wait for (invariant 6). Without gevent it
simply computes.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_pools: dict[int, Any] = {}


def apart(fn: Callable[[], T]) -> T:
    """Run `fn`, pure arithmetic that does not raise, in the thread; wait for it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return fn()
    pid = os.getpid()
    if pid not in _pools:
        from gevent import get_hub
        from gevent.threadpool import ThreadPool

        _pools.clear()  # of the process we were forked from: its threads are not here
        _pools[pid] = ThreadPool(1, hub=get_hub())
    return _pools[pid].apply(fn)  # type: ignore[no-any-return]
