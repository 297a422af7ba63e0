"""A WebSocket over the server's own connection, for the sockets that carry audio.

Decides how bytes travel: the upgrade, bounded reads, one bounded outbox, pings, and how a connection ends. Not decided
here: who may connect (`check`) and what messages mean. The protocol itself is the sans-IO one of `websockets`. Runs in
a gevent worker of gunicorn, inside a Flask view:

    @app.route(path, websocket=True)                               # without it werkzeug refuses every upgrade
    def view():
        socket = WireSocket.accept(request.environ, check=check)   # raises UpgradeRefused: an ordinary HTTP answer
        socket.run(on_message)                                     # or: with socket: for m in socket.messages(): ...
        return raw_response()

Reading is done by the hub itself when bytes arrive (no greenlet switch per frame): at most `READ_BYTES` per turn of the
loop and connection, so that a client who floods us delays the others by a few milliseconds and not for as long as it
likes. `on_message` therefore runs in the hub and must not block; `messages()` is for handlers that want to wait, and
stops reading while the handler is behind.

Writing never blocks and never tears a frame. What the kernel does not take waits in the outbox, and goes out when
the kernel says that it can; a peer that lets more than `OUTBOX_BYTES` pile up is closed with 1013: frames not begun are
dropped, the one begun is finished. `send` and `close` may be called from any greenlet and from hub callbacks.

When gunicorn ends a worker it throws GreenletExit into the view. Passing that on would make gunicorn read the next
request from this very connection and write an error page into the WebSocket, so `run`, `messages` and `with socket`
take it as the order to close with 1012 and return.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from socket import AF_UNIX, IPPROTO_TCP, SHUT_WR, TCP_NODELAY
from typing import Any
from weakref import WeakSet

import gevent
from gevent.event import Event
from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.server import ServerProtocol
from werkzeug import Response
from werkzeug.exceptions import HTTPException

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the C extension
    from websockets.utils import apply_mask

log = logging.getLogger(__name__)
_protocol_log = logging.getLogger(__name__ + ".protocol")
_protocol_log.setLevel(logging.WARNING)  # it would say "connection closed" for each

LARGEST_MESSAGE = 65536
READ_BYTES = 2048
"""Five media frames, or at worst 340 tiny ones: two to three milliseconds of work."""
OUTBOX_BYTES = 1 << 20
CLOSE_WAIT_S = 2.0
"""How long the peer has for its half of the closing handshake."""
PING_AFTER_S = 20.0
"""Silence after which we ask; after as much again the peer counts as gone."""
_MOST_WAITING_MESSAGES = 64

GOING_AWAY, TOO_BIG, POLICY, OUR_FAULT, RESTARTING, OVERLOADED = 1001, 1009, 1008, 1011, 1012, 1013
NO_CLOSE_FRAME = 1006

OnMessage = Callable[[bytes, bool], None]
"""Given the message and whether it is text (then UTF-8 by promise, unchecked)."""

_live: "WeakSet[WireSocket]" = WeakSet()


class UpgradeRefused(HTTPException):
    """The connection stays HTTP and is answered with `status`; Flask does so when it leaves a view."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(description=reason)
        self.code = status


class _RawResponse(Response):
    """The answer of a view whose connection is no longer HTTP."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise StopIteration  # what gunicorn's async workers take as "this connection is finished"


def raw_response() -> Response:
    """What the view must return after the socket has ended: nothing more is written, the connection is closed."""
    return _RawResponse()


def frame_head(first_byte: int, length: int, mask_bit: int = 0) -> bytes:
    """What stands before the mask and the message of a frame."""
    if length < 126:
        return bytes((first_byte, mask_bit | length))
    if length < 65536:
        return bytes((first_byte, mask_bit | 126, length >> 8, length & 255))
    return bytes((first_byte, mask_bit | 127)) + length.to_bytes(8)


def live_sockets() -> list["WireSocket"]:
    """All open sockets that were opened to this worker: a drain closes them."""
    return [socket for socket in _live if not socket.is_closed]


class WireSocket:
    """One open WebSocket. Made by `accept`."""

    _is_incoming = True

    def __init__(self, connection: Any, protocol: Protocol, *, ping_after_s: float = PING_AFTER_S) -> None:
        self._connection = connection  # kept: the descriptor must not be reused while we watch it
        self._raw = connection._sock  # gevent's socket holds the non-blocking one here
        self._protocol = protocol
        self._loop = gevent.get_hub().loop
        self._reading = self._loop.io(connection.fileno(), 1)
        self._writing = self._loop.io(connection.fileno(), 2)
        self._pinging = self._loop.timer(ping_after_s, ping_after_s)
        self._closing = self._loop.timer(CLOSE_WAIT_S)
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._head_sent = 0
        self._fragments: bytearray | None = None
        self._fragments_are_text = False
        self._heard = True
        self._asked = False
        self._is_leaving = False
        self._is_between_messages = True
        self._on_message: OnMessage | None = None
        self._ended = Event()
        self.close_code = NO_CLOSE_FRAME
        """Who closed first decides: our code, or the peer's; 1006 when the connection just went."""
        self.close_reason = ""
        if self._is_incoming:
            _live.add(self)

    @classmethod
    def accept(
        cls,
        environ: Mapping[str, Any],
        *,
        check: Callable[[Headers], None] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        ping_after_s: float = PING_AFTER_S,
    ) -> "WireSocket":
        """Upgrade the request, with `extra_headers` in the answer. `check` may raise (UpgradeRefused, or another
        HTTPException): then nothing changes hands and the view's caller gets that status. No compression is agreed on,
        whatever is offered."""
        connection = environ.get("gunicorn.socket")
        if connection is None or not hasattr(connection, "_sock"):
            raise UpgradeRefused(501, "this server has no connection to upgrade")
        headers = Headers()
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                headers[key[5:].replace("_", "-")] = value
        if environ.get("REQUEST_METHOD") != "GET":
            raise UpgradeRefused(405, "a WebSocket begins with GET")
        if check is not None:
            check(headers)
        response = ServerProtocol(logger=_protocol_log).accept(Request(environ.get("PATH_INFO", "/"), headers))
        if response.status_code != 101:
            raise UpgradeRefused(response.status_code, "not a WebSocket handshake of version 13")
        for name, value in (extra_headers or {}).items():
            response.headers[name] = value
        if connection.family != AF_UNIX:
            connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        connection.sendall(response.serialize())
        protocol = Protocol(SERVER, max_size=LARGEST_MESSAGE, logger=_protocol_log)
        return cls(connection, protocol, ping_after_s=ping_after_s)

    # --- for the handler --------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """The socket has ended, or closing has begun: what is sent now goes nowhere."""
        return self._ended.is_set() or self._protocol.state is not OPEN

    @property
    def outbox_bytes(self) -> int:
        """What the peer has not taken yet, beyond the kernel's own buffers."""
        return self._outbox_bytes

    def run(self, on_message: OnMessage) -> None:
        """Hand each message to `on_message`, in the hub, until the socket has ended. Never raises for the peer's doing;
        when `on_message` raises, the socket is closed with 1011."""
        self._on_message = on_message
        try:
            self._start()
            self._ended.wait()
        except gevent.GreenletExit:
            self._go_for_restart()
        finally:
            self._finish()

    def __enter__(self) -> "WireSocket":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        """Ends the socket however the handler ended; takes GreenletExit as said above."""
        is_restart = kind is not None and issubclass(kind, gevent.GreenletExit)
        if is_restart:
            self._go_for_restart()
        elif kind is not None:
            self.close(OUR_FAULT, "internal error")
        self._finish()
        return is_restart

    def messages(self) -> Iterator[str | bytes]:
        """The messages, for a handler that waits for each. Text comes as str; text that is no UTF-8 closes with 1007."""
        waiting: deque[str | bytes] = deque()
        news = Event()

        def take(message: bytes, is_text: bool) -> None:
            try:
                waiting.append(message.decode() if is_text else message)
            except UnicodeDecodeError:
                self.close(1007, "text that is not UTF-8")
                return
            if len(waiting) >= _MOST_WAITING_MESSAGES:
                self._reading.stop()
            news.set()

        self._on_message = take
        self._ended.rawlink(lambda _: news.set())
        try:
            self._start()
            while True:
                while waiting:
                    yield waiting.popleft()
                if self._ended.is_set():
                    return
                if not self._reading.active:
                    self._reading.start(self._on_readable)
                news.clear()
                news.wait()
        except gevent.GreenletExit:
            self._go_for_restart()
        finally:
            self._finish()

    def send(self, message: bytes | str, *, is_text: bool | None = None) -> bool:
        """Send str as text, bytes as binary; `is_text` says that bytes are UTF-8 text. False when the socket has ended
        or is ending: then the message was dropped. Never raises, never blocks."""
        if self.is_closed:
            return False
        if isinstance(message, str):
            message, is_text = message.encode(), True
        # A whole frame, as the protocol would write it; it keeps no state about these, so it need not be asked.
        frame = self._build_frame(message, 0x81 if is_text else 0x82)
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        self._push_out()
        return not self.is_closed

    def _build_frame(self, message: bytes, first_byte: int) -> bytes:
        return frame_head(first_byte, len(message)) + message

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake. Idempotent; the first close wins."""
        self._is_leaving = True
        if self.is_closed:
            return
        try:
            self._protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
        except WebSocketException:  # a code that may not be sent: our own mistake, and no reason to leave it open
            self._protocol.send_close(OUR_FAULT)
        self._push_out()
        if not self._ended.is_set():
            self._closing.start(self._finish)

    # --- the peer speaks ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._ended.is_set():
            return
        self._reading.start(self._on_readable)
        self._pinging.start(self._on_quiet)

    def _on_readable(self) -> None:
        """A hub callback: one bounded read."""
        try:
            data = self._raw.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._heard = True
        protocol = self._protocol
        if data and self._is_between_messages:
            data = self._take_plain_frames(data)
            if not data:
                return
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        for frame in protocol.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        self._push_out()
        if not data:
            self._finish()
            return
        self._is_between_messages = (
            not protocol.reader.buffer and protocol.current_size is None and protocol.state is OPEN
        )

    def _take_plain_frames(self, data: bytes) -> bytes:
        """Nearly all that ever comes is a whole, unfragmented, masked text frame of 126 to 65535 bytes, alone in its
        packet. Such frames are taken here at a fifth of the protocol's price; the rest of `data`, from the first frame
        that is anything else, is returned for the protocol."""
        start, length = 0, len(data)
        while length - start >= 8 and data[start] == 0x81 and data[start + 1] == 0xFE:
            end = start + 8 + (data[start + 2] << 8 | data[start + 3])
            if end > length or end - start < 134 or self._is_leaving or self._protocol.state is not OPEN:
                break
            self._deliver(apply_mask(data[start + 8 : end], data[start + 4 : start + 8]), True)
            start = end
        return data[start:]

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._deliver(bytes(frame.data), opcode is Opcode.TEXT)
            else:
                self._fragments, self._fragments_are_text = bytearray(frame.data), opcode is Opcode.TEXT
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if frame.fin:
                whole, self._fragments = bytes(self._fragments), None
                self._deliver(whole, self._fragments_are_text)

    def _deliver(self, message: bytes, is_text: bool) -> None:
        if self._on_message is None or self._is_leaving:  # said before the peer's close counts, after ours does not
            return
        try:
            self._on_message(message, is_text)
        except Exception:  # the handler's bug: it costs this connection and must not reach the hub
            log.exception("a message handler failed")
            self.close(OUR_FAULT, "internal error")

    def _on_quiet(self) -> None:
        """A hub callback, every `ping_after_s`."""
        if self._heard or not self._reading.active:
            self._heard = self._asked = False
        elif self._asked:
            self._protocol.fail(POLICY, "no answer to a ping")
            self._push_out()
            self._finish()
        elif self._protocol.state is OPEN:
            self._asked = True
            self._protocol.send_ping(b"")
            self._push_out()

    # --- we speak -----------------------------------------------------------------------------------------------------

    def _push_out(self) -> None:
        """Whatever the protocol wants to say goes to the kernel, or waits."""
        for frame in self._protocol.data_to_send():
            if self._ended.is_set():
                return
            self._outbox.append(frame)  # b"" is the protocol's way of saying: no more after this
            self._outbox_bytes += len(frame)
        if self._outbox and not self._writing.active:
            self._on_writable()
        if self._outbox_bytes > OUTBOX_BYTES:
            self._give_up_on_slow_peer()

    def _on_writable(self) -> None:
        """A hub callback while something waits; also called at once for a first attempt."""
        outbox = self._outbox
        try:
            while outbox:
                head = outbox[0]
                if not head:
                    self._half_close()
                    return
                sent = self._raw.send(memoryview(head)[self._head_sent :] if self._head_sent else head)
                self._outbox_bytes -= sent
                self._head_sent += sent
                if self._head_sent < len(head):
                    break
                outbox.popleft()
                self._head_sent = 0
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._finish()
            return
        if not outbox:
            self._writing.stop()
        elif not self._writing.active and not self._ended.is_set():
            self._writing.start(self._on_writable)

    def _give_up_on_slow_peer(self) -> None:
        begun = [self._outbox[0]] if self._head_sent else []
        self._outbox.clear()
        self._outbox.extend(begun)
        self._outbox_bytes = sum(map(len, begun)) - self._head_sent
        if self._protocol.state is OPEN:
            self.close(OVERLOADED, "too slow")
        else:
            self._finish()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _go_for_restart(self) -> None:
        """gunicorn ends this greenlet: say so to the peer, and give it a moment to answer."""
        self.close(RESTARTING, "restarting")
        if self._on_message is not None and not self._reading.active and not self._ended.is_set():
            self._reading.start(self._on_readable)
        with gevent.Timeout(0.3, False):
            self._ended.wait()

    def _half_close(self) -> None:
        """All is said. What still arrives is read and thrown away until the peer has gone too: closing at once would
        make the kernel answer unread bytes with a reset, and the peer would never see our close frame."""
        self._outbox.clear()
        self._writing.stop()
        try:
            self._raw.shutdown(SHUT_WR)
        except OSError:
            self._finish()
            return
        if self._reading.active:
            self._closing.start(self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        """Nothing more is read or written. The descriptor itself is closed by gunicorn when the view has returned."""
        if self._ended.is_set():
            return
        for watcher in (self._reading, self._writing, self._pinging, self._closing):
            watcher.stop()
            watcher.close()
        protocol = self._protocol
        received, sent = protocol.close_rcvd, protocol.close_sent
        first = received if received is not None and protocol.close_rcvd_then_sent else sent or received
        if first is not None:
            self.close_code, self.close_reason = first.code, first.reason
        self._outbox.clear()
        self._outbox_bytes = 0
        self._ended.set()
        _live.discard(self)
