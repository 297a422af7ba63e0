"""The worker's way to Redis: bounded in every direction, and with one error.

A command takes at most about half a second (250 ms, one retry on a fresh connection), a full pool is not waited for
longer, and after a failure nothing is sent for one second (the breaker): a dead Redis costs a greenlet half a second
once, not at every step. Whatever goes wrong is a `StoreError`. No decision about calls is made here.

Create it after the fork (`post_worker_init`): connections must not be shared between processes.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from redis import BlockingConnectionPool, Redis
from redis.backoff import ExponentialBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from backend.errors import SettingsError, StoreError

TIMEOUT_S = 0.25
MAX_CONNECTIONS = 32
BREAKER_OPEN_S = 1.0
HEALTH_CHECK_S = 10


class Breaker:
    """Closed: everything passes. Open: everything is refused at once until the pause is over; then one caller tries."""

    def __init__(self, open_s: float = BREAKER_OPEN_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._open_s = open_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._open_until: float | None = None

    def before(self) -> None:
        """Raises StoreError while open. The first caller after the pause passes, the others wait for its result."""
        if self._open_until is None:
            return
        with self._lock:
            now = self._monotonic()
            if self._open_until is None:
                return
            if now < self._open_until:
                raise StoreError("Redis did not answer a moment ago; not asked again yet")
            self._open_until = now + self._open_s

    def succeeded(self) -> None:
        self._open_until = None

    def failed(self) -> None:
        with self._lock:
            self._open_until = self._monotonic() + self._open_s

    @property
    def is_open(self) -> bool:
        return self._open_until is not None


class StorePipeline(Pipeline):
    """A pipeline behind the same breaker."""

    breaker: Breaker

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        answers: list[Any] = _guarded(
            self.breaker, self.connection_pool, lambda: super(StorePipeline, self).execute(raise_on_error)
        )
        return answers


class StoreRedis(Redis):
    """redis-py's client, with the breaker and the one error."""

    def __init__(self, *args: Any, breaker: Breaker | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.breaker = breaker or Breaker()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        ask = super().execute_command
        return _guarded(self.breaker, self.connection_pool, lambda: ask(*args, **options))  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> StorePipeline:
        """Not a transaction by default: its commands may lie in different slots."""
        pipe = StorePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.breaker = self.breaker
        return pipe


def _guarded(breaker: Breaker, pool: Any, ask: Callable[[], Any]) -> Any:
    """A killed greenlet or a gevent timeout passes through and says nothing about Redis: were it the trial after a
    pause, the pause that `before` has set runs out once more."""
    breaker.before()
    try:
        answer = ask()
    except NoScriptError:
        breaker.succeeded()
        raise  # `database.py` loads the script and asks again
    except (RedisConnectionError, RedisTimeoutError) as error:
        breaker.failed()
        raise StoreError(f"Redis did not answer: {error}") from error
    except ReadOnlyError as error:
        # A replica answered: the primary moved. The next command resolves the address afresh.
        breaker.succeeded()
        pool.disconnect()
        raise StoreError(f"Redis is read-only: {error}") from error
    except RedisError as error:
        breaker.succeeded()
        raise StoreError(f"Redis refused: {error}") from error
    breaker.succeeded()
    return answer


def connect(redis_url: str, *, timeout_s: float = TIMEOUT_S, max_connections: int = MAX_CONNECTIONS) -> StoreRedis:
    """The client of this worker. Opens no connection yet."""
    try:
        pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=max_connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # Explicit, since a hand-made pool has none, and then the health check itself would raise.
            retry=Retry(ExponentialBackoff(cap=0.05, base=0.01), 1),
            health_check_interval=HEALTH_CHECK_S,
        )
    except ValueError as error:
        raise SettingsError(f"redis_url: {error}") from error
    return StoreRedis(connection_pool=pool)


def check_policy(redis: Redis) -> None:
    """At start: refuse a server that throws keys away when its memory is full. `volatile-*` would throw away exactly
    ours, since all of them expire. Asks INFO, which managed servers allow where they forbid CONFIG."""
    policy = str(redis.info("memory").get("maxmemory_policy", ""))
    if policy != "noeviction":
        raise SettingsError(f"redis: maxmemory-policy is {policy!r}; allowed is only 'noeviction'")
