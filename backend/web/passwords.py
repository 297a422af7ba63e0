"""Hashing passwords with Argon2id, where it keeps nobody waiting.

A hash takes tens of milliseconds and 19 MiB on purpose (OWASP's figures for one lane). So it is made in a real thread, one
at a time in each process: the hub goes on, and however many people guess at once, they cost one core of this process, not
the calls. Who waits longer than `WAIT_S` for a turn is told to come back.
"""

import secrets
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.errors import BackendError

T = TypeVar("T")

SHORTEST = 12
LONGEST = 200
"""Characters. No rule but a length: rules of kinds of characters make passwords worse."""
WAIT_S = 5.0
_GENERATED_BYTES = 15

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS = _hasher.hash(secrets.token_hex(16))
_turns: dict[int, Any] = {}


class Busy(BackendError):
    """Too many passwords are being checked at this moment."""

    retryable = True


def hash_password(password: str) -> str:
    """What is kept of it, parameters included. Raises Busy."""
    return _off_hub(lambda: _hasher.hash(password))


def is_password(password: str, kept: str | None) -> bool:
    """Whether it is the one. With None, where there is no such user, it takes as long and is not. Raises Busy."""

    def check() -> bool:
        try:
            return _hasher.verify(_NOBODYS if kept is None else kept, password) and kept is not None
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    return _off_hub(check)


def generate_password() -> str:
    """20 characters, 120 bits."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def _off_hub(fn: Callable[[], T]) -> T:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return fn()
    from gevent import get_hub
    from gevent.lock import BoundedSemaphore

    hub = get_hub()
    turn = _turns.setdefault(id(hub), BoundedSemaphore(1))
    if not turn.acquire(timeout=WAIT_S):
        raise Busy("too many passwords are being checked; try again in a moment")
    try:
        # One of the pool's ten threads at most: DNS and the voices' channels need the others.
        return hub.threadpool.apply(fn)  # type: ignore[no-any-return]
    finally:
        turn.release()
