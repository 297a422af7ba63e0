"""backend/session/ear.py"""

import numpy as np
import pytest

from backend.audio import g711
from backend.audio.echo import EchoGuard
from backend.call.events import Event, SpeechEnded, SpeechLasted, SpeechStarted
from backend.engines.base import SpeechEdge
from backend.rehearsal.sounds import make_sound
from backend.session.ear import Ear
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_vad import FakeVad
from tests.session.rig import near

FRAME = bytes(range(160))


@pytest.mark.parametrize(
    ("encoding", "decode"), [("PCMU", g711.decode_ulaw_bytes), ("PCMA", g711.decode_alaw_bytes), ("L16", bytes)]
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


def test_a_sound_that_lasts_is_told_once_and_counted_by_its_sound() -> None:
    """At 0.3 s of sound, not 0.3 s after its beginning was noticed."""
    vad, clock, posted = FakeVad(), FakeClock(1000.0), list[Event]()
    ear = Ear(vad, "PCMU", clock, posted.append, lasted_s=0.3)
    stream = vad.streams[0]
    for _ in range(50):
        ear.on_audio(FRAME)
    stream.find(SpeechEdge(True, 0.5))
    vad.step()
    for until_s in (0.5, 0.7, 0.79):
        stream.speech_until_s = until_s
        ear.report()
    assert posted == [SpeechStarted(near(999.5))]

    for until_s in (0.81, 0.9):
        stream.speech_until_s = until_s
        ear.report()
    assert posted[1:] == [SpeechLasted(near(999.5))]


def test_a_short_sound_never_lasts_however_late_its_end_is_known() -> None:
    """The end is noticed 0.25 s after it."""
    vad, clock, posted = FakeVad(), FakeClock(1000.0), list[Event]()
    ear = Ear(vad, "PCMU", clock, posted.append, lasted_s=0.3)
    stream = vad.streams[0]
    for _ in range(50):
        ear.on_audio(FRAME)
    stream.find(SpeechEdge(True, 0.5))
    vad.step()
    stream.speech_until_s = 0.6
    for _ in range(20):
        ear.on_audio(FRAME)
        clock.advance(0.02)
        ear.report()
    stream.speech_until_s = None
    stream.find(SpeechEdge(False, 0.61))
    vad.step()
    ear.report()

    assert [type(event) for event in posted] == [SpeechStarted, SpeechEnded]


def test_a_long_sound_that_is_found_all_at_once_has_lasted() -> None:
    """Beginning and end in one step: the order is kept."""
    vad, posted = FakeVad(), list[Event]()
    ear = Ear(vad, "PCMU", FakeClock(1000.0), posted.append, lasted_s=0.3)
    vad.streams[0].find(SpeechEdge(True, 0.0), SpeechEdge(False, 0.4), SpeechEdge(True, 1.0), SpeechEdge(False, 1.1))
    vad.step()
    ear.report()

    assert [type(event) for event in posted] == [SpeechStarted, SpeechLasted, SpeechEnded, SpeechStarted, SpeechEnded]


def noise(seconds: float, seed: int, rms: float = 3000.0) -> bytes:
    """μ-law."""
    samples = np.random.default_rng(seed).normal(0, rms, round(8000 * seconds)).astype(np.int16)
    return g711.encode_ulaw(samples)


class Echoing:
    """An ear on a line that hears 0.4 s of `theirs` while `ours` is played; the detector found speech from 0.1 s on."""

    def __init__(self, ours: bytes, theirs: bytes) -> None:
        self.vad, self.clock, self.posted, guard = FakeVad(), FakeClock(1000.0), list[Event](), EchoGuard()
        self.ear = Ear(self.vad, "PCMU", self.clock, self.posted.append, lasted_s=0.2, echo_guard=guard)
        self.stream = self.vad.streams[0]
        guard.played(g711.decode_ulaw_bytes(ours), 1000.0)
        self.stream.find(SpeechEdge(True, 0.1))
        self.hear(theirs)

    def hear(self, theirs: bytes) -> None:
        for start in range(0, len(theirs), 160):
            self.clock.advance(0.02)
            self.ear.on_audio(theirs[start : start + 160])
            self.stream.speech_until_s = self.clock.monotonic() - 1000.0
            self.vad.step()
            self.ear.report()


def test_our_own_echo_is_told_neither_to_begin_nor_to_last_nor_to_end() -> None:
    """It only counts in the metrics."""
    line = Echoing(ours=noise(1, 1), theirs=noise(1, 1)[:3200])
    line.stream.speech_until_s = None
    line.stream.find(SpeechEdge(False, 0.4))
    line.vad.step()
    line.ear.report()

    assert line.posted == []


def test_a_caller_while_we_speak_is_told_with_their_true_beginning() -> None:
    """Although the guard needed some of it to be sure."""
    line = Echoing(ours=noise(1, 1), theirs=noise(0.4, 2))

    assert line.posted == [SpeechStarted(near(1000.1)), SpeechLasted(near(1000.1))]


def test_a_caller_who_talks_over_the_echo_is_told_from_then_on() -> None:
    """Lasting counts from there, too."""
    line = Echoing(ours=noise(2, 1), theirs=noise(2, 1, rms=600)[:4800])
    assert line.posted == []
    line.hear(noise(0.12, 2))
    assert [type(event) for event in line.posted] == [SpeechStarted]
    assert line.posted[0].at == pytest.approx(1000.6, abs=0.1)  # type: ignore[attr-defined]

    line.hear(noise(0.3, 3))
    assert [type(event) for event in line.posted] == [SpeechStarted, SpeechLasted]


class QuietLine:
    """An ear on a line that gave nothing back for two seconds of `ours`, 1000 to 1002 s; then the detector finds speech."""

    def __init__(self, seconds: float = 4.0) -> None:
        self.vad, self.clock, self.posted, guard = FakeVad(), FakeClock(1000.0), list[Event](), EchoGuard()
        self.ear = Ear(self.vad, "PCMU", self.clock, self.posted.append, lasted_s=0.3, echo_guard=guard)
        self.stream = self.vad.streams[0]
        self.ours = noise(seconds, 1)
        self.hiss = noise(2, 5, rms=10)
        self.guard, self.played = guard, 0
        self.hear(self.hiss)
        self.stream.find(SpeechEdge(True, 2.0))

    def hear(self, theirs: bytes) -> None:
        for start in range(0, len(theirs), 160):
            if self.played < len(self.ours):
                piece = g711.decode_ulaw_bytes(self.ours[self.played : self.played + 160])
                self.guard.played(piece, 1000.0 + self.played / 8000)
                self.played += 160
            self.clock.advance(0.02)
            self.ear.on_audio(theirs[start : start + 160])
            self.stream.speech_until_s = self.clock.monotonic() - 1000.0
            self.vad.step()
            self.ear.report()


def test_a_caller_on_a_line_without_echo_is_told_at_once() -> None:
    """With the first frames of their voice, although we speak; and they last as they would if we did not."""
    line = QuietLine()
    line.hear(noise(0.06, 2))
    assert line.posted == [SpeechStarted(near(1002.0))]
    line.hear(noise(0.4, 3))

    assert line.posted == [SpeechStarted(near(1002.0)), SpeechLasted(near(1002.0))]


def test_a_line_that_begins_to_echo_does_not_interrupt() -> None:
    """Its first sound is told, but is over before it has lasted; then it is withheld like any echo."""
    line = QuietLine()
    line.hear(line.ours[16000 - 1600 : 16000 - 1600 + 8000])

    assert line.posted == [SpeechStarted(near(1002.0)), SpeechEnded(near(1002.0))]


def test_a_sound_too_short_to_be_judged_is_told_when_it_is_over() -> None:
    """Nothing is lost."""
    line = Echoing(ours=noise(1, 1), theirs=noise(0.16, 2))
    assert line.posted == []
    line.stream.speech_until_s = None
    line.stream.find(SpeechEdge(False, 0.15))
    line.vad.step()
    line.ear.report()

    assert line.posted == [SpeechStarted(near(1000.1)), SpeechEnded(near(1000.15))]


def test_an_echo_too_short_to_be_judged_while_it_lasts_is_judged_when_it_is_over() -> None:
    """A syllable of ours at the end of a sentence."""
    line = Echoing(ours=noise(1, 1), theirs=noise(1, 1)[:1280])
    line.hear(g711.encode_ulaw(np.zeros(1600, np.int16)))
    line.stream.speech_until_s = None
    line.stream.find(SpeechEdge(False, 0.15))
    line.vad.step()
    line.ear.report()

    assert line.posted == []


def test_when_we_were_silent_for_long_nothing_is_withheld() -> None:
    """Not even for one step."""
    vad, posted = FakeVad(), list[Event]()
    guard = EchoGuard()
    guard.played(bytes(16000), 990.0)
    ear = Ear(vad, "PCMU", FakeClock(1000.0), posted.append, echo_guard=guard)
    ear.on_audio(FRAME)
    vad.streams[0].find(SpeechEdge(True, 0.0))
    vad.step()
    ear.report()

    assert len(posted) == 1


class Musical(QuietLine):
    """The same line, on which music begins at 1002 s; the agent is one that a sound of 0.9 s stops."""

    def __init__(self) -> None:
        super().__init__(seconds=6.0)
        self.ear._lasted_s = 0.9
        music = np.frombuffer(make_sound("hold_music", 2), np.int16)
        self.hear(g711.encode_ulaw(music[:11200]))


def test_music_while_we_speak_is_told_to_have_ended_instead_of_to_last() -> None:
    """Once it has gone on for so long that it would interrupt; its own end is not told again."""
    line = Musical()
    line.stream.speech_until_s = None
    line.stream.find(SpeechEdge(False, 3.4))
    line.vad.step()
    line.ear.report()

    assert line.posted == [SpeechStarted(near(1002.0)), SpeechEnded(pytest.approx(1002.9, abs=0.03))]


def test_a_voice_over_the_music_is_told_and_lasts() -> None:
    """From when it no longer is music alone."""
    line = Musical()
    line.hear(noise(1.6, 6))
    told = line.posted[2:]

    assert [type(event) for event in told] == [SpeechStarted, SpeechLasted]
    assert told[0] == SpeechStarted(pytest.approx(1003.7, abs=0.35))


@pytest.mark.parametrize(("encoding", "frame"), [("PCMU", bytes(160)), ("L16", bytes(320))])
def test_a_frame_lasts_as_long_in_every_encoding(encoding: str, frame: bytes) -> None:
    """20 ms: instants are counted in samples, not in bytes."""
    vad, clock, told = FakeVad(), FakeClock(100.0), list[Event]()
    ear = Ear(vad, encoding, clock, told.append)
    for _ in range(50):
        ear.on_audio(frame)
    vad.streams[0].find(SpeechEdge(True, 0.5))
    vad.step()
    ear.report()

    assert told == [SpeechStarted(near(99.5))]
