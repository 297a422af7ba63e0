"""The claims of contract.py, on all three transports."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.transports.contract import CarrierFar, ClientFar, Far, RoomFar, decoded, until

FRAME = 320
KINDS = [
    pytest.param(CarrierFar, id="carrier"),
    pytest.param(ClientFar, id="client"),
    pytest.param(RoomFar, id="livekit", marks=pytest.mark.needs("livekit")),
]


@pytest.fixture(params=KINDS)
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    far: Far = request.param()
    yield far
    if not far.heard.of("stopped"):
        far.leaves()


def encoded(far: Far, seconds: float) -> bytes:
    """Silence of that length in the stream's own encoding."""
    return bytes(round(seconds * 8000) * (2 if far.stream.encoding == "L16" else 1))


def level(frame: bytes) -> float:
    return float(np.abs(np.frombuffer(frame, np.int16).astype(float)).mean())


def test_it_begins_with_an_encoding_that_can_be_heard(far: Far) -> None:
    """Before anything else."""
    until(lambda: far.heard.told)

    assert far.heard.told[0][0] == "started" and far.heard.told[0][2] == 8000
    assert far.heard.told[0][1] in ("PCMU", "PCMA", "L16") and far.stream.encoding in ("PCMU", "PCMA", "L16")


def test_the_caller_arrives_in_order_and_as_long_as_he_spoke(far: Far) -> None:
    """Louder every 200 ms; a resampler in between may soften the edges."""
    steps = [1000, 4000, 12000]
    far.speaks(b"".join((value.to_bytes(2, "little") * 160) * 10 for value in steps))
    until(lambda: sum(level(frame) > 500 for frame in decoded(far)) >= 29)
    loud = [level(frame) for frame in decoded(far) if level(frame) > 500]

    assert {len(frame) for frame in decoded(far)} == {FRAME} and 29 <= len(loud) <= 32
    assert loud[4] < loud[14] < loud[24] and abs(loud[14] - 4000) < 400


def test_marks_come_back_in_order_once_played(far: Far) -> None:
    """Each once; none before its audio."""
    for number in range(3):
        far.stream.send_audio(encoded(far, 0.3))
        far.stream.send_mark(f"1-{number}")
    assert far.heard.of("mark") == []
    far.plays_on()
    far.plays_on()

    assert far.heard.of("mark") == ["1-0", "1-1", "1-2"]


def test_after_a_clear_the_outstanding_marks_come_back_and_new_audio_follows(far: Far) -> None:
    """Whoever cleared knows that they are void."""
    far.stream.send_audio(encoded(far, 0.9))
    far.stream.send_mark("1-1")
    far.stream.clear()
    far.stream.send_audio(encoded(far, 0.1))
    far.stream.send_mark("2-2")
    far.plays_on()

    assert far.heard.of("mark") == ["1-1", "2-2"]


def test_the_end_is_told_once_and_last_and_afterwards_everything_is_harmless(far: Far) -> None:
    """Never raises; nothing comes back."""
    far.speaks(bytes(FRAME) * 5)
    far.stream.send_audio(encoded(far, 0.5))
    far.stream.send_mark("1-1")
    far.leaves()
    told = list(far.heard.told)
    far.stream.send_audio(encoded(far, 0.5))
    far.stream.send_mark("1-2")
    far.stream.clear()
    far.stream.close()
    far.stream.close()

    assert far.heard.told == told and told[-1][0] == "stopped"
    assert len(far.heard.of("stopped")) == 1
