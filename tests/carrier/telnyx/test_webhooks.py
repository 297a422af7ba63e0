"""Telnyx webhooks: who sent them, and what they say."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from backend.call.events import (
    CallAnswered,
    CallBridged,
    CallHungUp,
    CallInitiated,
    CarrierSpeechEnded,
    DtmfReceived,
    Event,
    MachineDetected,
    MachineGreetingEnded,
    PlaybackEnded,
    PlaybackStarted,
    StreamingStarted,
    StreamingStopped,
    TranscriptReceived,
)
from backend.carrier.telnyx.audio_url import audio_path
from backend.carrier.telnyx.webhooks import (
    MAX_BODY,
    decode_client_state,
    encode_client_state,
    parse_webhook,
    verify,
)
from backend.errors import BadSignature, MalformedMessage

FIXTURES = Path(__file__).parents[2] / "fixtures" / "telnyx"
CALL = "v3:Zk1rZWRhY3RlZC1jYWxsLWNvbnRyb2wtaWQ_redacted-0001"
NOW = 1_767_323_045.0
KEY = SigningKey(bytes(range(32)))
PUBLIC_KEY = base64.b64encode(KEY.verify_key.encode()).decode()
BODY = b'{"data":{}}'

EXPECTED: dict[str, Event | None] = {
    "call.initiated": CallInitiated("incoming", "+13125550100", "+13125550199"),
    "call.initiated.outgoing": CallInitiated("outgoing", "+13125550199", "+13125550100"),
    "call.answered": CallAnswered(),
    "call.bridged": CallBridged(),
    "call.hangup": CallHungUp("normal_clearing", "caller"),
    "streaming.started": StreamingStarted(),
    "streaming_started": StreamingStarted(),
    "streaming.stopped": StreamingStopped("stopped"),
    "streaming.failed": StreamingStopped("connection_failed"),
    "call.playback.started": PlaybackStarted("2-7", 2),
    "call.playback.ended": PlaybackEnded("2-7", 2, "completed"),
    "call.playback.ended.file_not_found": PlaybackEnded("2-7", 2, "failed"),
    "call.speak.ended": CarrierSpeechEnded(),
    "call.dtmf.received": DtmfReceived("5"),
    "call.machine.detection.ended": MachineDetected("unsure"),
    "call.machine.greeting.ended": MachineGreetingEnded(),
    "call.machine.premium.detection.ended": MachineDetected("human"),
    "call.machine.premium.greeting.ended": MachineGreetingEnded(),
    "call.transcription": TranscriptReceived("I would like to change my appointment", True, 0.87),
}
"""Fixture → event; the others are known types that we do not act on."""


def signed(body: bytes = BODY, at: float = NOW, key: SigningKey = KEY) -> dict[str, str]:
    timestamp = str(int(at))
    signature = key.sign(timestamp.encode() + b"|" + body).signature
    return {
        "Telnyx-Timestamp": timestamp,
        "Telnyx-Signature-Ed25519": base64.b64encode(signature).decode(),
        "Content-Type": "application/json",
    }


def body_of(event_type: str, payload: dict[str, Any], **data: Any) -> bytes:
    fields = {"record_type": "event", "event_type": event_type, "id": "e-1", "payload": payload, **data}
    return json.dumps({"data": fields}).encode()


def event_of(event_type: str, **payload: Any) -> Event | None:
    return parse_webhook(body_of(event_type, {"call_control_id": "v3:a", **payload})).event


# --- who sent it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [PUBLIC_KEY, KEY.verify_key.encode()])
@pytest.mark.parametrize("away_s", [-300, 0, 300])
def test_a_genuine_webhook_is_accepted(key: bytes | str, away_s: int) -> None:
    """Either form of the key, anywhere inside the window, header names in any case."""
    headers = {name.upper(): value for name, value in signed().items()}

    verify(BODY, headers, key, NOW + away_s)


@pytest.mark.parametrize("away_s", [-301, 301, 1e9, float("nan"), float("inf")])
def test_a_stale_or_future_webhook_is_refused(away_s: float) -> None:
    """A genuine delivery that is replayed after the window is worth nothing."""
    with pytest.raises(BadSignature):
        verify(BODY, signed(), PUBLIC_KEY, NOW + away_s)


def test_a_forged_webhook_is_refused() -> None:
    """Signed, but by somebody else."""
    with pytest.raises(BadSignature):
        verify(BODY, signed(key=SigningKey(bytes(32))), PUBLIC_KEY, NOW)


def test_a_replay_with_a_fresh_timestamp_is_refused() -> None:
    """The timestamp is part of what is signed."""
    headers = {**signed(), "Telnyx-Timestamp": str(int(NOW) + 10_000)}

    with pytest.raises(BadSignature):
        verify(BODY, headers, PUBLIC_KEY, NOW + 10_000)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_flipped_bit_of_the_body_is_refused(bit: int) -> None:
    """The signature covers every bit."""
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8

    with pytest.raises(BadSignature):
        verify(bytes(flipped), signed(), PUBLIC_KEY, NOW)


@given(st.integers(0, 511))
def test_one_flipped_bit_of_the_signature_is_refused(bit: int) -> None:
    """Every bit of the signature counts."""
    headers = signed()
    signature = bytearray(base64.b64decode(headers["Telnyx-Signature-Ed25519"]))
    signature[bit // 8] ^= 1 << bit % 8
    headers["Telnyx-Signature-Ed25519"] = base64.b64encode(bytes(signature)).decode()

    with pytest.raises(BadSignature):
        verify(BODY, headers, PUBLIC_KEY, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"Telnyx-Timestamp": ""},
        {"Telnyx-Timestamp": "١٧٦٧٣٢٣٠٤٥"},
        {"Telnyx-Timestamp": "1767323045.0"},
        {"Telnyx-Timestamp": " 1767323045"},
        {"Telnyx-Timestamp": "9" * 5000},
        {"Telnyx-Signature-Ed25519": ""},
        {"Telnyx-Signature-Ed25519": "!!!!"},
        {"Telnyx-Signature-Ed25519": "é"},
        {"Telnyx-Signature-Ed25519": base64.b64encode(b"short").decode()},
    ],
)
def test_headers_that_are_missing_or_strange_are_refused(change: dict[str, str]) -> None:
    """Never another exception: the web layer answers all of them alike."""
    with pytest.raises(BadSignature):
        verify(BODY, {**signed(), **change}, PUBLIC_KEY, NOW)


@pytest.mark.parametrize("key", ["", b"", "no base64!", base64.b64encode(bytes(31)).decode(), bytes(33)])
def test_without_a_usable_key_nothing_is_accepted(key: bytes | str) -> None:
    """It fails closed."""
    with pytest.raises(BadSignature):
        verify(BODY, signed(), key, NOW)


# --- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_fixture_parses(path: Path) -> None:
    """One realistic body per event type; those we do not act on give no event."""
    webhook = parse_webhook(path.read_bytes())

    assert EXPECTED.get(path.stem) == webhook.event
    assert webhook.event_id.startswith("0ccc7b54-")
    if path.stem != "call.recording.saved":  # has none on the wire
        assert webhook.call_control_id == CALL
    if not path.stem.startswith("call.initiated"):
        assert webhook.client_state == {"agent_id": "a1", "agent_version": 3}


def test_no_expectation_is_without_its_fixture() -> None:
    """The table above cannot rot."""
    assert set(EXPECTED) <= {path.stem for path in FIXTURES.glob("*.json")}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_payload_field_is_optional(path: Path) -> None:
    """Telnyx' schema requires none: with all of them gone, it is still a webhook."""
    body = json.loads(path.read_bytes())
    body["data"]["payload"] = {}

    webhook = parse_webhook(json.dumps(body).encode())

    assert webhook.event is None
    assert (webhook.call_control_id, webhook.call_session_id, webhook.client_state) == ("", "", {})


@pytest.mark.parametrize("value", [None, 1, True, "", "x" * 9000, [], {}, {"a": []}, ["\ud800"], "\ud800\x00", -1e300])
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_wrong_types_never_crash(path: Path, value: object) -> None:
    """Every field in turn holds what nobody expects: a webhook or MalformedMessage, nothing else."""
    original = json.loads(path.read_bytes())
    places = [("data", name) for name in original["data"]] + [("payload", name) for name in original["data"]["payload"]]
    for level, name in places:
        body = json.loads(path.read_bytes())
        (body["data"] if level == "data" else body["data"]["payload"])[name] = value
        try:
            parse_webhook(json.dumps(body).encode())
        except MalformedMessage:
            pass  # the other allowed answer


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b'{"data":null}',
        b'{"data":[]}',
        b'{"data":{}}',
        b'{"data":{"payload":null}}',
        b'{"data":{"payload":{},"id":"x"}}',
        b'{"data":{"payload":{},"event_type":"call.answered"}}',
        b'{"data":{"payload":{},"event_type":"call.answered","id":"a}b"}}',
        b'{"data":{"payload":{"call_control_id":"a b"},"event_type":"call.answered","id":"x"}}',
        b'{"data":{"payload":{"call_control_id":"{a}"},"event_type":"call.answered","id":"x"}}',
        b'{"data":{"payload":{"a":NaN},"event_type":"x","id":"x"}}',
        b'{"data":{"payload":{"a":-Infinity},"event_type":"x","id":"x"}}',
        b'{"data":{"payload":{"a":1e999},"event_type":"x","id":"x"}}',
        b'{"data":{"payload":{"a":' + b"1" * 5000 + b'},"event_type":"x","id":"x"}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"data":{"payload":{"a":' + b"[" * 40 + b"]" * 40 + b'},"event_type":"x","id":"x"}}',
        '{"data":{"payload":{},"event_type":"x","id":"x"}}'.encode("utf-16"),
        b"\xff\xfe",
        b'"' + b'\\"' * 120_000,
        b'"' + b"\\" * 200_001,
        b" " * (MAX_BODY + 1),
        b"{",
        b"\x00",
    ],
    ids=range(28),
)
def test_poison_is_malformed(raw: bytes) -> None:
    """Too deep, too long, not finite, not an object, not UTF-8: one refusal, quickly."""
    with pytest.raises(MalformedMessage):
        parse_webhook(raw)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_webhook_or_malformed(raw: bytes) -> None:
    """Fuzzing finds no third answer."""
    with pytest.raises(MalformedMessage):
        parse_webhook(raw)


def test_a_huge_confidence_is_bounded() -> None:
    """An integer of 400 digits does not fit a float; it is still only "sure"."""
    data = {"transcript": "yes", "confidence": 10**400, "is_final": True}

    assert TranscriptReceived("yes", True, 1.0) == event_of("call.transcription", transcription_data=data)


def test_brackets_inside_text_are_no_depth() -> None:
    """A caller may say anything; only real nesting is bounded."""
    data = {"transcript": '[[[[{{{{"' * 50, "is_final": False}

    event = event_of("call.transcription", transcription_data=data)

    assert isinstance(event, TranscriptReceived)
    assert not event.is_final


@pytest.mark.parametrize("spelling", ["streaming_stopped", "call.streaming.stopped", "streaming.stopped"])
def test_streaming_events_are_known_in_every_spelling(spelling: str) -> None:
    """They are reported with underscores, and wrongly documented with `call.`."""
    webhook = parse_webhook(body_of(spelling, {"call_control_id": "v3:a"}))

    assert webhook.event_type == "streaming.stopped"
    assert StreamingStopped("stopped") == webhook.event


def test_an_unknown_type_is_no_error() -> None:
    """Telnyx adds types any day: acknowledged, not acted on."""
    webhook = parse_webhook(body_of("call.levitated", {"call_control_id": "v3:a"}))

    assert (webhook.event_type, webhook.event) == ("call.levitated", None)


def test_the_agents_own_words_are_no_transcript() -> None:
    """Only what the far party said counts."""
    data = {"transcript": "hello", "is_final": True, "transcription_track": "outbound"}

    assert event_of("call.transcription", transcription_data=data) is None


def test_a_transcript_is_cleaned_and_bounded() -> None:
    """No control characters, no lone surrogates, at most 5,000 characters."""
    data = {"transcript": "a\x00b\ud800c\n" + "d" * 9000, "is_final": True}

    event = event_of("call.transcription", transcription_data=data)

    assert isinstance(event, TranscriptReceived)
    assert event.text.startswith("a b c d")
    assert len(event.text) == 5000 and event.was_cut
    event.text.encode()


@pytest.mark.parametrize("digit", ["", "12", "x", "E", None, 5])
def test_only_keys_of_a_telephone_are_dtmf(digit: object) -> None:
    """A digit is one of the sixteen."""
    assert event_of("call.dtmf.received", digit=digit) is None


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("completed", "completed"),
        (None, "completed"),
        ("cancelled", "cancelled"),
        ("cancelled_amd", "cancelled"),
        ("call_hangup", "cancelled"),
        ("failed", "failed"),
        ("something_new", "failed"),
    ],
)
def test_each_way_a_playback_ends_has_our_word(status: str | None, ours: str) -> None:
    """A status we have never heard of is a failure, not a crash."""
    url = "https://agent.example" + audio_path("v3:a", 4, 9, "secretsecret")

    assert event_of("call.playback.ended", media_url=url, status=status) == PlaybackEnded("4-9", 4, ours)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    ["", None, "https://agent.example/hold.wav", "https://agent.example" + audio_path("v3:b", 4, 9, "secretsecret")],
)
def test_a_playback_that_is_not_this_legs_is_no_event(url: str | None) -> None:
    """Another leg's address, or somebody's hold music, ends nothing of ours."""
    assert event_of("call.playback.ended", media_url=url, status="completed") is None


@pytest.mark.parametrize(
    ("result", "ours"),
    [
        ("human", "human"),
        ("human_business", "human"),
        ("machine", "machine"),
        ("fax_detected", "machine"),
        ("silence", "unsure"),
        ("", "unsure"),
        ("new_word", "unsure"),
    ],
)
def test_each_machine_result_has_our_word(result: str, ours: str) -> None:
    """What is not clearly one or the other is unsure."""
    assert event_of("call.machine.premium.detection.ended", result=result) == MachineDetected(ours)  # type: ignore[arg-type]


def test_the_direction_can_be_told_from_the_state() -> None:
    """`direction` is optional on the wire; answering our own dial would be a bad guess."""
    assert CallInitiated("incoming", "", "") == event_of("call.initiated", state="parked")
    assert CallInitiated("outgoing", "", "") == event_of("call.initiated", state="bridging")
    assert event_of("call.initiated") is None


@given(
    st.dictionaries(st.text(max_size=20), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=5)
)
def test_client_state_comes_back(state: dict[str, Any]) -> None:
    """What we attach to a leg is what we read from its webhooks."""
    assert state == decode_client_state(encode_client_state(state))


@pytest.mark.parametrize(
    "text", [None, "", 5, "!!", "eA==", base64.b64encode(b'{"a":1}').decode(), base64.b64encode(b"[" * 9000).decode()]
)
def test_a_foreign_client_state_is_empty(text: object) -> None:
    """Another application's state on the same leg says nothing to us."""
    assert decode_client_state(text) == {}
