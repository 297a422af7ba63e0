"""The sidecar's own process with the real recogniser and random weights: callers share its steps, and nothing else."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.nemotron_fixture import speech
from tests.workers.stt.sidecars import Client, client_of, sidecar_process

pytestmark = pytest.mark.live

LENGTH_S = 3.0


def telephone(number: int) -> bytes:
    """What a caller says, at 8 kHz."""
    both = speech(LENGTH_S, seed=number, pause_s=0.3)[::2]
    return np.ascontiguousarray(both, "<i2").tobytes()


async def call(port: int, number: int) -> list[str]:
    """All texts of one call of two utterances: interim ones, and the last of each final."""
    async with client_of(port) as client:
        await client.start(sample_rate=8000, language="en-US")
        for flush in (1, 2):
            await speak(client, telephone(10 * number + flush))
            await client.say("flush", id=flush)
            await client.hear("flushed")
        await client.say("stop")
        assert await client.close_code() == 1000
    said = [message for message in client.heard if message["type"] == "transcript"]
    assert all(0 <= message["start_s"] <= message["end_s"] <= 2 * (LENGTH_S + 0.3) for message in said)
    assert [message["utterance"] for message in said] == sorted(message["utterance"] for message in said)
    return [message["text"] for message in said if message["is_final"]]


async def speak(client: Client, audio: bytes) -> None:
    """In 20 ms, as fast as it is taken."""
    for begin in range(0, len(audio), 320):
        await client.send(audio[begin : begin + 320])
        await asyncio.sleep(0)


def test_four_callers_at_once_are_heard_as_each_alone(model_directory: Path, tmp_path: Path) -> None:
    """Over real sockets, at the telephone's rate; and all seats are free afterwards."""

    async def story(port: int) -> None:
        alone = [await call(port, number) for number in range(4)]
        together = await asyncio.gather(*(call(port, number) for number in range(4)))

        assert together == alone
        assert sum(map(len, alone)) >= 6 and len({tuple(texts) for texts in alone}) == 4

    with sidecar_process(
        tmp_path,
        "backend.workers.stt.server",
        STT_RECOGNISER="nemotron",
        STT_MODELS_DIR=str(model_directory.parent),
        STT_MAX_CONCURRENT_SESSIONS="4",
        STT_NEMOTRON_DEVICE="cpu",
        OMP_NUM_THREADS="1",
    ) as sidecar:
        sidecar.wait_until_ready(90)
        asyncio.run(asyncio.wait_for(story(sidecar.port), 90))


def test_without_a_model_the_process_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    """Nobody waits for a sidecar that can never hear."""
    with sidecar_process(
        tmp_path, "backend.workers.stt.server", STT_RECOGNISER="nemotron", STT_MODELS_DIR=str(tmp_path)
    ) as sidecar:
        assert sidecar.process.wait(90) != 0
        assert "nemotron is not a directory" in str(sidecar.lines)
