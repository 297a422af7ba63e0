"""backend/transports/livekit.py over the SDK's own objects, without a server; the room is a stand-in."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.transports.livekit_room import LiveKitLine

pytestmark = pytest.mark.needs("livekit")

TONE = (8000 * np.sin(2 * np.pi * 400 * np.arange(8000) / 8000)).astype(np.int16).tobytes()
"""A second."""


@pytest.fixture
def line() -> Iterator[LiveKitLine]:
    line = LiveKitLine()
    line.until(lambda: line.heard.told)
    yield line
    line.ends()


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.square(np.frombuffer(pcm, np.int16).astype(float)))))


def test_what_the_agent_says_is_published(line: LiveKitLine) -> None:
    """One track of its own; as loud as it was."""
    line.listen_to_agent()
    line.stream.send_audio(TONE)
    line.stream.send_mark("1-1")
    line.until(lambda: line.heard.of("mark"))
    line.until(lambda: any(loudness(frame) > 5000 for frame in line.agent_heard))

    assert len(line.room.published) == 1 and line.heard.told[0] == ("started", "L16", 8000)


def test_what_the_caller_says_is_heard(line: LiveKitLine) -> None:
    """As frames of 20 ms at 8 kHz; only then a caller was there."""
    assert not line.stream.has_sent_audio
    line.caller_says(TONE)
    line.until(lambda: sum(loudness(frame) > 5000 for frame in line.heard.of("audio")) >= 30)

    assert {len(frame) for frame in line.heard.of("audio")} == {320} and line.stream.has_sent_audio


def test_a_clear_empties_the_sdks_queue_too(line: LiveKitLine) -> None:
    """The marks come back at once, and the voice stops."""
    line.listen_to_agent()
    line.stream.send_audio(TONE)
    line.stream.send_mark("1-1")
    line.until(lambda: any(loudness(frame) > 5000 for frame in line.agent_heard))
    line.stream.clear()
    assert line.heard.of("mark") == ["1-1"]
    loud = [loudness(frame) > 5000 for frame in line.agent_heard]
    line.stream.send_audio(bytes(3200))
    line.stream.send_mark("2-2")
    line.until(lambda: "2-2" in line.heard.of("mark"))

    later = [loudness(frame) > 5000 for frame in line.agent_heard]
    assert sum(later) - sum(loud) < 25, "half a second at most of the second that was queued"


def test_the_call_ends_when_the_one_we_hear_leaves(line: LiveKitLine) -> None:
    """The room is left, and nothing is reported afterwards."""
    line.caller_says(TONE[:3200])
    line.until(lambda: line.heard.of("audio"))
    line.caller_leaves()

    assert line.heard.told[-1] == ("stopped", "left") and line.room.is_left
    assert len(line.heard.of("stopped")) == 1


def test_a_room_that_cannot_be_joined_ends_at_once() -> None:
    """Told by its name; what is said afterwards is harmless."""
    line = LiveKitLine(refuses=True)
    line.pump.join(10)
    line.stream.send_audio(TONE)
    line.stream.clear()
    line.stream.close()
    line.ticker.stop()
    line.loop.stop()

    assert line.heard.told == [("stopped", "ConnectionError")] and line.stream.end_reason == "ConnectionError"
