"""What went into one call's conversation and what came out of it, as lines of JSON.

The first line is the beginning (`CoreStart`: all that `Conversation` is made with), every other line one `handle`
(`CoreStep`): its time, its event (null: a deadline had come), the commands it returned, and when it wanted to be called
again. Instants are the owner's monotonic seconds, written so that they read back exactly. `session/core_recorder.py` writes
such a log, `replay.py` holds one against the present rules.

| line  | fields                                                                        |
|-------|-------------------------------------------------------------------------------|
| first | format, agent, call_key, direction, may_barge_in, recogniser                  |
| other | at, event (class and fields) or null, commands (class and fields), deadline   |

A log holds what was said and dialled: it is for rehearsals.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from backend.call import commands, events
from backend.call.agent_config import AgentConfig
from backend.call.commands import Command
from backend.call.conversation import Conversation
from backend.call.events import Event
from backend.errors import MalformedMessage

FORMAT = 1
T = TypeVar("T", Event, Command)


@dataclass(frozen=True, slots=True)
class CoreStart:
    """All that a `Conversation` is made with."""

    agent: AgentConfig
    call_key: str
    direction: str
    may_barge_in: bool
    recogniser: str

    def conversation(self) -> Conversation:
        """A new one."""
        return Conversation(
            self.agent,
            call_key=self.call_key,
            direction=self.direction,
            may_barge_in=self.may_barge_in,
            recogniser=self.recogniser,
        )


@dataclass(frozen=True, slots=True)
class CoreStep:
    """One `handle`. `deadline`: when the next one was due if nothing happened, None: never."""

    at: float
    event: Event | None
    commands: tuple[Command, ...]
    deadline: float | None


def write_start(start: CoreStart) -> str:
    """The first line, without its end."""
    return _dumps(
        {
            "format": FORMAT,
            "agent": start.agent.model_dump(mode="json"),
            "call_key": start.call_key,
            "direction": start.direction,
            "may_barge_in": start.may_barge_in,
            "recogniser": start.recogniser,
        }
    )


def write_step(step: CoreStep) -> str:
    """One further line, without its end."""
    return _dumps(
        {
            "at": step.at,
            "event": None if step.event is None else _build(step.event),
            "commands": [_build(command) for command in step.commands],
            "deadline": step.deadline,
        }
    )


def read_log(lines: Iterable[str]) -> tuple[CoreStart, list[CoreStep]]:
    """A whole log. Raises MalformedMessage with the number of the line (from 1)."""
    start: CoreStart | None = None
    steps: list[CoreStep] = []
    for number, line in enumerate(lines, 1):
        try:
            message = json.loads(line)
            if start is None:
                start = _read_start(message)
            else:
                steps.append(_read_step(message))
        except (ValueError, KeyError, TypeError, MalformedMessage) as error:
            raise MalformedMessage(f"line {number}: {type(error).__name__}: {error}") from error
    if start is None:
        raise MalformedMessage("the log is empty")
    return start, steps


def _read_start(message: dict[str, Any]) -> CoreStart:
    if message["format"] != FORMAT:
        raise MalformedMessage(f"format {message['format']!r}; this version reads {FORMAT}")
    agent = AgentConfig.model_validate(message["agent"])
    return CoreStart(agent, message["call_key"], message["direction"], message["may_barge_in"], message["recogniser"])


def _read_step(message: dict[str, Any]) -> CoreStep:
    event = message["event"]
    return CoreStep(
        float(message["at"]),
        None if event is None else _parse(event, EVENT_CLASSES),
        tuple(_parse(command, COMMAND_CLASSES) for command in message["commands"]),
        message["deadline"],
    )


def _build(thing: Event | Command) -> dict[str, Any]:
    return {"class": type(thing).__name__, **{f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}}


def _parse(message: dict[str, Any], classes: dict[str, type[T]]) -> T:
    """Every field by its type: JSON knows no tuples. Unknown fields are errors: a log belongs to one version of the code."""
    fields = {name: value for name, value in message.items() if name != "class"}
    found = classes.get(message["class"])
    if found is None:
        raise MalformedMessage(f"no event or command of the name {message['class']!r}")
    types = _FIELD_TYPES[found.__name__]
    if unknown := fields.keys() - types.keys():
        raise MalformedMessage(f"{found.__name__} has no {', '.join(sorted(unknown))}")
    try:
        return found(**{name: types[name].validate_python(value) for name, value in fields.items()})
    except ValidationError as error:
        raise MalformedMessage(f"{found.__name__}: {error}") from error


def _classes(module: Any, base: type[T]) -> dict[str, type[T]]:
    return {
        name: found
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, base) and found is not base
    }


EVENT_CLASSES = _classes(events, Event)
COMMAND_CLASSES = _classes(commands, Command)
_FIELD_TYPES: dict[str, dict[str, TypeAdapter[Any]]] = {
    name: {field: TypeAdapter(of_type) for field, of_type in get_type_hints(found).items()}
    for name, found in {**EVENT_CLASSES, **COMMAND_CLASSES}.items()
}


def _dumps(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
