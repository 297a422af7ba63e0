"""One gRPC call, from its request to its status; part of `grpc_channel.py`, which moves the bytes.

Decides what messages the bytes of a stream are, and what the one who receives is told: every message that came, in order,
then the end once, as None (OK) or as RpcFailed. Nothing here waits but `receive`.
"""

import struct
from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol

from gevent.event import Event

MOST_MESSAGE = 4 * 1024 * 1024
RENEW_AT = 1 << 15
"""Bytes taken, of the 64 KiB that a peer may send ahead, before it is told."""


class Status(IntEnum):
    """gRPC's status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcFailed(Exception):
    """A call ended with something else than OK."""

    def __init__(self, status: Status, details: str) -> None:
        super().__init__(f"{status.name}: {details}")
        self.status = status
        self.details = details


class Connection(Protocol):
    """What a call needs of its connection."""

    def renew(self, call: "Call", size: int) -> None:
        """The listener has taken so much."""
        ...

    def drop(self, call: "Call") -> None:
        """Tell the peer that nobody listens."""
        ...


class Call:
    """One call. Made by `Channel.open`; one greenlet receives, any may cancel."""

    def __init__(self, connection: Connection, headers: list[tuple[str, str]], message: bytes) -> None:
        self.initial_metadata: frozenset[tuple[str, str]] = frozenset()
        """Complete once the first message has come."""
        self._connection = connection
        self.stream_id = 0
        """0 before it was sent."""
        self.headers = headers
        self.unsent = memoryview(b"\0" + struct.pack(">I", len(message)) + message)
        self._chunks: deque[bytes] = deque()
        self._buffer = bytearray()
        self._taken = 0
        """Bytes that the peer does not know yet to be taken."""
        self._end: RpcFailed | Status | None = None
        self._changed = Event()

    @property
    def has_ended(self) -> bool:
        """Nothing more will come; what has come may still be taken."""
        return self._end is not None

    def take(self) -> bytes | None:
        """A message that is there already, None when none is. Raises RpcFailed for one that cannot be read."""
        buffer = self._buffer
        while True:
            if len(buffer) >= 5:
                is_compressed, size = struct.unpack_from(">BI", buffer)
                if is_compressed or size > MOST_MESSAGE:
                    self.cancel()
                    raise RpcFailed(Status.INTERNAL, f"a message of {size} bytes, compressed: {is_compressed}")
                if len(buffer) >= 5 + size:
                    message = bytes(memoryview(buffer)[5 : 5 + size])
                    del buffer[: 5 + size]
                    return message
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            buffer += chunk
            self._taken += len(chunk)
            if self._taken >= RENEW_AT:
                taken, self._taken = self._taken, 0
                self._connection.renew(self, taken)

    def receive(self) -> bytes | None:
        """The next message, waited for; None once the call has ended with OK. Raises RpcFailed."""
        while True:
            message = self.take()
            if message is not None:
                return message
            if self._end is Status.OK and not self._buffer:
                return None
            if self._end is not None:
                raise self._end if isinstance(self._end, RpcFailed) else RpcFailed(Status.INTERNAL, "half a message")
            self._changed.clear()
            self._changed.wait()

    def cancel(self) -> None:
        """Nothing of it matters any more, here and there. Never waits, never raises; idempotent."""
        if self._end is None:
            self.end(RpcFailed(Status.CANCELLED, "cancelled here"))
            self._connection.drop(self)
        self._chunks.clear()
        self._buffer.clear()

    # The connection's side.

    def metadata(self, headers: Iterable[tuple[str, str]]) -> None:
        self.initial_metadata = frozenset(headers)

    def data(self, chunk: bytes, padding: int) -> None:
        self._taken += padding
        if chunk:
            self._chunks.append(chunk)
            self._changed.set()

    def end(self, how: RpcFailed | Status) -> None:
        if self._end is None:
            self._end = how
            self._changed.set()
