"""The contract of a media stream (`carrier/base.py`), as claims that hold for every transport: `test_contract.py` tries them
on all. A `Far` is the other end: what a caller, a client or a room does. Each transport has its own below.

| claim                                                                                    |
|------------------------------------------------------------------------------------------|
| `on_started` comes first, with an encoding that the ear decodes, 8 kHz                    |
| what the caller says arrives in order, as long as it was                                  |
| marks come back in order, once the audio before them was played, each once                |
| `clear` returns what is outstanding, and new audio may follow at once                     |
| `on_stopped` comes last, once, whoever ended it; nothing is reported after it             |
| after the end every method is harmless                                                    |
"""

from collections.abc import Callable
from typing import Any, Protocol

import gevent

from backend.carrier.base import MediaStream
from backend.session.ear import DECODERS, ENCODERS
from tests.carrier.telnyx.test_media_stream import START, Line, media
from tests.transports.client_line import ClientLine, Heard
from tests.transports.livekit_room import LiveKitLine


class Far(Protocol):
    """The other end of `stream`."""

    stream: MediaStream
    heard: Heard

    def speaks(self, pcm: bytes) -> None:
        """Mono s16le at 8 kHz, whole frames of 20 ms."""
        ...

    def plays_on(self) -> None:
        """Everything that was sent so far is played."""
        ...

    def leaves(self) -> None:
        """Returns when the stream has ended."""
        ...


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.005)


class CarrierFar:
    """The telephone's carrier: returns marks itself."""

    def __init__(self) -> None:
        self._line = Line()
        self.stream = self._line.stream
        self.heard: Any = self._line.heard
        self.heard.of = lambda kind: [told[1] for told in self.heard.told if told[0] == kind]
        self._line.carrier_says(START)
        self._chunk = 0
        self._returned = 0

    def speaks(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 320):
            self._chunk += 1
            self._line.carrier_says(media(self._chunk, ENCODERS["PCMU"](pcm[start : start + 320])))

    def plays_on(self) -> None:
        for message in self._line.carrier_gets():
            if message["event"] == "mark":
                self._line.carrier_says(message)

    def leaves(self) -> None:
        self._line.hang_up()


class ClientFar:
    """A client of the WebSocket, which tells nothing: the clock counts."""

    def __init__(self) -> None:
        self._line = ClientLine()
        self.stream = self._line.stream
        self.heard = self._line.heard

    def speaks(self, pcm: bytes) -> None:
        import base64

        for start in range(0, len(pcm), 320):
            audio = base64.b64encode(pcm[start : start + 320]).decode()
            self._line.says({"type": "audio", "audio": audio, "sample_rate": 8000})

    def plays_on(self) -> None:
        self._line.advance(3.0, step_s=0.1)

    def leaves(self) -> None:
        self._line.leaves()


class RoomFar:
    """A LiveKit room, over the SDK's own objects, in real time."""

    def __init__(self) -> None:
        self._line = LiveKitLine()
        self.stream = self._line.stream
        self.heard = self._line.heard
        until(lambda: self.heard.told)

    def speaks(self, pcm: bytes) -> None:
        self._line.caller_says(pcm)

    def plays_on(self) -> None:
        marks = len(self.stream._playout._marks)
        until(lambda: marks == 0 or not self.stream._playout._marks)

    def leaves(self) -> None:
        self._line.ends()


def decoded(far: Far) -> list[bytes]:
    """What the caller said, as the ear hears it."""
    started = next(told for told in far.heard.told if told[0] == "started")
    return [DECODERS[started[1]](frame) for frame in far.heard.of("audio")]
