"""Runs one rehearsal against a running product: agent made, phone rung, caller played, call judged, agent removed.

The product is reached as anybody reaches it: its REST API for the agent, the carrier's webhooks and media for the call.
Redis is only looked into, after the call, for keys that should be gone. Several calls may run at once on one stage;
a scenario with faults needs the carrier for itself, because faults belong to the whole carrier.
"""

import asyncio
import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import redis.asyncio

from backend.call.agent_config import AgentConfig
from backend.rehearsal.caller import Caller
from backend.rehearsal.carrier.carrier import RehearsalCarrier
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.faults import Faults
from backend.rehearsal.carrier.log import CarrierLog
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.ear import Reference, listen, possible_texts
from backend.rehearsal.product_api import ProductApi
from backend.rehearsal.recording import RECORDING, write_stereo
from backend.rehearsal.report import build_result, write_json
from backend.rehearsal.scenario import ModelRule, Scenario
from backend.rehearsal.verdict import CallFacts, Verdict, judge
from backend.rehearsal.voice_check import check_voice, in_one

KEYS_GONE_WITHIN_S = 60.0
_SETTLE_S = 0.5
"""After the hang-up, until the last webhooks and commands are in the log."""
_DIAL_TIMEOUT_S = 15.0
_PROBABLY_ESPEAK = ("en", "de", "fr", "es", "it", "pt", "nl")


class CannotRun(Exception):
    """The scenario needs something that this installation does not have."""


@dataclass
class Stage:
    """Where rehearsals take place."""

    carrier: RehearsalCarrier
    api: ProductApi
    model_url: str = ""
    """The scripted model's own address, without /v1; "": the product has a model that cannot be scripted."""
    redis_url: str = ""
    """"": keys are not looked for."""
    barge_in: bool = False
    voice_address: str = ""
    """host:port of a TTS worker: after every call it must still speak; "": nobody knows one."""
    say: Callable[[str], None] = lambda line: None
    """Takes progress lines; silent by default, because many calls at once would talk across each other."""
    faults_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _numbers: "itertools.count[int]" = field(
        default_factory=lambda: itertools.count(random.randrange(100, 9000) * 1000)
    )
    _awaited: dict[str, "asyncio.Future[Leg]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.carrier.on_dialled = self._take_dialled

    def new_number(self) -> str:
        """A number that no other call of this stage has."""
        return f"+1555{next(self._numbers) % 10_000_000:07d}"

    def expect_dial(self, number: str) -> "asyncio.Future[Leg]":
        """The leg that the product will dial to `number`."""
        future: asyncio.Future[Leg] = asyncio.get_running_loop().create_future()
        self._awaited[number] = future
        return future

    async def _take_dialled(self, leg: Leg) -> None:
        future = self._awaited.pop(leg.to_number, None)
        if future is not None and not future.done():
            future.set_result(leg)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rehearsal, over."""

    scenario: Scenario
    verdict: Verdict
    facts: CallFacts
    leg: Leg

    @property
    def result(self) -> dict[str, Any]:
        return build_result(self.scenario.name, self.verdict, self.facts, self.leg.call_control_id)

    def write(self, folder: Path, carrier: RehearsalCarrier) -> None:
        """recording.wav, result.json and carrier.jsonl (of this call and the legs joined to it)."""
        folder.mkdir(parents=True, exist_ok=True)
        write_stereo(folder / RECORDING, self.leg.caller_audio(), self.leg.agent_audio())
        write_json(folder / "result.json", self.result)
        own = {leg.call_control_id for leg in carrier.legs.values() if leg.call_session_id == self.leg.call_session_id}
        log = CarrierLog()
        log.entries = [entry for entry in carrier.log.entries if entry.call_control_id in (*own, "")]
        log.write_jsonl(folder / "carrier.jsonl")


def check_needs(scenario: Scenario, stage: Stage) -> None:
    """Raises CannotRun with the reason."""
    if scenario.needs.barge_in is not None and scenario.needs.barge_in != stage.barge_in:
        raise CannotRun(f"{scenario.name}: needs ENABLE_BARGE_IN={int(scenario.needs.barge_in)}")
    if (scenario.needs.scripted_model or scenario.model) and not stage.model_url:
        raise CannotRun(f"{scenario.name}: needs the scripted model, and this installation uses another one")


async def run_scenario(
    scenario: Scenario, stage: Stage, *, on_leg: Callable[[Leg], None] | None = None, check_keys: bool = True
) -> Outcome:
    """Raises CannotRun or ApiError when the call could not even begin."""
    check_needs(scenario, stage)
    agent_id, number, agent = await prepare_agent(scenario, stage)
    try:
        if scenario.faults == Faults():
            return await run_call(scenario, stage, agent_id, number, agent, on_leg=on_leg, check_keys=check_keys)
        async with stage.faults_lock:
            before = stage.carrier.dice.faults
            stage.carrier.dice.faults = scenario.faults
            try:
                return await run_call(scenario, stage, agent_id, number, agent, on_leg=on_leg, check_keys=check_keys)
            finally:
                stage.carrier.dice.faults = before
    finally:
        await stage.api.delete_agent(agent_id)


async def prepare_agent(scenario: Scenario, stage: Stage) -> tuple[str, str, AgentConfig]:
    """Makes the scenario's agent, with a number of its own and its script marked. (id, number, agent)"""
    agent = scenario.agent_config
    number = stage.new_number()
    instructions = agent.instructions
    if scenario.model:
        script_id = f"{scenario.name}-{uuid.uuid4().hex[:8]}"
        await store_script(stage.model_url, script_id, scenario.model)
        instructions += f"\n[script: {script_id}]"
    name = f"{agent.name[:60]} {number[-7:]}"
    agent = agent.model_copy(update={"instructions": instructions, "phone_numbers": [number], "name": name})
    return await stage.api.create_agent(agent.model_dump(mode="json")), number, agent


async def run_call(
    scenario: Scenario,
    stage: Stage,
    agent_id: str,
    number: str,
    agent: AgentConfig,
    *,
    on_leg: Callable[[Leg], None] | None = None,
    check_keys: bool = True,
) -> Outcome:
    """One call with an agent that exists already."""
    leg, problem = await _begin(scenario, stage, agent_id, number, on_leg)
    caller = Caller(leg, scenario.caller)
    script = asyncio.create_task(_play(caller, scenario))
    try:
        if not await leg.wait_ended(scenario.time_limit_s):
            problem = problem or f"the call was still up after {scenario.time_limit_s:g} s"
            await leg.hang_up(cause="time_limit")
        elif not script.done():
            await asyncio.wait([script], timeout=2.0)
    finally:
        script.cancel()
        await asyncio.gather(script, return_exceptions=True)
    await asyncio.sleep(_SETTLE_S)
    keys = None
    if check_keys and scenario.expect.no_key_left and stage.redis_url:
        stage.say(f"waiting until Redis has forgotten the call ({KEYS_GONE_WITHIN_S:g} s at most)")
        keys = await keys_left(stage.redis_url, leg.call_control_id)
    entries = [entry for entry in stage.carrier.log.entries if entry.call_control_id == leg.call_control_id]
    heard = listen(list(leg.agent_segments), await make_references(agent, scenario.model))
    facts = CallFacts(
        answered_at=next((entry.at for entry in entries if entry.kind == "answered"), None),
        heard=heard,
        said=caller.said,
        entries=entries,
        direction=scenario.direction,
        heard_dtmf=leg.heard_dtmf,
        keys_left=keys,
        problem=problem or caller.problem,
    )
    verdict = judge(scenario.expect, facts)
    if stage.voice_address:
        verdict = verdict.with_check(in_one(await check_voice(stage.voice_address)))
    return Outcome(scenario, verdict, facts, leg)


async def _begin(
    scenario: Scenario, stage: Stage, agent_id: str, number: str, on_leg: Callable[[Leg], None] | None
) -> tuple[Leg, str]:
    """The leg, ringing or (outbound) answered by the called party."""
    other = stage.new_number()
    if scenario.direction == "inbound":
        leg = await stage.carrier.ring(from_number=other, to_number=number, codec=scenario.codec)
        if on_leg is not None:
            on_leg(leg)
        return leg, ""
    dialled = stage.expect_dial(other)
    await stage.api.dial(agent_id=agent_id, to_number=other)
    try:
        leg = await asyncio.wait_for(dialled, _DIAL_TIMEOUT_S)
    except TimeoutError:
        raise CannotRun(f"{scenario.name}: the product did not dial within {_DIAL_TIMEOUT_S:g} s") from None
    if on_leg is not None:
        on_leg(leg)
    if not await leg.wait_ended(scenario.called_party.after_s):
        await leg.answer(amd_result=scenario.called_party.as_)
    return leg, ""


async def _play(caller: Caller, scenario: Scenario) -> None:
    if scenario.direction == "outbound":
        await caller.pick_up(scenario.called_party)
    await caller.play()


async def make_references(agent: AgentConfig, script: list[ModelRule]) -> list[Reference]:
    """How everything the agent may say sounds; empty when the rehearsal does not have the agent's voice."""
    if agent.voice.split("-")[0] not in _PROBABLY_ESPEAK:
        return []
    references = []
    for text, kind in possible_texts(agent, script):
        try:
            pcm = await asyncio.to_thread(synthesise, text, agent.voice)
        except ValueError:  # espeak-ng has no such voice: another engine speaks
            return []
        references.append(Reference(text, kind, pcm))
    return references


async def store_script(model_url: str, script_id: str, rules: list[ModelRule]) -> None:
    """Hands a script to the scripted model."""
    content = {"id": script_id, "rules": [rule.model_dump(mode="json") for rule in rules]}
    timeout = aiohttp.ClientTimeout(total=5)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{model_url}/script", json=content) as reply,
    ):
        if reply.status != 200:
            raise CannotRun(f"the scripted model refused the script: {reply.status} {await reply.text()}")


async def keys_left(redis_url: str, call_control_id: str, within_s: float = KEYS_GONE_WITHIN_S) -> list[str]:
    """Names of keys that carry the call and are still there after `within_s`; returns at once when there are none."""
    client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)
    try:
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            pattern = f"*{escape_glob(call_control_id)}*"
            names = [name async for name in client.scan_iter(match=pattern, count=1000)]
            if not names or asyncio.get_running_loop().time() >= deadline:
                return names
            await asyncio.sleep(1.0)
    finally:
        await client.aclose()


def escape_glob(text: str) -> str:
    """`text` as itself inside a Redis pattern."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
