"""The carrier's media stream over a real WireSocket; the peer is a sans-IO client on the other end of a socket pair."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket
from websockets.frames import Frame
from websockets.protocol import CLIENT, SERVER, Protocol

from backend.carrier.telnyx.media_stream import TelnyxMediaStream
from backend.clock import SystemClock
from backend.transports.wire_socket import WireSocket


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


class Line:
    """A stream under test, its listener, and the carrier's end."""

    def __init__(self, token: str = "") -> None:
        ours, self._theirs = socket.socketpair()
        self._protocol = Protocol(CLIENT)
        self.stream = TelnyxMediaStream(
            WireSocket(ours, Protocol(SERVER, max_size=65536)), SystemClock(), call_control_id="v3:abc", token=token
        )
        self.heard = Heard()
        self._ours = ours
        self.pump = gevent.spawn(self.stream.pump, self.heard)

    def carrier_says(self, *messages: dict[str, Any] | str) -> None:
        for message in messages:
            self._protocol.send_text((message if isinstance(message, str) else json.dumps(message)).encode())
        self._theirs.sendall(b"".join(self._protocol.data_to_send()))
        gevent.sleep(0.02)

    def carrier_gets(self) -> list[dict[str, Any]]:
        return [json.loads(frame.data) for frame in self._frames() if frame.opcode == 1]

    def close_code(self) -> int:
        self._frames()
        assert self._protocol.close_rcvd is not None
        return self._protocol.close_rcvd.code

    def _frames(self) -> list[Frame]:
        gevent.sleep(0.02)
        self._theirs.settimeout(0.05)
        try:
            while data := self._theirs.recv(1 << 20):
                self._protocol.receive_data(data)
        except OSError:
            pass  # all there was
        return [event for event in self._protocol.events_received() if isinstance(event, Frame)]

    def hang_up(self) -> None:
        self._theirs.close()
        self.pump.join(3)
        self._ours.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.hang_up()


CONNECTED = {"event": "connected", "version": "1.0.0"}
START = {
    "event": "start",
    "sequence_number": "1",
    "stream_id": "s",
    "start": {
        "call_control_id": "v3:abc",
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
}
STOP = {"event": "stop", "sequence_number": "9", "stream_id": "s", "stop": {"call_control_id": "v3:abc"}}


def media(chunk: int, payload: bytes, track: str = "inbound") -> dict[str, Any]:
    encoded = base64.b64encode(payload).decode()
    fields = {"track": track, "chunk": str(chunk), "timestamp": str(20 * chunk), "payload": encoded}
    return {"event": "media", "sequence_number": str(chunk + 1), "stream_id": "s", "media": fields}


def test_a_stream_from_start_to_stop(line: Line) -> None:
    """Everything reaches the listener, in order, and the end is told once."""
    line.carrier_says(CONNECTED, START, media(1, b"a"), media(3, b"c"), media(2, b"b"), media(3, b"c"))
    line.carrier_says({"event": "mark", "mark": {"name": "m"}}, {"event": "dtmf", "dtmf": {"digit": "5"}}, STOP)
    line.hang_up()

    assert line.heard.told == [
        ("started", "PCMU", 8000),
        ("audio", b"a"),
        ("audio", b"b"),
        ("audio", b"c"),
        ("mark", "m"),
        ("dtmf", "5"),
        ("stopped", "stopped by the carrier"),
    ]


def test_what_we_send_has_the_carriers_form(line: Line) -> None:
    """Audio in pieces of at most a second, a short tail padded to a frame, marks and clears."""
    line.carrier_says(CONNECTED, START)
    line.stream.send_audio(b"\x01" * 12000)
    line.stream.send_audio(b"\x02" * 100)
    line.stream.send_audio(b"")
    line.stream.send_mark("m1")
    line.stream.clear()

    sent = line.carrier_gets()
    audio = [base64.b64decode(message["media"]["payload"]) for message in sent[:3]]
    assert audio == [b"\x01" * 8000, b"\x01" * 4000, b"\x02" * 100 + b"\xff" * 60]
    assert sent[3:] == [{"event": "mark", "mark": {"name": "m1"}}, {"event": "clear"}]


def test_our_own_audio_is_not_taken_for_the_callers(line: Line) -> None:
    """With both tracks streamed, only the far party's is heard."""
    line.carrier_says(START, media(1, b"agent", "outbound"), media(1, b"caller"))

    assert line.heard.told[1:] == [("audio", b"caller")]


def test_a_stream_of_another_call_is_closed(line: Line) -> None:
    """The call it names must be the one it was opened for."""
    line.carrier_says(json.dumps(START).replace("v3:abc", "v3:other"), media(1, b"a"))

    assert line.close_code() == 1008
    line.hang_up()
    assert line.heard.told == [("stopped", "socket closed with 1008")]


def test_a_wrong_token_in_the_first_message_is_closed() -> None:
    """The right one is let through; its absence was judged at the upgrade."""
    for token, codes in (("wrong", 1008), ("right", None)):
        line = Line(token="right")
        line.carrier_says({"event": "connected", "connected": {"x-telnyx-streaming-auth-token": token}}, START)
        if codes is None:
            assert line.heard.told == [("started", "PCMU", 8000)]
        else:
            assert line.close_code() == 1008
        line.hang_up()


def test_malformed_messages_are_dropped_and_twenty_of_them_end_the_stream(line: Line) -> None:
    """Nineteen cost nothing: good frames between them are heard."""
    line.carrier_says(START, *["[]", "{", '{"event":7}'] * 6, json.dumps(media(1, b"x")).replace("eA==", "e!!!"))
    line.carrier_says(media(1, b"fine"))
    assert ("audio", b"fine") in line.heard.told
    assert line.stream.malformed_count == 19

    line.carrier_says("null")

    assert line.close_code() == 1008


def test_audio_before_the_start_and_a_second_start_are_malformed(line: Line) -> None:
    """Nothing is guessed about an encoding that was not announced."""
    line.carrier_says(media(1, b"x"), START, START, media(1, b"y"))

    assert line.heard.told == [("started", "PCMU", 8000), ("audio", b"y")]
    assert line.stream.malformed_count == 2


def test_after_the_socket_is_gone_sending_is_harmless(line: Line) -> None:
    """Never raises, and the end is told once with its reason."""
    line.carrier_says(START)
    line.hang_up()

    line.stream.send_audio(b"\x00" * 160)
    line.stream.send_mark("m")
    line.stream.clear()
    line.stream.close()
    line.stream.close()

    assert line.heard.told == [("started", "PCMU", 8000), ("stopped", "socket closed with 1006")]


def test_the_silence_before_the_start_may_last(line: Line) -> None:
    """Connected while the far party rings: no start, no stop, then the socket goes."""
    line.carrier_says(CONNECTED)
    line.hang_up()

    assert line.heard.told == [("stopped", "socket closed with 1006")]
