"""What the stores need from a database: scripts by file name, four simple commands, one channel to listen on.

Two of them: `RedisDatabase` here, `memory.MemoryDatabase` for tests and the test call without Redis. The stores above
are the same code over either, so their Python cannot drift apart; what each script does exists twice (`lua/*.lua` and
`memory.py`) and is held together by running every test over both.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from redis.exceptions import NoScriptError, RedisError

from backend.errors import StoreError
from backend.store.connection import StoreRedis

Argument = str | bytes | int | float
LUA = Path(__file__).parent / "lua"


class Subscription(Protocol):
    """One open ear on a channel."""

    def next(self, timeout_s: float) -> tuple[str, str] | None:
        """("subscribed" | "message" | "pong", text), or None when nothing came. Raises StoreError when deaf."""
        ...

    def ping(self) -> None: ...

    def close(self) -> None: ...


class Database(Protocol):
    """All raise StoreError, and nothing else, when the database cannot do it."""

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        """Run `lua/<script>.lua` atomically."""
        ...

    def run_many(self, script: str, runs: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """The same script many times in one round trip; each run is atomic by itself."""
        ...

    def get(self, key: str) -> bytes | None: ...

    def set(self, key: str, value: str | bytes, ttl_s: int) -> None: ...

    def delete(self, key: str) -> None: ...

    def publish(self, channel: str, message: str) -> None: ...

    def subscribe(self, channel: str) -> Subscription: ...


class RedisDatabase:
    """The real one."""

    def __init__(self, redis: StoreRedis) -> None:
        self.redis = redis
        self._scripts = {path.stem: path.read_text(encoding="utf-8") for path in LUA.glob("*.lua")}
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._scripts.items()
        }

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        try:
            return self.redis.evalsha(self._digests[script], len(keys), *keys, *arguments)
        except NoScriptError:
            # First use, or the server was restarted or flushed: EVAL sends the text and keeps it there.
            return self.redis.eval(self._scripts[script], len(keys), *keys, *arguments)

    def run_many(self, script: str, runs: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        if not runs:
            return []
        pipe = self.redis.pipeline()
        for keys, arguments in runs:
            pipe.evalsha(self._digests[script], len(keys), *keys, *arguments)
        answers = pipe.execute(raise_on_error=False)
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[index] = self.run(script, *runs[index])
            elif isinstance(answer, Exception):
                raise StoreError(f"Redis refused: {answer}") from answer
        return answers

    def get(self, key: str) -> bytes | None:
        value: bytes | None = self.redis.get(key)  # type: ignore[assignment]
        return value

    def set(self, key: str, value: str | bytes, ttl_s: int) -> None:
        self.redis.set(key, value, ex=ttl_s)

    def delete(self, key: str) -> None:
        self.redis.delete(key)

    def publish(self, channel: str, message: str) -> None:
        self.redis.publish(channel, message)

    def subscribe(self, channel: str) -> Subscription:
        return RedisSubscription(self.redis, channel)


class RedisSubscription:
    """One connection of the pool, held as long as it is open. It passes by the breaker: it *is* the probe."""

    def __init__(self, redis: StoreRedis, channel: str) -> None:
        self._pubsub = redis.pubsub()  # type: ignore[no-untyped-call]
        try:
            self._pubsub.subscribe(channel)
        except RedisError as error:
            self.close()
            raise StoreError(f"Redis: cannot listen: {error}") from error

    def next(self, timeout_s: float) -> tuple[str, str] | None:
        until = time.monotonic() + timeout_s
        try:
            while (left := until - time.monotonic()) > 0:
                message = self._pubsub.get_message(timeout=left)
                if message is None:
                    continue
                kind = {"subscribe": "subscribed", "message": "message", "pong": "pong"}.get(str(message["type"]))
                if kind is not None:
                    data = message["data"]
                    return kind, data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
        except (RedisError, OSError, ValueError) as error:
            # ValueError and OSError: redis-py reads from a socket that was closed under it.
            raise StoreError(f"Redis: stopped listening: {error}") from error
        return None

    def ping(self) -> None:
        try:
            self._pubsub.ping()
        except (RedisError, OSError) as error:
            raise StoreError(f"Redis: stopped listening: {error}") from error

    def close(self) -> None:
        try:
            self._pubsub.close()
        except (RedisError, OSError):
            pass  # it was broken already; nothing is left to release
