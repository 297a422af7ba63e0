"""Signing in, staying signed in, and keys of programs: what `web/access.py` and the pages of users ask.

| guess                                   | what stops it                                                            |
|-----------------------------------------|--------------------------------------------------------------------------|
| many passwords for one name             | `TRIES_OF_A_NAME` in `TRIES_WINDOW_S` from one address; then 429         |
| one password for many names             | `TRIES_OF_AN_ADDRESS` in the same time, names that do not exist included |
| which names there are                   | an unknown name costs a hash too, and gets the same answer               |
| locking somebody out by failing for them | counts per address: from anywhere else the name works as ever           |

Tries are counted before the password is looked at, so that a hundred at the same moment are a hundred tries. A good one
clears the name's count. Each request of a session asks SQL for the user: a role that was taken away is gone with the next
click, and a changed password ends all sessions begun before it (`records/users.py`, the seal).
"""

import hmac
from dataclasses import dataclass

from backend.errors import BackendError, Fault
from backend.records.api_keys import ApiKeys
from backend.records.users import Credentials, Role, User, Users
from backend.store.sign_ins import SignIns
from backend.store.tries import Tries
from backend.web.passwords import hash_password, is_password

TRIES_WINDOW_S = 900.0
TRIES_OF_A_NAME = 8
TRIES_OF_AN_ADDRESS = 60


class WrongCredentials(BackendError):
    """No such user, or not the password."""

    whose_fault: Fault = "client"


class TooManyTries(BackendError):
    """Not looked at: too many before it."""

    whose_fault: Fault = "client"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("too many attempts; wait a little")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user in a session. `token` is what the cookie holds."""

    user: User
    token: str
    csrf_token: str


class Accounts:
    """One per worker."""

    def __init__(self, users: Users, api_keys: ApiKeys, sign_ins: SignIns, tries: Tries) -> None:
        self.users = users
        self.api_keys = api_keys
        self._sign_ins = sign_ins
        self._tries = tries

    def sign_in(self, name: str, password: str, address: str) -> SignedIn:
        """Raises WrongCredentials, TooManyTries, Busy."""
        found = self._check(name, password, address)
        return self._begin(found.user, found.seal)

    def session(self, token: str) -> SignedIn | None:
        """Who is signed in with this token; None when nobody is, or not any more."""
        entry = self._sign_ins.find(token)
        found = self.users.find(entry.user) if entry is not None else None
        if entry is None or found is None or not hmac.compare_digest(found.seal, entry.seal):
            return None
        return SignedIn(found.user, token, entry.csrf_token)

    def sign_out(self, token: str) -> None:
        """This session is over, whoever holds its cookie."""
        self._sign_ins.end(token)

    def role_of_key(self, secret: str) -> tuple[str, Role] | None:
        """The name of a program's key, and what it may do."""
        found = self.api_keys.find(secret)
        return (found.name, found.role) if found is not None else None

    def create(self, name: str, role: Role, password: str) -> User:
        """Raises NameTaken, Busy."""
        return self.users.create(name, role, hash_password(password))

    def update(self, name: str, *, role: Role | None = None, password: str | None = None) -> User:
        """A new password ends all sessions of the user. Raises UnknownRecord, LastAdmin, Busy."""
        return self.users.update(name, role=role, password_hash=hash_password(password) if password else None)

    def change_own_password(
        self, session: SignedIn, present: str, new: str, address: str, *, role: Role | None = None
    ) -> SignedIn:
        """Ends all sessions of the user and goes on in a new one, with `role` if one is given. Raises WrongCredentials,
        TooManyTries, LastAdmin, Busy; then nothing has changed."""
        self._check(session.user.name, present, address)
        self.update(session.user.name, role=role, password=new)
        found = self.users.find(session.user.name)
        if found is None:
            raise WrongCredentials("this user is gone")
        return self._begin(found.user, found.seal, session.csrf_token)

    def _check(self, name: str, password: str, address: str) -> Credentials:
        wait_s = self._tries.take(address, name.lower())
        if wait_s:
            raise TooManyTries(wait_s)
        found = self.users.find(name)
        is_right = is_password(password, found.password_hash if found is not None else None)
        if found is None or not is_right:
            raise WrongCredentials("wrong name or password")
        self._tries.forgive(address, name.lower())
        return found

    def _begin(self, user: User, seal: str, csrf_token: str = "") -> SignedIn:
        token, entry = self._sign_ins.begin(user.name, seal, csrf_token)
        return SignedIn(user, token, entry.csrf_token)
