"""An answering machine took our outgoing call: hang up, leave a message after its tone, or talk to it like to anybody.

Decides: whether the news counts (outgoing calls, once), and when the message is due. Does not decide how the message is
said and the call ended. `conversation.py` runs it.

| a machine was detected, and the agent | its greeting was over before | it ends later                          |
|---------------------------------------|------------------------------|----------------------------------------|
| hangs up                              | at once                      | at once                                |
| leaves a message                      | the message at once          | the message then, or when we waited    |
|                                       |                              | `MACHINE_GREETING_PATIENCE_S`          |
| ignores it                            | –                            | –                                      |
"""

from typing import Literal

MACHINE_GREETING_PATIENCE_S = 30.0

Policy = Literal["hang_up", "leave_message", "ignore"]


class AnsweringMachine:
    """Whether one call's far end is a machine, and what follows."""

    def __init__(self, policy: Policy, direction: str) -> None:
        self._policy = policy
        self._is_possible = direction == "outgoing"
        self._is_greeting_over = False
        self._message_due_at: float | None = None

    @property
    def is_awaited(self) -> bool:
        """“It is a machine” would be news."""
        return self._is_possible

    @property
    def is_waiting(self) -> bool:
        """For the end of its greeting: nothing else is said or counted meanwhile."""
        return self._message_due_at is not None

    def detected(self, now: float) -> Policy:
        """It is a machine. Returns what the agent does about it; the message comes up in `due`."""
        self._is_possible = False
        if self._policy == "leave_message":
            self._message_due_at = now if self._is_greeting_over else now + MACHINE_GREETING_PATIENCE_S
        return self._policy

    def greeting_ended(self, now: float) -> None:
        self._is_greeting_over = True
        if self._message_due_at is not None:
            self._message_due_at = now

    def deadline(self) -> float | None:
        return self._message_due_at

    def due(self, now: float) -> bool:
        """True once, when the message is to be left."""
        if self._message_due_at is None or now < self._message_due_at:
            return False
        self._message_due_at = None
        return True
