"""The users who sign in, with their roles and the hashes of their passwords.

How a password is hashed is not decided here (`web/passwords.py`). A user carries a random **seal** that changes with the
password: a session keeps the seal it was begun under, so that changing a password, or removing a user and making another
one of the same name, ends every session in the same transaction. Nobody can remove or demote the last admin.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Literal, cast, get_args

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.clock import Clock
from backend.records.database import Database
from backend.records.errors import LastAdmin, NameTaken, UnknownRecord
from backend.records.models import UserRow

Role = Literal["viewer", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do all that those before it may."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
_NAME = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class User:
    """Instants are wall-clock seconds."""

    name: str
    role: Role
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against."""

    user: User
    password_hash: str
    seal: str


class Users:
    """All users of the installation. Names are compared, kept and shown in lower case."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[User]:
        """All, by name."""
        return self._database.read(
            lambda session: [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]
        )

    def find(self, name: str) -> Credentials | None:
        """None when there is no such user, or no user could have such a name."""
        if not _NAME.fullmatch(name):
            return None

        def read(session: Session) -> Credentials | None:
            row = session.get(UserRow, name.lower())
            return Credentials(_user(row), row.password_hash, row.seal) if row is not None else None

        return self._database.read(read)

    def create(self, name: str, role: Role, password_hash: str) -> User:
        """Raises NameTaken. `name` as NAME_PATTERN says, else ValueError: callers check what people typed."""
        if not _NAME.fullmatch(name):
            raise ValueError("not the name of a user")
        try:
            return self._database.write(lambda session: self._insert(session, name.lower(), role, password_hash))
        except IntegrityError:
            raise NameTaken("there is a user of this name already") from None

    def create_first(self, name: str, password_hash: str) -> User | None:
        """An admin, where there is none; else None. Any number of processes may call it."""

        def write(session: Session) -> User | None:
            if session.scalar(select(func.count()).where(UserRow.role == "admin")):
                return None
            return self._insert(session, name, "admin", password_hash)

        try:
            return self._database.write(write)
        except IntegrityError:
            return None  # PostgreSQL: another process made it between our look and our insert

    def update(self, name: str, *, role: Role | None = None, password_hash: str | None = None) -> User:
        """What is None stays. Raises UnknownRecord or LastAdmin."""

        def write(session: Session) -> User:
            row = _present(session, name)
            if role is not None and role != row.role:
                if role != "admin":
                    _keep_an_admin(session, row)
                row.role = role
            if password_hash is not None:
                row.password_hash, row.seal = password_hash, _new_seal()
            row.updated_at = self._clock.wall()
            return _user(row)

        return self._database.write(write)

    def delete(self, name: str) -> None:
        """Raises UnknownRecord or LastAdmin."""

        def write(session: Session) -> None:
            row = _present(session, name)
            _keep_an_admin(session, row)
            session.delete(row)

        self._database.write(write)

    def _insert(self, session: Session, name: str, role: Role, password_hash: str) -> User:
        now = self._clock.wall()
        row = UserRow(
            name=name, role=role, password_hash=password_hash, seal=_new_seal(), created_at=now, updated_at=now
        )
        session.add(row)
        session.flush()
        return _user(row)


def _present(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name.lower(), with_for_update=True) if _NAME.fullmatch(name) else None
    if row is None:
        raise UnknownRecord("there is no such user")
    return row


def _keep_an_admin(session: Session, row: UserRow) -> None:
    # All of them locked, in one order: two admins who remove each other at the same moment must not both succeed.
    admins = session.scalars(
        select(UserRow.name).where(UserRow.role == "admin").order_by(UserRow.name).with_for_update()
    )
    if list(admins) == [row.name]:
        raise LastAdmin("this is the last admin: make another one first")


def _new_seal() -> str:
    return secrets.token_hex(16)


def _user(row: UserRow) -> User:
    return User(name=row.name, role=cast(Role, row.role), created_at=row.created_at, updated_at=row.updated_at)
