"""Recordings of real calls, held against what the carrier played to its callers and heard of them."""

import asyncio
import io
import os
import signal
import struct
from typing import Any

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio.g711 import decode_ulaw
from backend.records.recording_files import RecordingFiles
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.runner import Stage, prepare_agent, run_scenario
from backend.session.recording import EVERY_S, HELD_S
from tests.fakes.live_stack import LiveStack
from tests.live.conftest import PATIENT, owner_of, scenario

WITHIN_S = 0.06
RATE = 8000


def parse(data: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Caller and agent of a stereo μ-law file."""
    stream = io.BytesIO(data)
    assert stream.read(12)[8:] == b"WAVE"
    while name := stream.read(4):
        chunk = stream.read(struct.unpack("<I", stream.read(4))[0])
        if name == b"data":
            both = decode_ulaw(chunk).reshape(-1, 2).astype(float)
            return both[:, 0], both[:, 1]
    raise AssertionError("no data in it")


def lag_s(ours: NDArray[np.float64], theirs: bytes) -> float:
    """How much later `theirs` has the same sound."""
    there = np.frombuffer(theirs, "<i2").astype(float)
    size = 1 << int(np.ceil(np.log2(len(ours) + len(there))))
    found = np.fft.irfft(np.conj(np.fft.rfft(ours, size)) * np.fft.rfft(there, size), size)
    peak = int(np.argmax(found))
    return (peak if peak < size // 2 else peak - size) / RATE


async def fetch(live: LiveStack, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    key = {"Authorization": f"Bearer {live.stack.api_key}", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{live.stack.base_url}/api/calls/{path}", headers=key) as reply,
    ):
        return reply.status, await reply.read()


async def recorded(stage: Stage, leg: Leg) -> dict[str, Any]:
    """What the product says of the call's recording, once it is closed."""
    for _ in range(150):
        found = (await stage.api.show_call(leg.call_control_id))["recording"]
        if found is not None and found["state"] != "recording":
            return dict(found)
        await asyncio.sleep(0.1)
    raise AssertionError("the recording was not closed within 15 s")


def talk(way: str) -> Any:
    agent = {
        "recording": True, "notice": "This call is recorded.", "greeting": "Good morning, this is the bakery.",
        "audio_delivery": way, "settings": {"dead_air_settings": {"silence_timeout_normal": 20}},
    }  # fmt: skip
    return scenario(
        f"recorded-{way}",
        agent,
        model=[{"when": "bread", "say": "We have rye bread and wheat bread today, and both are fresh."}],
        caller=[
            {"wait_until": "agent_said_1"},
            {"say": "Good morning. Which bread do you have today?"},
            {"wait_until": "agent_answered"},
            {"hang_up": True},
        ],
    )


@pytest.mark.timeout(120)
def test_recordings_lie_as_the_carrier_heard_them_and_leave_no_trace_when_removed(live: LiveStack) -> None:
    """Both deliveries side by side: caller and agent within 60 ms, from the end of the notice to the hang-up."""

    async def everything() -> list[tuple[float, float, dict[str, Any], list[int]]]:
        stage = live.stage
        ways = [talk(way) for way in ("stream", "playback")]
        outcomes = await asyncio.gather(*(run_scenario(one, stage, check_keys=False) for one in ways))
        found = []
        for outcome in outcomes:
            facts = await recorded(stage, outcome.leg)
            call = outcome.leg.call_control_id
            status, data = await fetch(live, f"{call}/recording")
            part, _ = await fetch(live, f"{call}/recording", Range="bytes=100-199")
            caller, agent = parse(data)
            lags = lag_s(caller, outcome.leg.caller_audio()), lag_s(agent, outcome.leg.agent_audio())
            removed, _ = await fetch(live, call, "DELETE")
            gone, _ = await fetch(live, f"{call}/recording")
            found.append((*lags, facts, [status, part, removed, gone]))
        return found

    for caller_s, agent_s, facts, statuses in live.run(everything()):
        print(f"caller lies {caller_s:.3f} s, agent {agent_s:.3f} s before the carrier's ring")

        assert facts["state"] == "complete" and facts["duration_s"] > 5
        assert statuses == [200, 206, 204, 404]
        assert caller_s > 1.0  # the notice came first
        assert abs(caller_s - agent_s) <= WITHIN_S


@pytest.mark.timeout(120)
def test_what_a_killed_worker_had_recorded_can_be_played(live: LiveStack) -> None:
    """All but its last seconds."""

    async def until_killed() -> tuple[float, str]:
        stage = live.stage
        agent = {**PATIENT, "recording": True, "greeting": "Hello."}
        _, number, _ = await prepare_agent(scenario("killed", agent), stage)
        leg = await stage.carrier.ring(from_number=stage.new_number(), to_number=number)
        while not leg.agent_segments:
            await asyncio.sleep(0.02)
        greeted_at = stage.carrier.now()
        await leg.say("One two three four five six seven eight nine ten.")
        await asyncio.sleep(4.0)
        os.kill(int(owner_of(stage, leg).rsplit("-", 2)[1]), signal.SIGKILL)
        lasted_s = stage.carrier.now() - greeted_at
        await leg.hang_up()
        return lasted_s, leg.call_control_id

    lasted_s, call = live.run(until_killed())
    path = RecordingFiles(live.stack.folder / "data" / "recordings").path(call)
    caller, _ = parse(path.read_bytes())

    assert len(caller) / RATE >= lasted_s - EVERY_S - HELD_S - 1.0  # at least, on a busy machine
    assert np.abs(caller).max() > 1000
