"""Calls that are heard by the STT sidecar, on the real stack: its words are answered, and T18: it freezes in mid-call."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.runner import Outcome, Stage, run_scenario
from backend.rehearsal.scenario import Scenario, load_scenario
from backend.rehearsal.stack import StackSettings
from tests.fakes.live_stack import LiveStack

QUESTION = "When do you open?"
ANSWER = "We open at nine in the morning. We close at five."


@pytest.fixture(scope="module")
def heard_by_sidecar() -> Iterator[LiveStack]:
    """Two workers; the sidecar knows the rehearsals' callers by their sound."""
    settings = StackSettings(web_workers=2, stt_recogniser="scripted", environment={"STT_ENGINE": "sidecar"})
    with LiveStack(settings) as running:
        yield running


def asked_the_carrier(outcome: Outcome) -> bool:
    """Whether its transcription was wanted."""
    return any(entry.kind == "command" and "transcription_start" in str(entry.data) for entry in outcome.facts.entries)


def test_the_shipped_question_and_answer_is_heard_by_the_sidecar(heard_by_sidecar: LiveStack) -> None:
    """The same rehearsal, the same limits; the carrier is not asked to listen."""
    outcome = heard_by_sidecar.rehearse(load_scenario("question_and_answer"), check_keys=False)

    assert [str(check) for check in outcome.verdict.failed_checks] == []
    assert not asked_the_carrier(outcome)


def all_marks(stage: Stage) -> list[LogEntry]:
    """The first one of a call comes inside its greeting."""
    return stage.carrier.log.of("mark_returned")


def greetings_over(stage: Stage) -> list[LogEntry]:
    """Marks at the end of a piece; those inside one have its time behind an @."""
    return [entry for entry in stage.carrier.log.of("mark_returned") if "@" not in str(entry.data["name"])]


def test_a_sidecar_that_freezes_in_mid_call_costs_the_caller_one_repetition(heard_by_sidecar: LiveStack) -> None:
    """Asked to repeat within 6 s of the words that were lost, understood by the carrier, answered."""
    says: list[dict[str, Any]] = [{"say": QUESTION}, {"wait_until": "agent_answered"}]
    scenario = Scenario.model_validate(
        {
            "name": "sidecar_freezes",
            "model": [{"when": "open", "say": ANSWER, "delay_s": 0.2}],
            "caller": [{"wait_until": "agent_answered"}, {"wait_s": 1.0}, *says, *says, {"hang_up": True}],
            "expect": {
                "heard": [
                    {"kind": "greeting"},
                    {"kind": "repeat_request", "after": "said_1", "within_s": 6.0},
                    {"kind": "answer", "text": ANSWER, "after": "said_2", "within_s": 3.5},
                ],
                "ends": {"who": "caller"},
            },
        }
    )
    pid = int(heard_by_sidecar.stack.programs()["stt"]["pid"])

    async def freeze_when_the_greeting_is_over() -> Outcome:
        stage = heard_by_sidecar.stage
        before = len(greetings_over(stage))
        running = asyncio.ensure_future(run_scenario(scenario, stage, check_keys=False))
        while not running.done() and len(greetings_over(stage)) == before:
            await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGSTOP)
        return await running

    try:
        outcome = heard_by_sidecar.run(freeze_when_the_greeting_is_over())
    finally:
        os.kill(pid, signal.SIGCONT)

    assert [str(check) for check in outcome.verdict.failed_checks] == []
    assert asked_the_carrier(outcome)


@pytest.mark.parametrize("marks", [all_marks, greetings_over], ids=["inside the greeting", "at its end"])
def test_a_sidecar_that_is_killed_is_used_again_when_the_supervisor_has_started_it(
    heard_by_sidecar: LiveStack, marks: Callable[[Stage], list[LogEntry]]
) -> None:
    """The question after its death is understood by the carrier, or by the sidecar if that is back already; the one after
    its return by the sidecar."""
    answered = {"kind": "answer", "text": ANSWER, "within_s": 3.5}
    scenario = Scenario.model_validate(
        {
            "name": "sidecar_killed",
            "model": [{"when": "open", "say": ANSWER, "delay_s": 0.2}],
            "caller": [
                {"wait_until": "agent_answered"}, {"wait_s": 2.5},
                {"say": QUESTION}, {"wait_until": "agent_answered"}, {"wait_s": 4.0},
                {"say": QUESTION}, {"wait_until": "agent_answered"}, {"hang_up": True},
            ],
            "expect": {
                "heard": [{"kind": "greeting"}, {**answered, "after": "said_1"}, {**answered, "after": "said_2"}],
                "ends": {"who": "caller"},
            },
        }
    )  # fmt: skip
    pid = int(heard_by_sidecar.stack.programs()["stt"]["pid"])

    async def kill_at_the_next_mark() -> Outcome:
        stage = heard_by_sidecar.stage
        before = len(marks(stage))
        running = asyncio.ensure_future(run_scenario(scenario, stage, check_keys=False))
        while not running.done() and len(marks(stage)) == before:
            await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        return await running

    outcome = heard_by_sidecar.run(kill_at_the_next_mark())

    assert [str(check) for check in outcome.verdict.failed_checks] == []
    assert any("transcription_stop" in str(entry.data) for entry in outcome.facts.entries)
