"""backend/session/listeners.py: who listens, in whole sessions. The recording's own tests are in test_recording.py."""

import json
from typing import Any

import pytest

from backend.audio import g711
from backend.call.events import CallHungUp, SpeechEnded, SpeechStarted, TranscriptReceived
from backend.engines.base import TextDelta
from backend.live.feed import Feed
from backend.live.tone.analyser import External, InProcess
from backend.rehearsal.carrier.speech import synthesise
from backend.session.session import Session
from backend.store.live_feeds import LiveFeeds
from tests.live.tone.analyser_server import running
from tests.session.rig import CALL, Rig, make_agent, settle, wait_until

SPEECH = g711.encode_ulaw(synthesise("Good morning, I would like to know which bread you have today.", "en-us", 150))
HUNG_UP = CallHungUp("normal_clearing", "caller")


def give(rig: Rig, **services: Any) -> None:
    for name, service in services.items():
        object.__setattr__(rig.services, name, service)


def talk(rig: Rig, session: Session) -> None:
    for start in range(0, len(SPEECH) - 160, 160):
        rig.clock.advance(0.02)
        session.on_audio(SPEECH[start : start + 160])
        settle(3)


def say(rig: Rig, session: Session, words: str) -> None:
    now = rig.clock.monotonic()
    for event in (SpeechStarted(now), SpeechEnded(now), TranscriptReceived(words, is_final=True)):
        session.post(event)
    settle()
    rig.advance(1.0)


def told(rig: Rig) -> list[str]:
    """Names of what the call's watchers were told."""
    live = rig.registry.get(CALL)
    feed = live.live._feed if live is not None else None
    return [] if feed is None else [name for name, _ in feed._waiting]


def test_watchers_are_told_the_callers_tone(rig: Rig) -> None:
    """Nothing of it reaches the conversation."""
    give(rig, tone=InProcess(), feed=Feed(LiveFeeds(rig.database), rig.clock))
    session = rig.open(make_agent(greeting=""))
    settle()
    talk(rig, session)

    assert "tone" in told(rig) and session._conversation.history.entries == []
    session.post(HUNG_UP)
    wait_until(lambda: rig.over)


@pytest.mark.parametrize("why", ["nobody_judges", "nobody_watches"])
def test_nothing_is_analysed_that_nobody_could_see(rig: Rig, why: str) -> None:
    """Off, or no feed and no annotation."""
    if why == "nobody_watches":
        give(rig, tone=InProcess(), feed=None)
    session = rig.open(make_agent(greeting=""))
    settle()

    assert session.audio_taps._taps == []
    session.post(HUNG_UP)
    wait_until(lambda: rig.over)


@pytest.mark.parametrize("annotates", [True, False])
def test_the_model_is_told_how_a_line_sounded_where_the_agent_wants_that(rig: Rig, annotates: bool) -> None:
    """In plain words before the line; the record has the words alone."""
    with running(answer={"label": "tense", "confidence": 0.9}) as server:
        give(rig, tone=External(base_url=f"{server.url}/v1"))
        rig.llm.script.append([TextDelta("We have rye bread.")])
        session = rig.open(make_agent(greeting="", tone_annotation=annotates))
        settle()
        talk(rig, session)
        say(rig, session, "Which bread do you have?")
        session.post(HUNG_UP)
        wait_until(lambda: rig.over)
        wait_until(lambda: rig.stores.legs.get(CALL) is None)
        settle()
        asked = rig.llm.requests[0].messages

    line = "(in a tense voice) Which bread do you have?" if annotates else "Which bread do you have?"
    assert asked[-1] == {"role": "user", "content": line}
    assert ("in parentheses" in json.dumps(asked[0])) == annotates
    assert [turn.text for turn in rig.calls.get(CALL).turns if turn.speaker == "caller"] == ["Which bread do you have?"]
    assert server.released == ["/sessions/1"]
