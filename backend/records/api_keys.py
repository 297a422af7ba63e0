"""API keys of programs: made with a role, shown once, kept as SHA-256 only.

A key is 256 random bits, so its plain hash says nothing about it and needs no salt; looking it up by that hash takes the
same time whatever was shown. When it was last used is noted to the hour: often enough to find keys that nobody uses.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.clock import Clock
from backend.records.database import Database, reject_unstorable
from backend.records.errors import UnknownRecord
from backend.records.models import ApiKeyRow
from backend.records.users import Role

PREFIX = "offhook_"
"""Tells scanners of repositories, and people, what they have found."""
_HINT = len(PREFIX) + 4
_NOTED_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Instants are wall-clock seconds. `hint` is how the key begins, enough to tell it from others."""

    id: str
    name: str
    role: Role
    hint: str
    created_at: float
    created_by: str
    last_used_at: float | None


class ApiKeys:
    """All keys but the installation's own (`web/api_key.py`)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, role: Role, created_by: str) -> tuple[ApiKey, str]:
        """The key as it is kept, and its secret, which is nowhere else."""
        reject_unstorable(name, "name")
        secret = PREFIX + secrets.token_urlsafe(32)

        def write(session: Session) -> ApiKey:
            row = ApiKeyRow(
                id=uuid.uuid4().hex, name=name, role=role, secret_hash=_digest(secret), hint=secret[:_HINT],
                created_at=self._clock.wall(), created_by=created_by, last_used_at=None,
            )  # fmt: skip
            session.add(row)
            return _key(row)

        return self._database.write(write), secret

    def list(self) -> list[ApiKey]:
        """All, the oldest first."""
        order = (ApiKeyRow.created_at, ApiKeyRow.id)
        return self._database.read(
            lambda session: [_key(row) for row in session.scalars(select(ApiKeyRow).order_by(*order))]
        )

    def find(self, secret: str) -> ApiKey | None:
        """Whose key this is."""
        if not secret.startswith(PREFIX):
            return None
        wanted, now = select(ApiKeyRow).where(ApiKeyRow.secret_hash == _digest(secret)), self._clock.wall()

        def read(session: Session) -> ApiKey | None:
            row = session.scalar(wanted)
            return _key(row) if row is not None else None

        def note(session: Session) -> None:
            row = session.scalar(wanted)
            if row is not None:
                row.last_used_at = now

        found = self._database.read(read)
        if found is not None and (found.last_used_at is None or now - found.last_used_at >= _NOTED_EVERY_S):
            self._database.write(note)
        return found

    def delete(self, key_id: str) -> None:
        """From now on nobody gets in with it. Raises UnknownRecord."""

        def write(session: Session) -> None:
            row = session.get(ApiKeyRow, key_id)
            if row is None:
                raise UnknownRecord("there is no such key")
            session.delete(row)

        self._database.write(write)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id, name=row.name, role=cast(Role, row.role), hint=row.hint, created_at=row.created_at,
        created_by=row.created_by, last_used_at=row.last_used_at,
    )  # fmt: skip
