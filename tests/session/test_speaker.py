"""backend/session/speaker.py, over both ways of delivery where it matters."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from backend.call.agent_config import AgentConfig
from backend.call.commands import Speak
from backend.call.events import (
    Event,
    PlaybackEnded,
    SpeechCutShort,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    WordsTimed,
)
from backend.call.resume import UNITS_PER_S, units
from backend.engines.base import AudioFrame, SynthesisRequest
from backend.errors import EngineBusy, EngineFailed, StoreError
from backend.session.ready_speech import ReadySpeech
from backend.session.speaker import Speaker
from backend.session.stream_delivery import StreamDelivery
from tests.fakes.fake_stream import FakeStream
from tests.fakes.fake_tts import FakeTts, Voice
from tests.session.rig import CALL, Rig, make_agent, settle, wait_until

BUSY = EngineBusy("full", engine="fake")


def piece(number: int, text: str = "", generation: int = 1, *, fallback: bool = False) -> Speak:
    return Speak(f"{generation}-{number}", generation, number, text or f"Piece {number}.", "answer", fallback)


class Talk:
    """A speaker with everything it says and posts."""

    def __init__(self, rig: Rig, agent: AgentConfig) -> None:
        self.posted: list[Event] = []
        self.stream = FakeStream(rig.clock)
        delivery = StreamDelivery(self.stream, rig.clock, self.posted.append)
        self.speaker = Speaker(rig.services, agent, CALL, delivery, lambda event: self.posted.append(event))

    def silence(self, generation: int) -> None:
        """What the abort chain does with a speaker, in its order."""
        self.speaker.refuse(generation)
        self.speaker.stop_sending(generation)
        self.speaker.clear_carrier(generation)
        self.speaker.cancel_voice()
        self.speaker.void_in_store(generation)

    def of(self, kind: type[Event]) -> list[str]:
        return [event.playback_id for event in self.posted if isinstance(event, kind)]  # type: ignore[attr-defined]


@pytest.fixture
def talk(rig: Rig, agent: AgentConfig) -> Iterator[Talk]:
    rig.ring()
    made = Talk(rig, agent)
    yield made
    made.speaker.close()
    settle()


def test_pieces_are_said_one_after_the_other_each_with_its_mark(talk: Talk) -> None:
    """In the order in which they were asked for."""
    for number in (1, 2, 3):
        talk.speaker.say(piece(number))
    wait_until(lambda: len(talk.of(SynthesisFinished)) == 3)

    assert talk.stream.marks() == ["1-1", "1-2", "1-3"]
    assert talk.of(SynthesisStarted) == talk.of(SynthesisFinished) == ["1-1", "1-2", "1-3"]


def test_a_voice_that_fails_before_its_first_sample_is_replaced_in_order(rig: Rig, talk: Talk) -> None:
    """The caller hears the piece in the other voice before the next piece, and nothing counts as failed."""
    rig.tts.voices["first"] = Voice(error=BUSY)
    talk.speaker.say(piece(1))
    talk.speaker.say(piece(2))
    wait_until(lambda: len(talk.of(SynthesisFinished)) == 2)

    assert rig.tts.texts() == [
        ("first", "Piece 1."), ("second", "Piece 1."), ("first", "Piece 2."), ("second", "Piece 2."),
    ]  # fmt: skip
    assert talk.stream.marks() == ["1-1", "1-2"] and talk.of(SynthesisFailed) == []
    assert len({request.synthesis_id for request in rig.tts.requests}) == 4


def test_what_fails_is_logged_with_its_call(rig: Rig, talk: Talk, logged: Callable[[], list[dict[str, Any]]]) -> None:
    """In the greenlet that speaks, and in those that tell Redis."""
    rig.tts.voices["first"] = rig.tts.voices["second"] = Voice(error=BUSY)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFailed))
    rig.database.is_away = True
    talk.speaker.mark_returned("1-1")
    settle()
    calls = {line["event"]: line.get("call_control_id") for line in logged()}

    assert {"synthesis_failed", "playback_not_removed"} <= set(calls)
    assert set(calls.values()) == {CALL}


def test_without_a_fallback_voice_the_same_voice_is_tried_again(rig: Rig) -> None:
    """A worker that is full now may not be in a moment."""
    rig.ring()
    talk = Talk(rig, make_agent(fallback_voice=""))
    rig.tts.voices["first"] = Voice(error=BUSY)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFailed))
    talk.speaker.close()

    assert [voice for voice, _ in rig.tts.texts()] == ["first", "first"]


def test_a_piece_for_the_fallback_voice_uses_only_that(rig: Rig, talk: Talk) -> None:
    """The core asks for it when the first voice did not come in time."""
    talk.speaker.say(piece(1, fallback=True))
    wait_until(lambda: talk.of(SynthesisFinished))

    assert rig.tts.texts() == [("second", "Piece 1.")]


def test_when_no_voice_works_the_piece_failed_and_no_longer_counts(rig: Rig, talk: Talk) -> None:
    """And the next piece is tried all the same."""
    rig.tts.voices["first"] = rig.tts.voices["second"] = Voice(error=BUSY)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFailed))
    rig.tts.voices.clear()
    talk.speaker.say(piece(2))
    wait_until(lambda: talk.of(SynthesisFinished) == ["1-2"])

    (failed,) = [event for event in talk.posted if isinstance(event, SynthesisFailed)]
    assert (failed.playback_id, failed.sent_s, failed.error) == ("1-1", 0.0, "EngineBusy")
    assert [left.playback_id for left in rig.stores.playbacks.outstanding(CALL)] == ["1-2"]


NUMBERS = "One two three four five six seven eight nine ten eleven twelve."
BROKEN = Voice(seconds=0.8, frame_s=0.2, error=EngineFailed("the worker died", engine="fake"), error_after=3)
"""0.6 s are 9 letters at the usual pace: "One two" and half of "three"."""


class BreaksOnce(FakeTts):
    """The first synthesis breaks off in the middle, as when its worker is killed; another worker says the others."""

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        self.default = Voice(seconds=0.3) if self.requests else BROKEN
        yield from super().synthesize(request)


def test_a_voice_that_breaks_off_in_the_middle_goes_on_from_there(rig: Rig, agent: AgentConfig) -> None:
    """On another worker, in the same voice; for the caller and for the conversation it is one piece (F25)."""
    tts = BreaksOnce()
    rig.services = dataclasses.replace(rig.services, tts=tts)
    rig.ring()
    talk = Talk(rig, agent)
    talk.speaker.say(piece(1, NUMBERS))
    wait_until(lambda: talk.of(SynthesisFinished))
    talk.speaker.close()

    assert tts.texts() == [("first", NUMBERS), ("first", "three four five six seven eight nine ten eleven twelve.")]
    assert len({request.synthesis_id for request in tts.requests}) == 2
    assert talk.stream.marks() == ["1-1@800", "1-1"]
    assert [event for event in talk.posted if not isinstance(event, WordsTimed)] == [
        SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, pytest.approx(0.9)),  # type: ignore[arg-type]  # equal to a float
    ]  # fmt: skip


def test_words_are_timed_as_the_voice_tells_and_estimated_where_it_does_not(rig: Rig, agent: AgentConfig) -> None:
    """All words of the piece in the end, also over a seam; what is estimated is right in the sum."""
    tts = BreaksOnce()
    rig.services = dataclasses.replace(rig.services, tts=tts)
    rig.ring()
    talk = Talk(rig, agent)
    talk.speaker.say(piece(1, NUMBERS))
    wait_until(lambda: talk.of(SynthesisFinished))
    talk.speaker.close()
    starts: list[float] = []
    for event in talk.posted:
        if isinstance(event, WordsTimed):
            starts[event.first :] = event.starts_s

    assert len(starts) == 12 and starts == sorted(starts)
    assert starts[0] == 0.0 and starts[2] == pytest.approx(0.6) and starts[-1] < 0.9


def test_a_voice_that_has_only_a_word_left_ends_there(rig: Rig, agent: AgentConfig) -> None:
    """It is not worth a seam; that the word was not said is told."""
    tts = BreaksOnce()
    rig.services = dataclasses.replace(rig.services, tts=tts)
    rig.ring()
    talk = Talk(rig, agent)
    talk.speaker.say(piece(1, "One two three."))
    wait_until(lambda: talk.of(SynthesisFinished))
    talk.speaker.close()

    assert len(tts.requests) == 1 and talk.stream.marks() == ["1-1"]
    assert SpeechCutShort("1-1", 1, said_words=2) in talk.posted and talk.of(SynthesisFailed) == []


def test_when_nobody_can_say_the_rest_the_other_voice_was_tried_and_what_was_said_is_told(rig: Rig, talk: Talk) -> None:
    """Nothing is begun anew, and nobody takes the rest for said."""
    rig.tts.voices["first"] = BROKEN
    rig.tts.voices["second"] = Voice(error=BUSY)
    talk.speaker.say(piece(1, "Antidisestablishmentarianism is not said by anybody here."))
    wait_until(lambda: talk.of(SynthesisFailed))

    (failed,) = [event for event in talk.posted if isinstance(event, SynthesisFailed)]
    assert [voice for voice, _ in rig.tts.texts()] == ["first", "first", "second"]
    assert failed.sent_s == pytest.approx(1.2)
    assert SpeechCutShort("1-1", 1, said_words=0) in talk.posted
    assert talk.stream.marks() == [
        "1-1@800",
        "1-1",
    ]  # behind what was sent: its return, not the failure, ends the piece
    talk.speaker.mark_returned("1-1")
    settle()
    assert rig.stores.playbacks.outstanding(CALL) == []


def test_a_piece_that_breaks_off_again_and_again_goes_forward_and_comes_to_an_end(rig: Rig, talk: Talk) -> None:
    """Each time from where it broke, never from the beginning."""
    rig.tts.voices["first"] = rig.tts.voices["second"] = dataclasses.replace(BROKEN, frame_s=0.1, error_after=2)
    talk.speaker.say(piece(1, NUMBERS))
    wait_until(lambda: talk.of(SynthesisFinished) or talk.of(SynthesisFailed))

    texts = [text for _, text in rig.tts.texts()]
    assert 3 <= len(texts) <= 5 and all(NUMBERS.endswith(text) for text in texts)
    assert texts[0] != texts[1] and sorted(texts, key=len, reverse=True) == texts


def test_a_barge_in_ends_the_rest_too(rig: Rig, agent: AgentConfig) -> None:
    """The id of the synthesis under way is the one that is cancelled."""
    tts = BreaksOnce()
    rig.services = dataclasses.replace(rig.services, tts=tts)
    rig.ring()
    talk = Talk(rig, agent)
    tts.voices["second"] = Voice(hangs_after=1)
    talk.speaker.say(piece(1, NUMBERS, fallback=True))
    wait_until(lambda: tts.running)
    talk.silence(2)
    settle()
    talk.speaker.close()

    assert tts.cancelled == [tts.requests[-1].synthesis_id]
    assert tts.running == {} and talk.of(SynthesisFailed) == [] == talk.stream.marks()


def test_the_pace_of_a_finished_piece_is_learned(rig: Rig, talk: Talk) -> None:
    """The next break is found more exactly."""
    rig.tts.voices["first"] = Voice(seconds=0.9, frame_s=0.3)
    talk.stream.listener = None
    talk.speaker.say(piece(1, "One two."))
    wait_until(lambda: talk.of(SynthesisFinished))

    assert rig.services.paces.of("first") == pytest.approx(units("One two.") / 0.9) != UNITS_PER_S


def test_short_utterances_that_are_ready_are_not_made_again(rig: Rig, agent: AgentConfig) -> None:
    """The second check-in needs no voice at all; an answer always does."""
    ready = ReadySpeech(rig.stores.speech_cache, rig.tts, lambda voice, language: "model@1", warm_after_s=3600)
    rig.services = dataclasses.replace(rig.services, ready_speech=ready)
    rig.ring()
    talk = Talk(rig, agent)
    for number, kind in enumerate(("check_in", "check_in", "answer", "answer"), 1):
        talk.speaker.say(dataclasses.replace(piece(number, "Still there?"), kind=kind))  # type: ignore[arg-type]
        wait_until(lambda: len(talk.of(SynthesisFinished)) == number)  # noqa: B023  awaited here and now
        settle()
    talk.speaker.close()

    assert len(rig.tts.requests) == 3
    assert talk.stream.marks() == ["1-1", "1-2", "1-3", "1-4"]


def test_what_was_sent_of_a_broken_piece_counts_until_its_mark_returns(rig: Rig, talk: Talk) -> None:
    """Up to a second of it still lies at the carrier: the flag must not say before that it was heard (B2)."""
    rig.tts.voices["first"] = Voice(seconds=0.2, frame_s=0.05, error=EngineFailed("x", engine="fake"), error_after=2)
    rig.tts.voices["second"] = Voice(error=BUSY)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFailed))
    settle()

    assert talk.stream.kinds() == [*["audio"] * 4, "mark"] and talk.stream.marks() == ["1-1"]
    assert [left.playback_id for left in rig.stores.playbacks.outstanding(CALL)] == ["1-1"]
    assert rig.stores.flags.take_agent_done_speaking(CALL) is None

    talk.speaker.mark_returned("1-1")
    settle()
    assert rig.stores.playbacks.outstanding(CALL) == []
    assert rig.stores.flags.take_agent_done_speaking(CALL) == (1, 1)


def test_a_piece_that_breaks_off_and_is_void_by_then_leaves_no_mark(rig: Rig, talk: Talk) -> None:
    """The barge-in has cleared the carrier: there is nothing for a mark to stand behind."""
    rig.tts.voices["first"] = Voice(seconds=0.2, frame_s=0.05, hangs_after=1)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisStarted))
    talk.silence(2)
    settle()

    assert talk.stream.marks() == [] and talk.of(SynthesisFailed) == []


def test_each_piece_is_registered_before_the_carrier_hears_of_it(rig: Rig, talk: Talk) -> None:
    """Else an end that comes at once would find nothing to end (A2)."""
    outstanding_at_first_audio: list[list[str]] = []
    send = talk.stream.send_audio

    def look(encoded: bytes) -> None:
        outstanding_at_first_audio.append([left.playback_id for left in rig.stores.playbacks.outstanding(CALL)])
        send(encoded)

    talk.stream.send_audio = look  # type: ignore[method-assign]  # only looks, then does the same
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFinished))

    assert all(seen == ["1-1"] for seen in outstanding_at_first_audio) and outstanding_at_first_audio


def test_speech_goes_on_while_redis_is_away(rig: Rig, talk: Talk) -> None:
    """The owner's own ledger is complete without it (G4)."""
    rig.database.is_away = True
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFinished))
    talk.speaker.mark_returned("1-1")
    with pytest.raises(StoreError):  # the abort chain reports it
        talk.silence(2)
    settle()

    assert talk.of(PlaybackEnded) == ["1-1"] and talk.of(SynthesisFailed) == []


def test_stop_clears_the_carrier_cancels_the_voice_and_voids_what_waits(rig: Rig, talk: Talk) -> None:
    """Nothing of the old generation is sent or posted afterwards; the new generation is said at once."""
    rig.tts.voices["first"] = Voice(seconds=0.2, hangs_after=1)
    talk.speaker.say(piece(1))
    talk.speaker.say(piece(2))
    wait_until(lambda: talk.of(SynthesisStarted))
    talk.silence(2)
    sent = len(talk.stream.sent)
    rig.tts.voices.clear()
    talk.speaker.say(piece(3, generation=2))
    wait_until(lambda: talk.of(SynthesisFinished) == ["2-3"])

    assert talk.stream.kinds()[sent - 1] == "clear"
    assert len(rig.tts.cancelled) == 1 and rig.tts.cancelled[0] not in rig.tts.running
    assert talk.of(SynthesisFailed) == [] and talk.stream.marks() == ["2-3"]
    assert [text for _, text in rig.tts.texts()] == ["Piece 1.", "Piece 3."]
    wait_until(lambda: [left.playback_id for left in rig.stores.playbacks.outstanding(CALL)] == ["2-3"])


def test_a_piece_that_is_cancelled_is_not_said_and_no_longer_counts(rig: Rig, talk: Talk) -> None:
    """Else the flag of every later end would wait for it (A3)."""
    rig.tts.voices["first"] = Voice(hangs_after=0)
    talk.speaker.say(piece(1))
    talk.speaker.say(piece(2, fallback=True))
    wait_until(lambda: rig.tts.running)
    talk.speaker.cancel("1-1")
    wait_until(lambda: talk.of(SynthesisFinished) == ["1-2"])
    settle()

    assert talk.stream.marks() == ["1-2"] and rig.tts.running == {}
    assert [left.playback_id for left in rig.stores.playbacks.outstanding(CALL)] == ["1-2"]


def test_a_piece_that_is_cancelled_before_its_turn_is_never_asked_for(rig: Rig, talk: Talk) -> None:
    """The one that is being said is not disturbed."""
    rig.tts.voices["first"] = Voice(hangs_after=0)
    talk.speaker.say(piece(1))
    talk.speaker.say(piece(2))
    wait_until(lambda: rig.tts.running)
    talk.speaker.cancel("1-2")
    assert rig.tts.cancelled == []
    talk.speaker.cancel("1-1")
    talk.speaker.say(piece(3, fallback=True))
    wait_until(lambda: talk.of(SynthesisFinished))

    assert [text for _, text in rig.tts.texts()] == ["Piece 1.", "Piece 3."]


def test_a_piece_that_is_cancelled_while_it_is_being_registered_is_not_said(rig: Rig, talk: Talk) -> None:
    """Redis may be slow; what was cancelled meanwhile must not be made."""
    register = rig.stores.playbacks.register

    def slow(*arguments: object) -> bool:
        gevent.sleep(0.02)
        return register(*arguments)  # type: ignore[arg-type]

    rig.stores.playbacks.register = slow  # type: ignore[method-assign,assignment]  # a slow network, then the same
    talk.speaker.say(piece(1))
    gevent.sleep(0.005)
    talk.speaker.cancel("1-1")
    gevent.sleep(0.05)

    assert "playback_register" in rig.database.ran
    assert rig.tts.requests == [] and rig.stores.playbacks.outstanding(CALL) == []


def test_a_mark_ends_the_piece_here_and_in_the_shared_ledger(rig: Rig, talk: Talk) -> None:
    """Twice is once; nonsense is nothing."""
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisFinished))
    for name in ("1-1", "1-1", "", "x", "1-", "-1", "1-x", "²-1", "1-1-1"):
        talk.speaker.mark_returned(name)
    settle()

    assert set(talk.of(PlaybackEnded)) == {"1-1"}
    assert rig.stores.playbacks.outstanding(CALL) == []
    assert rig.stores.flags.take_agent_done_speaking(CALL) == (1, 1)


def test_after_close_nothing_is_said_and_the_voice_is_cancelled(rig: Rig, talk: Talk) -> None:
    """The call is over."""
    rig.tts.voices["first"] = Voice(hangs_after=1)
    talk.speaker.say(piece(1))
    wait_until(lambda: talk.of(SynthesisStarted))
    talk.speaker.close()
    talk.speaker.say(piece(2))
    settle()

    assert rig.tts.running == {} and talk.stream.marks() == []
