"""Is a synthesis request acceptable, and what exactly does it ask for? Pure.

Every refusal names the field, the value and what is allowed; the text itself is never repeated, only its length.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from backend.workers.tts.proto import voice_pb2

LONGEST_TEXT = 10_000
LONGEST_ID = 128
SAMPLE_RATES = (8000, 16000, 24000, 48000)
DEFAULT_SAMPLE_RATE = 48000
SHORTEST_FRAME_MS, LONGEST_FRAME_MS = 20, 200
DEFAULT_FRAME_MS = 20


class BadRequest(Exception):
    """The request must be changed before it can succeed."""


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request with its defaults filled in."""

    synthesis_id: str
    session_id: str
    text: str
    voice: str
    sample_rate: int
    frame_duration_ms: int
    first_frame_duration_ms: int


def parse_order(
    request: voice_pb2.SynthesizeRequest,
    has_voice: Callable[[str], bool],
    voice_for_language: Callable[[str], str | None],
) -> Order:
    """The order in this request. Raises BadRequest."""
    if not 1 <= len(request.synthesis_id) <= LONGEST_ID:
        raise BadRequest(f"synthesis_id: {len(request.synthesis_id)} characters; allowed are 1 to {LONGEST_ID}")
    if len(request.session_id) > LONGEST_ID:
        raise BadRequest(f"session_id: {len(request.session_id)} characters; allowed are at most {LONGEST_ID}")
    rate = request.sample_rate or DEFAULT_SAMPLE_RATE
    if rate not in SAMPLE_RATES:
        raise BadRequest(f"sample_rate: {rate} Hz; allowed are {', '.join(map(str, SAMPLE_RATES))}")
    return Order(
        synthesis_id=request.synthesis_id,
        session_id=request.session_id,
        text=_text(request.text),
        voice=_voice(request.voice, request.language, has_voice, voice_for_language),
        sample_rate=rate,
        frame_duration_ms=_duration("frame_duration_ms", request.frame_duration_ms),
        first_frame_duration_ms=_duration("first_frame_duration_ms", request.first_frame_duration_ms),
    )


def _text(text: str) -> str:
    """The text without control characters, which no voice speaks and some take for the text's end."""
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"text: {len(text)} characters; allowed are at most {LONGEST_TEXT}")
    clean = "".join(" " if _is_control(character) else character for character in text)
    if not clean.strip():
        raise BadRequest(
            f"text: nothing to speak in {len(text)} characters; "
            "needed is one that is neither white space nor a control character"
        )
    return clean


def _is_control(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co")


def _voice(
    voice: str,
    language: str,
    has_voice: Callable[[str], bool],
    voice_for_language: Callable[[str], str | None],
) -> str:
    if voice:
        if not has_voice(voice):
            raise BadRequest(f"voice: {voice[:LONGEST_ID]!r} is unknown; ListModels has the names")
        return voice
    found = voice_for_language(language)
    if found is None:
        raise BadRequest(f"language: no voice speaks {language[:LONGEST_ID]!r}; ListModels has the languages")
    return found


def _duration(field: str, value: int) -> int:
    if value == 0:
        return DEFAULT_FRAME_MS
    if not SHORTEST_FRAME_MS <= value <= LONGEST_FRAME_MS:
        raise BadRequest(f"{field}: {value} ms; allowed are {SHORTEST_FRAME_MS} to {LONGEST_FRAME_MS}")
    return value
