"""How the database refuses, one class per answer that a client needs. Under `RecordsError` in `backend/errors.py`.

RecordsError
├── UnknownRecord        no such agent, version or call
├── StaleVersion         somebody else changed the agent in between; nothing was changed
├── StaleRehearsal       somebody else changed the rehearsal in between; nothing was changed
├── NumberTaken          another agent already answers this number; nothing was changed
├── NameTaken            there is a user of that name already
├── LastAdmin            without this user nobody could manage the others; nothing was changed
├── UnstorableText       a text that no database keeps unchanged (NUL, half a surrogate pair)
└── RecordsUnavailable   locked, gone or full; the same request may succeed later
"""

from backend.errors import Fault, RecordsError


class UnknownRecord(RecordsError):
    """There is no such row."""


class StaleVersion(RecordsError):
    """The expected version is not the present one."""

    def __init__(self, expected: int, present: int) -> None:
        super().__init__(f"the agent was changed meanwhile: version {present} is current, {expected} was expected")
        self.expected = expected
        self.present = present


class StaleRehearsal(RecordsError):
    """The expected version is not the present one; 0 means that there is none."""

    def __init__(self, expected: int, present: int) -> None:
        was = "somebody saved one of this name" if expected == 0 else f"version {expected} was edited"
        now = f"version {present} is current" if present else "it was deleted"
        super().__init__(f"the rehearsal was changed meanwhile: {was}, {now}")
        self.expected = expected
        self.present = present


class NumberTaken(RecordsError):
    """Another agent answers this number."""

    def __init__(self, number: str, index: int) -> None:
        super().__init__("another agent already answers this number")
        self.number = number
        self.index = index
        """Position in the agent's `phone_numbers`, from 0."""


class NameTaken(RecordsError):
    """Names of users are unique, whatever their case."""


class LastAdmin(RecordsError):
    """The only user with the role admin can neither go nor become less."""


class UnstorableText(RecordsError):
    """`where` is the path of the text inside what was to be stored."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: holds a NUL character or half a surrogate pair, which cannot be stored")
        self.where = where


class RecordsUnavailable(RecordsError):
    """The database did not take the work now."""

    retryable = True
    whose_fault: Fault = "ours"
