"""The sidecar's end of `engines/stt_protocol.py`: what a client's text says, and how ours is written. Pure.

Decides which texts have a place in the protocol and what their fields may hold; when a message may come is decided in
`session.py`. A text that has no place raises NoPlace, whose words are for the close frame: they never repeat the text,
which may hold a token.
"""

import json
from dataclasses import dataclass
from typing import Any

from backend.engines.stt_protocol import LARGEST_TEXT, SAMPLE_RATES
from backend.workers.stt.lane import Heard

_LONGEST_LANGUAGE = 35
_LONGEST_CALL = 200


class NoPlace(Exception):
    """The text has no place in the protocol. The message says why, in at most 123 bytes."""


class TooLarge(Exception):
    """A text of more than LARGEST_TEXT bytes."""


@dataclass(frozen=True, slots=True)
class Auth:
    token: str


@dataclass(frozen=True, slots=True)
class Start:
    sample_rate: int
    language: str
    """"" when the client names none."""
    call: str
    """The client's own id for it, for the log; "" when it gives none."""


@dataclass(frozen=True, slots=True)
class FlushAsked:
    id: int


@dataclass(frozen=True, slots=True)
class ResetAsked:
    pass


@dataclass(frozen=True, slots=True)
class StopAsked:
    pass


Asked = Auth | Start | FlushAsked | ResetAsked | StopAsked


def parse(text: str) -> Asked:
    """One text message. Raises NoPlace and TooLarge."""
    if len(text) > LARGEST_TEXT or len(text.encode()) > LARGEST_TEXT:
        raise TooLarge
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise NoPlace("not JSON") from None
    if not isinstance(fields, dict):
        raise NoPlace("not a JSON object")
    kind = fields.get("type")
    if kind == "auth":
        return Auth(_text(fields, "token", LARGEST_TEXT))
    if kind == "start":
        rate = fields.get("sample_rate")
        if type(rate) is not int or rate not in SAMPLE_RATES:
            raise NoPlace(f"start: sample_rate must be one of {', '.join(map(str, SAMPLE_RATES))}")
        return Start(rate, _text(fields, "language", _LONGEST_LANGUAGE), _text(fields, "call", _LONGEST_CALL))
    if kind == "flush":
        flush_id = fields.get("id")
        if type(flush_id) is not int:
            raise NoPlace("flush: id must be an integer")
        return FlushAsked(flush_id)
    if kind == "reset":
        return ResetAsked()
    if kind == "stop":
        return StopAsked()
    raise NoPlace("unknown type")


def _text(fields: dict[str, Any], name: str, longest: int) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise NoPlace(f"{name} must be a text of at most {longest} characters")
    return value


def ready(recogniser: str) -> str:
    return json.dumps({"type": "ready", "recogniser": recogniser})


def transcript(heard: Heard) -> str:
    fields = {
        "type": "transcript",
        "text": heard.text,
        "is_final": heard.is_final,
        "utterance": heard.utterance,
        "start_s": round(heard.start_s, 3),
        "end_s": round(heard.end_s, 3),
    }
    return json.dumps(fields, ensure_ascii=False)


def flushed(flush_id: int) -> str:
    return json.dumps({"type": "flushed", "id": flush_id})


def alive(audio_s: float) -> str:
    return json.dumps({"type": "alive", "audio_s": round(audio_s, 3)})


def error(message: str) -> str:
    return json.dumps({"type": "error", "message": message[:500]})
