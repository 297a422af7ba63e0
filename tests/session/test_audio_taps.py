"""backend/session/audio_taps.py: alone, in a session, and against what the rehearsal carrier played to its caller."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio import g711
from backend.call.commands import Speak
from backend.call.events import AgentDoneSpeaking, CallHungUp, Event, PlaybackEnded, PlaybackStarted
from backend.engines.base import AudioFrame
from backend.errors import Rejected
from backend.rehearsal.carrier.playout import FramePlayed, MediaBuffer, Playback, Playout
from backend.rehearsal.carrier.playout import PlaybackStarted as FileStarted
from backend.session.audio_taps import CHUNK_S, NO_WORD_AFTER_S, AudioTaps
from backend.session.leg_commands import LegCommands
from backend.session.playback_delivery import PlaybackDelivery
from backend.session.stream_delivery import StreamDelivery
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import CALL, Rig, make_agent, near, settle, wait_until

FRAME = b"\x00\x10" * 160
SECOND = 16000
"""Bytes."""


class Ear:
    """A tap that writes down both sides as they were heard."""

    def __init__(self, seconds: float = 20.0) -> None:
        self.sides = {name: np.zeros(int(seconds * 8000), np.int16) for name in ("caller", "agent")}
        self.told: list[tuple[str, float, float]] = []
        """(what, at_s, seconds of it)"""
        self.endings = 0

    def caller(self, pcm: bytes, at_s: float) -> None:
        self._note("caller", pcm, at_s)

    def agent(self, pcm: bytes, at_s: float) -> None:
        self._note("agent", pcm, at_s)

    def agent_cleared(self, from_s: float) -> None:
        self.told.append(("cleared", from_s, 0.0))
        self.sides["agent"][max(0, round(from_s * 8000)) :] = 0

    def ended(self) -> None:
        self.endings += 1

    def of(self, what: str) -> list[tuple[float, float]]:
        return [(round(at_s, 3), round(length_s, 3)) for name, at_s, length_s in self.told if name == what]

    def _note(self, side: str, pcm: bytes, at_s: float) -> None:
        self.told.append((side, at_s, len(pcm) / SECOND))
        samples = np.frombuffer(pcm, np.int16)
        start = round(at_s * 8000)
        self.sides[side][max(0, start) : start + len(samples)] = samples[max(0, -start) :]


class Call:
    """Taps, a clock, and an ear that is listening already."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.taps = AudioTaps(self.clock)
        self.ear = Ear()
        self.taps.began()
        self.taps.add(self.ear)

    def caller_frames(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)
            self.taps.caller_said(FRAME)


def test_caller_frames_stand_one_behind_the_other_from_the_streams_beginning() -> None:
    """The first one ends when it came."""
    call = Call()
    call.clock.advance(0.08)
    call.caller_frames(0.06)

    assert call.ear.of("caller") == [(0.08, 0.02), (0.1, 0.02), (0.12, 0.02)]


def test_agent_audio_is_told_ahead_with_the_second_at_which_it_will_be_heard() -> None:
    """Delivery `stream`."""
    call = Call()
    call.clock.advance(0.5)
    call.taps.agent_plays(bytes(3200), call.clock.monotonic() + 0.8)

    assert call.ear.of("agent") == [(1.3, 0.2)]


def test_an_interruption_tells_from_where_on_nothing_was_heard() -> None:
    """That is now."""
    call = Call()
    call.taps.agent_plays(bytes(SECOND), call.clock.monotonic())
    call.clock.advance(0.4)
    call.taps.agent_silenced()

    assert call.ear.of("cleared") == [(0.4, 0.0)]


def test_a_tap_added_late_hears_from_then_on_and_a_removed_one_nothing_more() -> None:
    """The scale is the stream's, not the tap's."""
    call = Call()
    call.caller_frames(1.0)
    late = Ear()
    call.taps.add(late)
    call.taps.add(late)
    call.caller_frames(0.04)
    call.taps.remove(late)
    call.caller_frames(0.04)
    call.taps.close()

    assert late.of("caller") == [(1.0, 0.02), (1.02, 0.02)] and late.endings == 0
    assert len(call.ear.of("caller")) == 54 and call.ear.endings == 1


def test_the_end_is_told_once_and_at_once_to_whom_comes_later() -> None:
    """What had been sent ahead was not heard."""
    call = Call()
    call.taps.agent_plays(bytes(SECOND), call.clock.monotonic())
    call.clock.advance(0.3)
    call.taps.close()
    call.taps.close()
    call.caller_frames(0.1)
    late = Ear()
    call.taps.add(late)

    assert (call.ear.endings, late.endings) == (1, 1)
    assert call.ear.told[-1] == ("cleared", near(0.3), 0.0) and late.told == []


def test_a_tap_with_a_bug_is_dropped_and_the_others_hear_on() -> None:
    """One bug costs one listener."""

    class Broken(Ear):
        def caller(self, pcm: bytes, at_s: float) -> None:
            raise RuntimeError("bug")

    call = Call()
    broken = Broken()
    call.taps.add(broken)
    call.caller_frames(0.1)
    call.taps.agent_plays(FRAME, call.clock.monotonic())
    call.taps.close()

    assert len(call.ear.of("caller")) == 5 and broken.told == [] and broken.endings == 0


# --- delivery `playback`: the carrier says when ---


def test_a_file_is_told_from_when_the_carrier_said_that_it_plays() -> None:
    """200 ms at a time, hardly ahead, with the caller's frames as the beat."""
    call = Call()
    call.taps.piece_asked_for("1-1", bytes(SECOND))
    call.caller_frames(0.3)
    assert call.ear.of("agent") == []
    call.taps.take(PlaybackStarted("1-1", 1))
    call.caller_frames(0.1)
    assert call.ear.of("agent") == [(0.3, 0.2), (0.5, 0.2)]
    call.caller_frames(1.0)

    assert call.ear.of("agent") == [(near(0.3 + CHUNK_S * number), 0.2) for number in range(5)]


def test_without_word_of_its_start_the_end_says_when_a_file_was_heard() -> None:
    """Also when another worker learned of the end."""
    for ended in (PlaybackEnded("1-1", 1), AgentDoneSpeaking(1, 1)):
        call = Call()
        call.taps.piece_asked_for("1-1", bytes(SECOND // 2))
        call.caller_frames(0.7)
        call.taps.take(ended)

        assert call.ear.of("agent") == [(near(0.2), 0.2), (near(0.4), 0.2), (near(0.6), 0.1)]


def test_without_any_word_files_are_taken_to_play_one_after_the_other() -> None:
    """A second after the first should have begun."""
    call = Call()
    call.taps.piece_asked_for("1-1", bytes(SECOND // 2))
    call.taps.piece_asked_for("1-2", bytes(SECOND // 2))
    call.caller_frames(NO_WORD_AFTER_S - 0.1)
    assert call.ear.of("agent") == []
    call.caller_frames(3.0)

    assert [at_s for at_s, _ in call.ear.of("agent")] == near([0.0, 0.2, 0.4, 0.5, 0.7, 0.9])


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_was_not_played_of_a_file_is_not_told(status: str) -> None:
    """A file that could not be fetched was not heard at all, a stopped one as far as it came."""
    call = Call()
    call.taps.piece_asked_for("1-1", bytes(SECOND))
    if status == "cancelled":
        call.taps.take(PlaybackStarted("1-1", 1))
    call.caller_frames(0.3)
    call.taps.take(PlaybackEnded("1-1", 1, "failed" if status == "failed" else "cancelled"))
    call.caller_frames(2.0)

    assert len(call.ear.of("agent")) == (0 if status == "failed" else 3)


def test_an_interruption_voids_the_files_that_wait(rig: Rig) -> None:
    """Their starts, if they come, are no news any more; nor is one that the carrier refused ever told."""
    rig.ring()
    ear, taps = Ear(), AudioTaps(rig.clock)
    taps.began()
    taps.add(ear)
    delivery = PlaybackDelivery(rig.services, LegCommands(rig.services, CALL), CALL, lambda event: None, taps)
    rig.carrier.will("start_playback", Rejected("no"))
    with pytest.raises(Rejected):
        delivery.deliver(piece(1), frames(np.ones(8000, np.int16)))
    delivery.deliver(piece(2), frames(np.ones(8000, np.int16)))
    delivery.clear(2)
    taps.take(PlaybackStarted("1-2", 1))
    for _ in range(200):
        rig.clock.advance(0.02)
        taps.caller_said(FRAME)

    assert ear.of("agent") == [] and len(ear.of("cleared")) == 1


def test_nothing_is_kept_or_computed_while_nobody_listens() -> None:
    """A file is kept while it plays, so that who comes in its middle hears the rest."""
    call = Call()
    call.taps.remove(call.ear)
    call.taps.piece_asked_for("1-1", bytes(SECOND))
    call.taps.take(PlaybackStarted("1-1", 1))
    call.caller_frames(0.5)
    call.taps.add(call.ear)
    call.caller_frames(0.02)
    assert call.ear.of("agent") == [(0.4, 0.2), (0.6, 0.2)]
    call.taps.take(PlaybackEnded("1-1", 1))

    assert not call.taps._pieces


# --- in a session, and against what a caller heard ---


def test_a_session_tells_its_taps_both_sides_and_its_end(rig: Rig) -> None:
    """From `on_audio` to `ended`."""
    session = rig.open(make_agent(greeting="Hello."))
    ear = Ear()
    session.audio_taps.add(ear)
    session.on_audio(g711.encode_ulaw(FRAME))
    settle()
    session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: rig.over)

    assert ear.of("caller")[0] == (near(-0.02), 0.02)
    assert sum(length_s for _, length_s in ear.of("agent")) >= 0.1 and ear.endings == 1


class CarrierLine:
    """The carrier's own buffers, slot by slot, with our stream or its files in front; and what its caller heard."""

    encoding = "PCMU"

    def __init__(self, clock: FakeClock, slip_s: float) -> None:
        self._clock = clock
        self._slip_s = slip_s
        """How much later than our clock's 20 ms the carrier's slots begin."""
        self.playout = Playout(0.0)
        self.heard = np.zeros(20 * 8000, np.int16)
        self.begun: list[Playback] = []

    @property
    def media(self) -> MediaBuffer:
        return self.playout.media

    def now(self) -> float:
        return self._clock.monotonic() - 1000.0 - self._slip_s

    def send_audio(self, encoded: bytes) -> None:
        self.media.push(g711.decode_ulaw(encoded).copy(), max(0.0, self.now()))

    def send_mark(self, name: str) -> None: ...

    def clear(self) -> None:
        self.media.clear()

    def close(self) -> None: ...

    def play_on(self) -> None:
        for event in self.playout.advance(self.now()):
            if isinstance(event, FramePlayed):
                self.heard[event.slot * 160 : event.slot * 160 + 160] = event.pcm
            elif isinstance(event, FileStarted):
                self.begun.append(event.playback)


def piece(number: int) -> Speak:
    return Speak(f"1-{number}", 1, number, "Hello.", "answer")


def frames(samples: NDArray[np.int16]) -> Iterator[AudioFrame]:
    for number, start in enumerate(range(0, len(samples), 1600)):
        chunk = samples[start : start + 1600]
        yield AudioFrame(chunk.tobytes(), 8000, number, start + 1600 >= len(samples))


def lag_s(ours: NDArray[np.int16], theirs: NDArray[np.int16]) -> float:
    """How much later `theirs` has the same sound."""
    size = 1 << 19
    found = np.fft.irfft(np.conj(np.fft.rfft(ours, size)) * np.fft.rfft(theirs, size))
    peak = int(np.argmax(found))
    return (peak if peak < size // 2 else peak - size) / 8000


@pytest.mark.parametrize("slip_s", [0.0, 0.007, 0.019])
@pytest.mark.parametrize("way", ["stream", "playback"])
def test_both_sides_lie_where_the_rehearsal_carrier_recorded_them(rig: Rig, way: str, slip_s: float) -> None:
    """Within 60 ms, however its slots lie against our clock, pieces that follow each other included."""
    noise = np.random.default_rng(5).normal(0, 3000, (4, 6000)).astype(np.int16)
    rig.ring()
    ear, taps = Ear(), AudioTaps(rig.clock)
    line = CarrierLine(rig.clock, slip_s)
    taps.began()
    taps.add(ear)
    posted: list[Event] = []
    by_stream = StreamDelivery(line, rig.clock, posted.append, taps=taps)
    by_file = PlaybackDelivery(rig.services, LegCommands(rig.services, CALL), CALL, posted.append, taps)
    said = np.random.default_rng(6).normal(0, 3000, 8 * 8000).astype(np.int16)
    asked = {20: 0, 40: 1, 200: 2}
    """Slot at which → piece: the second one while the first is playing."""
    for slot in range(1, 400):
        rig.clock.advance(0.02)
        line.play_on()
        for file in line.begun:
            taps.take(PlaybackStarted(file.media_name, 1))
        line.begun.clear()
        taps.caller_said(said[(slot - 1) * 160 : slot * 160].tobytes())
        number = asked.get(slot)
        if number is None:
            continue
        if way == "stream":
            by_stream._pacer.ahead_s = 5.0  # all of it at once: nobody moves this clock while the delivery waits
            by_stream.deliver(piece(number), frames(noise[number]))
        else:
            by_file.deliver(piece(number), frames(noise[number]))
            line.playout.playbacks.add(Playback("playback", media_name=f"1-{number}", pcm=noise[number]))

    agent = ear.sides["agent"].astype(float)
    assert abs(lag_s(agent[:20000], line.heard[:20000].astype(float))) <= 0.04
    assert abs(lag_s(agent[28000:], line.heard[28000:].astype(float))) <= 0.04
    assert abs(lag_s(ear.sides["caller"].astype(float), said.astype(float))) <= 0.02
