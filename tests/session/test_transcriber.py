"""backend/session/transcriber.py"""

from typing import Any

import pytest

from backend.call.events import (
    Event,
    RecogniserAway,
    RecogniserLost,
    RecogniserReady,
    SpeechEnded,
    SpeechStarted,
    TranscriptReceived,
)
from backend.metrics import TRANSCRIPTS_SKIPPED
from backend.session.transcriber import KEPT_S, LONGEST_TEXT, PRE_ROLL_S, Transcriber
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_stt import FakeStt
from tests.session.rig import near

START = 1000.0


def frame(number: int) -> bytes:
    """20 ms at 8 kHz that is unlike any other one."""
    return number.to_bytes(2, "little") * 160


class Line:
    """A caller's line into a transcriber: `pass_time` lets frames flow, and the sidecar live."""

    def __init__(self, *, tells_progress: bool = True, is_ready: bool = True) -> None:
        self.clock = FakeClock(START)
        self.stt = FakeStt(tells_progress=tells_progress)
        self.posted: list[Event] = []
        self.transcriber = Transcriber(self.stt, "sidecar", "en-US", self.clock, self.posted.append)
        self.frames = 0
        self.is_alive = True
        self.transcriber.start()
        if is_ready:
            self.stt.stream.ready()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)
            self.transcriber.feed(frame(self.frames))
            self.frames += 1
            if self.is_alive and self.stt.stream.is_open and self.frames % 50 == 0:
                self.stt.stream.alive()
            self.transcriber.step()

    def voice(self, seconds: float) -> None:
        self.transcriber.voice(SpeechStarted(self.now))
        self.pass_time(seconds)
        self.transcriber.voice(SpeechEnded(self.now))

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def frames_fed(self, stream: int = -1) -> list[int]:
        """Which frames a stream was fed."""
        fed = self.stt.streams[stream].fed
        return [int.from_bytes(fed[start : start + 2], "little") for start in range(0, len(fed), 320)]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.posted if isinstance(event, kind)]


def skipped(reason: str) -> float:
    return TRANSCRIPTS_SKIPPED._counter.labels(recogniser="sidecar", reason=reason)._value.get()


def test_audio_goes_in_and_words_come_out_with_the_instants_of_their_voice() -> None:
    """Positions in the stream become instants on the call's clock."""
    line = Line()
    line.pass_time(1.0)
    line.voice(1.0)
    line.pass_time(0.3)
    line.stt.stream.say("two pizzas", start_s=1.1, end_s=1.9)

    assert line.stt.stream.language == "en-US" and line.frames_fed() == list(range(115))
    assert line.stt.stream.edges == [(True, 1.0), (False, 2.0)]
    assert line.posted == [
        RecogniserReady(),
        TranscriptReceived("two pizzas", True, 1.0, "sidecar", near(START + 1.1), near(START + 1.9)),
    ]


def test_what_is_said_before_the_stream_is_ready_is_fed_then() -> None:
    """A caller who speaks at once: from a moment before the voice, so that no consonant is lost."""
    line = Line(is_ready=False)
    line.pass_time(0.6)
    line.transcriber.voice(SpeechStarted(line.now))
    line.pass_time(0.4)
    line.stt.stream.ready()
    line.pass_time(0.1)

    assert line.frames_fed() == list(range(30 - round(PRE_ROLL_S / 0.02), 55))
    assert line.stt.stream.edges == [(True, 0.0)]


def test_a_caller_who_was_silent_costs_the_new_stream_nothing() -> None:
    """It begins where it was opened."""
    line = Line(is_ready=False)
    line.pass_time(0.9)
    line.stt.stream.ready()
    line.pass_time(0.1)

    assert line.frames_fed() == list(range(45, 50))


def test_an_interruption_loses_no_audio_and_no_words() -> None:
    """The words known become final; the new stream goes on where they end, the 200 ms of the gap included."""
    line = Line()
    line.pass_time(2.0)
    line.transcriber.voice(SpeechStarted(line.now))
    line.pass_time(1.0)
    line.stt.stream.say("stop I", is_final=False, start_s=2.0, end_s=2.5)
    line.transcriber.abort()
    assert not line.stt.streams[0].is_open and len(line.stt.streams) == 1
    line.pass_time(0.24)
    line.stt.stream.ready()
    line.pass_time(0.1)
    line.stt.stream.say("want a beer", start_s=0.1, end_s=0.8)

    assert len(line.stt.streams) == 2 and line.stt.streams[1].edges == [(True, 0.0)]
    assert line.frames_fed() == list(range(125, line.frames))
    assert [(event.text, event.is_final) for event in line.of(TranscriptReceived)] == [
        ("stop I", False), ("stop I", True), ("want a beer", True),
    ]  # fmt: skip
    assert line.of(TranscriptReceived)[2].voice_began_at == near(START + 2.6)
    assert line.of(RecogniserLost) == [] and len(line.of(RecogniserReady)) == 1


def test_an_interruption_before_any_words_feeds_the_voice_from_its_beginning() -> None:
    """The sound that interrupted is itself the first word."""
    line = Line()
    line.pass_time(2.0)
    line.transcriber.voice(SpeechStarted(line.now))
    line.pass_time(0.4)
    line.transcriber.abort()
    line.pass_time(0.24)
    line.stt.stream.ready()

    assert line.frames_fed()[0] == 100 - round(PRE_ROLL_S / 0.02)


def test_abort_and_close_of_a_transcriber_that_has_no_stream_are_harmless() -> None:
    """Whatever the order; nothing is opened after the end."""
    line = Line(is_ready=False)
    line.transcriber.abort()
    line.transcriber.abort()
    line.transcriber.close()
    line.transcriber.close()
    line.transcriber.abort()
    line.pass_time(2.0)

    assert line.stt.open_streams == [] and line.posted == []


def test_a_frozen_sidecar_is_noticed_within_three_seconds_and_the_caller_has_said_something() -> None:
    """Its connection stands, its signs of life do not. What was said is fed to the next stream."""
    line = Line()
    line.pass_time(3.0)
    line.is_alive = False
    frozen_at = line.now
    line.voice(1.0)
    while not line.of(RecogniserLost):
        line.pass_time(0.02)
        assert line.now < frozen_at + 3.0
    line.stt.stream.ready()

    assert line.of(RecogniserLost) == [RecogniserLost(is_voice_lost=True)]
    assert not line.stt.streams[0].is_open and len(line.stt.streams) == 2
    assert line.frames_fed()[0] == 150 - round(PRE_ROLL_S / 0.02)
    assert line.stt.stream.edges == [(True, 0.0), (False, near(line.stt.stream.fed_s))]


def test_a_sidecar_that_stays_away_is_told_so_and_what_the_stand_in_heard_is_not_heard_twice() -> None:
    """The carrier's from AWAY until READY."""
    line = Line()
    line.pass_time(2.0)
    line.stt.stream.fail()
    for _ in range(20):
        line.stt.stream.fail() if line.stt.stream.is_open else None
        line.pass_time(0.1)
    assert line.of(RecogniserAway) == [RecogniserAway(is_voice_lost=False)]
    line.transcriber.voice(SpeechStarted(line.now))
    line.pass_time(1.5)
    opened_with = line.frames
    line.stt.stream.ready()
    line.pass_time(0.5)
    line.stt.stream.say("for the carrier", start_s=0.0, end_s=0.4)
    line.transcriber.voice(SpeechEnded(line.now))
    line.pass_time(1.2)
    line.stt.stream.say("still the carrier's", start_s=0.0, end_s=0.5)
    line.voice(0.5)
    line.stt.stream.say("mine", start_s=1.8, end_s=2.1)

    # A little of what was before: a word that had just begun would lose its first sound.
    assert line.frames_fed()[0] == opened_with - round(PRE_ROLL_S / 0.02)
    assert len(line.of(RecogniserReady)) == 2
    assert [event.text for event in line.of(TranscriptReceived)] == ["mine"]


@pytest.mark.parametrize("retryable", [True, False])
def test_an_error_closes_one_stream_and_only_some_are_worth_another(retryable: bool) -> None:
    """A wrong token is no reason to knock for ever."""
    line = Line()
    line.pass_time(1.0)
    line.stt.stream.fail(retryable=retryable)
    line.pass_time(3.0)

    assert (len(line.stt.streams) > 1) is retryable
    assert bool(line.of(RecogniserAway)) is True


def test_text_from_outside_is_cleaned_and_bounded_and_each_cut_is_counted() -> None:
    """Control characters, 50 kB, nothing but blanks."""
    line, cut, empty = Line(), skipped("cut"), skipped("empty")
    line.stt.stream.say("two\x00pizzas\x1b[31m\u2028please\ud800")
    line.stt.stream.say("x" * 50_000)
    line.stt.stream.say(" \x07\n ")

    assert [event.text for event in line.of(TranscriptReceived)] == ["two pizzas [31m please", "x" * LONGEST_TEXT]
    assert (skipped("cut") - cut, skipped("empty") - empty) == (1, 1)


def test_words_of_a_stream_that_was_left_are_counted_and_dropped() -> None:
    """After an interruption, and after the call."""
    line, before = Line(), skipped("stream_is_over")
    line.transcriber.abort()
    line.stt.streams[0].say("too late")
    line.pass_time(0.3)
    line.transcriber.close()
    line.stt.stream.ready()
    line.stt.stream.say("much too late")
    line.stt.stream.alive()
    line.stt.stream.fail()

    assert line.of(TranscriptReceived) == [] and skipped("stream_is_over") - before == 2


def test_no_more_than_five_seconds_are_kept() -> None:
    """A line that talks into a void for a minute costs what five seconds cost."""
    line = Line(is_ready=False)
    line.transcriber.voice(SpeechStarted(line.now))
    line.pass_time(1.0)
    line.stt.stream.fail(retryable=False)
    line.pass_time(60.0)

    assert line.transcriber._kept_bytes <= KEPT_S * 16000
