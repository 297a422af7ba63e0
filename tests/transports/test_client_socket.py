"""backend/transports/client_socket.py over a real socket pair, in virtual time."""

import base64
from collections.abc import Iterator

import pytest

from backend.call.captions import Caption
from backend.call.events import TYPED, CallHungUp, SilenceRequested, TranscriptReceived
from backend.transports.client_protocol import ErrorCode
from backend.transports.client_socket import ANSWER_WITHIN_S, CLOSE_CODES, PING_EVERY_S, QUEUE_FRAMES
from backend.transports.wire_socket import CLOSE_WAIT_S
from tests.transports.client_line import ClientLine

SECOND = bytes(16000)


@pytest.fixture
def line() -> Iterator[ClientLine]:
    line = ClientLine()
    yield line
    line.leaves()


def test_a_session_from_beginning_to_end(line: ClientLine) -> None:
    """session_start, audio in frames, captions, session_end; what the client does reaches the call in order."""
    line.says({"type": "text", "text": "Hello?"}, {"type": "control", "action": "interrupt"})
    line.stream.send_audio(bytes(700))
    line.stream.send_mark("1-1")
    line.stream.caption(Caption("agent", "Hello.", True))
    line.says({"type": "control", "action": "ping", "id": "p"}, {"type": "control", "action": "hang_up"})
    line.stream.end_reason = "caller_hung_up"
    line.stream.close()
    line.stream.close()
    got = line.gets()
    line.leaves()

    assert [message["type"] for message in got] == [
        "session_start", "audio", "audio", "audio", "transcript", "pong", "session_end",
    ]  # fmt: skip
    assert [len(base64.b64decode(message["audio"])) for message in got[1:4]] == [320, 320, 60]
    assert [message["sequence"] for message in got[1:4]] == [1, 2, 3]
    assert got[-1]["reason"] == "caller_hung_up" and line.close_code() == 1000
    assert line.heard.told == [
        ("started", "L16", 8000),
        ("event", TranscriptReceived("Hello?", is_final=True, recogniser=TYPED)),
        ("event", SilenceRequested()),
        ("event", CallHungUp("normal_clearing", "caller")),
        ("stopped", "socket closed with 1000"),
    ]


def test_marks_come_back_as_the_clock_plays(line: ClientLine) -> None:
    """A client that does not tell what it played."""
    line.stream.send_audio(SECOND)
    line.stream.send_mark("1-1")
    line.advance(0.98)
    assert line.heard.of("mark") == []
    line.advance(0.06)

    assert line.heard.of("mark") == ["1-1"]


def test_marks_come_back_as_the_client_plays(line: ClientLine) -> None:
    """One that tells is believed when it is late."""
    line.stream.send_audio(SECOND)
    line.stream.send_mark("1-1")
    line.says({"type": "control", "action": "played", "sequence": 10})
    line.advance(1.5)
    assert line.heard.of("mark") == []
    line.says({"type": "control", "action": "played", "sequence": 50})
    line.advance(0.02)

    assert line.heard.of("mark") == ["1-1"]


def test_a_clear_throws_away_what_is_left_and_returns_the_marks(line: ClientLine) -> None:
    """In this order for the client: audio, clear, new audio; half a frame of the old speech is not sent with the new."""
    line.stream.send_audio(bytes(400))
    line.stream.send_mark("1-1")
    line.stream.send_audio(bytes(400))
    line.stream.clear()
    assert line.heard.of("mark") == ["1-1"]
    line.stream.send_audio(b"\x01" * 320)
    audio = [base64.b64decode(message["audio"]) for message in line.gets() if message["type"] == "audio"]

    assert line.gets_types()[1:] == ["audio", "audio", "audio", "clear", "audio"]
    assert audio[-1] == b"\x01" * 320


def test_what_was_not_sent_cannot_be_played(line: ClientLine) -> None:
    """An error, and nothing follows from it."""
    line.stream.send_audio(bytes(320))
    line.says({"type": "control", "action": "played", "sequence": 2})

    assert line.gets()[-1]["code"] == "invalid"


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_a_voice_of_any_rate_arrives_as_frames_at_8_khz(line: ClientLine, rate: int) -> None:
    """As long as it was, as loud as it was."""
    line.speaks(0.4, rate)
    line.speaks(0.4, rate, frame_s=0.1)
    frames = line.heard.of("audio")

    assert {len(frame) for frame in frames} == {320}
    assert len(frames) in (39, 40)
    assert abs(int.from_bytes(frames[30][:2], "little") - 1000) <= 1


def test_the_rate_may_change(line: ClientLine) -> None:
    """Another microphone was plugged in."""
    line.speaks(0.2, 48000)
    line.speaks(0.2, 16000)

    assert len(line.heard.of("audio")) in (19, 20)


def test_a_voice_that_stops_coming_is_silence(line: ClientLine) -> None:
    """Push to talk: the sentence has an end. Before the first audio there is nothing to be silent."""
    line.advance(1.0)
    assert line.heard.of("audio") == []
    line.speaks(0.2)
    line.advance(1.2)
    frames = line.heard.of("audio")

    assert 58 <= len(frames) <= 60
    assert frames[10:] == [bytes(320)] * (len(frames) - 10)


def test_long_messages_that_come_on_time_leave_no_gap(line: ClientLine) -> None:
    """Half a second at a time: no silence is put between."""
    for _ in range(4):
        line.speaks(0.5, frame_s=0.5)
        line.advance(0.5)

    assert bytes(320) not in line.heard.of("audio")


def test_a_client_that_is_too_fast_is_slowed_down_and_nothing_is_lost(line: ClientLine) -> None:
    """Ten seconds at once: one second goes on, 50 frames wait, the rest stays in its socket; all arrives in its time."""
    line.speaks(10.0, sample=77)
    at_once = len(line.heard.of("audio"))
    line.advance(4.0)
    later = len(line.heard.of("audio"))
    line.advance(5.2)
    frames = line.heard.of("audio")

    assert at_once == 50 and 245 <= later <= 255
    assert len([frame for frame in frames if frame[0] == 77]) == 500


def test_at_most_fifty_frames_wait(line: ClientLine) -> None:
    """The client's own socket holds the rest, not our memory."""
    line.speaks(10.0)

    # What one read of the socket brings is taken: five messages of this size.
    assert QUEUE_FRAMES <= len(line.stream._waiting) <= QUEUE_FRAMES + 5


def test_a_client_that_is_slowed_down_is_not_taken_for_one_that_does_not_read(line: ClientLine) -> None:
    """Its answer to our ping lies behind its own audio."""
    line.speaks(15.0)
    line.advance(14.0)

    assert line.close_code() is None and "error" not in line.gets_types()


def test_after_a_stall_of_the_network_the_voice_catches_up(line: ClientLine) -> None:
    """Three seconds late, then all at once: heard at once, not three seconds late for the rest of the call."""
    line.speaks(0.2)
    line.advance(3.0)
    before = len(line.heard.of("audio"))
    line.speaks(2.0, sample=77)

    assert len([frame for frame in line.heard.of("audio")[before:] if frame[0] == 77]) >= 50


def test_where_nobody_listens_audio_is_refused_once() -> None:
    """Fifty errors a second would close it; typed words are taken."""
    line = ClientLine(hears_audio=False)
    line.speaks(1.0)
    line.says({"type": "text", "text": "Hello?"})
    got = line.gets()
    line.leaves()

    assert [message.get("code") for message in got if message["type"] == "error"] == ["not_listening"]
    assert got[0]["hears_audio"] is False and line.heard.of("audio") == [] and len(line.heard.of("event")) == 1


def test_mistakes_are_told_and_twenty_end_the_connection(line: ClientLine) -> None:
    """The words between them are heard; the call learns that the leg is gone, and why."""
    line.says(*["{"] * 10, b"\x00", *[{"type": "audio", "audio": "?", "sample_rate": 8000}] * 8)
    line.says({"type": "text", "text": "Hello?"})
    assert line.close_code() is None and len(line.heard.of("event")) == 1
    line.says({"type": "nonsense"}, {"type": "text", "text": "too late"})
    codes = [message["code"] for message in line.gets() if message["type"] == "error"]
    line.leaves()

    assert codes == ["not_json"] * 11 + ["bad_audio"] * 8 + ["too_many_errors"]
    assert line.close_code() == 1008 and len(line.heard.of("event")) == 1
    assert line.stream.gone == CallHungUp("too_many_errors")


def test_a_message_of_a_megabyte_is_refused_by_name(line: ClientLine) -> None:
    """Told before the close; nothing of it was kept."""
    line.says({"type": "text", "text": "x" * (1 << 20)})
    got = line.gets()
    line.leaves()

    assert (got[-1]["type"], got[-1]["code"]) == ("error", "too_large")
    assert line.close_code() == 1009 and line.heard.of("event") == []


def test_a_client_that_answers_no_ping_is_closed() -> None:
    """It does not read, although it goes on talking."""
    line = ClientLine(reads=False)
    stayed_s = 0.0
    while not line.wire.is_closed and stayed_s < 60:
        line.speaks(0.5)
        line.advance(0.5)
        stayed_s += 0.5
    line.leaves()

    assert ANSWER_WITHIN_S <= stayed_s <= PING_EVERY_S + ANSWER_WITHIN_S
    assert line.stream.gone == CallHungUp("not_reading")
    assert PING_EVERY_S + ANSWER_WITHIN_S + CLOSE_WAIT_S < 10


def test_a_client_that_leaves_our_messages_lying_is_closed() -> None:
    """What the kernel does not take any more for five seconds."""
    line = ClientLine(reads=False)
    line.stream.send_audio(SECOND * 20)
    assert line.wire.outbox_bytes > 0
    line.advance(ANSWER_WITHIN_S + 0.1, step_s=0.1)
    is_closed = line.wire.is_closed
    line.leaves()

    assert is_closed and line.stream.gone == CallHungUp("not_reading")


def test_a_client_that_answers_pings_stays(line: ClientLine) -> None:
    """However long nobody says anything."""
    line.advance(30.0, step_s=0.5)

    assert not line.wire.is_closed


@pytest.mark.parametrize("code", sorted(CLOSE_CODES))
def test_a_refusal_is_told_before_the_close(code: ErrorCode) -> None:
    """With its own code; no session_end follows a session that never began."""
    line = ClientLine()
    line.stream.refuse(code, "because")
    line.stream.close()
    got = line.gets()
    line.leaves()

    assert got[-1] == {"type": "error", "code": code.value, "message": "because"}
    assert line.close_code() == CLOSE_CODES[code]


def test_after_the_socket_is_gone_everything_is_harmless(line: ClientLine) -> None:
    """Never raises, and the end is told once."""
    line.stream.send_audio(bytes(320))
    line.stream.send_mark("1-1")
    line.leaves()
    line.stream.send_audio(bytes(640))
    line.stream.send_mark("1-2")
    line.stream.clear()
    line.stream.tick(line.clock.monotonic() + 100)
    line.stream.close()

    assert line.heard.told == [("started", "L16", 8000), ("stopped", "socket closed with 1006")]
    assert line.stream.gone == CallHungUp("socket_closed", "caller")
