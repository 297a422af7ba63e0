"""Watching and listening to real calls: event streams through gunicorn, nginx's place taken by a plain client."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.stage import Stage
from tests.fakes.live_stack import LiveStack
from tests.live.conftest import begin, owner_of

WITHIN_S = 20.0
Event = tuple[str, str, dict[str, Any]]
"""Id, name, data."""


def headers(live: LiveStack, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {live.stack.api_key}", **more}


async def events_of(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if not line:
            if "event" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


async def watch_on(
    live: LiveStack, session: aiohttp.ClientSession, path: str, unlike: str, **more: str
) -> aiohttp.ClientResponse:
    """A stream on another worker than `unlike`: connections are tried until the server's kernel gives one."""
    for _ in range(60):
        answer = await session.get(
            live.stack.base_url + path, headers=headers(live, Connection="close", **more), timeout=_FOR_EVER
        )
        assert answer.status == 200, await answer.text()
        if answer.headers["X-Worker"] != unlike:
            return answer
        answer.close()
    raise AssertionError("always the same worker")


_FOR_EVER = aiohttp.ClientTimeout(total=None, sock_connect=10)


def path_of(leg: Leg) -> str:
    return f"/api/live/{leg.call_control_id}"


def test_a_call_is_watched_from_another_worker_to_its_end_and_again_after_a_break(live: LiveStack) -> None:
    """0 missed, 0 doubled: one watcher stays, one goes away in between and comes back on another worker."""

    async def play(stage: Stage) -> tuple[list[Event], list[Event]]:
        leg = await begin(stage, "watched")
        owner = owner_of(stage, leg)
        async with aiohttp.ClientSession() as session:
            steady = await watch_on(live, session, path_of(leg) + "/events", owner)
            assert steady.headers["X-Accel-Buffering"] == "no"

            async def read_on(answer: aiohttp.ClientResponse) -> list[Event]:
                return [event async for event in events_of(answer)]

            whole = asyncio.create_task(read_on(steady))
            broken: list[Event] = []
            first = await watch_on(live, session, path_of(leg) + "/events", "")
            worker = first.headers["X-Worker"]
            async for event in events_of(first):
                broken.append(event)
                if event[1] == "silence":
                    break
            first.close()
            for _ in range(3):
                answer = await session.post(
                    live.stack.base_url + path_of(leg) + "/whisper", json={"text": "Be kind."}, headers=headers(live)
                )
                assert answer.status == 202
                await asyncio.sleep(0.3)
            again = await watch_on(live, session, path_of(leg) + "/events", worker, **{"Last-Event-ID": broken[-1][0]})
            rest = asyncio.create_task(read_on(again))
            await asyncio.sleep(0.3)
            await leg.hang_up()
            return await asyncio.wait_for(whole, WITHIN_S), broken + await asyncio.wait_for(rest, WITHIN_S)

    whole, pieced = live.run(play(live.stage))

    assert whole == pieced and len({event[0] for event in whole}) == len(whole)
    assert whole[-1][1] == "ended" and [event[1] for event in whole].count("note") == 3


def test_running_calls_come_and_go_for_who_watches_all(live: LiveStack) -> None:
    """On another worker than the call's."""

    async def play(stage: Stage) -> list[str]:
        async with aiohttp.ClientSession() as session:
            answer = await watch_on(live, session, "/api/live/events", "")
            leg = await begin(stage, "listed")
            seen = []
            left = False
            async with asyncio.timeout(WITHIN_S):
                async for _, name, data in events_of(answer):
                    if data.get("call_control_id") == leg.call_control_id:
                        seen.append(name)
                        if not left:
                            left = True
                            await leg.hang_up()
                        if name == "call_ended":
                            break
            answer.close()
            return seen

    seen = live.run(play(live.stage))

    assert seen[0] == "call_started" and seen[-1] == "call_ended"


def test_both_sides_of_a_call_are_heard_on_another_worker(live: LiveStack) -> None:
    """A stranger hears nothing; the end is told."""

    async def play(stage: Stage) -> list[dict[str, Any]]:
        leg = await begin(stage, "listened")
        owner = owner_of(stage, leg)
        url = live.stack.base_url.replace("http", "ws", 1) + path_of(leg) + "/listen"
        for _ in range(60):
            socket = await connect(url, additional_headers=headers(live))
            assert socket.response is not None
            if socket.response.headers["X-Worker"] != owner:
                break
            await socket.close()
        heard: list[dict[str, Any]] = []
        async with asyncio.timeout(WITHIN_S):
            async for message in socket:
                heard.append(json.loads(message))
                if len(heard) == 15:
                    await leg.hang_up()
        return heard

    heard = live.run(play(live.stage))

    pieces = [message for message in heard if message["type"] == "audio"]
    assert {message["sample_rate"] for message in pieces} == {8000} and heard[-1] == {"type": "ended"}
    caller = [message for message in pieces if message["speaker"] == "caller"]
    lengths = [len(base64.b64decode(message["audio"])) / 16000 for message in caller]
    assert len(caller) >= 10 and max(lengths) <= 0.2
    assert caller[-1]["at_s"] > caller[0]["at_s"]
