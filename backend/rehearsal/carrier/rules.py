"""Which values a command may carry, and the error code for each that it may not. Pure tables, read by `commands.py`.

Codes are the carrier's own (reference: the wire notes, sections 3 and 3.2). Unknown fields pass, as they do there.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

TITLES = {
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10007": "Unexpected error",
    "10009": "Authentication failed",
    "10011": "Too many requests",
    "10015": "Bad Request",
    "10016": "Phone number must be in +E.164 format",
    "10027": "Unprocessable Entity",
    "10032": "Invalid enumerated value",
    "10033": "Value outside of range",
    "90009": "Invalid value for loop",
    "90010": "Invalid value for payload",
    "90014": "Invalid value for digits",
    "90015": "Invalid Call Control ID",
    "90016": "Invalid value for stop",
    "90017": "Invalid value for client_state",
    "90018": "Call has already ended",
    "90027": "Invalid value for duration_millis",
    "90028": "Invalid value for timeout_secs",
    "90029": "Invalid value for time_limit_secs",
    "90034": "Call has not been answered yet",
    "90045": "Media Streaming is used.",
    "90048": "Media Streaming is not used.",
    "90054": "Call transcription is already in progress",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply."""

    code: str
    detail: str
    pointer: str = ""
    status: int = 422

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {
            "code": self.code,
            "title": TITLES.get(self.code, "Error"),
            "detail": self.detail,
            "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"},
        }
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return {"errors": [error]}


REQUIRED: dict[str, tuple[str, ...]] = {
    "dial": ("connection_id", "from", "to"),
    "reject": ("cause",),
    "speak": ("payload", "voice"),
    "send_dtmf": ("digits",),
    "transfer": ("to",),
    "record_start": ("format", "channels"),
    "client_state_update": ("client_state",),
    "streaming_start": ("stream_url",),
}

_AMD = frozenset(["disabled", "premium", "detect", "detect_beep", "detect_words", "greeting_end"])
_STREAM_ENUMS: dict[str, frozenset[str]] = {
    "stream_track": frozenset({"inbound_track", "outbound_track", "both_tracks"}),
    "stream_codec": frozenset({"PCMU", "PCMA", "default"}),
    "stream_bidirectional_mode": frozenset({"mp3", "rtp"}),
    "stream_bidirectional_codec": frozenset({"PCMU", "PCMA"}),
    "stream_bidirectional_target_legs": frozenset({"opposite", "self", "both"}),
}
"""Codecs other than G.711 exist at the real carrier; this one does not speak them and says so."""

ENUMS: dict[str, dict[str, frozenset[str]]] = {
    "dial": {**_STREAM_ENUMS, "answering_machine_detection": _AMD},
    "answer": _STREAM_ENUMS,
    "streaming_start": _STREAM_ENUMS,
    "reject": {"cause": frozenset({"CALL_REJECTED", "USER_BUSY"})},
    "transfer": {"answering_machine_detection": _AMD},
    "transcription_start": {
        "transcription_engine": frozenset(
            [
                "Google",
                "Telnyx",
                "Deepgram",
                "Azure",
                "xAI",
                "AssemblyAI",
                "Speechmatics",
                "Soniox",
                "Parakeet",
                "A",
                "B",
            ]
        ),
        "transcription_tracks": frozenset({"inbound", "outbound", "both"}),
    },
    "playback_start": {
        "audio_type": frozenset({"mp3", "wav"}),
        "target_legs": frozenset({"self", "opposite", "both"}),
    },
    "record_start": {"format": frozenset({"wav", "mp3"}), "channels": frozenset({"single", "dual"})},
}

RANGES: dict[str, dict[str, tuple[int, int, str]]] = {
    "dial": {"timeout_secs": (5, 600, "90028"), "time_limit_secs": (30, 14400, "90029")},
    "transfer": {"timeout_secs": (5, 600, "90028"), "time_limit_secs": (30, 14400, "90029")},
    "send_dtmf": {"duration_millis": (100, 500, "90027")},
}

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_DIGITS = re.compile(r"[0-9A-DwW*#]+")


def is_base64(value: object) -> bool:
    try:
        base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return isinstance(value, str)


def refuse_body(command: str, body: dict[str, Any], connection_id: str = "") -> Refusal | None:
    """The first thing wrong with the body of this command, None when it is fine."""
    for name in REQUIRED.get(command, ()):
        if body.get(name) in (None, "", []):
            return Refusal("10004", f"The parameter {name} is required.", f"/{name}")
    if body.get("client_state") is not None and not is_base64(body["client_state"]):
        return Refusal("90017", "The 'client_state' parameter must be a valid base64 string.", "/client_state")
    for name, allowed in ENUMS.get(command, {}).items():
        if body.get(name) is not None and body[name] not in allowed:
            return Refusal("10032", f"The value must be one of {', '.join(sorted(allowed))}.", f"/{name}")
    for name, (low, high, code) in RANGES.get(command, {}).items():
        value = body.get(name)
        if value is not None and not (isinstance(value, int) and low <= value <= high):
            return Refusal(code, f"The value of {name} must be an integer from {low} to {high}.", f"/{name}")
    special = _SPECIAL.get(command)
    return special(body, connection_id) if special else None


def _refuse_numbers(body: dict[str, Any], _connection_id: str) -> Refusal | None:
    for name in ("to", "from"):
        number = body.get(name)
        if number is None or (name == "to" and str(number).startswith("sip:")):
            continue
        if not isinstance(number, str) or not _E164.fullmatch(number):
            return Refusal("10016", f"The {name} parameter must be in +E.164 format.", f"/{name}")
    return None


def _refuse_dial(body: dict[str, Any], connection_id: str) -> Refusal | None:
    if body["connection_id"] != connection_id:
        return Refusal("10015", "The connection_id is not a call control application of yours.", "/connection_id")
    return _refuse_numbers(body, connection_id) or _refuse_stream(body, connection_id)


def _refuse_stream(body: dict[str, Any], _connection_id: str) -> Refusal | None:
    url = body.get("stream_url")
    if url is not None and not str(url).startswith(("ws://", "wss://")):
        return Refusal("10015", "The stream_url must be a ws or wss address.", "/stream_url")
    if len(str(body.get("stream_auth_token") or "")) > 4000:
        return Refusal("10033", "The stream_auth_token may have 4000 characters.", "/stream_auth_token")
    return None


def _refuse_playback(body: dict[str, Any], _connection_id: str) -> Refusal | None:
    sources = [name for name in ("audio_url", "media_name", "playback_content") if body.get(name)]
    if not sources:
        return Refusal("10004", "One of audio_url, media_name and playback_content is required.", "/audio_url")
    loop = body.get("loop", 1)
    if loop != "infinity" and not (isinstance(loop, int) and 1 <= loop <= 100):
        return Refusal("90009", "The 'loop' parameter must be 'infinity' or an integer from 1 to 100.", "/loop")
    return _refuse_stop(body, _connection_id)


def _refuse_stop(body: dict[str, Any], _connection_id: str) -> Refusal | None:
    if body.get("stop") not in (None, "current", "all"):
        return Refusal("90016", "The 'stop' parameter must be 'all' or 'current'.", "/stop")
    return None


def _refuse_speak(body: dict[str, Any], connection_id: str) -> Refusal | None:
    if not isinstance(body["payload"], str) or len(body["payload"]) > 3000:
        return Refusal("90010", "The 'payload' parameter may contain up to 3000 characters.", "/payload")
    return _refuse_stop(body, connection_id)


def _refuse_digits(body: dict[str, Any], _connection_id: str) -> Refusal | None:
    if not isinstance(body["digits"], str) or not _DIGITS.fullmatch(body["digits"]):
        return Refusal("90014", "The 'digits' parameter may contain 0-9, A-D, w, W, * and #.", "/digits")
    return None


_SPECIAL = {
    "dial": _refuse_dial,
    "answer": _refuse_stream,
    "streaming_start": _refuse_stream,
    "transfer": _refuse_numbers,
    "playback_start": _refuse_playback,
    "playback_stop": _refuse_stop,
    "speak": _refuse_speak,
    "send_dtmf": _refuse_digits,
}
