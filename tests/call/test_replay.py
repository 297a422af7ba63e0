"""backend/call/replay.py: calls that were recorded in rehearsals go the same way again.

The calls in tests/fixtures/core were recorded on a live stack, half-duplex but for `barge_in`, with

    python -m backend rehearse question_and_answer default_dead_air hold_on dtmf goodbye_spoken barge_in --quiet \
        --workers 1 --record-core tests/fixtures/core

A rule that changed on purpose is recorded anew with the same line.
"""

import dataclasses
from pathlib import Path

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.commands import HangUp, Speak
from backend.call.core_log import CoreStart, CoreStep, read_log
from backend.call.events import PlaybackEnded, TranscriptReceived
from backend.call.replay import AROUND, replay

FOLDER = Path(__file__).parents[1] / "fixtures" / "core"
LOGS = sorted(FOLDER.glob("*.jsonl"))
HALF_DUPLEX = {"default_dead_air", "dtmf", "goodbye_spoken", "hold_on", "question_and_answer"}


def recorded(name: str) -> tuple[CoreStart, list[CoreStep]]:
    return read_log((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())


def with_dead_air(start: CoreStart, **changes: object) -> CoreStart:
    settings = start.agent.settings
    dead_air = settings.dead_air_settings.model_copy(update=changes)
    agent = start.agent.model_copy(update={"settings": settings.model_copy(update={"dead_air_settings": dead_air})})
    return dataclasses.replace(start, agent=AgentConfig.model_validate(agent.model_dump()))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_recorded_call_goes_the_same_way(path: Path) -> None:
    """Every command, every deadline, to the last step."""
    start, steps = recorded(path.stem)

    difference = replay(start, steps)

    assert difference is None, str(difference)


def test_the_recordings_are_whole_calls() -> None:
    """Five in half-duplex, one in full, each from its greeting to its end."""
    for path in LOGS:
        start, steps = recorded(path.stem)
        names = [type(command).__name__ for step in steps for command in step.commands]
        assert start.may_barge_in == (path.stem not in HALF_DUPLEX), path.stem
        assert "Speak" in names and names[-1] == "FinishCall", path.stem
    assert {path.stem for path in LOGS} == {*HALF_DUPLEX, "barge_in"}


def test_another_silence_timeout_is_noticed() -> None:
    """It moves a deadline before it moves a command; both sides are told."""
    start, steps = recorded("default_dead_air")

    difference = replay(with_dead_air(start, silence_timeout_normal=6.5), steps)

    assert difference is not None and difference.recorded == steps[difference.index]
    assert difference.recorded.deadline is not None and difference.replayed.deadline is not None
    assert difference.recorded.deadline - difference.replayed.deadline == pytest.approx(0.5)
    assert "deadline: recorded" in str(difference)


def test_another_check_in_is_noticed() -> None:
    """The first command that differs, with the steps around it."""
    start, steps = recorded("default_dead_air")

    difference = replay(with_dead_air(start, checkin_message="Hello?"), steps)

    assert difference is not None
    (ours,) = (command for command in difference.replayed.commands if isinstance(command, Speak))
    (theirs,) = (command for command in difference.recorded.commands if isinstance(command, Speak))
    assert (ours.text, ours.kind) == ("Hello?", "check_in") and theirs.kind == "check_in"
    index = difference.index
    assert difference.before == tuple(steps[index - AROUND : index]) and difference.after == steps[index + 1]
    text = str(difference)
    assert f"step {index} at" in text and "recorded: Speak" in text and "replayed: Speak" in text
    assert text.count("  before: ") == AROUND and text.count("  after: ") == 1


def test_the_other_strategy_is_noticed() -> None:
    """The interrupted call, replayed half-duplex: the agent is not stopped."""
    start, steps = recorded("barge_in")

    difference = replay(dataclasses.replace(start, may_barge_in=False), steps)

    assert difference is not None


@pytest.mark.parametrize("lost", [PlaybackEnded, TranscriptReceived])
def test_a_lost_event_is_noticed(lost: type[object]) -> None:
    """What follows from it does not come. (An interim transcript may be lost without a trace: the final one follows.)"""
    start, steps = recorded("question_and_answer")
    index = next(
        index
        for index, step in enumerate(steps)
        if isinstance(step.event, lost) and getattr(step.event, "is_final", True)
    )

    difference = replay(start, steps[:index] + steps[index + 1 :])

    assert difference is not None and difference.index >= index


def test_a_late_event_is_noticed() -> None:
    """Times count, not only the order."""
    start, steps = recorded("default_dead_air")
    index = next(index for index, step in enumerate(steps) if isinstance(step.event, PlaybackEnded))
    steps[index] = dataclasses.replace(steps[index], at=steps[index].at + 0.01)

    difference = replay(start, steps)

    assert difference is not None and difference.index == index


def test_a_difference_at_the_very_end_has_nothing_after_it() -> None:
    """And one at the beginning nothing before it."""
    start, steps = recorded("default_dead_air")
    last = len(steps) - 1
    changed = dataclasses.replace(steps[last], commands=(HangUp(9),))

    at_end = replay(start, [*steps[:last], changed])
    at_begin = replay(start, [dataclasses.replace(steps[0], commands=()), *steps[1:]])

    assert at_end is not None and (at_end.index, at_end.after) == (last, None)
    assert at_begin is not None and (at_begin.index, at_begin.before) == (0, ())
    assert "recorded: nothing" in str(at_begin)
