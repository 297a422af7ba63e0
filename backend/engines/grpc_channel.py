"""gRPC calls from inside a gevent worker, over one HTTP/2 connection, without grpcio.

Decides how messages travel: connecting, framing, flow control, status, cancelling. Not decided here: what the messages
mean and how long an answer is waited for (`tts_grpc.py`, which has the timers). The protocol itself is h2's (sans-IO);
this is the shell around it: one non-blocking socket whose readiness calls us in the hub, so there is no thread, no pool
shared with name resolution, nothing to prepare before a fork, and a message costs a third of what grpcio's did.

    open ──▶ connecting (a greenlet, bounded) ──▶ h2 ──▶ hub: bytes ─▶ events ─▶ Call.receive
                └── fails: every call that waits for it ends with UNAVAILABLE, the next `open` connects anew

Rules:
- `open`, `take` and `cancel` never wait. `receive` waits until something comes; whoever calls it sets a timer around it.
- What is received is acknowledged for the connection at once, for the call only when it is taken: a listener who is slow
  holds back its own stream (64 KiB) and no other.
- After GOAWAY new calls get a new connection, those under way finish on the old one.
- A peer whose machine is gone is the kernel's to notice (TCP_USER_TIMEOUT); one that hangs is the timers'.
"""

import time
from collections.abc import Iterable
from socket import (
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
    TCP_USER_TIMEOUT,
)
from typing import Any
from urllib.parse import unquote

import gevent
import h2.connection
import h2.events
import structlog
from gevent import socket
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from backend.engines.grpc_call import Call, RpcFailed, Status

CONNECT_TIMEOUT_S = 2.0
GONE_AFTER_S = 3.0
"""How long the peer's machine may leave bytes unacknowledged."""
MOST_UNSENT = 8 * 1024 * 1024
"""Bytes that a peer may leave unread before it counts as gone."""
CONNECTION_WINDOW = 1 << 30
RENEW_CONNECTION_AT = 1 << 20
READ_SIZE = 65536

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


_RESETS: dict[Any, Status] = {
    ErrorCodes.REFUSED_STREAM: Status.UNAVAILABLE,
    ErrorCodes.CANCEL: Status.CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
}
_HTTP = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}
"""What a proxy in between answers, as gRPC reads it."""


class Channel:
    """Calls to one address, host:port. Opens its connection when the first call needs it, and a new one when it is lost.
    For one process: make it after the fork."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection: _Connection | None = None

    def open(self, path: str, message: bytes, timeout_s: float | None = None) -> Call:
        """Begin a call. `timeout_s` is told to the peer; here nobody watches it."""
        connection = self._connection
        if connection is None or not connection.takes_calls:
            connection = self._connection = _Connection(self.address)
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", self.address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        if timeout_s is not None:
            headers.append(("grpc-timeout", f"{max(1, round(1000 * timeout_s))}m"))
        call = Call(connection, headers, message)
        connection.add(call)
        return call

    def close(self) -> None:
        """Calls under way fail. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.lose("closed here")


def _unspoken(frame: object) -> str:
    """What h2 puts into its log for a frame. It writes every frame's bytes out in hexadecimal before it asks whether anybody
    wants to read that: a quarter of what a frame costs here."""
    return type(frame).__name__


h2.connection.repr = _unspoken  # type: ignore[attr-defined]  # stands before the builtin in that module, and only there


class _Protocol(h2.connection.H2Connection):
    """h2's, but for one thing: after GOAWAY it would refuse whatever still comes, while calls up to the last one named go
    on (RFC 9113, 6.8). A worker that restarts in good order would break every sentence."""

    def _receive_goaway_frame(self, frame: Any) -> Any:
        state = self.state_machine.state
        answer = super()._receive_goaway_frame(frame)
        self.state_machine.state = state
        return answer


class _Connection:
    """One connection, from its address to its loss. Everything but `_connect` runs without waiting."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._h2 = _Protocol(H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False))
        self._socket: socket.socket | None = None
        self._raw: Any = None
        self._reading: Any = None
        self._writing: Any = None
        self._waiting: list[Call] = []
        """Until it is connected."""
        self._calls: dict[int, Call] = {}
        self._unsent = bytearray()
        self._received = 0
        self._is_going_away = self._is_lost = False
        gevent.spawn(self._connect)

    @property
    def takes_calls(self) -> bool:
        return not (self._is_lost or self._is_going_away)

    def add(self, call: Call) -> None:
        if self._socket is None:
            self._waiting.append(call)
        else:
            self._begin(call)
            self._flush()

    def drop(self, call: Call) -> None:
        """Nobody listens any more: the peer is told."""
        if call in self._waiting:
            self._waiting.remove(call)
        if self._calls.pop(call.stream_id, None) is not None:
            try:
                self._h2.reset_stream(call.stream_id, ErrorCodes.CANCEL)
            except H2Error:
                pass  # over already
            self._after_a_call()

    def renew(self, call: Call, size: int) -> None:
        """The listener has taken so much."""
        if call.stream_id in self._calls:  # else the peer has sent all it had to say
            self._h2.increment_flow_control_window(size, call.stream_id)
            self._flush()

    def lose(self, why: str) -> None:
        """Nothing goes through it any more. Idempotent."""
        if self._is_lost:
            return
        self._is_lost = True
        if self._socket is not None:
            for watcher in (self._reading, self._writing):
                watcher.stop()
                watcher.close()
            self._socket.close()
        calls, self._waiting, self._calls = [*self._waiting, *self._calls.values()], [], {}
        for call in calls:
            call.end(RpcFailed(Status.UNAVAILABLE, why))

    def _connect(self) -> None:
        host, _, port = self._address.rpartition(":")
        until = time.monotonic() + CONNECT_TIMEOUT_S
        try:
            with gevent.Timeout(CONNECT_TIMEOUT_S, TimeoutError("connecting timed out")):
                connected = socket.create_connection((host.strip("[]"), int(port)), until - time.monotonic())
        except (OSError, ValueError, OverflowError) as error:  # the latter two: no such address can be
            self.lose(f"cannot connect: {error}")
            return
        if self._is_lost:
            connected.close()
            return
        _set_up(connected)
        self._socket = connected
        loop = gevent.get_hub().loop
        self._raw = connected._sock  # gevent's socket holds the non-blocking one here
        self._reading, self._writing = loop.io(connected.fileno(), 1), loop.io(connected.fileno(), 2)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self._begin(call)
        self._reading.start(self._read)
        self._flush()

    def _begin(self, call: Call) -> None:
        try:
            stream_id = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream_id, call.headers)
        except H2Error as error:
            call.end(RpcFailed(Status.UNAVAILABLE, f"no further call on this connection: {type(error).__name__}"))
            self._is_going_away = True  # its numbers are used up, or it allows too few: the next call gets another
            return
        call.stream_id = stream_id
        self._calls[stream_id] = call
        self._send_on(call)

    def _send_on(self, call: Call) -> None:
        """As much of its request as the peer takes now."""
        while call.unsent:
            room = min(self._h2.local_flow_control_window(call.stream_id), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            part, call.unsent = call.unsent[:room], call.unsent[room:]
            self._h2.send_data(call.stream_id, bytes(part), end_stream=not call.unsent)

    def _read(self) -> None:
        """In the hub: one bounded read per turn, so that nobody floods the others out."""
        try:
            data = self._raw.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(f"connection lost: {error}")
            return
        if not data:
            self.lose("the peer has closed the connection")
            return
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except (H2Error, ValueError) as error:
            log.warning("grpc_connection_broken", address=self._address, error=type(error).__name__)
            self._flush()  # says why to the peer
            self.lose(f"the peer does not speak HTTP/2 as it should: {type(error).__name__}")
            return
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                self._count(size or 0)
                call = self._calls.get(number)
                if call is not None:
                    call.data(data or b"", (size or 0) - len(data or b""))
            case h2.events.ResponseReceived(stream_id=number, headers=headers):
                self._on_headers(number, dict(_decode(headers)))
            case h2.events.TrailersReceived(stream_id=number, headers=headers):
                self._on_status(number, dict(_decode(headers)))
            case h2.events.StreamEnded(stream_id=number):
                self._end(number, RpcFailed(Status.UNKNOWN, "ended without a status"))
            case h2.events.StreamReset(stream_id=number, error_code=code):
                status = _RESETS.get(code, Status.INTERNAL)  # it may be a number that h2 does not know
                self._end(number, RpcFailed(status, f"the peer gave the call up: {code!r}"))
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for call in list(self._calls.values()):
                    self._send_on(call)
            case h2.events.ConnectionTerminated(last_stream_id=last):
                self._on_going_away(last or 0)

    def _on_headers(self, number: int, headers: dict[str, str]) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        http = headers.get(":status", "")
        if http != "200":
            status = _HTTP.get(int(http) if http.isdecimal() else 0, Status.UNKNOWN)
            self._end(number, RpcFailed(status, f"HTTP status {http}"))
            return
        call.metadata(headers.items())
        if "grpc-status" in headers:  # an answer that is nothing but its status
            self._on_status(number, headers)

    def _on_status(self, number: int, headers: dict[str, str]) -> None:
        code, details = headers.get("grpc-status", ""), unquote(headers.get("grpc-message", ""))
        status = Status(int(code)) if code.isdecimal() and int(code) in set(Status) else Status.UNKNOWN
        self._end(number, Status.OK if status is Status.OK else RpcFailed(status, details))

    def _end(self, number: int, how: RpcFailed | Status) -> None:
        call = self._calls.pop(number, None)
        if call is None:
            return
        call.end(how)
        if call.unsent:  # answered before it was read to the end: the rest is for nobody
            try:
                self._h2.reset_stream(number, ErrorCodes.CANCEL)
            except H2Error:
                pass  # over already
        self._after_a_call()

    def _on_going_away(self, last: int) -> None:
        self._is_going_away = True
        for number in [number for number in self._calls if number > last]:
            self._end(number, RpcFailed(Status.UNAVAILABLE, "the peer is going away"))
        self._after_a_call()

    def _after_a_call(self) -> None:
        if self._is_going_away and not self._calls and not self._waiting:
            self._flush()
            self.lose("the peer is going away")
        else:
            self._flush()

    def _count(self, size: int) -> None:
        self._received += size
        if self._received >= RENEW_CONNECTION_AT:
            self._h2.increment_flow_control_window(self._received)
            self._received = 0

    def _flush(self) -> None:
        """Write what there is; what the kernel does not take follows when it does."""
        if self._socket is None or self._is_lost:
            return
        self._unsent += self._h2.data_to_send()
        try:
            while self._unsent:
                del self._unsent[: self._raw.send(self._unsent)]
        except BlockingIOError:
            if len(self._unsent) > MOST_UNSENT:
                self.lose("timed out: the peer reads nothing")
            elif not self._writing.active:
                self._writing.start(self._flush)
            return
        except OSError as error:
            self.lose(f"connection lost: {error}")
            return
        self._writing.stop()


def _set_up(connected: socket.socket) -> None:
    connected.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    connected.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    connected.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 5)
    connected.setsockopt(IPPROTO_TCP, TCP_KEEPINTVL, 1)
    connected.setsockopt(IPPROTO_TCP, TCP_KEEPCNT, 3)
    connected.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, round(1000 * GONE_AFTER_S))
    connected.settimeout(0.0)


def _decode(headers: Iterable[tuple[bytes, bytes]] | None) -> Iterable[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers or ()]
