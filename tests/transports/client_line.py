"""A client of the client WebSocket without a server: the stream under test over a real socket pair, and a sans-IO client
at the other end. The stream's own time is a FakeClock: nothing is due until the test says so."""

import base64
import json
from array import array
from fcntl import ioctl
from termios import FIONREAD
from typing import Any

import gevent
from gevent import socket
from websockets.frames import Frame
from websockets.protocol import CLIENT, SERVER, Protocol

from backend.call.events import Event
from backend.clock import SystemClock
from backend.transports.client_protocol import LARGEST_MESSAGE, SessionStart
from backend.transports.client_socket import ClientStream
from backend.transports.ticker import Ticker
from backend.transports.watched_socket import WatchedSocket
from tests.fakes.fake_clock import FakeClock

QUIET = bytes(320)
"""A frame of ours."""


class Heard:
    """A listener that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_started(self, encoding: str, sample_rate: int) -> None:
        self.told.append(("started", encoding, sample_rate))

    def on_audio(self, encoded: bytes) -> None:
        self.told.append(("audio", encoded))

    def on_mark(self, name: str) -> None:
        self.told.append(("mark", name))

    def on_dtmf(self, digit: str) -> None:
        self.told.append(("dtmf", digit))

    def on_stopped(self, reason: str) -> None:
        self.told.append(("stopped", reason))

    def post(self, event: Event) -> None:
        self.told.append(("event", event))

    def of(self, kind: str) -> list[Any]:
        return [told[1] for told in self.told if told[0] == kind]


class ClientLine:
    """`stream` is under test, `heard` its listener."""

    def __init__(self, *, hears_audio: bool = True, reads: bool = True) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._protocol = Protocol(CLIENT, max_size=None)
        self.reads = reads
        self.clock = FakeClock()
        self.wire = WatchedSocket(self._ours, Protocol(SERVER, max_size=LARGEST_MESSAGE))
        self.stream = ClientStream(self.wire, self.clock, Ticker(SystemClock()))
        self.heard = Heard()
        self._got: list[Frame] = []
        self._unsent = b""
        self.stream.begin(SessionStart("web-1", "Ada", hears_audio))
        self.pump = gevent.spawn(self.stream.pump, self.heard)
        self.settle()

    def settle(self) -> None:
        """Until nothing is on its way any more: our side has read all, or reads nothing, and so has the client."""
        is_quiet_twice = False
        while True:
            gevent.sleep(0.0001)
            is_news = self.reads and self._read()
            is_unread = self.wire._reading.active and self._unread() > 0
            if is_news or is_unread:
                is_quiet_twice = False
            elif is_quiet_twice:
                return
            else:
                is_quiet_twice = True

    def _unread(self) -> int:
        """Bytes that lie before our side."""
        count = array("i", [0])
        ioctl(self._ours.fileno(), FIONREAD, count)
        return count[0]

    def advance(self, seconds: float, step_s: float = 0.02) -> None:
        """Time passes, and the ticker ticks."""
        left = seconds
        while left > 1e-9:
            self.clock.advance(min(step_s, left))
            left -= step_s
            self.stream.tick(self.clock.monotonic())
            if self._unsent:
                self._push()
            else:
                self.settle()

    # --- the client ---

    def says(self, *messages: dict[str, Any] | str | bytes) -> None:
        for message in messages:
            if isinstance(message, bytes):
                self._protocol.send_binary(message)
            else:
                self._protocol.send_text((message if isinstance(message, str) else json.dumps(message)).encode())
        self._push()

    def speaks(self, seconds: float, sample_rate: int = 8000, sample: int = 1000, frame_s: float = 0.02) -> None:
        """All at once, in messages of `frame_s`."""
        frame = sample.to_bytes(2, "little") * round(sample_rate * frame_s)
        audio = base64.b64encode(frame).decode()
        message = {"type": "audio", "audio": audio, "sample_rate": sample_rate}
        self.says(*[message] * round(seconds / frame_s))

    def gets(self) -> list[dict[str, Any]]:
        """All messages so far."""
        self.settle()
        return [json.loads(frame.data) for frame in self._got if frame.opcode == 1]

    def gets_types(self) -> list[str]:
        return [message["type"] for message in self.gets()]

    def close_code(self) -> int | None:
        self.settle()
        return self._protocol.close_rcvd.code if self._protocol.close_rcvd is not None else None

    def leaves(self) -> None:
        self._theirs.close()
        self.pump.join(5)
        self._ours.close()

    def _push(self) -> None:
        data = self._unsent + b"".join(self._protocol.data_to_send())
        self._unsent = b""
        # A socket whose other end does not read takes no more after a while: the rest goes when it reads again.
        self._theirs.setblocking(False)
        while data:
            try:
                data = data[self._theirs.send(data) :]
            except BlockingIOError:
                self._unsent = data
                break
            except OSError:
                break  # closed by our side
        self.settle()

    def _read(self) -> bool:
        """False: there was nothing."""
        was_there = False
        self._theirs.setblocking(False)
        try:
            while data := self._theirs.recv(1 << 16):
                was_there = True
                self._protocol.receive_data(data)
        except OSError:
            pass  # all there was
        self._got += [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        if answers := b"".join(self._protocol.data_to_send()):  # pongs, and the answer to a close
            try:
                self._theirs.send(answers)
            except OSError:
                pass  # our side has gone
        return was_there
