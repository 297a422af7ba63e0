"""One-time tokens for the media socket (F41): 256 bits, kept only as a hash, for 120 s, of one call, newest only.

A wrong token does not use up the right one, so a stranger cannot lock the carrier out.
"""

import hashlib
import hmac
import secrets

from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Database

TOKEN_BYTES = 32
_USED = b"used:"


class StreamTokens:
    """Issue before asking for the stream, redeem when the socket opens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(self, call_control_id: str, now: float) -> str:
        """A fresh token; an older one of the call is void. `now` (wall) is kept beside it for whoever looks into Redis.
        Raises StoreError when the call is finished: there is nothing to stream."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        kept = self._database.run(
            "token_issue",
            [keys.gone(call_control_id), keys.stream_token(call_control_id)],
            [f"{_digest(token)}@{now:.0f}", keys.STREAM_TOKEN_TTL_S],
        )
        if not kept:
            raise StoreError("no stream token: the call is finished")
        return token

    def redeem(self, call_control_id: str, token: str) -> bool:
        """True exactly once for the right token."""
        kept = self._database.get(keys.stream_token(call_control_id))
        # Compared in any case, so that the time taken says nothing.
        expected = kept.partition(b"@")[0] if kept else b"-"
        if not hmac.compare_digest(expected, _digest(token).encode()) or kept is None or kept.startswith(_USED):
            return False
        return bool(
            self._database.run(
                "token_redeem",
                [keys.gone(call_control_id), keys.stream_token(call_control_id)],
                [kept, _USED + secrets.token_hex(8).encode()],
            )
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
