"""Plays a recorded call through the present rules: the same events at the same times must bring the same commands.

Decides: nothing about calls. `replay` makes a `Conversation` as the log says, hands in each recorded event at its recorded
time, and compares what comes back, commands and next deadline, with what the log has. The first difference ends it: after
it the recorded events are answers to commands that were never given.

A difference is a finding, not always a fault: somebody who changes a rule on purpose records the call anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.call.core_log import CoreStart, CoreStep

AROUND = 3
"""Steps before the difference that are shown with it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay left the log. `index` counts steps from 0."""

    index: int
    recorded: CoreStep
    replayed: CoreStep
    before: tuple[CoreStep, ...]
    """The steps just before, identical in both."""
    after: CoreStep | None
    """What the log has next."""

    def __str__(self) -> str:
        lines = [f"step {self.index} at {self.recorded.at:.3f} s, {_event(self.recorded)}"]
        if self.recorded.commands != self.replayed.commands:
            lines += _side("recorded", self.recorded) + _side("replayed", self.replayed)
        if self.recorded.deadline != self.replayed.deadline:
            lines.append(f"  deadline: recorded {self.recorded.deadline}, replayed {self.replayed.deadline}")
        lines += [f"  before: {step.at:.3f} s {_event(step)} -> {_names(step)}" for step in self.before]
        if self.after is not None:
            lines.append(f"  after: {self.after.at:.3f} s {_event(self.after)} -> {_names(self.after)}")
        return "\n".join(lines)


def replay(start: CoreStart, steps: Sequence[CoreStep]) -> Difference | None:
    """None: the call went as recorded, to its last step."""
    conversation = start.conversation()
    for index, recorded in enumerate(steps):
        commands = tuple(conversation.handle(recorded.event, recorded.at))
        replayed = CoreStep(recorded.at, recorded.event, commands, conversation.deadline())
        if replayed != recorded:
            before = tuple(steps[max(0, index - AROUND) : index])
            after = steps[index + 1] if index + 1 < len(steps) else None
            return Difference(index, recorded, replayed, before, after)
    return None


def _event(step: CoreStep) -> str:
    return "a deadline had come" if step.event is None else repr(step.event)


def _names(step: CoreStep) -> str:
    return ", ".join(type(command).__name__ for command in step.commands) or "nothing"


def _side(name: str, step: CoreStep) -> list[str]:
    return [f"  {name}: {command}" for command in step.commands] or [f"  {name}: nothing"]
