"""backend/call/core_log.py: a call's events and commands as lines, and back."""

import dataclasses
import json
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.commands import Command
from backend.call.core_log import COMMAND_CLASSES, EVENT_CLASSES, CoreStart, CoreStep, read_log, write_start, write_step
from backend.call.events import DtmfReceived, Event, SpeechStarted, WordsTimed
from backend.errors import MalformedMessage

START = CoreStart(AgentConfig(name="Ann", language="de"), "key", "outgoing", True, "sidecar")
TIME = 0.1 + 0.2
"""Not what “0.3” reads back as."""


def round_trip(*steps: CoreStep) -> list[CoreStep]:
    return read_log([write_start(START), *(write_step(step) for step in steps)])[1]


def sample(of_type: Any) -> Any:
    """A value of that type that JSON could spoil."""
    if get_origin(of_type) is Literal:
        return get_args(of_type)[-1]
    if get_origin(of_type) is UnionType:
        return sample(next(one for one in get_args(of_type) if one is not NoneType))
    if get_origin(of_type) is tuple:
        return (sample(get_args(of_type)[0]), sample(get_args(of_type)[0]))
    if get_origin(of_type) is dict:
        return {"a": [1, None, {"b": "c"}]}
    return {str: "näme \u2028 “”", float: TIME, int: 7, bool: True}[of_type]


def sample_of(found: type[Any]) -> Any:
    types = get_type_hints(found)
    return found(**{field.name: sample(types[field.name]) for field in dataclasses.fields(found)})


@pytest.mark.parametrize("found", EVENT_CLASSES.values(), ids=EVENT_CLASSES)
def test_every_event_reads_back(found: type[Event]) -> None:
    """By reflection: a new event needs no line here."""
    step = CoreStep(TIME, sample_of(found), (), None)

    assert round_trip(step) == [step]


@pytest.mark.parametrize("found", COMMAND_CLASSES.values(), ids=COMMAND_CLASSES)
def test_every_command_reads_back(found: type[Command]) -> None:
    """The same for what comes out; several of one step stay in order."""
    command = sample_of(found)
    step = CoreStep(TIME, None, (command, dataclasses.replace(command)), 2 * TIME)

    assert round_trip(step) == [step]


def test_all_classes_are_known() -> None:
    """The reflection really finds them."""
    for base, classes in ((Event, EVENT_CLASSES), (Command, COMMAND_CLASSES)):
        assert set(classes) == {
            found.__name__ for found in base.__subclasses__() if found.__module__ == base.__module__
        }
    assert len(EVENT_CLASSES) > 30 and len(COMMAND_CLASSES) > 15


def test_a_tuple_is_a_tuple_again() -> None:
    """JSON has lists only."""
    (step,) = round_trip(CoreStep(1.0, WordsTimed("1-1", 1, 0, (TIME, 0.7)), (), None))

    assert isinstance(step.event, WordsTimed) and step.event.starts_s == (TIME, 0.7)


def test_the_beginning_reads_back() -> None:
    """All that the conversation is made with."""
    assert read_log([write_start(START)]) == (START, [])


def test_the_beginning_makes_the_conversation() -> None:
    """With nothing left at its default."""
    conversation = START.conversation()

    assert (conversation.agent, conversation.direction, conversation.recogniser) == (START.agent, "outgoing", "sidecar")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"event": {"class": "Nonsense"}}, "no event or command of the name 'Nonsense'"),
        ({"event": {"class": "HangUp", "attempt": 1}}, "no event or command of the name 'HangUp'"),
        ({"event": {"class": "SpeechStarted", "at": "soon"}}, "SpeechStarted"),
        ({"event": {"class": "SpeechStarted"}}, "at"),
        ({"event": {"class": "SpeechStarted", "at": 1.0, "colour": "red"}}, "SpeechStarted has no colour"),
        ({"commands": None}, "TypeError"),
        ({"at": None}, "TypeError"),
    ],
)
def test_a_spoilt_line_is_named(change: dict[str, Any], complaint: str) -> None:
    """By its number, with what is wrong."""
    good = write_step(CoreStep(1.0, SpeechStarted(1.0), (), None))
    spoilt = json.dumps({**json.loads(good), **change})

    with pytest.raises(MalformedMessage, match=f"(?s)line 3: .*{complaint}"):
        read_log([write_start(START), good, spoilt])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "empty"),
        (["{"], "line 1"),
        ([write_start(START).replace('"format":1', '"format":99')], "format 99"),
        ([write_step(CoreStep(1.0, DtmfReceived("1"), (), None))], "line 1: KeyError: 'format'"),
    ],
)
def test_what_is_no_log_is_refused(lines: list[str], complaint: str) -> None:
    """Another version's, or none at all."""
    with pytest.raises(MalformedMessage, match=complaint):
        read_log(lines)
