"""The calls of the barge-in benchmark: callers who interrupt, callers who only murmur, and what the processes logged.

Scenarios are built from a seed, so that no two calls move in step and every run is the same.
"""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from backend.rehearsal.runner import Outcome, Stage, prepare_agent, run_call
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import Stack
from tests.bench.barge_in.interruptions import Interruption, LogLine, interruptions_of

MIN_SPEECH_S = 0.2
"""The agents' shortest interruption: what the figures leave out."""
STORY = (
    "Once upon a time there was a king who had three daughters. Each of them had a castle of her own, far away behind the "
    "hills. The eldest liked to sing in the morning, before anybody was awake. The second kept eleven white horses, and "
    "knew all of them by name. The youngest sat at her window and waited for the ships. One day a ship came that nobody "
    "had ever seen before. It had a golden sail, and a fox stood at the wheel. The fox said that the sea was full of stars "
    "that night, and that the way home was longer than he had thought. So they gave him bread and cheese, and a blanket "
    "against the wind. In the morning he was gone, and so was the youngest of the three."
)
INTERRUPTS = (
    "Stop please, how is the weather today?",
    "No wait, I have another question.",
    "Excuse me, when do you open?",
)
ANSWER = "It is sunny, and we are open until six."
MURMURS = ("mm-hm", "okay", "uh-huh", "yeah", "right", "mhm")
SOUNDS = (("cough", 0.5), ("dtmf", 0.4), ("ringback", 2.0), ("hold_music", 3.0), ("throaty_cough", 0.5), ("tune", 2.0))
MURMURS_PER_CALL = 8


def interrupting(number: int, recogniser: str = "") -> Scenario:
    """A caller who asks for the story and cuts into it, three times."""
    dice = random.Random(number)
    steps: list[dict[str, object]] = [{"wait_until": "agent_answered"}]
    for _ in range(3):
        steps += [
            {"say": "Tell me a story.", "rate_wpm": 180},
            {"say": dice.choice(INTERRUPTS), "interrupt_after_s": round(dice.uniform(0.6, 6.0), 3), "rate_wpm": 180},
            {"wait_until": "agent_answered", "timeout_s": 20},
        ]
    model = [{"when": "story", "say": STORY, "token_delay_s": 0.1}, {"when": "any", "say": ANSWER}]
    quick = {"min_interruption_s": MIN_SPEECH_S, "longest_backchannel_s": 0}
    return _scenario(f"interrupting_{number}", model, [*steps, {"hang_up": True}], quick, recogniser)


def murmuring(number: int, recogniser: str = "") -> Scenario:
    """A caller who listens to the story and makes sounds that must not stop it."""
    dice = random.Random(1000 + number)
    steps: list[dict[str, object]] = [{"wait_until": "agent_answered"}, {"say": "Tell me a story."}]
    for index in range(MURMURS_PER_CALL):
        pause = {"interrupt_after_s": round(dice.uniform(1.0, 2.0), 3)}
        if index % 2:
            name, for_s = SOUNDS[(number * MURMURS_PER_CALL + index) // 2 % len(SOUNDS)]
            steps.append({"play": name, "for_s": for_s, "take": number * MURMURS_PER_CALL + index, **pause})
        else:
            steps.append({"say": dice.choice(MURMURS), "rate_wpm": dice.choice((150, 190, 230)), **pause})
    model = [{"when": "story", "say": STORY, "token_delay_s": 0.02}, {"when": "any", "say": ANSWER}]
    return _scenario(f"murmuring_{number}", model, [*steps, {"wait_s": 1}, {"hang_up": True}], {}, recogniser)


def _scenario(
    name: str, model: Sequence[object], caller: Sequence[object], turn_taking: Mapping[str, object], recogniser: str
) -> Scenario:
    agent = {"settings": {"turn_taking": turn_taking}, **({"recogniser": recogniser} if recogniser else {})}
    return Scenario.model_validate(
        {"name": name, "needs": {"barge_in": True}, "agent": agent, "model": model, "caller": caller}
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """One call, over, with the id of its script at the model."""

    outcome: Outcome
    script_id: str


async def place(scenarios: Sequence[Scenario], stage: Stage, *, at_once: int, apart_s: float = 0.4) -> list[Placed]:
    """Each call with an agent and a script of its own, at most `at_once` at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(index: int, scenario: Scenario) -> Placed:
        await asyncio.sleep(apart_s * (index % at_once))
        async with gate:
            agent_id, number, agent = await prepare_agent(scenario, stage)
            try:
                outcome = await run_call(scenario, stage, agent_id, number, agent, check_keys=False)
            finally:
                await stage.api.delete_agent(agent_id)
            return Placed(outcome, agent.instructions.rpartition("[script: ")[2].rstrip("]"))

    return list(await asyncio.gather(*(one(index, scenario) for index, scenario in enumerate(scenarios))))


async def observed(placed: Sequence[Placed], stage: Stage, stack: Stack) -> list[Interruption]:
    """Every interruption of these calls, put together from what the four observers recorded."""
    offset_s = time.time() - stage.carrier.now()
    closes = await _model_closes(stage, offset_s)
    lines = _log_lines(stack.folder, offset_s)
    found = []
    for call in placed:
        call_id = call.outcome.leg.call_control_id
        found += interruptions_of(call.outcome.facts.entries, closes.get(call.script_id, []), lines.get(call_id, []))
    return found


async def _model_closes(stage: Stage, offset_s: float) -> dict[str, list[float]]:
    """Per script: when a client left in the middle of an answer, on the carrier's clock."""
    async with aiohttp.ClientSession() as session, session.get(f"{stage.model_url}/requests") as reply:
        requests = (await reply.json())["requests"]
    closes: dict[str, list[float]] = {}
    for request in requests:
        if request["aborted"] and request["ended_at"] is not None:
            closes.setdefault(request["script"], []).append(request["ended_at"] - offset_s)
    return closes


def _log_lines(folder: Path, offset_s: float) -> dict[str, list[LogLine]]:
    """Per call: what the web workers, the voice and the sidecar logged."""
    lines: dict[str, list[LogLine]] = {}
    for path in sorted(folder.glob("*.err.log*")):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                fields = json.loads(text)
                at = datetime.fromisoformat(fields["ts"]).timestamp() - offset_s
            except (ValueError, KeyError, TypeError):
                continue  # a traceback's line, or supervisord's own
            line = LogLine(at, str(fields.get("event", "")), fields)
            if line.call_control_id:
                lines.setdefault(line.call_control_id, []).append(line)
    return lines
