"""The messages of the client WebSocket: read, checked, built. Pure; `docs/client-websocket.md` is the same for people.

`parse_message` turns one message into one of `ClientMessage`, or raises ClientError with a code of `ErrorCode`; nothing a
client sends makes it raise anything else, or repeats what was sent in the error. `build_*` are the messages we send.
`ErrorLimit` says when a client has made enough mistakes. Not decided here: what the messages do to a call
(`client_socket.py`), and who may connect (`web/talk.py`).

Audio is mono s16le, in base64. Ours has `SAMPLE_RATE`; a client's may have any of `CLIENT_RATES`, and may change it.
"""

import enum
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson

SAMPLE_RATE = 8000
"""Hz, of the agent's audio."""
FRAME_MS = 20
"""Length of our audio messages; the last one of a piece of speech may be shorter."""
CLIENT_RATES = (8000, 16000, 24000, 48000)
LARGEST_MESSAGE = 65536
"""Bytes."""
LONGEST_TEXT = 2000
"""Characters of a typed message."""
MOST_ERRORS, MOST_ERRORS_WITHIN_S = 20, 10.0
_HIGHEST_SEQUENCE = 1 << 53


class ErrorCode(enum.StrEnum):
    """What `error.code` may be. Those of the first group leave the connection open."""

    NOT_JSON = "not_json"
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
    TEXT_TOO_LONG = "text_too_long"
    BAD_AUDIO = "bad_audio"
    BAD_RATE = "bad_rate"
    NOT_LISTENING = "not_listening"

    TOO_LARGE = "too_large"
    TOO_MANY_ERRORS = "too_many_errors"
    NOT_READING = "not_reading"
    NO_SUCH_AGENT = "no_such_agent"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NO_CAPACITY = "no_capacity"
    STOPPING = "stopping"
    UNAVAILABLE = "unavailable"


class ClientError(Exception):
    """The client's mistake. The text never repeats what was sent."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- from the client ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Words that were typed; not blank."""

    text: str


@dataclass(slots=True)
class Audio:
    """Words that are spoken: mono s16le, not empty. Not frozen: made fifty times a second, and frozen costs double."""

    pcm: bytes
    sample_rate: int


@dataclass(frozen=True, slots=True)
class HangUpWanted:
    """The client leaves."""


@dataclass(frozen=True, slots=True)
class InterruptWanted:
    """The agent shall stop talking."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered by `pong` with the same id."""

    id: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything up to audio message `sequence` was played."""

    sequence: int


ClientMessage = Text | Audio | HangUpWanted | InterruptWanted | Ping | Played


def parse_message(message: bytes, is_text: bool) -> ClientMessage:
    """Raises ClientError."""
    try:
        body = orjson.loads(message) if is_text else None
    except ValueError:  # bad JSON, bad UTF-8, NaN, lone surrogates, nesting deeper than 1024
        body = None
    if type(body) is not dict:
        raise ClientError(ErrorCode.NOT_JSON, "a message is a JSON object in a text frame")
    match body.get("type"):
        case "audio":
            return _audio(body)
        case "text":
            return _text(body)
        case "control":
            return _control(body)
    raise ClientError(ErrorCode.UNKNOWN_TYPE, "type must be text, audio or control")


def _audio(body: dict[str, Any]) -> Audio:
    encoded, rate = body.get("audio"), body.get("sample_rate")
    if type(rate) is not int or rate not in CLIENT_RATES:
        raise ClientError(ErrorCode.BAD_RATE, f"sample_rate must be one of {', '.join(map(str, CLIENT_RATES))}")
    if type(encoded) is not str:
        raise ClientError(ErrorCode.BAD_AUDIO, "audio must be a string of base64")
    try:
        pcm = a2b_base64(encoded, strict_mode=True)
    except (Base64Error, ValueError):
        raise ClientError(ErrorCode.BAD_AUDIO, "audio is not base64") from None
    if not pcm or len(pcm) % 2:
        raise ClientError(ErrorCode.BAD_AUDIO, "audio must be whole samples of 16 bits, at least one")
    return Audio(pcm, rate)


def _text(body: dict[str, Any]) -> Text:
    text = body.get("text")
    if type(text) is not str:
        raise ClientError(ErrorCode.INVALID, "text must be a string")
    if len(text) > LONGEST_TEXT:
        raise ClientError(ErrorCode.TEXT_TOO_LONG, f"text must have at most {LONGEST_TEXT} characters")
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not plain:
        raise ClientError(ErrorCode.INVALID, "text is empty")
    return Text(plain)


def _control(body: dict[str, Any]) -> ClientMessage:
    match body.get("action"):
        case "hang_up":
            return HangUpWanted()
        case "interrupt":
            return InterruptWanted()
        case "ping":
            id_ = body.get("id", "")
            if type(id_) is not str or len(id_) > 64:
                raise ClientError(ErrorCode.INVALID, "id must be a string of at most 64 characters")
            return Ping(id_)
        case "played":
            sequence = body.get("sequence")
            if type(sequence) is not int or not 0 < sequence <= _HIGHEST_SEQUENCE:
                raise ClientError(ErrorCode.INVALID, "sequence must be the number of an audio message")
            return Played(sequence)
    raise ClientError(ErrorCode.INVALID, "action must be hang_up, interrupt, ping or played")


# --- to the client ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionStart:
    """The first message of every session."""

    session_id: str
    """The call's id everywhere else."""
    agent: str
    """The agent's name."""
    hears_audio: bool
    """False: there is no recogniser for spoken words, only typed ones reach the agent."""


def build_session_start(start: SessionStart) -> bytes:
    return orjson.dumps(
        {
            "type": "session_start",
            "session_id": start.session_id,
            "agent": start.agent,
            "sample_rate": SAMPLE_RATE,
            "frame_ms": FRAME_MS,
            "captions": True,
            "hears_audio": start.hears_audio,
        }
    )


def build_audio(pcm: bytes, sequence: int) -> bytes:
    """At most `FRAME_MS` of s16le at `SAMPLE_RATE`. By template: fifty a second while an agent speaks."""
    return b'{"type":"audio","audio":"%b","sequence":%d,"sample_rate":%d,"frame_ms":%d}' % (
        b2a_base64(pcm, newline=False), sequence, SAMPLE_RATE, FRAME_MS,
    )  # fmt: skip


def build_clear() -> bytes:
    """Throw away what was not played yet."""
    return b'{"type":"clear"}'


def build_transcript(speaker: str, text: str, is_final: bool, heard: str) -> bytes:
    return orjson.dumps({"type": "transcript", "speaker": speaker, "text": text, "is_final": is_final, "heard": heard})


def build_pong(id_: str) -> bytes:
    return orjson.dumps({"type": "pong", "id": id_})


def build_session_end(reason: str) -> bytes:
    return orjson.dumps({"type": "session_end", "reason": reason})


def build_error(code: ErrorCode, message: str) -> bytes:
    return orjson.dumps({"type": "error", "code": code.value, "message": message})


class ErrorLimit:
    """A mistake costs an `error`; `MOST_ERRORS` of them within `MOST_ERRORS_WITHIN_S` seconds end the connection."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MOST_ERRORS)

    def note(self, now: float) -> bool:
        """One more. True: that is enough."""
        self._times.append(now)
        return len(self._times) == MOST_ERRORS and now - self._times[0] <= MOST_ERRORS_WITHIN_S
