"""What the STT sidecar keeps after 500 sessions, what a second of audio costs it, and how soon a word is told.

The sidecar is its real process with a recogniser that needs no GPU (the one with a model: `bench_stt_gpu.py`); sessions come
over real sockets, some of them end badly. Memory is the process's resident memory, after as many sessions as fill the
allocator's pools and after SESSIONS more.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.phrases import phrase_file, shipped_phrases
from tests.bench.stage_runs import Figure
from tests.workers.stt.sidecars import Client, Process, client_of, sidecar_process

SESSIONS = 500
WARM_UP = {"scripted": 100, "sphinx": 50}
CALLS = 20
MESSAGE = 320
"""Bytes: 20 ms at 8 kHz."""
_TICKS = os.sysconf("SC_CLK_TCK")


def measure() -> list[Figure]:
    """Both recognisers. Takes some minutes."""
    figures = []
    for name in ("scripted", "sphinx"):
        with tempfile.TemporaryDirectory() as folder:
            book = Path(folder) / "phrases.txt"
            book.write_text(phrase_file(shipped_phrases()))
            with sidecar_process(
                Path(folder), "backend.workers.stt.server", STT_RECOGNISER=name, STT_PHRASES_FILE=str(book),
                STT_MAX_CONCURRENT_SESSIONS="64",
            ) as sidecar:  # fmt: skip
                sidecar.wait_until_ready()
                line = _line()
                asyncio.run(_sessions(sidecar.port, line, WARM_UP[name]))
                before = sidecar.resident_kb()
                asyncio.run(_sessions(sidecar.port, line, SESSIONS))
                after = sidecar.resident_kb()
                figures.append(
                    Figure(
                        f"STT sidecar, {name}: memory after {SESSIONS} sessions",
                        "≤ 1 % more",
                        f"{before / 1024:.1f} → {after / 1024:.1f} MB ({100 * (after - before) / before:+.2f} %)",
                        after <= before * 1.01,
                    )
                )
                if name == "scripted":
                    figures.append(_calls_at_once(sidecar, line))
    return figures


def _line() -> bytes:
    """A caller's line at telephone rate: silence, a phrase of the book, silence."""
    phrase = shipped_phrases()[0]
    silence = np.zeros(4000, np.int16)
    spoken = np.frombuffer(synthesise(phrase.text, phrase.voice, phrase.rate_wpm), np.int16)
    return np.concatenate((silence, spoken, silence)).astype("<i2").tobytes()


async def _sessions(port: int, line: bytes, count: int) -> None:
    """Four at a time; every fifth leaves without a word, every fifth breaks the protocol."""
    gate = asyncio.Semaphore(4)

    async def one(number: int) -> None:
        async with gate, client_of(port) as client:
            await client.start(sample_rate=8000)
            for at in range(0, len(line), MESSAGE):
                await client.send(line[at : at + MESSAGE])
            if number % 5 == 1:
                client.connection.transport.abort()
            elif number % 5 == 2:
                await client.send("nonsense")
                await client.close_code()
            else:
                await client.say("stop")
                await client.close_code()

    await asyncio.gather(*(one(number) for number in range(count)))


def _calls_at_once(sidecar: Process, line: bytes) -> Figure:
    """CALLS callers at the pace of speech: CPU for each second of a call, and the last word after its sound."""
    before, begun = _cpu_s(sidecar.process.pid), time.monotonic()
    delays = asyncio.run(_paced(sidecar.port, line))
    used = _cpu_s(sidecar.process.pid) - before
    call_s = CALLS * len(line) / 16000
    delays.sort()
    p95 = delays[int(0.95 * (len(delays) - 1))]
    return Figure(
        f"STT sidecar, scripted: {CALLS} calls at once",
        "word delay p95 ≤ 400 ms",
        f"p50 {1000 * delays[len(delays) // 2]:.0f}, p95 {1000 * p95:.0f} ms after the phrase's last sample; "
        f"{1000 * used / call_s:.1f} ms CPU per call-second ({time.monotonic() - begun:.1f} s)",
        p95 <= 0.4,
    )


async def _paced(port: int, line: bytes) -> list[float]:
    """For each call: seconds from sending the phrase's last sample to the arrival of its last word."""
    loop = asyncio.get_running_loop()
    phrase_ends = len(line) - 8000

    async def one(number: int) -> float:
        await asyncio.sleep(0.013 * number)
        async with client_of(port) as client:
            await client.start(sample_rate=8000)
            begun, ended = loop.time(), 0.0
            final = asyncio.create_task(whole_text(client))
            for at in range(0, len(line), MESSAGE):
                await asyncio.sleep(max(0.0, begun + at / 16000 - loop.time()))
                await client.send(line[at : at + MESSAGE])
                if at < phrase_ends <= at + MESSAGE:
                    ended = loop.time()
            return await final - ended

    async def whole_text(client: Client) -> float:
        words = len(shipped_phrases()[0].text.split())
        while len(str((await client.hear("transcript"))["text"]).split()) < words:
            pass
        return loop.time()

    return list(await asyncio.gather(*(one(number) for number in range(CALLS))))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
