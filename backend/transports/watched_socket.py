"""A WireSocket to somebody we do not know: a client that must show that it reads, and that may be made to wait.

Decides nothing about messages. On top of WireSocket: a ping whose answer is told, also while the peer talks all the time;
reading that can be paused, so that the peer's own TCP holds it back; a last message before the protocol ends the
connection for a fault of the peer (a message that is too large). Runs in the hub, like WireSocket.
"""

from collections.abc import Callable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from backend.transports.wire_socket import PING_AFTER_S, WireSocket

SEND_BUFFER_BYTES = 1 << 16
"""In the kernel: three seconds of the agent's audio. What a peer leaves lying is seen sooner in a small one."""


class WatchedSocket(WireSocket):
    """Made by `accept`."""

    def __init__(self, connection: Any, protocol: Protocol, *, ping_after_s: float = PING_AFTER_S) -> None:
        super().__init__(connection, protocol, ping_after_s=ping_after_s)
        self.on_pong: Callable[[], None] = lambda: None
        self.last_words: Callable[[int], bytes] | None = None
        """Given the code with which the protocol closes, a text to be sent before."""
        self._is_failure_told = False
        connection.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)

    def ask(self) -> None:
        """Send a ping now."""
        if not self.is_closed:
            self._protocol.send_ping(b"")
            self._push_out()

    def pause_reading(self) -> None:
        self._reading.stop()

    def resume_reading(self) -> None:
        if not self._ended.is_set() and not self._reading.active:
            self._reading.start(self._on_readable)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.on_pong()
        super()._take(frame)

    def _push_out(self) -> None:
        protocol = self._protocol
        fault = protocol.parser_exc
        if isinstance(fault, WebSocketException) and not self._is_failure_told:
            self._is_failure_told = True
            closing = protocol.close_sent
            if self.last_words is not None and closing is not None and not self._is_leaving:
                words = self._build_frame(self.last_words(closing.code), 0x81)
                self._outbox.append(words)
                self._outbox_bytes += len(words)
        super()._push_out()
