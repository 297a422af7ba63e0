"""Talking to an agent over the client WebSocket, on the real stack: two workers, the scripted recogniser."""

import asyncio
import base64
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backend.audio.wav import build_wav, parse_wav
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.runner import prepare_agent
from backend.rehearsal.scenario import Scenario, load_scenario
from backend.rehearsal.stack import StackSettings
from backend.rehearsal.talk_client import TalkClient
from tests.fakes.live_stack import LiveStack

QUESTION = "When do you open?"
ANSWER = ["We open at nine in the morning.", "We close at five."]
MOST = 4


@pytest.fixture(scope="module")
def live() -> Iterator[LiveStack]:
    """Few connections are allowed, so that one too many costs little."""
    environment = {"STT_ENGINE": "sidecar", "CLIENT_MAX_CONNECTIONS": str(MOST)}
    with LiveStack(StackSettings(web_workers=2, stt_recogniser="scripted", environment=environment)) as running:
        yield running


def talk(live: LiveStack, agent_id: str, **options: Any) -> TalkClient:
    return TalkClient(live.stack.base_url, live.stack.api_key, agent_id, **options)


async def agent_of(live: LiveStack, **agent: Any) -> str:
    """The agent of the shipped question and answer, patient unless told otherwise."""
    shipped = load_scenario("question_and_answer")
    settings = {"dead_air_settings": {"silence_timeout_normal": 60}, **agent.pop("settings", {})}
    changes = {"agent": {**shipped.agent, "settings": settings, **agent}}
    scenario = Scenario.model_validate(
        {**shipped.model_dump(mode="json", by_alias=True, exclude_unset=True), **changes}
    )
    agent_id, _, _ = await prepare_agent(scenario, live.stage)
    return agent_id


async def until(condition: Any, within_s: float = 20.0) -> None:
    by = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < by, "did not happen in time"
        await asyncio.sleep(0.02)


def heard(client: TalkClient, speaker: str = "agent") -> list[str]:
    """Final captions."""
    return [line["text"] for line in client.of("transcript") if line["speaker"] == speaker and line["is_final"]]


async def record_of(live: LiveStack, client: TalkClient) -> dict[str, Any]:
    by = time.monotonic() + 20
    while True:
        record = await live.stage.api.show_call(client.start["session_id"])
        if record["ended_at"] is not None:
            return record
        assert time.monotonic() < by, "the record was not finished in time"
        await asyncio.sleep(0.1)


def test_a_typed_question_is_answered_and_the_call_is_like_any_other(live: LiveStack) -> None:
    """Heard, captioned, listed while it runs, recorded afterwards."""

    async def work() -> None:
        async with talk(live, await agent_of(live)) as client:
            await until(lambda: heard(client))
            await client.type(QUESTION)
            await until(lambda: len(heard(client)) == 3)
            live_calls = await live.stage.api.ask("GET", "/api/calls?is_running=true")
            await client.hang_up()
            assert await client.ended(10)
        record = await record_of(live, client)
        id_ = client.start["session_id"]

        assert id_.startswith("web-") and client.start["hears_audio"] is True
        assert heard(client)[1:] == ANSWER and heard(client, "caller") == [QUESTION]
        assert (client.end_reason, client.close_code) == ("caller_hung_up", 1000)
        assert id_ in [call["call_control_id"] for call in live_calls["calls"]]
        assert [turn["text"] for turn in record["turns"]] == [heard(client)[0], QUESTION, *ANSWER]
        assert (record["outcome"], record["who_hung_up"]) == ("caller_hung_up", "caller")

    live.run(work())


def test_a_spoken_question_is_answered_aloud(live: LiveStack) -> None:
    """Understood by the recogniser; what comes back is a voice."""

    async def work() -> None:
        pcm = await asyncio.to_thread(synthesise, QUESTION)
        async with talk(live, await agent_of(live)) as client:
            await until(lambda: heard(client))
            await asyncio.sleep(0.3)
            said_at = await client.speak(pcm, 8000)
            await until(lambda: len(heard(client)) == 3)
            answer = client.loudspeaker.first_after(said_at)
            audible = max(memoryview(client.recording()).cast("h"))

        assert heard(client, "caller") == [QUESTION] and heard(client)[1:] == ANSWER
        assert answer is not None and audible > 1000

    live.run(work())


def test_a_caller_who_says_nothing_is_asked_and_then_hung_up_on(live: LiveStack) -> None:
    """The same dead air as on a telephone."""

    async def work() -> None:
        dead_air = {"silence_timeout_normal": 1.5, "max_checkins_before_disconnect": 1, "final_wait": 1}
        async with talk(live, await agent_of(live, settings={"dead_air_settings": dead_air})) as client:
            assert await client.ended(30)
        record = await record_of(live, client)

        assert client.end_reason == "caller_silent" and client.close_code == 1000
        assert (record["who_hung_up"], record["check_ins"]) == ("agent", 1)

    live.run(work())


def test_it_is_hung_up_over_the_api_whichever_worker_is_asked(live: LiveStack) -> None:
    """Twice: new connections land on either worker."""

    async def work() -> None:
        agent_id = await agent_of(live)
        for _ in range(2):
            async with talk(live, agent_id) as client:
                await live.stage.api.ask("POST", f"/api/calls/{client.start['session_id']}/hangup")
                assert await client.ended(10)
            assert client.end_reason == "ended_by_command"

    live.run(work())


def test_a_button_silences_the_agent(live: LiveStack) -> None:
    """At once, also where interrupting by voice is off; the caption says how far it came."""

    async def work() -> None:
        async with talk(
            live, await agent_of(live, greeting="One two three four five six seven eight nine ten.")
        ) as client:
            await until(lambda: client.of("transcript"))
            await client.interrupt()
            await until(lambda: client.of("clear"))
            await until(lambda: any(line["heard"] == "partly" for line in client.of("transcript")))
            cut = next(line["text"] for line in client.of("transcript") if line["heard"] == "partly")
            await client.hang_up()
            assert await client.ended(10)

        assert cut.startswith("One") and not cut.endswith("ten.")

    live.run(work())


def test_one_too_many_is_refused_politely_and_disturbs_nobody(live: LiveStack) -> None:
    """Over all workers. When one leaves there is room again."""

    async def work() -> None:
        agent_id = await agent_of(live)
        inside = [talk(live, agent_id) for _ in range(MOST)]
        for client in inside:
            await client.__aenter__()
        async with talk(live, agent_id) as refused:
            assert await refused.ended(10)
        await inside[0].hang_up()
        assert await inside[0].ended(10)
        await record_of(live, inside[0])
        by = time.monotonic() + 10
        while True:  # its key goes a moment after its record
            async with talk(live, agent_id) as late:
                if late.start or time.monotonic() > by:
                    break
        undisturbed = [not client.is_over for client in inside[1:]]
        for client in inside:
            await client.__aexit__(None, None, None)

        assert [error["code"] for error in refused.of("error")] == ["too_many_connections"]
        assert refused.close_code == 1013 and refused.start == {}
        assert late.start and all(undisturbed)

    live.run(work())


def test_who_may_not_and_where_nobody_is(live: LiveStack) -> None:
    """Without the key the upgrade is refused; an agent that is not there is told on the WebSocket."""
    url = live.stack.base_url.replace("http", "ws") + "/api/talk/nobody"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers=headers, open_timeout=5)
        assert refused.value.response.status_code == 401

    async def work() -> None:
        async with talk(live, "nobody") as client:
            assert await client.ended(10)
        assert [error["code"] for error in client.of("error")] == ["no_such_agent"] and client.close_code == 1008

    live.run(work())


def test_every_mistake_is_told_and_the_call_goes_on(live: LiveStack) -> None:
    """Wrong types, wrong audio, a text that is too long; a megabyte ends that client's connection and nobody else's."""
    wrong: dict[str, Any] = {
        "not_json": "{",
        "unknown_type": {"type": "video"},
        "invalid": {"type": "text", "text": 5},
        "text_too_long": {"type": "text", "text": "x" * 3000},
        "bad_audio": {"type": "audio", "audio": "AA", "sample_rate": 8000},
        "bad_rate": {"type": "audio", "audio": "AAAA", "sample_rate": 44100},
    }

    async def work() -> None:
        agent_id = await agent_of(live)
        async with talk(live, agent_id) as client, talk(live, agent_id) as other:
            for message in wrong.values():
                await client.send(message)
            await client.type(QUESTION)
            await until(lambda: ANSWER[1] in heard(client))
            codes = [error["code"] for error in client.of("error")]
            await client.send({"type": "text", "text": "x" * (1 << 20)})
            assert await client.ended(10)
            last = [error["code"] for error in client.of("error")][-1]
            assert not other.is_over

        assert codes == list(wrong) and last == "too_large" and client.close_code == 1009
        assert (await record_of(live, client))["hangup_cause"] == "protocol_error"

    live.run(work())


def test_a_client_that_stops_reading_is_gone_within_ten_seconds_and_nobody_else_notices(live: LiveStack) -> None:
    """It goes on talking, but never reads again."""

    async def work() -> None:
        agent_id = await agent_of(live)
        async with talk(live, agent_id) as other:
            stuck, id_ = await asyncio.to_thread(_upgrade, live, agent_id)
            stopped_at = time.monotonic()
            frame = _frame(
                json.dumps({"type": "audio", "audio": base64.b64encode(bytes(320)).decode(), "sample_rate": 8000})
            )
            try:
                while time.monotonic() < stopped_at + 20:
                    stuck.send(frame)
                    await asyncio.sleep(0.02)
            except OSError:
                pass  # it was closed
            gone_after_s = time.monotonic() - stopped_at
            stuck.close()
            await other.type(QUESTION)
            await until(lambda: ANSWER[1] in heard(other))

        assert gone_after_s < 10.0
        assert not other.of("error")
        by = time.monotonic() + 20
        while (await live.stage.api.show_call(id_))["ended_at"] is None:
            assert time.monotonic() < by
            await asyncio.sleep(0.1)
        assert (await live.stage.api.show_call(id_))["hangup_cause"] == "not_reading"

    live.run(work())


def _upgrade(live: LiveStack, agent_id: str) -> tuple[socket.socket, str]:
    """A client that has read its session_start, and will read nothing more."""
    connection = socket.create_connection(("127.0.0.1", live.stack.port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /api/talk/{agent_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Authorization: Bearer {live.stack.api_key}\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"session_start" not in answer or b'"hears_audio"' not in answer:
        answer += connection.recv(4096)
    at = answer.index(b'"session_id":"') + 14
    return connection, answer[at : answer.index(b'"', at)].decode()


def _frame(text: str) -> bytes:
    """A masked text frame of 126 to 65535 bytes; the mask is zero."""
    data = text.encode()
    return bytes((0x81, 0xFE)) + len(data).to_bytes(2) + bytes(4) + data


async def _command(live: LiveStack, agent_id: str, *arguments: str, typed: str = "") -> tuple[int, str]:
    """`python -m backend talk`, as somebody runs it: exit code and output."""
    access = ("--url", live.stack.base_url, "--api-key", live.stack.api_key)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend", "talk", agent_id, *access, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(typed.encode()), 90)
    return process.returncode or 0, output.decode()


def test_the_command_speaks_a_recording_and_keeps_the_answer(live: LiveStack, tmp_path: Path) -> None:
    """The question goes in as a WAV file; the greeting and the answer come out as one."""
    question, answer = tmp_path / "in.wav", tmp_path / "out.wav"

    async def work() -> None:
        question.write_bytes(build_wav(await asyncio.to_thread(synthesise, QUESTION), 8000))
        code, output = await _command(live, await agent_of(live), "--wav", str(question), "--out", str(answer))
        assert code == 0, output
        assert f"caller: {QUESTION}" in output and f"agent: {ANSWER[1]}" in output
        assert "over: caller_hung_up" in output

    live.run(work())
    kept = parse_wav(answer.read_bytes())
    audible = np.flatnonzero(np.abs(kept.samples.astype(int)) > 500)

    assert kept.sample_rate == 8000
    assert len(audible) > 8000 and audible[-1] - audible[0] > 3 * 8000, (
        "greeting, question, answer: more than three seconds"
    )


def test_the_command_types_what_is_typed(live: LiveStack) -> None:
    """Lines of standard input; its end hangs up once the agent has answered. An agent that is not there is exit code 1."""

    async def work() -> None:
        code, output = await _command(live, await agent_of(live), typed=f"{QUESTION}\n\n")
        assert code == 0 and f"agent: {ANSWER[1]}" in output, output
        code, output = await _command(live, "nobody", typed="")
        assert code == 1 and "no_such_agent" in output, output

    live.run(work())
