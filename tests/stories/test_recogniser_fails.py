"""The recogniser that this worker feeds fails while the caller speaks: the caller is asked to repeat, the carrier hears."""

from typing import Any

import pytest

from backend.call.commands import StartTranscription, StopTranscription
from backend.call.events import (
    MediaStarted,
    RecogniserAway,
    RecogniserLost,
    RecogniserReady,
    SpeechEnded,
    SpeechStarted,
    TranscriptReceived,
)
from tests.fakes.call_sim import EPOCH, CallSim
from tests.stories.conftest import Begin

AGAIN = "Sorry, I did not catch that, could you say it again?"


def heard_by_sidecar(begin: Begin, **agent: Any) -> CallSim:
    """The greeting was heard; the sidecar listens."""
    sim = begin(sim={"starts": False, "recogniser": "sidecar"}, **agent)
    sim.post(MediaStarted())
    sim.post(RecogniserReady(), after=0.05)
    sim.run_until_said(1)
    return sim


def say(sim: CallSim, text: str, *, at: float, by: str | None) -> None:
    """The caller's voice, and the words if somebody understands them."""
    sim.post(SpeechStarted(EPOCH + at), after=at - sim.now)
    sim.post(SpeechEnded(EPOCH + at + 1.0), after=at + 1.0 - sim.now)
    if by:
        sim.post(TranscriptReceived(text, True, recogniser=by), after=at + 1.3 - sim.now)


def test_the_words_of_our_own_recogniser_are_answered_and_the_carrier_is_not_asked(begin: Begin) -> None:
    """The ordinary case."""
    sim = heard_by_sidecar(begin)
    say(sim, "When are you open?", at=4.0, by="sidecar")
    sim.run_until_said(2)

    assert [heard.kind for heard in sim.heard] == ["greeting", "answer"]
    assert [command for _, command in sim.asked(StartTranscription)] == [StartTranscription(1, "sidecar")]


def test_it_stays_away_so_the_caller_is_asked_to_repeat_and_the_carrier_understands(begin: Begin) -> None:
    """One question; then an ordinary answer. When it is back, the carrier's ear is given back."""
    sim = heard_by_sidecar(begin)
    say(sim, "When are you open?", at=4.0, by=None)
    sim.post(RecogniserLost(is_voice_lost=True), after=5.5 - sim.now)
    sim.post(RecogniserAway(is_voice_lost=True), after=6.7 - sim.now)
    again = sim.run_until_said(2)
    say(sim, "When are you open?", at=again.ends_at + 1.0, by="carrier")
    sim.run_until_said(3)
    sim.post(RecogniserReady())
    sim.run_for(0.5)

    assert [(heard.kind, heard.text) for heard in sim.heard[1:2]] == [("repeat_request", AGAIN)]
    assert again.starts_at == pytest.approx(6.7, abs=0.4)
    assert [heard.kind for heard in sim.heard] == ["greeting", "repeat_request", "answer"]
    assert [command for _, command in sim.asked(StartTranscription)][1:] == [StartTranscription(1, "carrier")]
    assert [command for _, command in sim.asked(StopTranscription)] == [StopTranscription(1)]


def test_it_is_back_at_once_and_understands_what_it_was_fed_again(begin: Begin) -> None:
    """The caller notices nothing."""
    sim = heard_by_sidecar(begin)
    say(sim, "When are you open?", at=4.0, by=None)
    sim.post(RecogniserLost(is_voice_lost=True), after=5.5 - sim.now)
    sim.post(RecogniserReady(), after=5.7 - sim.now)
    sim.post(TranscriptReceived("When are you open?", True, recogniser="sidecar"), after=6.2 - sim.now)
    sim.run_until_said(2)

    assert [heard.kind for heard in sim.heard] == ["greeting", "answer"]


def test_the_caller_is_not_asked_while_the_agent_speaks(begin: Begin) -> None:
    """First what is being said, then the question."""
    sim = begin(sim={"starts": False, "recogniser": "sidecar"}, greeting="A long greeting, " * 10)
    sim.post(MediaStarted())
    sim.post(RecogniserReady(), after=0.05)
    sim.post(RecogniserLost(is_voice_lost=True), after=2.0)
    sim.post(RecogniserAway(is_voice_lost=True), after=3.2)
    again = sim.run_until_said(2)

    assert sim.heard[0].ends_at > 8.0 and not sim.heard[0].was_cut
    assert again.text == AGAIN and again.starts_at >= sim.heard[0].ends_at


def test_an_agent_without_such_a_text_says_nothing(begin: Begin) -> None:
    """The setting may be empty."""
    sim = heard_by_sidecar(begin, settings={"turn_taking": {"repeat_message": ""}})
    sim.post(RecogniserAway(is_voice_lost=True))
    sim.run_for(3.0)

    assert [heard.kind for heard in sim.heard] == ["greeting"]
