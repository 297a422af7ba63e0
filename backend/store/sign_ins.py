"""Who is signed in: one entry for each browser, found by a random token that only its cookie holds.

Kept here and not in a signed cookie, because a signed cookie cannot be taken back: somebody who signs out, on a shared
machine perhaps, must be out, whoever copied the cookie before. Kept in Redis and not in SQL, because it changes with every
click and expires by itself. When Redis loses it, people sign in again; programs with keys notice nothing. Of the token only
a hash is kept: who reads Redis cannot become anybody.

An entry lives `keys.SIGNED_IN_TTL_S` after its last use and `LONGEST_S` in all. It says under which seal of the user it was
begun; whether that is still the user's seal is for `web/accounts.py` to compare with SQL.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from backend.clock import Clock
from backend.store import keys
from backend.store.database import Database

LONGEST_S = 7 * 86_400.0
_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignIn:
    """`csrf_token`: what a request that changes something must repeat in a header."""

    user: str
    seal: str
    csrf_token: str
    began_at: float


class SignIns:
    """All of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, user: str, seal: str, csrf_token: str = "") -> tuple[str, SignIn]:
        """A new token and what is kept for it. `csrf_token`: one to go on with, else a new one."""
        token = secrets.token_urlsafe(_BYTES)
        entry = SignIn(user, seal, csrf_token or secrets.token_urlsafe(_BYTES), self._clock.wall())
        kept = json.dumps([entry.user, entry.seal, entry.csrf_token, entry.began_at])
        self._database.set(_key(token), kept, keys.SIGNED_IN_TTL_S)
        return token, entry

    def find(self, token: str) -> SignIn | None:
        """Who holds this token; from now on it lives its time once more."""
        kept = self._database.run("value_renew", [_key(token)], [keys.SIGNED_IN_TTL_S])
        if kept is None:
            return None
        entry = SignIn(*json.loads(kept))
        if self._clock.wall() - entry.began_at < LONGEST_S:
            return entry
        self.end(token)
        return None

    def end(self, token: str) -> None:
        """The token opens nothing any more. Harmless when it did not before."""
        self._database.delete(_key(token))


def _key(token: str) -> str:
    return keys.signed_in(hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())
