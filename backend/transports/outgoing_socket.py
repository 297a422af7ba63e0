"""A WebSocket that a worker opens to another process: `WireSocket` seen from the client's side.

Decides how the connection is made and how frames are masked; everything else (reads in the hub, one bounded outbox, the
end) is WireSocket's. For sockets inside one's own network: `ws://` only. Made and run by one greenlet:

    socket = OutgoingSocket.connect("ws://127.0.0.1:2700", within_s=1.0)    # raises ConnectionError
    socket.run(on_message)                                                  # until it has ended
"""

import logging
import os
from collections.abc import Mapping

import gevent
from gevent import socket as gevent_socket
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI, WebSocketException
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.uri import parse_uri

from backend.transports.wire_socket import (
    LARGEST_MESSAGE,
    PING_AFTER_S,
    OnMessage,
    WireSocket,
    frame_head,
)

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the C extension
    from websockets.utils import apply_mask

_protocol_log = logging.getLogger(__name__ + ".protocol")
_protocol_log.setLevel(logging.WARNING)  # it would say "connection closed" for each
_MASKED = 0x80


class OutgoingSocket(WireSocket):
    """One WebSocket that was opened by us."""

    _is_incoming = False

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        within_s: float,
        headers: Mapping[str, str] | None = None,
        ping_after_s: float = PING_AFTER_S,
    ) -> "OutgoingSocket":
        """Connection and upgrade within `within_s` seconds. Raises ConnectionError (TimeoutError is told in its text):
        nobody listens, no answer, an answer that is no upgrade."""
        try:
            uri = parse_uri(url)
        except InvalidURI as error:
            raise ConnectionError(f"{url}: no WebSocket address") from error
        if uri.secure:
            raise ConnectionError(f"{url}: only ws:// is supported")
        connection = None
        try:
            with gevent.Timeout(within_s, TimeoutError(f"no answer within {within_s:g} s")):
                connection = gevent_socket.create_connection((uri.host, uri.port))
                connection.setsockopt(gevent_socket.IPPROTO_TCP, gevent_socket.TCP_NODELAY, 1)
                protocol = ClientProtocol(uri, max_size=LARGEST_MESSAGE, logger=_protocol_log)
                early = _shake_hands(connection, protocol, headers or {})
        except (OSError, WebSocketException, EOFError) as error:
            if connection is not None:
                connection.close()
            raise ConnectionError(f"{url}: {error}") from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return cls(connection, protocol, early, ping_after_s=ping_after_s)

    def __init__(
        self, connection: gevent_socket.socket, protocol: ClientProtocol, early: list[Event], *, ping_after_s: float
    ) -> None:
        super().__init__(connection, protocol, ping_after_s=ping_after_s)
        self._early = early
        self._our_end = connection
        self.was_aborted = False

    def run(self, on_message: OnMessage) -> None:
        """As WireSocket.run; afterwards the connection is closed, since no server does it for us."""
        try:
            super().run(on_message)
        finally:
            self._our_end.close()

    def abort(self) -> None:
        """The peer does not answer: no closing handshake, the connection just goes. Idempotent."""
        self.was_aborted = True
        self._finish()

    def _start(self) -> None:
        early, self._early = self._early, []
        for frame in early:  # what the peer said in the same packet as its upgrade
            if isinstance(frame, Frame):
                self._take(frame)
        self._push_out()
        super()._start()

    def _build_frame(self, message: bytes, first_byte: int) -> bytes:
        """Masked, as a client must."""
        mask = os.urandom(4)
        return frame_head(first_byte, len(message), _MASKED) + mask + apply_mask(message, mask)

    def _take_plain_frames(self, data: bytes) -> bytes:
        """A server's frames are not masked: all of them are for the protocol."""
        return data


def _shake_hands(connection: gevent_socket.socket, protocol: ClientProtocol, headers: Mapping[str, str]) -> list[Event]:
    """The upgrade. Returns what the peer said right behind it."""
    request = protocol.connect()
    for name, value in headers.items():
        request.headers[name] = value
    protocol.send_request(request)
    connection.sendall(b"".join(protocol.data_to_send()))
    while True:
        data = connection.recv(4096)
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
        events = protocol.events_received()
        if events and isinstance(events[0], Response):
            return events[1:]
        if not data:
            raise EOFError("it hung up")
