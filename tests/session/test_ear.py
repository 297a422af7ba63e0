"""backend/session/ear.py"""

import pytest

from backend.audio import g711
from backend.call.events import Event, SpeechEnded, SpeechStarted
from backend.engines.base import SpeechEdge
from backend.session.ear import Ear
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_vad import FakeVad
from tests.session.rig import near

FRAME = bytes(range(160))


@pytest.mark.parametrize(
    ("encoding", "decode"), [("PCMU", g711.decode_ulaw_bytes), ("PCMA", g711.decode_alaw_bytes)]
)  # fmt: skip
def test_the_detector_gets_the_callers_audio_decoded(encoding: str, decode: object) -> None:
    """In the encoding of the stream."""
    vad = FakeVad()
    Ear(vad, encoding, FakeClock(), lambda event: None).on_audio(FRAME)

    assert vad.streams[0].pushed == decode(FRAME)  # type: ignore[operator]


def test_a_listener_gets_the_same_audio_as_the_detector() -> None:
    """Frame by frame, decoded once."""
    vad, fed = FakeVad(), list[bytes]()
    ear = Ear(vad, "PCMU", FakeClock(), lambda event: None, fed.append)
    ear.on_audio(FRAME)
    ear.on_audio(FRAME[::-1])

    assert fed == [g711.decode_ulaw_bytes(FRAME), g711.decode_ulaw_bytes(FRAME[::-1])]
    assert vad.streams[0].pushed == b"".join(fed)


def test_edges_are_told_at_the_instant_of_their_sample() -> None:
    """Counted back from the last frame: it arrived at 1000 s and held the sound from 0.08 to 0.1 s."""
    vad, clock, posted = FakeVad(), FakeClock(1000.0), list[Event]()
    ear = Ear(vad, "PCMU", clock, posted.append)
    for _ in range(5):
        ear.on_audio(FRAME)
    vad.streams[0].find(SpeechEdge(True, 0.02), SpeechEdge(False, 0.09))
    vad.step()
    clock.advance(0.05)  # the detector's own time does not count
    ear.report()

    assert posted == [SpeechStarted(near(999.92)), SpeechEnded(near(999.99))]


def test_a_burst_of_late_frames_does_not_shift_the_instants() -> None:
    """Five frames that arrive at once still lie 20 ms apart."""
    vad, clock, posted = FakeVad(), FakeClock(1000.0), list[Event]()
    ear = Ear(vad, "PCMU", clock, posted.append)
    clock.advance(0.1)
    for _ in range(5):
        ear.on_audio(FRAME)
    vad.streams[0].find(SpeechEdge(True, 0.04))
    vad.step()
    ear.report()

    assert posted == [SpeechStarted(near(1000.04))]


def test_nothing_is_told_twice_and_the_slot_is_given_back() -> None:
    """Closing twice is harmless."""
    vad, posted = FakeVad(), list[Event]()
    ear = Ear(vad, "PCMU", FakeClock(), posted.append)
    vad.streams[0].find(SpeechEdge(True, 0.0))
    vad.step()
    ear.report()
    ear.report()
    ear.close()
    ear.close()

    assert len(posted) == 1 and vad.open_slots == 0
