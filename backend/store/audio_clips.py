"""WAV files for delivery `playback`: the owner puts one, the carrier fetches it from whichever worker it reaches.

The URL holds a secret (`carrier/telnyx/audio_url.py`) that is compared here, so a guessed playback id fetches nothing.
"""

import hmac

from backend.store import keys
from backend.store.database import Database

MAX_BYTES = 16 * 1024 * 1024


class AudioClips:
    """Every call's clips."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self, call_control_id: str, playback_id: str, secret: str, wav: bytes, ttl_s: int = keys.AUDIO_CLIP_TTL_S
    ) -> bool:
        """Keep it for `ttl_s`. False when the call is finished."""
        if len(wav) > MAX_BYTES or "\n" in secret:
            raise ValueError("a clip must be at most 16 MiB and its secret one line")
        names = [
            keys.gone(call_control_id),
            keys.audio(call_control_id, playback_id),
            keys.audio_names(call_control_id),
        ]
        value = secret.encode() + b"\n" + wav
        return bool(self._database.run("clip_put", names, [value, ttl_s, playback_id, keys.CALL_TTL_S]))

    def get(self, call_control_id: str, playback_id: str, secret: str) -> bytes | None:
        """The WAV, or None: no such clip, or not this secret."""
        value = self._database.get(keys.audio(call_control_id, playback_id))
        expected, _, wav = (value or b"\n").partition(b"\n")
        is_right = hmac.compare_digest(expected, secret.encode("utf-8", "replace"))
        return wav if value is not None and is_right else None
