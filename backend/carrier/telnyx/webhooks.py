"""Telnyx webhooks: is it from Telnyx, and what does it say. Pure; `web/webhooks.py` runs it.

`verify` first, on the raw bytes; `parse_webhook` after it. Both bear anything: what is not acceptable is BadSignature
or MalformedMessage, never another exception. Every field of a payload is optional in Telnyx' schema, so a missing one
is never an error; a type we do not act on, or one whose facts are missing, gives `event=None`.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

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
from backend.carrier.base import Webhook
from backend.carrier.telnyx import wire
from backend.carrier.telnyx.audio_url import AudioName, parse_audio_url
from backend.errors import BadSignature, MalformedMessage

MAX_BODY = 256 * 1024
MAX_DEPTH = 32
MAX_TRANSCRIPT = 5000
MAX_WORD = 256
"""Longest of all other texts: ids, numbers, causes."""
TOLERANCE_S = 300

_DIGITS = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[\x21-\x7a|~]{1,256}")
"""Printable ASCII without space and without braces, which would end the hash tag in a Redis key."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""An unfinished string runs to the end, so that no input is scanned twice."""

CLIENT_STATE_KEY = "offhook"


# --- is it from Telnyx -----------------------------------------------------------------------------------------------


def verify(
    raw_body: bytes,
    headers: Mapping[str, str],
    public_key: bytes | str,
    now_wall: float,
    tolerance_s: float = TOLERANCE_S,
) -> None:
    """Raises BadSignature unless `timestamp|raw_body` was signed by the owner of `public_key` (32 bytes, or their
    base64) not longer than `tolerance_s` seconds before or after `now_wall`."""
    timestamp = _header(headers, wire.TIMESTAMP_HEADER)
    if not _DIGITS.fullmatch(timestamp):
        raise BadSignature("the timestamp is missing or no number")
    if not abs(now_wall - int(timestamp)) <= tolerance_s:
        raise BadSignature("the timestamp is too old or too new")
    signature = _decode(_header(headers, wire.SIGNATURE_HEADER), 64, "signature")
    key = public_key if isinstance(public_key, bytes) else _decode(public_key, 32, "public key")
    if len(key) != 32:
        raise BadSignature("the public key must have 32 bytes")
    try:
        VerifyKey(key).verify(timestamp.encode() + b"|" + raw_body, signature)
    except BadSignatureError as error:
        raise BadSignature("the signature does not fit the body") from error


def _header(headers: Mapping[str, str], name: str) -> str:
    for found, value in headers.items():
        if found.lower() == name:
            return value
    return ""


def _decode(text: str, length: int, what: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature(f"the {what} is missing or no base64") from error
    if len(decoded) != length:
        raise BadSignature(f"the {what} must have {length} bytes")
    return decoded


# --- what does it say ------------------------------------------------------------------------------------------------


def parse_webhook(raw_body: bytes) -> Webhook:
    """Raises MalformedMessage when it is no webhook at all."""
    data = _object(parse_json(raw_body, MAX_BODY), "data")
    payload = _object(data, "payload")
    event_type = _word(data, "event_type")
    event_type = wire.SPELLINGS.get(event_type, event_type)
    if not event_type:
        raise MalformedMessage("the event has no type")
    call_control_id = _id(payload, "call_control_id")
    event_id = _id(data, "id")
    if not event_id:
        raise MalformedMessage("the event has no id")
    to_event = _EVENTS.get(event_type)
    return Webhook(
        event_id=event_id,
        event_type=event_type,
        call_control_id=call_control_id,
        call_session_id=_word(payload, "call_session_id"),
        occurred_at=_word(data, "occurred_at"),
        client_state=decode_client_state(payload.get("client_state")),
        event=to_event(payload) if to_event and call_control_id else None,
    )


def parse_json(raw: bytes, max_bytes: int) -> Any:
    """JSON from outside: bounded in size and depth, UTF-8 only, finite numbers only."""
    if len(raw) > max_bytes:
        raise MalformedMessage(f"longer than {max_bytes} bytes")
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedMessage(f"deeper than {MAX_DEPTH} levels")
        elif token[0] in (b"]", b"}"):
            depth -= 1
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        # ValueError covers bad JSON, bad UTF-8 and integers of thousands of digits.
        raise MalformedMessage("not JSON") from error


def encode_client_state(state: Mapping[str, Any]) -> str:
    """What commands attach to a leg, so that any worker, and the sweeper after a loss of Redis, knows it again."""
    text = json.dumps({CLIENT_STATE_KEY: dict(state)}, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return base64.b64encode(text.encode()).decode()


def decode_client_state(text: Any) -> dict[str, Any]:
    """{} for anything that is not ours."""
    if not isinstance(text, str) or not text or len(text) > MAX_BODY:
        return {}
    try:
        found = parse_json(base64.b64decode(text, validate=True), MAX_BODY)
    except (binascii.Error, ValueError, MalformedMessage):
        return {}
    state = found.get(CLIENT_STATE_KEY) if isinstance(found, dict) else None
    return state if isinstance(state, dict) else {}


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _object(parent: Any, name: str) -> dict[str, Any]:
    found = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(found, dict):
        raise MalformedMessage(f"{name} is missing or no object")
    return found


def _text(value: Any, limit: int) -> str:
    """A text without control characters and lone surrogates, "" for everything else."""
    return _CONTROL.sub(" ", value).strip()[:limit].rstrip() if isinstance(value, str) else ""


def _word(fields: dict[str, Any], name: str) -> str:
    return _text(fields.get(name), MAX_WORD)


def _id(fields: dict[str, Any], name: str) -> str:
    """An id of Telnyx: opaque, but it becomes part of a key. "" when absent."""
    value = fields.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise MalformedMessage(f"{name} is no id")
    return value


# --- from their words to ours ----------------------------------------------------------------------------------------


def _initiated(payload: dict[str, Any]) -> Event | None:
    direction = wire.DIRECTIONS.get(_word(payload, "direction")) or wire.DIRECTION_OF_STATE.get(_word(payload, "state"))
    if direction is None:
        return None
    return CallInitiated(direction, from_number=_word(payload, "from"), to_number=_word(payload, "to"))


def _hangup(payload: dict[str, Any]) -> Event:
    return CallHungUp(cause=_word(payload, "hangup_cause"), source=_word(payload, "hangup_source"))


def _streaming_failed(payload: dict[str, Any]) -> Event:
    return StreamingStopped(reason=_word(payload, "failure_reason") or "failed")


def _audio_name(payload: dict[str, Any]) -> AudioName | None:
    """Which of our playbacks it is about; None for one that is not ours or of another leg."""
    url = payload.get("media_url")
    name = parse_audio_url(url) if isinstance(url, str) else None
    return name if name and name.call_control_id == payload.get("call_control_id") else None


def _playback_started(payload: dict[str, Any]) -> Event | None:
    name = _audio_name(payload)
    return PlaybackStarted(name.playback_id, name.generation) if name else None


def _playback_ended(payload: dict[str, Any]) -> Event | None:
    name = _audio_name(payload)
    if name is None:
        return None
    status = wire.PLAYBACK_STATUS.get(_word(payload, "status"), "failed")
    return PlaybackEnded(name.playback_id, name.generation, status)


def _dtmf(payload: dict[str, Any]) -> Event | None:
    digit = _word(payload, "digit").upper()
    return DtmfReceived(digit) if digit in wire.DTMF_DIGITS else None


def _transcription(payload: dict[str, Any]) -> Event | None:
    data = payload.get("transcription_data")
    if not isinstance(data, dict) or _word(data, "transcription_track") not in ("", wire.INBOUND_TRACK):
        return None
    whole = data.get("transcript")
    text = _text(whole, MAX_TRANSCRIPT)
    if not text:
        return None
    confidence = data.get("confidence")
    if not isinstance(confidence, (int, float)) or isinstance(confidence, bool):
        confidence = 1
    return TranscriptReceived(
        text,
        is_final=data.get("is_final", True) is True,
        confidence=float(min(1, max(0, confidence))),
        was_cut=isinstance(whole, str) and len(whole) > MAX_TRANSCRIPT,
    )


def _machine_detected(payload: dict[str, Any]) -> Event:
    return MachineDetected(wire.MACHINE_RESULTS.get(_word(payload, "result"), "unsure"))


_EVENTS: dict[str, Callable[[dict[str, Any]], Event | None]] = {
    wire.CALL_INITIATED: _initiated,
    wire.CALL_ANSWERED: lambda payload: CallAnswered(),
    wire.CALL_BRIDGED: lambda payload: CallBridged(),
    wire.CALL_HANGUP: _hangup,
    wire.STREAMING_STARTED: lambda payload: StreamingStarted(),
    wire.STREAMING_STOPPED: lambda payload: StreamingStopped(reason="stopped"),
    wire.STREAMING_FAILED: _streaming_failed,
    wire.PLAYBACK_STARTED: _playback_started,
    wire.PLAYBACK_ENDED: _playback_ended,
    wire.SPEAK_ENDED: lambda payload: CarrierSpeechEnded(),  # whatever its status: it is not audible any more
    wire.DTMF_RECEIVED: _dtmf,
    wire.TRANSCRIPTION: _transcription,
    wire.MACHINE_DETECTION_ENDED: _machine_detected,
    wire.MACHINE_PREMIUM_DETECTION_ENDED: _machine_detected,
    wire.MACHINE_GREETING_ENDED: lambda payload: MachineGreetingEnded(),
    wire.MACHINE_PREMIUM_GREETING_ENDED: lambda payload: MachineGreetingEnded(),
}
"""What is not here is answered 200 and counted."""
