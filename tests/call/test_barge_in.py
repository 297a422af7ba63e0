"""When the caller's voice stops the agent: each row of the table."""

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.barge_in import PROTECTED, BargeIn, is_ignorable
from backend.call.commands import SpeechKind

ANSWER: set[SpeechKind] = {"answer"}


def voice_from(at: float, is_enabled: bool = True, **settings: float) -> BargeIn:
    watch = BargeIn(TurnTakingSettings(min_interruption_s=0.3, **settings), is_enabled)  # type: ignore[arg-type]
    watch.speech_started(at)
    return watch


def test_a_voice_long_enough_interrupts() -> None:
    """After min_interruption_s, without a word known."""
    watch = voice_from(10.0)

    assert watch.deadline(ANSWER) == pytest.approx(10.3)
    assert not watch.interrupts(10.29, ANSWER)
    assert watch.interrupts(10.3, ANSWER)


def test_a_short_sound_does_not() -> None:
    """It ended before."""
    watch = voice_from(10.0)
    watch.speech_ended()

    assert (watch.deadline(ANSWER), watch.interrupts(99.0, ANSWER)) == (None, False)


def test_words_interrupt_at_once() -> None:
    """Recognised before the voice was long enough."""
    watch = voice_from(10.0)
    watch.words_heard("no wait")

    assert watch.interrupts(10.1, ANSWER)


def test_mm_hm_does_not_interrupt_however_long_it_is() -> None:
    """Unless other words follow."""
    watch = voice_from(10.0)
    watch.words_heard("Mm-hm, okay")
    assert (watch.deadline(ANSWER), watch.interrupts(20.0, ANSWER)) == (None, False)

    watch.words_heard("Mm-hm, okay, but why?")

    assert watch.interrupts(20.0, ANSWER)


@pytest.mark.parametrize("kind", sorted(PROTECTED))
def test_a_goodbye_and_an_apology_are_heard_out(kind: SpeechKind) -> None:
    """And no deadline is given for what will not happen: it would be a busy loop."""
    watch = voice_from(10.0)
    watch.words_heard("no wait")

    assert (watch.deadline({kind}), watch.interrupts(99.0, {kind, "answer"})) == (None, False)


@pytest.mark.parametrize(("installation", "agent"), [(False, True), (True, False)])
def test_half_duplex_never_interrupts(installation: bool, agent: bool) -> None:
    """Both the installation and the agent must allow it."""
    watch = BargeIn(TurnTakingSettings(barge_in=agent), installation)
    watch.speech_started(10.0)
    watch.words_heard("no wait")

    assert (watch.deadline(ANSWER), watch.interrupts(99.0, ANSWER)) == (None, False)


def test_a_sound_from_before_the_agent_spoke_interrupts_only_by_words() -> None:
    """A stuck voice detector must not cut off everything the agent says."""
    watch = voice_from(10.0)
    watch.forget()  # the agent is not audible yet
    assert (watch.deadline(ANSWER), watch.interrupts(99.0, ANSWER)) == (None, False)

    watch.words_heard("no wait")

    assert watch.interrupts(99.0, ANSWER)


@pytest.mark.parametrize(
    ("text", "expected"), [("Okay.", True), ("MM-HM", True), ("", True), ("okay then", False), ("Yes", False)]
)
def test_what_is_ignorable(text: str, expected: bool) -> None:
    """Case and punctuation do not matter; one other word does."""
    assert is_ignorable(text, TurnTakingSettings().ignored_words) is expected
