"""backend/session/session.py: whole calls in virtual time, everything real but the outside."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from gevent import Greenlet

from backend.call.agent_config import AgentConfig
from backend.call.events import (
    CallHungUp,
    DtmfReceived,
    HangUpAccepted,
    MediaStopped,
    PlaybackEnded,
    SpeechEnded,
    SpeechLasted,
    SpeechStarted,
    TranscriptReceived,
)
from backend.call.turn import TurnState
from backend.carrier.telnyx.audio_url import parse_audio_url
from backend.engines.base import SpeechEdge, TextDelta, ToolCall
from backend.errors import CallGone, EngineBusy, Rejected, Unavailable
from backend.records.calls import Call
from backend.session.session import Session
from tests.fakes.fake_llm import WAIT
from tests.fakes.fake_stream import FakeStream
from tests.fakes.fake_tts import Voice
from tests.session.rig import CALL, CALLER, US, Rig, make_agent, settle, wait_until

HUNG_UP = CallHungUp("normal_clearing", "caller")


def stored(rig: Rig, call: str = CALL) -> Call:
    wait_until(lambda: rig.calls.finish_asked and rig.stores.legs.get(call) is None)
    return rig.calls.get(call)


def texts(rig: Rig) -> list[str]:
    return [text for _, text in rig.tts.texts()]


def greenlets() -> int:
    gc.collect()
    return sum(isinstance(thing, Greenlet) and not thing.dead for thing in gc.get_objects())


def say(session: Session, words: str, rig: Rig) -> None:
    """The caller speaks and falls silent, and the recogniser understands it."""
    now = rig.clock.monotonic()
    session.post(SpeechStarted(now))
    session.post(SpeechEnded(now))
    session.post(TranscriptReceived(words, is_final=True))
    settle()


def interrupt(session: Session, rig: Rig) -> None:
    """The caller makes a sound, long enough."""
    at = rig.clock.monotonic()
    session.post(SpeechStarted(at))
    rig.advance(0.35)
    session.post(SpeechLasted(at))
    settle()


def test_a_silent_caller_hears_greeting_check_in_goodbye_and_the_leg_is_hung_up(rig: Rig, agent: AgentConfig) -> None:
    """The whole of dead air over the media stream: each step counted from what was heard before."""
    session = rig.open(agent)
    settle()
    heard_at: dict[str, float] = {}
    started = rig.clock.monotonic()
    for _ in range(40):
        rig.advance(0.25)
        for text in texts(rig):
            heard_at.setdefault(text, rig.clock.monotonic() - started)
    session.post(HUNG_UP)
    record = stored(rig)

    assert texts(rig) == ["Hello.", "Still there?", "Goodbye now."]
    assert heard_at["Still there?"] == pytest.approx(0.1 + 2, abs=0.5)
    assert heard_at["Goodbye now."] == pytest.approx(0.1 + 2 + 0.1 + 1, abs=0.75)
    assert len({asked.command_id for asked in rig.carrier.of("hang_up")}) == len(rig.carrier.of("hang_up")) >= 1
    assert (record.summary.outcome, record.summary.who_hung_up, record.summary.check_ins) == (
        "caller_silent",
        "agent",
        1,
    )
    assert [(turn.speaker, turn.text, turn.heard) for turn in record.turns] == [
        ("agent", "Hello.", "heard"), ("agent", "Still there?", "heard"), ("agent", "Goodbye now.", "heard"),
    ]  # fmt: skip


def test_a_call_that_is_over_leaves_nothing(rig: Rig, agent: AgentConfig) -> None:
    """No greenlet, no slot of the detector, no synthesis, no answer, no socket, no key but the tombstone (invariant 5)."""
    before = greenlets()
    rig.tts.voices["first"] = Voice(hangs_after=1)
    rig.llm.script.append([WAIT])
    session = rig.open(agent)
    settle()
    session.post(DtmfReceived("1"))
    rig.advance(2)
    session.post(HUNG_UP)
    stored(rig)
    wait_until(lambda: greenlets() == before)

    assert rig.vad.open_slots == 0 and rig.tts.running == {} and rig.llm.running == {}
    assert rig.streams[CALL].is_closed and rig.over == [session] and len(rig.registry) == 0
    assert [key for key in rig.database.ttls() if CALL in key and not key.endswith(":gone")] == []
    assert rig.stores.legs.live() == {}


def test_the_caller_is_answered_sentence_by_sentence(rig: Rig, agent: AgentConfig) -> None:
    """Heard, thought, spoken; the latencies are in the record."""
    session = rig.open(agent)
    rig.advance(0.5)
    rig.llm.script.append([TextDelta("We are open. "), TextDelta("Until five.")])
    say(session, "When are you open?", rig)
    rig.advance(1.5)
    session.post(HUNG_UP)
    record = stored(rig)

    assert texts(rig) == ["Hello.", "We are open.", "Until five."]
    assert rig.llm.requests[0].messages[-1] == {"role": "user", "content": "When are you open?"}
    assert (record.summary.outcome, record.summary.who_hung_up) == ("caller_hung_up", "caller")
    assert len(record.latencies) == 1 and record.latencies[0].first_audio_s is not None
    assert [turn.speaker for turn in record.turns] == ["agent", "caller", "agent", "agent"]


def test_barge_in_clears_the_carrier_and_voids_what_comes_late(rig: Rig) -> None:
    """The new generation starts clean; the old mark, returned by the clear, does not count as heard (A6)."""
    rig.tts.voices["first"] = Voice(seconds=0.9, frame_s=0.3)
    session = rig.open(make_agent(greeting="Hello there."))
    settle()
    interrupt(session, rig)
    session.post(PlaybackEnded("1-1", 1))
    settle()
    session.post(HUNG_UP)
    record = stored(rig)
    stream = rig.streams[CALL]

    assert stream.kinds().count("clear") == 1
    assert [(turn.text, turn.heard) for turn in record.turns] == [("Hello", "partly")]
    assert "SpeechAborted" in [event.name for event in record.events]
    assert rig.stores.playbacks.outstanding(CALL) == []


def test_barge_in_closes_the_models_stream_and_the_voice(rig: Rig, agent: AgentConfig) -> None:
    """Nothing goes on computing for words that nobody will hear."""
    session = rig.open(agent)
    rig.advance(0.5)
    rig.llm.script.append([TextDelta("A long story. "), WAIT])
    rig.tts.voices["first"] = Voice(seconds=0.9, frame_s=0.3, hangs_after=2)
    say(session, "Tell me.", rig)
    rig.advance(0.75)
    interrupt(session, rig)

    assert rig.llm.running == {} and rig.tts.running == {}
    assert len(rig.llm.cancelled) == 1 and len(rig.tts.cancelled) == 1
    session.post(HUNG_UP)
    stored(rig)


@pytest.mark.parametrize("way", ["here", "elsewhere", "both"])
def test_the_end_of_a_playback_counts_once_whatever_way_it_comes(rig: Rig, way: str) -> None:
    """Delivery `playback`: `playback.ended` on the owner, on another worker, or on both (A3, A4, A5)."""
    session = rig.open(make_agent(audio_delivery="playback"))
    elsewhere = Rig(rig.records, worker_id="worker-2")
    elsewhere.router._stores = rig.stores
    wait_until(lambda: rig.carrier.of("start_playback"))
    name = parse_audio_url(rig.carrier.of("start_playback")[0].arguments["audio_url"])
    assert name is not None
    rig.clock.advance(0.1)
    ended = PlaybackEnded(name.playback_id, name.generation)
    if way in ("elsewhere", "both"):
        elsewhere.router.take(rig.hook(ended))
    if way in ("here", "both"):
        rig.router.take(rig.hook(ended))
    rig.registry.look_at_all()
    settle()

    assert not session._conversation.is_agent_speaking
    assert session._conversation.ledger.heard_until == pytest.approx(rig.clock.monotonic())
    rig.advance(2.0)
    wait_until(lambda: texts(rig) == ["Hello.", "Still there?"])
    session.post(HUNG_UP)
    assert stored(rig).summary.check_ins == 1


def test_the_wake_up_of_another_worker_makes_the_owner_look(rig: Rig, agent: AgentConfig) -> None:
    """What is in the mailbox reaches the call; the message names the call (A5)."""
    ear = rig.database.subscribe("web:worker-1:wake")
    session = rig.open(agent)
    rig.advance(0.5)
    rig.stores.mailbox.post(CALL, TranscriptReceived("Hello there.", is_final=True), "fact-1")
    rig.stores.mailbox.post(CALL, TranscriptReceived("Hello there.", is_final=True), "fact-1")
    heard = [ear.next(0.1) for _ in range(2)]
    for _ in range(2):
        rig.registry.wake(heard[1][1] if heard[1] else "")
    settle()
    rig.advance(1)

    assert heard == [("subscribed", ""), ("message", CALL)]
    assert [message["content"] for message in rig.llm.requests[0].messages if message["role"] == "user"] == [
        "Hello there."
    ]
    session.post(HUNG_UP)
    stored(rig)


def test_a_mark_ends_the_piece_in_the_shared_ledger_too(rig: Rig, agent: AgentConfig) -> None:
    """The other workers see what the owner sees (D6)."""
    session = rig.open(agent)
    settle()
    assert [left.playback_id for left in rig.stores.playbacks.outstanding(CALL)] == ["1-1"]
    rig.advance(0.25)

    assert rig.stores.playbacks.outstanding(CALL) == []
    session.post(HUNG_UP)
    stored(rig)


def test_a_call_goes_on_and_ends_while_redis_is_away(rig: Rig, agent: AgentConfig) -> None:
    """From the owner's memory; its keys are left to the sweeper (G4)."""
    session = rig.open(agent)
    rig.database.is_away = True
    rig.advance(4)
    session.post(HUNG_UP)
    wait_until(lambda: rig.calls.finish_asked)
    wait_until(lambda: rig.over)

    assert texts(rig)[:2] == ["Hello.", "Still there?"]


def test_a_hang_up_that_finds_the_call_gone_has_succeeded(rig: Rig, agent: AgentConfig) -> None:
    """It is not asked for again, and the call is over (B8)."""
    rig.carrier.always("hang_up", CallGone("ended", code="90018"))
    rig.open(agent)
    rig.advance(6)
    record = stored(rig)

    assert len(rig.carrier.of("hang_up")) == 1
    assert (record.summary.who_hung_up, record.summary.hangup_cause) == ("agent", "already_ended")


def test_a_hang_up_that_fails_is_asked_for_again_and_then_left(rig: Rig, agent: AgentConfig) -> None:
    """After 1, 2 and 4 s, each a command of its own, since the carrier drops repeated ids (B8)."""
    rig.carrier.will("hang_up", Unavailable("away"), Rejected("no"), Unavailable("away"), Unavailable("away"))
    rig.open(agent)
    rig.advance(16)
    record = stored(rig)

    assert len({asked.command_id for asked in rig.carrier.of("hang_up")}) == 4 == len(rig.carrier.of("hang_up"))
    assert record.summary.hangup_cause == "unconfirmed"


def test_a_call_that_is_gone_for_any_command_is_over(rig: Rig, agent: AgentConfig) -> None:
    """The hang-up's own webhook may never come."""
    rig.carrier.will("start_transcription", CallGone("ended"))
    rig.open(agent)

    assert stored(rig).summary.hangup_cause == "already_ended"


def test_a_refused_command_does_not_end_the_call(rig: Rig, agent: AgentConfig) -> None:
    """The agent still speaks, and still looks after the silence."""
    rig.carrier.will("start_transcription", Rejected("no", code="90054"))
    session = rig.open(agent)
    rig.advance(2.5)

    assert texts(rig) == ["Hello.", "Still there?"]
    session.post(HUNG_UP)
    stored(rig)


def test_a_recogniser_that_was_refused_is_asked_again_under_a_new_id(rig: Rig, agent: AgentConfig) -> None:
    """A second later, and then it listens."""
    rig.carrier.will("start_transcription", Rejected("no", code="90000"))
    session = rig.open(agent)
    rig.advance(2.5)
    first, second = rig.carrier.of("start_transcription")

    assert first.command_id != second.command_id
    session.post(HUNG_UP)
    stored(rig)


def test_when_no_voice_works_the_carriers_own_voice_speaks(rig: Rig, agent: AgentConfig) -> None:
    """Not silence."""
    rig.tts.default = Voice(error=EngineBusy("full", engine="fake"))
    session = rig.open(agent)
    wait_until(lambda: rig.carrier.of("speak"))

    assert rig.carrier.of("speak")[0].arguments == {"text": "Hello.", "language": "en"}
    session.post(HUNG_UP)
    stored(rig)


def test_barge_in_also_stops_what_the_carrier_itself_says(rig: Rig, agent: AgentConfig) -> None:
    """Clearing the media stream does not touch the carrier's own voice."""
    rig.tts.default = Voice(error=EngineBusy("full", engine="fake"))
    session = rig.open(agent)
    wait_until(lambda: rig.carrier.of("speak"))
    interrupt(session, rig)
    wait_until(lambda: rig.carrier.of("stop_playback"))

    assert rig.streams[CALL].kinds().count("clear") == 1
    session.post(HUNG_UP)
    stored(rig)


def test_a_bug_in_one_call_costs_that_call_only(
    rig: Rig, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The caller hears an apology (and is hung up: test_emergency.py), the trace is in the log, the record says so;
    the other call does not notice (invariant 7)."""
    broken, healthy = rig.open(agent), rig.open(agent, "v3:other")
    settle()
    broken._conversation.turn.state = TurnState.IDLE  # an impossible state: the next move is an InvalidTransition
    broken.post(HangUpAccepted())
    wait_until(lambda: broken in rig.over)
    record = stored(rig)
    rig.advance(3)
    (line,) = [line for line in logged() if line["event"] == "call_failed_by_a_bug"]

    assert [asked.call_control_id for asked in rig.carrier.of("speak")] == [CALL]
    assert (record.summary.outcome, record.summary.hangup_cause) == ("failed", "internal_error")
    assert line["call_control_id"] == CALL and "InvalidTransition" in line["exception"]
    assert any("MediaStarted" in entry for entry in line["trace"])
    assert len(rig.registry) == 1 and rig.vad.open_slots == 1 and texts(rig).count("Still there?") == 1
    healthy.post(HUNG_UP)
    stored(rig, "v3:other")


def test_no_log_line_holds_what_was_said_or_dialled(
    rig: Rig, log_text: Callable[[], str], logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Of a whole call: words of both sides, keys pressed, numbers, the model's instructions, tokens (J2)."""
    agent = make_agent(
        greeting="Xgreeting here.", instructions="Xinstructions.", tools=["hold", "transfer", "send_dtmf"],
        transfer_targets=[{"name": "desk", "number": "+13125550177", "description": "Xdescription"}],
    )  # fmt: skip
    rig.carrier.will("transfer", Rejected("Xno"))
    session = rig.open(agent)
    session._leg_commands.start_stream(1)
    rig.advance(0.5)
    rig.llm.script.append(
        [
            TextDelta("Xanswer one. "),
            ToolCall("c1", "send_dtmf", {"digits": "987654"}),
            ToolCall("c2", "transfer", {"target": "desk"}),
        ]
    )
    say(session, "Xquestion of the caller", rig)
    for digit in "4711":
        session.post(DtmfReceived(digit))
    rig.stores.mailbox.post(CALL, TranscriptReceived("Xfrom elsewhere", is_final=False), "f")
    rig.registry.look_at_all()
    rig.advance(6)
    session.post(HUNG_UP)
    stored(rig)
    log = log_text()

    assert rig.carrier.of("transfer") and rig.carrier.of("send_dtmf"), "the call did not get as far as it should"
    for secret in ("Xgreeting", "Xinstructions", "Xdescription", "Xanswer", "Xquestion", "Xfrom"):
        assert secret not in log, secret
    token = rig.carrier.of("start_stream")[0].arguments["auth_token"]
    for secret in ("987654", CALLER[1:], US[1:], "3125550177", token, "Still there?", "Goodbye"):
        assert secret not in log, secret
    assert not [line for line in logged() if line.get("digit_") or line.get("text_")]
    assert {line.get("call_control_id") for line in logged() if line["event"].startswith("call_")} == {CALL}


def test_the_record_holds_the_story_but_no_words_outside_the_transcript(rig: Rig, agent: AgentConfig) -> None:
    """Timeline: events and commands with their plain facts."""
    session = rig.open(agent)
    rig.advance(0.5)
    say(session, "A secret.", rig)
    session.post(HUNG_UP)
    record = stored(rig)

    assert [event.name for event in record.events][:3] == ["MediaStarted", "StartTranscription", "Speak"]
    assert "secret" not in str(record.events) and record.turns[-1].text != ""


def test_a_stream_that_ends_before_it_began_ends_the_session_but_not_the_call(rig: Rig, agent: AgentConfig) -> None:
    """No clock of the conversation runs yet; without an owner the leg is asked for another stream, or swept (B7)."""
    leg = rig.ring()
    session = Session(rig.services, CALL, leg, agent, FakeStream(rig.clock), rig.session_over)
    rig.registry.add(session)
    session.on_stopped("socket closed with 1006")
    wait_until(lambda: rig.over)

    assert len(rig.registry) == 0 and rig.calls.finish_asked == 0
    assert rig.stores.legs.get(CALL) is not None


def test_a_lost_stream_ends_the_call_when_no_hang_up_explains_it(rig: Rig, agent: AgentConfig) -> None:
    """After two seconds of grace."""
    session = rig.open(agent)
    rig.advance(0.5)
    session.post(MediaStopped("gone"))
    rig.advance(1.5)
    assert rig.carrier.of("hang_up") == []
    rig.advance(1)

    assert len(rig.carrier.of("hang_up")) == 1
    session.post(HUNG_UP)
    assert stored(rig).summary.outcome == "media_lost"


def test_the_callers_voice_reaches_the_conversation_through_the_detector(rig: Rig, agent: AgentConfig) -> None:
    """Frames in, one shared step, edges out; after the end frames and marks are harmless."""
    session = rig.open(agent)
    rig.advance(1.5)  # the greeting cannot echo any more
    session.on_audio(b"\xff" * 160)
    rig.vad.streams[0].find(SpeechEdge(True, 0.0))
    rig.registry.voice_step()
    settle()
    session.post(HUNG_UP)
    record = stored(rig)
    session.on_audio(b"\xff" * 160)
    session.on_mark("1-1")
    session.on_voice_step()
    session.on_dtmf("1")
    session.on_stopped("late")
    session.on_started("PCMU", 8000)
    settle()

    assert "SpeechStarted" in [event.name for event in record.events]
    assert rig.vad.open_slots == 0


def test_a_second_start_of_the_stream_changes_nothing(rig: Rig, agent: AgentConfig) -> None:
    """One detector, one greeting."""
    session = rig.open(agent)
    session.on_started("PCMU", 8000)
    rig.advance(0.5)

    assert len(rig.vad.streams) == 1 and texts(rig) == ["Hello."]
    session.post(HUNG_UP)
    stored(rig)


# --- a recogniser of our own ---


def test_an_agent_with_the_sidecar_is_heard_by_it_and_the_carrier_is_not_asked(rig: Rig) -> None:
    """Audio goes to the stream, its words are answered, and the end of the call closes it."""
    session = rig.open(make_agent(recogniser="sidecar"))
    settle()
    rig.stt.stream.ready()
    session.on_audio(bytes(160))
    session.on_voice_step()
    rig.stt.stream.say("two pizzas")
    rig.advance(4.0)

    assert rig.stt.stream.language == "en" and len(rig.stt.stream.fed) == 320
    assert rig.llm.requests and "start_transcription" not in rig.carrier.names()
    session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: rig.over)
    assert rig.stt.open_streams == []


def test_the_sidecar_stays_away_so_the_carrier_stands_in_until_it_is_back(rig: Rig) -> None:
    """Both ways, by command; a wish that nobody can fulfil is the carrier's from the start."""
    session = rig.open(make_agent(recogniser="sidecar"))
    settle()
    rig.stt.stream.fail(retryable=True)
    for _ in range(8):
        rig.clock.advance(0.25)
        if rig.stt.stream.is_open:
            rig.stt.stream.fail(retryable=True)
        session.on_voice_step()
    wait_until(lambda: rig.carrier.of("start_transcription"))
    for _ in range(12):
        rig.clock.advance(0.25)
        session.on_voice_step()
        if rig.stt.stream.is_open:
            rig.stt.stream.ready()
            break
    wait_until(lambda: rig.carrier.of("stop_transcription"))
    rig.open(make_agent(recogniser="openai"), "v3:another")

    wait_until(lambda: len(rig.carrier.of("start_transcription")) == 2)
    assert rig.carrier.of("start_transcription")[1].call_control_id == "v3:another"
