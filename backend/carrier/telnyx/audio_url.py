"""The address under which the carrier fetches one playback (delivery `playback`), and what it says when it comes back.

`/audio/<call>/<generation>-<number>-<secret>.wav`, where `<call>` is the call_control_id in base64url, because ids hold
`:` and may hold `/`, which servers decode before they route. The carrier echoes the address in its playback webhooks:
that is how we know *which* playback ended (`client_state` is the same for all of a leg, so it cannot tell).
Pure. The secret is compared where the bytes are kept (`store/audio_clips.py`).
"""

import re
from dataclasses import dataclass

from backend.carrier import call_id

MAX_URL = 2048
_PATH = re.compile(r"/audio/([A-Za-z0-9_-]{1,400})/(\d{1,9})-(\d{1,9})-([A-Za-z0-9_-]{8,128})\.wav", re.ASCII)


@dataclass(frozen=True, slots=True)
class AudioName:
    """What an audio address names."""

    call_control_id: str
    generation: int
    number: int
    secret: str

    @property
    def playback_id(self) -> str:
        return f"{self.generation}-{self.number}"


def audio_path(call_control_id: str, generation: int, number: int, secret: str) -> str:
    """The path, to be put behind PUBLIC_BASE_URL. `secret`: 8 to 128 characters of base64url."""
    path = f"/audio/{call_id.encode(call_control_id)}/{generation}-{number}-{secret}.wav"
    if not _PATH.fullmatch(path):
        raise ValueError("not a possible audio path: check the secret's characters and length")
    return path


def parse_audio_path(path: str) -> AudioName | None:
    """None when it is not such a path."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    call, generation, number, secret = match.groups()
    call_control_id = call_id.decode(call)
    return None if call_control_id is None else AudioName(call_control_id, int(generation), int(number), secret)


def parse_audio_url(url: str) -> AudioName | None:
    """The same from a whole address, whatever stands before the path; a query is not ours."""
    if len(url) > MAX_URL:
        return None
    start = url.rfind("/audio/")
    return parse_audio_path(url[start:]) if start >= 0 else None
