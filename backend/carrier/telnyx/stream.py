"""The carrier's media stream: its JSON messages read and written. Pure; `media_stream.py` is the shell.

`parse_message` turns one text message into one of `StreamMessage`, or raises MalformedMessage: for everything that is
not the documented form, and for nothing else (a hostile peer cannot make it raise another exception, recurse, or take
long). Messages of an unknown event are well-formed and come out as `Unknown`: the carrier may add some any day.
`build_*` are the three messages we may send, by byte template. `FrameOrder` restores the order that the carrier does
not promise, `MalformedLimit` says when a peer has sent enough rubbish. Not decided here: what the messages mean to a
call, and whether a token is right.

Numbers arrive as decimal strings ("chunk":"2"); integers are taken as well. "inbound" is what the far party says.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from backend.errors import MalformedMessage

LARGEST_MESSAGE = 65536
"""Bytes. Twenty milliseconds need 350; the largest sensible message (200 ms of 48 kHz linear audio) needs 26 000."""
_LARGEST_NUMBER = 1 << 53


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is open. `token` is the one we attached when asking for the stream; "" when we attached none."""

    token: str


@dataclass(frozen=True, slots=True)
class Started:
    """Audio will flow. `encoding` is that of the caller audio, upper case."""

    stream_id: str
    call_control_id: str
    encoding: str
    sample_rate: int
    client_state: str
    """As it came: base64 of what we once attached to the leg, "" when absent."""


@dataclass(slots=True)
class Media:
    """One piece of audio. Not frozen: made fifty times a second and call, and frozen costs double."""

    track: Literal["inbound", "outbound"]
    chunk: int
    timestamp: int
    """Milliseconds since the stream's start, by all samples seen; the unit is not documented."""
    payload: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything sent before the mark of that name was played, or thrown away by a clear."""

    name: str


@dataclass(frozen=True, slots=True)
class Dtmf:
    """The caller pressed a key: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class StreamError:
    """The carrier did not like what we sent."""

    code: int
    title: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stream is over; the leg may live on."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed message of an event that we do not know."""

    event: str


StreamMessage = Connected | Started | Media | Mark | Dtmf | StreamError | Stopped | Unknown


def parse_message(message: str | bytes) -> StreamMessage:
    """Raises MalformedMessage, whose text never repeats what was sent."""
    if len(message) > LARGEST_MESSAGE:
        raise MalformedMessage("stream message is too large")
    try:
        body = orjson.loads(message)
    except ValueError:  # bad JSON, bad UTF-8, NaN, lone surrogates, nesting deeper than 1024
        raise MalformedMessage("stream message is not JSON") from None
    if type(body) is not dict:
        raise MalformedMessage("stream message is not an object")
    event = body.get("event")
    if event == "media":
        return _media(body)
    if type(event) is not str:
        raise MalformedMessage("stream message has no event")
    parse = _PARSERS.get(event)
    return Unknown(event[:40]) if parse is None else parse(body)


def _media(body: dict[str, Any]) -> Media:
    media = _object(body, "media")
    track, encoded = media.get("track"), media.get("payload")
    if track != "inbound" and track != "outbound":
        raise MalformedMessage("media.track is neither inbound nor outbound")
    if type(encoded) is not str:
        raise MalformedMessage("media.payload is not a string")
    try:
        payload = a2b_base64(encoded, strict_mode=True)
    except (Base64Error, ValueError):
        raise MalformedMessage("media.payload is not base64") from None
    if not payload:
        raise MalformedMessage("media.payload is empty")
    return Media(
        track, _number(media, "chunk"), _number(media, "timestamp", 0), payload, _number(body, "sequence_number", 0)
    )


def _connected(body: dict[str, Any]) -> Connected:
    details = body.get("connected")
    if details is None:
        return Connected("")
    if type(details) is not dict:
        raise MalformedMessage("connected is not an object")
    return Connected(_text(details, "x-telnyx-streaming-auth-token", 4096, default=""))


def _started(body: dict[str, Any]) -> Started:
    start = _object(body, "start")
    form = _object(start, "media_format")
    sample_rate = form.get("sample_rate")
    if type(sample_rate) is not int or not 8000 <= sample_rate <= 48000:
        raise MalformedMessage("media_format.sample_rate is not a rate")
    return Started(
        stream_id=_text(body, "stream_id", 256),
        call_control_id=_text(start, "call_control_id", 512),
        encoding=_text(form, "encoding", 16).upper(),
        sample_rate=sample_rate,
        client_state=_text(start, "client_state", 32768, default=""),
    )


def _mark(body: dict[str, Any]) -> Mark:
    return Mark(_text(_object(body, "mark"), "name", 512))


def _dtmf(body: dict[str, Any]) -> Dtmf:
    digit = _text(_object(body, "dtmf"), "digit", 1).upper()
    if digit not in "0123456789*#ABCD" or not digit:
        raise MalformedMessage("dtmf.digit is not a key")
    return Dtmf(digit)


def _error(body: dict[str, Any]) -> StreamError:
    details = _object(body, "payload")
    return StreamError(_number(details, "code"), _text(details, "title", 256, default=""))


def _stopped(body: dict[str, Any]) -> Stopped:
    return Stopped()


_PARSERS: dict[str, Callable[[dict[str, Any]], StreamMessage]] = {
    "connected": _connected,
    "start": _started,
    "mark": _mark,
    "dtmf": _dtmf,
    "error": _error,
    "stop": _stopped,
}


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if type(value) is not dict:
        raise MalformedMessage(f"{key} is not an object")
    return value


def _text(body: dict[str, Any], key: str, longest: int, *, default: str | None = None) -> str:
    value = body.get(key)
    if value is None and default is not None:
        return default
    if type(value) is not str or len(value) > longest or not value.isprintable():
        raise MalformedMessage(f"{key} is not a printable string of at most {longest} characters")
    return value


def _number(body: dict[str, Any], key: str, default: int | None = None) -> int:
    value = body.get(key, default)
    if type(value) is str and len(value) <= 16 and value.isdecimal() and value.isascii():
        return int(value)
    if type(value) is int and 0 <= value <= _LARGEST_NUMBER:
        return value
    raise MalformedMessage(f"{key} is not a whole number")


def check_payload(encoding: str, payload: bytes) -> None:
    """Raises MalformedMessage when these bytes cannot be audio of that encoding."""
    if encoding == "L16" and len(payload) % 2:
        raise MalformedMessage("an odd number of bytes is not 16-bit audio")


_MEDIA_HEAD = b'{"event":"media","media":{"payload":"'
_MEDIA_TAIL = b'"}}'
_CLEAR = b'{"event":"clear"}'


def build_media(payload: bytes) -> bytes:
    """20 ms to 30 s of audio as a text message."""
    return _MEDIA_HEAD + b2a_base64(payload, newline=False) + _MEDIA_TAIL


def build_mark(name: str) -> bytes:
    """Ask for `name` to come back when what was sent before was played."""
    return b'{"event":"mark","mark":{"name":' + orjson.dumps(name) + b"}}"


def build_clear() -> bytes:
    """Throw away what was not played yet."""
    return _CLEAR


class FrameOrder:
    """Restores the order of one track by chunk number. Holds at most `most_held` frames, and so delays by as many.

    A frame that comes after its place was given up is dropped. Numbers far from the expected one are distrusted (one
    hostile or broken number must not silence the rest of the call) until `_CONVINCING` of them follow each other: then
    the counter has really jumped, and counting goes on from there.
    """

    _NEAR = 50
    _CONVINCING = 3

    def __init__(self, most_held: int = 3) -> None:
        self._most_held = most_held
        self._expected: int | None = None
        self._held: dict[int, bytes] = {}
        self._strange: list[tuple[int, bytes]] = []
        self.reordered = 0
        """Frames that came early and waited for another."""
        self.duplicates = 0
        """Frames that came again while the first was still held."""
        self.late = 0
        """Frames dropped because their place was given up already, or that came again after being passed on."""
        self.lost = 0
        """Frames that were given up."""
        self.strange = 0
        """Frames whose number was far off."""

    def push(self, chunk: int, payload: bytes) -> list[bytes]:
        """The frames that are now next, in order."""
        expected = self._expected
        if chunk == expected or expected is None:
            self._expected = chunk + 1
            if self._strange:
                self._strange.clear()
            return [payload, *self._take_held()] if self._held else [payload]
        if abs(chunk - expected) > self._NEAR:
            return self._push_strange(chunk, payload)
        if chunk < expected:
            self.late += 1
            return []
        if chunk in self._held:
            self.duplicates += 1
            return []
        self.reordered += 1
        self._held[chunk] = payload
        return [] if len(self._held) < self._most_held else self._give_up()

    def flush(self) -> list[bytes]:
        """What is still held, in order: the stream has ended."""
        frames = []
        while self._held:
            frames += self._give_up()
        return frames

    def _take_held(self) -> list[bytes]:
        frames: list[bytes] = []
        while (frame := self._held.pop(self._expected or 0, None)) is not None:
            frames.append(frame)
            self._expected = (self._expected or 0) + 1
        return frames

    def _give_up(self) -> list[bytes]:
        """The missing frame will not come: go on with the earliest one held."""
        earliest = min(self._held)
        self.lost += earliest - (self._expected or 0)
        self._expected = earliest
        return self._take_held()

    def _push_strange(self, chunk: int, payload: bytes) -> list[bytes]:
        self.strange += 1
        if self._strange and chunk != self._strange[-1][0] + 1:
            self._strange.clear()
        self._strange.append((chunk, payload))
        if len(self._strange) < self._CONVINCING:
            return []
        frames = self.flush() + [frame for _, frame in self._strange]
        self._strange.clear()
        self._expected = chunk + 1
        return frames


class MalformedLimit:
    """Malformed messages are dropped; this says when there were too many: 20 within 10 s. `count` is the total."""

    def __init__(self, most: int = 20, within_s: float = 10.0) -> None:
        self._within_s = within_s
        self._times: deque[float] = deque(maxlen=most)
        self.count = 0

    def note(self, now: float) -> bool:
        """One more was dropped. True when the stream should be closed."""
        self.count += 1
        self._times.append(now)
        return len(self._times) == self._times.maxlen and now - self._times[0] <= self._within_s
