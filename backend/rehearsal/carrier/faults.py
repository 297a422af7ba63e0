"""What the carrier may do wrong, on request, and the seeded dice that decide when.

Decides: whether this webhook is lost, doubled or late, this frame swapped, this command refused. Does not act: the
senders ask here and do it, and log a `fault`. Everything is off by default, and the same seed gives the same dice.
"""

import random

from pydantic import BaseModel, ConfigDict, Field


class CommandFault(BaseModel):
    """The reply that a command gets instead of its own, `first_n` times (None: always)."""

    model_config = ConfigDict(extra="forbid")

    status: int = Field(ge=400, le=599)
    code: str = "10007"
    first_n: int | None = 1
    takes_effect: bool = False
    """The command is carried out, but the reply says it failed: only a `command_id` makes the retry harmless."""


class Faults(BaseModel):
    """All misbehaviour. Probabilities are 0..1, times are seconds."""

    model_config = ConfigDict(extra="forbid")

    duplicate_webhooks: float = Field(0.0, ge=0, le=1)
    reorder_webhooks: float = Field(0.0, ge=0)
    """Longest extra delay of a webhook, drawn anew for each delivery (s)."""
    delay_webhooks_s: float = Field(0.0, ge=0)
    drop_webhooks: list[str] | float = Field(default_factory=list)
    """Event types that never arrive, or the probability that any one is lost."""
    drop_marks: bool = False
    reorder_frames: float = Field(0.0, ge=0, le=1)
    drop_socket_at_s: float | None = None
    """The first media socket of each leg is cut, without a closing word, this long after it opened."""
    command_status: dict[str, CommandFault | tuple[int, str, int | None]] = Field(default_factory=dict)
    """By command ("answer", "dial", ...): (HTTP status, error code, first n times), or a `CommandFault`."""
    command_latency_s: float = Field(0.0, ge=0)
    drop_playback_ended: bool = False


class Dice:
    """One rehearsal's chances: `Faults` plus a seeded generator plus what was used up."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self._random = random.Random(seed)
        self._used: dict[str, int] = {}

    def loses_webhook(self, event_type: str) -> bool:
        dropped = self.faults.drop_webhooks
        if isinstance(dropped, list):
            return event_type in dropped or (event_type == "call.playback.ended" and self.faults.drop_playback_ended)
        if event_type == "call.playback.ended" and self.faults.drop_playback_ended:
            return True
        return dropped > 0 and self._random.random() < dropped

    def doubles_webhook(self) -> bool:
        return self.faults.duplicate_webhooks > 0 and self._random.random() < self.faults.duplicate_webhooks

    def webhook_delay_s(self) -> float:
        extra = self._random.uniform(0, self.faults.reorder_webhooks) if self.faults.reorder_webhooks else 0.0
        return self.faults.delay_webhooks_s + extra

    def swaps_frame(self) -> bool:
        return self.faults.reorder_frames > 0 and self._random.random() < self.faults.reorder_frames

    def command_fault(self, command: str) -> CommandFault | None:
        """The fault for this command now; each asking uses one up."""
        wanted = self.faults.command_status.get(command)
        if wanted is None:
            return None
        if not isinstance(wanted, CommandFault):
            wanted = CommandFault(status=wanted[0], code=wanted[1], first_n=wanted[2])
        used = self._used.get(command, 0)
        if wanted.first_n is not None and used >= wanted.first_n:
            return None
        self._used[command] = used + 1
        return wanted
