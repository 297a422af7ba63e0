"""A real synthesis, checked byte by byte: what `/health` cannot tell (F7). A worker that answers may still speak noise.

`judge_speech` is pure: the frames as they came against the rules of `voice.proto` and against what speech is like. `speak`
and `check_voice` ask one worker. Run by `python -m backend smoke` and after every rehearsal on a stack of its own.

| check             | holds when                                                                                   |
|-------------------|----------------------------------------------------------------------------------------------|
| frames in order   | numbered 0, 1, 2 …                                                                           |
| one final frame   | the last one, and no other; the stream ends after it                                          |
| frame sizes       | whole samples at the rate asked for; all but the last as long as they must be: 20, 40, 80 … ms |
| audible           | louder than `QUIETEST_DBFS` over all                                                         |
| not distorted     | at most `MOST_CLIPPED` of the samples at the limits, mean (DC) below `MOST_DC`               |
| like speech       | it rises and falls: loud and soft 20 ms steps differ by `LEAST_RANGE_DB`                     |
| in time           | `FASTEST_S` to `SLOWEST_S` for each letter, no hole longer than `LONGEST_HOLE_S`             |
| ends with speech  | no more than `LONGEST_TAIL_S` of silence at the end (B2)                                     |
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from backend.rehearsal.verdict import Check
from backend.workers.tts.client_options import CHANNEL_OPTIONS
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc

TEXT = "Good morning, this is a test of the voice. It should be easy to understand."
RATE = 8000
FIRST_FRAME_MS, FRAME_MS = 20, 100
WITHIN_S = 30.0

QUIETEST_DBFS = -40.0
MOST_CLIPPED = 0.01
MOST_DC = 1000
LEAST_RANGE_DB = 12.0
FASTEST_S, SLOWEST_S = 0.02, 0.3
LONGEST_HOLE_S = 1.2
LONGEST_TAIL_S = 0.25
_STEP = RATE // 50
_SILENT = 10 ** (-60 / 20) * 32768


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """One AudioFrame as it came over the wire."""

    pcm: bytes
    sample_rate: int
    sequence_number: int
    is_final: bool


def judge_speech(frames: Sequence[HeardFrame], text: str = TEXT) -> list[Check]:
    """One check per row of the table above. `frames` were asked for at RATE with FIRST_FRAME_MS and FRAME_MS."""
    numbers = [frame.sequence_number for frame in frames]
    finals = [index for index, frame in enumerate(frames) if frame.is_final]
    samples = _samples(frames)
    return [
        Check("frames in order", bool(frames) and numbers == list(range(len(frames))), "0, 1, 2 …", _in_short(numbers)),
        Check("one final frame", bool(frames) and finals == [len(frames) - 1], "the last", _which(finals, len(frames))),
        _sizes(frames),
        _audible(samples),
        _not_distorted(samples),
        _like_speech(samples),
        _in_time(samples, text),
        _tail(samples),
    ]


def in_one(checks: Sequence[Check]) -> Check:
    """All of them as one check, for the verdict of a rehearsal."""
    failed = [f"{check.name}: {check.measured}" for check in checks if not check.passed]
    return Check("voice, byte by byte", not failed, f"{len(checks)} checks", "; ".join(failed) or "all passed")


async def check_voice(address: str, voice: str = "", language: str = "en", text: str = TEXT) -> list[Check]:
    """The checks of one real synthesis by the worker at `address`. A worker that fails gives one failed check."""
    try:
        return judge_speech(await speak(address, voice, language, text), text)
    except grpc.aio.AioRpcError as error:
        reason = (error.details() or "no reason given").splitlines()[0][:160]
        return [Check("speaks", False, "an answer", f"{error.code().name}: {reason}")]


async def speak(address: str, voice: str, language: str, text: str) -> list[HeardFrame]:
    """Every frame until the stream ends. Raises grpc.aio.AioRpcError."""
    request = voice_pb2.SynthesizeRequest(
        synthesis_id=f"smoke:{secrets.token_hex(8)}",
        session_id="smoke",
        text=text,
        voice=voice,
        language=language,
        sample_rate=RATE,
        frame_duration_ms=FRAME_MS,
        first_frame_duration_ms=FIRST_FRAME_MS,
    )
    async with grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) as channel:
        stream: Any = voice_pb2_grpc.VoiceStub(channel).Synthesize(request, timeout=WITHIN_S)  # type: ignore[no-untyped-call]  # generated
        return [
            HeardFrame(frame.audio_data, frame.sample_rate, frame.sequence_number, frame.is_final)
            async for frame in stream
        ]


# --- the checks ---


def _samples(frames: Sequence[HeardFrame]) -> NDArray[np.float64]:
    whole = b"".join(frame.pcm[: len(frame.pcm) // 2 * 2] for frame in frames)
    return np.frombuffer(whole, dtype="<i2").astype(np.float64)


def lengths_ms() -> Iterator[int]:
    """Of one frame after the other: each is twice as long as the one before it until it is as long as asked for."""
    doubled = (FIRST_FRAME_MS << step for step in range(FRAME_MS.bit_length()))
    return chain((length for length in doubled if length < FRAME_MS), repeat(FRAME_MS))


def _sizes(frames: Sequence[HeardFrame]) -> Check:
    problems = []
    for index, (frame, length_ms) in enumerate(zip(frames, lengths_ms(), strict=False)):
        wanted = 2 * RATE * length_ms // 1000
        size = len(frame.pcm)
        if frame.sample_rate != RATE:
            problems.append(f"frame {index}: {frame.sample_rate} Hz")
        elif size % 2 or not size or size > wanted or (size < wanted and not frame.is_final):
            problems.append(f"frame {index}: {size} bytes of {wanted}")
    shown = ", ".join(problems[:3]) or f"{len(frames)} frames"
    return Check("frame sizes", bool(frames) and not problems, f"{RATE} Hz, {FRAME_MS} ms", shown)


def _audible(samples: NDArray[np.float64]) -> Check:
    level = 20 * np.log10(max(1e-9, float(np.sqrt(np.mean(samples**2))) / 32768)) if len(samples) else -180.0
    return Check("audible", level > QUIETEST_DBFS, f"above {QUIETEST_DBFS:g} dBFS", f"{level:.1f} dBFS")


def _not_distorted(samples: NDArray[np.float64]) -> Check:
    if not len(samples):
        return Check("not distorted", False, "samples", "none")
    clipped, mean = float(np.mean(np.abs(samples) >= 32766)), float(np.mean(samples))
    shown = f"{clipped:.2%} clipped, mean {mean:.0f}"
    return Check("not distorted", clipped <= MOST_CLIPPED and abs(mean) < MOST_DC, f"{MOST_CLIPPED:.0%} clipped", shown)


def _like_speech(samples: NDArray[np.float64]) -> Check:
    levels = _levels(samples)
    if len(levels) < 10:
        return Check("like speech", False, "0.2 s or more", f"{len(samples) / RATE:.2f} s")
    loud, soft = np.percentile(levels, 90), np.percentile(levels, 10)
    spread_db = 20 * float(np.log10(max(loud, 1.0) / max(soft, 1.0)))
    return Check(
        "like speech", spread_db >= LEAST_RANGE_DB, f"rises and falls {LEAST_RANGE_DB:g} dB", f"{spread_db:.0f} dB"
    )


def _in_time(samples: NDArray[np.float64], text: str) -> Check:
    letters = sum(character.isalnum() for character in text)
    lasts_s, hole_s = len(samples) / RATE, _longest_silence_s(_levels(samples))
    fits = FASTEST_S * letters <= lasts_s <= SLOWEST_S * letters and hole_s <= LONGEST_HOLE_S
    wanted = f"{FASTEST_S * letters:.1f} to {SLOWEST_S * letters:.1f} s, no hole of {LONGEST_HOLE_S:g} s"
    return Check("in time", fits, wanted, f"{lasts_s:.2f} s, longest hole {hole_s:.2f} s")


def _tail(samples: NDArray[np.float64]) -> Check:
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    tail_s = (len(samples) - 1 - loud[-1]) / RATE if len(loud) else len(samples) / RATE
    return Check(
        "ends with speech", len(loud) > 0 and tail_s <= LONGEST_TAIL_S, f"{LONGEST_TAIL_S} s", f"{tail_s:.2f} s"
    )


def _levels(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loudness (RMS) of each whole 20 ms."""
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    return np.asarray(np.sqrt(np.mean(steps**2, axis=1))) if len(steps) else np.zeros(0)


def _longest_silence_s(levels: NDArray[np.float64]) -> float:
    longest = run = 0
    for level in levels:
        run = run + 1 if level <= _SILENT else 0
        longest = max(longest, run)
    return longest * _STEP / RATE


def _in_short(numbers: list[int]) -> str:
    return f"0 … {len(numbers) - 1}" if numbers == list(range(len(numbers))) and numbers else f"{numbers[:8]} …"


def _which(finals: list[int], count: int) -> str:
    return f"{len(finals)} final of {count}: {', '.join(map(str, finals[:5]))}"
