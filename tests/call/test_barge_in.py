"""When the caller's voice stops the agent: each row of the table. And the chain that silences it."""

from typing import Any

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.barge_in import (
    ABORT_CHAIN,
    ALWAYS_PROTECTED,
    END_KNOWN_AFTER_S,
    AbortLeg,
    BargeIn,
    Cause,
    is_ignorable,
)
from backend.call.commands import SpeechKind

ANSWER: set[SpeechKind] = {"answer"}


def voice_from(at: float, **settings: Any) -> BargeIn:
    watch = BargeIn(TurnTakingSettings(**{"min_interruption_s": 0.3, "longest_backchannel_s": 0.9, **settings}))
    watch.speech_started(at)
    return watch


def test_a_sound_that_has_lasted_long_enough_interrupts() -> None:
    """As soon as the ear says so, without a word known."""
    watch = voice_from(10.0)
    assert watch.interrupts(10.95, ANSWER) is None

    watch.speech_lasted(10.95)

    assert watch.interrupts(10.95, ANSWER) == Cause.SOUND


def test_an_ear_that_measures_another_length_is_not_believed() -> None:
    """It may have been told the shortest interruption, while this agent waits for words longer."""
    watch = voice_from(10.0)
    watch.speech_lasted(10.4)

    assert watch.interrupts(10.9, ANSWER) is None


def test_an_ear_that_does_not_measure_is_waited_for() -> None:
    """Until the end of a shorter sound would have been told."""
    watch = voice_from(10.0)
    due_at = 10.9 + END_KNOWN_AFTER_S

    assert watch.deadline(ANSWER) == pytest.approx(due_at)
    assert watch.interrupts(due_at - 0.01, ANSWER) is None
    assert watch.interrupts(due_at + 0.01, ANSWER) == Cause.SOUND


@pytest.mark.parametrize("settings", [{"longest_backchannel_s": 0}, {"ignored_words": []}])
def test_an_agent_that_ignores_nothing_is_stopped_by_the_shortest_interruption(settings: dict[str, Any]) -> None:
    """As fast as can be."""
    watch = voice_from(10.0, **settings)
    watch.speech_lasted(10.3)

    assert watch.interrupts(10.3, ANSWER) == Cause.SOUND


def test_a_short_sound_does_not_interrupt_but_its_words_do() -> None:
    """A cough has none; those of “stop” come when the sound is over."""
    watch = voice_from(10.0)
    watch.speech_ended()
    assert (watch.deadline(ANSWER), watch.interrupts(99.0, ANSWER)) == (None, None)

    watch.words_heard("stop")

    assert watch.interrupts(99.0, ANSWER) == Cause.WORDS


def test_words_interrupt_at_once() -> None:
    """Recognised before the voice was long enough."""
    watch = voice_from(10.0)
    watch.words_heard("no wait")

    assert watch.interrupts(10.1, ANSWER) == Cause.WORDS


def test_mm_hm_does_not_interrupt_however_long_it_is() -> None:
    """Unless other words follow."""
    watch = voice_from(10.0)
    watch.speech_lasted(11.0)
    watch.words_heard("Mm-hm, okay")
    assert (watch.deadline(ANSWER), watch.interrupts(20.0, ANSWER)) == (None, None)

    watch.words_heard("Mm-hm, okay, but why?")

    assert watch.interrupts(20.0, ANSWER) == Cause.WORDS


@pytest.mark.parametrize("kind", [*sorted(ALWAYS_PROTECTED), "greeting"])
def test_what_is_protected_is_heard_out(kind: SpeechKind) -> None:
    """And no deadline is given for what will not happen: it would be a busy loop. The greeting because this agent says
    so; what is queued behind other speech would be lost with it."""
    watch = voice_from(10.0, protected_kinds=["greeting"])
    watch.words_heard("no wait")

    assert (watch.deadline({kind}), watch.interrupts(99.0, {kind, "answer"})) == (None, None)


def test_an_unprotected_greeting_is_interrupted() -> None:
    """The default."""
    watch = voice_from(10.0)
    watch.words_heard("no wait")

    assert watch.interrupts(10.1, {"greeting"}) == Cause.WORDS


def test_a_sound_from_before_the_agent_spoke_interrupts_only_by_words() -> None:
    """A stuck voice detector must not cut off everything the agent says."""
    watch = voice_from(10.0)
    watch.quiet()  # the agent is not audible yet
    watch.speech_lasted(12.0)
    assert (watch.deadline(ANSWER), watch.interrupts(99.0, ANSWER)) == (None, None)

    watch.words_heard("no wait")

    assert watch.interrupts(99.0, ANSWER) == Cause.WORDS


@pytest.mark.parametrize(
    ("text", "expected"), [("Okay.", True), ("MM-HM", True), ("", True), ("okay then", False), ("Yes", False)]
)
def test_what_is_ignorable(text: str, expected: bool) -> None:
    """Case and punctuation do not matter; one other word does."""
    assert is_ignorable(text, TurnTakingSettings().ignored_words) is expected


def test_the_chain_has_every_leg_once_and_clears_the_carrier_before_anything_that_may_block() -> None:
    """The caller hears silence first; nothing is sent after `clear`; nobody sees a word too many."""
    assert sorted(leg.name for leg in ABORT_CHAIN) == sorted(leg.name for leg in AbortLeg)
    assert ABORT_CHAIN[:4] == (
        AbortLeg.CUT_HISTORY,
        AbortLeg.REFUSE_PENDING,
        AbortLeg.STOP_SENDER,
        AbortLeg.CLEAR_CARRIER,
    )
