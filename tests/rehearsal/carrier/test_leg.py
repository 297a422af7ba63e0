"""One leg's books: which command is legal when, what is a duplicate, which values are refused."""

import pytest

from backend.rehearsal.carrier.leg import COMMAND_STATES, LegRecord, LegState, refuse_in_state
from backend.rehearsal.carrier.rules import refuse_body


def leg(state=LegState.ANSWERED):
    return LegRecord("incoming", "+15550100001", "+15550100002", "72", state, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("command", sorted(COMMAND_STATES))
def test_an_ended_leg_takes_no_command(command):
    """90018 for each and all."""
    assert refuse_in_state(command, LegState.ENDED).code == "90018"


@pytest.mark.parametrize("command", sorted(COMMAND_STATES))
@pytest.mark.parametrize("state", [LegState.PARKED, LegState.DIALLING])
def test_before_the_answer_only_a_few_commands_are_legal(command, state):
    """Everything that needs a conversation is 90034."""
    refusal = refuse_in_state(command, state)

    legal = {"hangup", "client_state_update"} | ({"answer", "reject"} if state is LegState.PARKED else set())
    if command in legal:
        assert refusal is None
    elif command in ("answer", "reject"):
        assert refusal.code == "10027"
    else:
        assert refusal.code == "90034"


@pytest.mark.parametrize("command", sorted(COMMAND_STATES))
def test_an_answered_leg_takes_all_but_answer_and_reject(command):
    """A second answer is refused."""
    refusal = refuse_in_state(command, LegState.ANSWERED)

    assert (refusal is not None) == (command in ("answer", "reject"))


def test_a_command_id_counts_for_a_minute():
    """After 60 s the same id is a new command; no id is never a duplicate."""
    record = leg()
    record.remember("c1", 100.0)
    record.remember(None, 100.0)

    assert record.is_duplicate("c1", 159.9)
    assert not record.is_duplicate("c1", 160.0)
    assert not record.is_duplicate("c2", 101.0)
    assert not record.is_duplicate(None, 101.0)


def test_the_status_shows_how_long_the_call_lasted():
    """Seconds since the answer, until the end."""
    record = leg(LegState.PARKED)
    assert record.status(5.0)["call_duration"] == 0
    record.answered(10.0)
    record.ended("normal_clearing", "caller", 42.5, "2026-01-01T00:00:42Z")

    status = record.status(99.0)

    assert (status["is_alive"], status["call_duration"], status["end_time"]) == (False, 32, "2026-01-01T00:00:42Z")


DIAL = {"connection_id": "72", "from": "+15550100001", "to": "+15550100002"}


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        ("dial", {**DIAL, "to": ""}, "10004"),
        ("dial", {**DIAL, "connection_id": "73"}, "10015"),
        ("dial", {**DIAL, "to": "5550100002"}, "10016"),
        ("dial", {**DIAL, "from": "+0123456789"}, "10016"),
        ("dial", {**DIAL, "timeout_secs": 4}, "90028"),
        ("dial", {**DIAL, "time_limit_secs": 20}, "90029"),
        ("dial", {**DIAL, "answering_machine_detection": "yes"}, "10032"),
        ("dial", {**DIAL, "stream_url": "http://x"}, "10015"),
        ("answer", {"client_state": "not base64!"}, "90017"),
        ("client_state_update", {}, "10004"),
        ("reject", {}, "10004"),
        ("reject", {"cause": "BORED"}, "10032"),
        ("playback_start", {}, "10004"),
        ("playback_start", {"audio_url": "http://x/a.wav", "loop": 101}, "90009"),
        ("playback_start", {"audio_url": "http://x/a.wav", "stop": "now"}, "90016"),
        ("playback_stop", {"stop": "some"}, "90016"),
        ("speak", {"payload": "x"}, "10004"),
        ("speak", {"payload": "x" * 3001, "voice": "v"}, "90010"),
        ("streaming_start", {}, "10004"),
        ("streaming_start", {"stream_url": "https://x"}, "10015"),
        ("streaming_start", {"stream_url": "ws://x", "stream_bidirectional_mode": "raw"}, "10032"),
        ("streaming_start", {"stream_url": "ws://x", "stream_bidirectional_codec": "pcmu"}, "10032"),
        ("streaming_start", {"stream_url": "ws://x", "stream_auth_token": "t" * 4001}, "10033"),
        ("transcription_start", {"transcription_engine": "Ears"}, "10032"),
        ("send_dtmf", {"digits": "12x"}, "90014"),
        ("send_dtmf", {"digits": "1", "duration_millis": 50}, "90027"),
        ("transfer", {"to": "nobody"}, "10016"),
        ("record_start", {"format": "wav"}, "10004"),
    ],
)
def test_a_bad_value_has_its_own_code(command, body, code):
    """Each rule with one example that breaks it."""
    assert code == refuse_body(command, body, "72").code


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("dial", DIAL),
        ("dial", {**DIAL, "to": "sip:bob@example.com", "timeout_secs": 5, "time_limit_secs": 30}),
        ("answer", {"client_state": "eA==", "something_new": 1}),
        ("playback_start", {"audio_url": "http://x/a.wav", "loop": "infinity", "stop": "all"}),
        ("speak", {"payload": "Hello", "voice": "AWS.Polly.Joanna-Neural"}),
        ("send_dtmf", {"digits": "0123456789ABCD*#wW"}),
    ],
)
def test_a_good_body_passes(command, body):
    """Unknown fields pass too."""
    assert refuse_body(command, body, "72") is None
