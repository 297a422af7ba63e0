"""Every error the backend raises on purpose, drawn once.

    BackendError
    ├── SettingsError           a setting is wrong; the process must not start
    ├── WireError               the other side sent something we cannot accept
    │   ├── BadSignature        a webhook is not from the carrier (answer 4xx, never retried)
    │   └── MalformedMessage    authentic or not, it does not parse
    ├── CarrierError            a command to the carrier did not succeed
    │   ├── CallGone            the leg has ended; a success when the goal was to end it
    │   ├── Rejected            the carrier refuses this command now (wrong state, bad value)
    │   └── Unavailable         timeout, 429, 5xx, network
    ├── EngineError             a voice, recogniser or model failed
    │   ├── EngineBusy          at capacity, try another
    │   ├── EngineTimedOut      nothing came in time
    │   └── EngineFailed        it answered with an error
    ├── StoreError              Redis did not answer in time or refused
    ├── RecordsError            the SQL database refused (a stale version, an unknown id)
    └── InvalidTransition       our own bug: a machine was asked for an impossible move

Each says whose fault it is and whether trying again can help. A surprise from *outside* is an ignored event plus a
counter; a surprise from *ourselves* is `InvalidTransition`, caught once, in `session.py`: one bug costs one call.
"""

from typing import Literal

Fault = Literal["ours", "caller", "carrier", "engine", "operator", "client"]


class BackendError(Exception):
    """Base of all errors raised on purpose. `retryable`: the same request may succeed later."""

    retryable: bool = False
    whose_fault: Fault = "ours"


class SettingsError(BackendError):
    """A setting is wrong. The message names the field, the value (unless secret) and what is allowed."""

    whose_fault: Fault = "operator"


class WireError(BackendError):
    """What arrived cannot be accepted."""

    whose_fault: Fault = "carrier"


class BadSignature(WireError):
    """The webhook's signature, timestamp or key is missing or wrong."""


class MalformedMessage(WireError):
    """The message does not have the documented form. Dropped and counted."""


class CarrierError(BackendError):
    """A carrier command failed. `code` is the carrier's own error code, "" when there was none."""

    whose_fault: Fault = "carrier"

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class CallGone(CarrierError):
    """The leg has ended or never existed: commands can no longer reach it."""


class Rejected(CarrierError):
    """The carrier refuses the command in the leg's present state, or a value in it."""


class Unavailable(CarrierError):
    """The carrier did not answer in time, or asked us to come back later."""

    retryable = True


class EngineError(BackendError):
    """A voice, recogniser or model failed. `engine` names it."""

    whose_fault: Fault = "engine"
    retryable = True

    def __init__(self, message: str, *, engine: str) -> None:
        super().__init__(message)
        self.engine = engine


class EngineBusy(EngineError):
    """At capacity."""


class EngineTimedOut(EngineError):
    """Nothing came within the allowed time."""


class EngineFailed(EngineError):
    """It answered with an error, or with something that breaks its contract."""


class StoreError(BackendError):
    """Redis did not answer in time, or refused."""

    retryable = True


class RecordsError(BackendError):
    """The SQL database refused: unknown id, stale version, duplicate number."""

    whose_fault: Fault = "client"


class InvalidTransition(BackendError):
    """A state machine was asked for a move its table does not have. Names both states; nothing was changed."""

    def __init__(self, machine: str, from_state: str, to_state: str) -> None:
        super().__init__(f"{machine}: no move from {from_state} to {to_state}")
        self.machine = machine
        self.from_state = from_state
        self.to_state = to_state
