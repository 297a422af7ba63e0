"""A synthesis is judged by its bytes: good speech passes every check, each fault fails the one check that is about it."""

import asyncio
from dataclasses import replace
from itertools import accumulate, chain, repeat, takewhile
from pathlib import Path

import numpy as np
import pytest

from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.ports import PortReservation
from backend.rehearsal.verdict import Verdict
from backend.rehearsal.voice_check import (
    RATE,
    TEXT,
    HeardFrame,
    check_voice,
    in_one,
    judge_speech,
)


def frames_of(pcm: bytes) -> list[HeardFrame]:
    ends = (2 * RATE * ms // 1000 for ms in accumulate(chain([20, 40, 80], repeat(100))))
    cuts = [0, *takewhile(lambda end: end < len(pcm), ends), len(pcm)]
    pieces = [pcm[low:high] for low, high in zip(cuts, cuts[1:], strict=False)]
    return [HeardFrame(piece, RATE, index, index == len(pieces) - 1) for index, piece in enumerate(pieces)]


@pytest.fixture(scope="module")
def speech() -> bytes:
    return synthesise(TEXT)


def failed(frames: list[HeardFrame]) -> list[str]:
    return [check.name for check in judge_speech(frames) if not check.passed]


def test_real_speech_passes(speech: bytes) -> None:
    assert failed(frames_of(speech)) == []


def test_a_missing_frame_is_noticed(speech: bytes) -> None:
    frames = frames_of(speech)
    assert failed(frames[:5] + frames[6:]) == ["frames in order"]


@pytest.mark.parametrize("which", [[], [3], [3, -1]], ids=["none", "an early one", "two"])
def test_exactly_the_last_frame_is_final(speech: bytes, which: list[int]) -> None:
    frames = [replace(frame, is_final=False) for frame in frames_of(speech)]
    for index in which:
        frames[index] = replace(frames[index], is_final=True)
    assert "one final frame" in failed(frames)


def test_frames_that_are_long_from_the_second_on_are_noticed(speech: bytes) -> None:
    """As our workers sent them once: a slow voice stuttered there."""
    first, second, *rest = frames_of(speech)
    joined = [first, replace(second, pcm=second.pcm + rest[0].pcm), *rest[1:]]
    assert "frame sizes" in failed([replace(frame, sequence_number=number) for number, frame in enumerate(joined)])


@pytest.mark.parametrize("cut", [1, 2], ids=["half a sample", "a sample too short"])
def test_a_frame_of_the_wrong_size_is_noticed(speech: bytes, cut: int) -> None:
    frames = frames_of(speech)
    frames[4] = replace(frames[4], pcm=frames[4].pcm[:-cut])
    assert failed(frames) == ["frame sizes"]


def test_another_rate_is_noticed(speech: bytes) -> None:
    assert failed([replace(frame, sample_rate=16000) for frame in frames_of(speech)]) == ["frame sizes"]


def test_silence_is_no_speech(speech: bytes) -> None:
    assert set(failed(frames_of(bytes(len(speech))))) >= {"audible", "like speech", "ends with speech"}


def test_noise_is_no_speech(speech: bytes) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, len(speech) // 2).astype("<i2").tobytes()
    assert failed(frames_of(noise)) == ["like speech"]


def test_clipping_is_noticed(speech: bytes) -> None:
    loud = np.clip(np.frombuffer(speech, "<i2").astype(np.int32) * 30, -32768, 32767).astype("<i2").tobytes()
    assert "not distorted" in failed(frames_of(loud))


def test_speech_that_ends_half_way_is_too_short(speech: bytes) -> None:
    assert "in time" in failed(frames_of(speech[: len(speech) // 8 // 2 * 2]))


def test_a_hole_is_noticed(speech: bytes) -> None:
    middle = len(speech) // 4 * 2
    assert failed(frames_of(speech[:middle] + bytes(2 * 2 * RATE) + speech[middle:])) == ["in time"]


def test_appended_silence_is_noticed(speech: bytes) -> None:
    assert failed(frames_of(speech + bytes(RATE))) == ["ends with speech"]


def test_no_frame_at_all_fails_every_check() -> None:
    assert all(not check.passed for check in judge_speech([]))


def test_a_worker_that_is_not_there_is_one_failed_check(tmp_path: Path) -> None:
    ports = PortReservation(tmp_path)
    try:
        checks = asyncio.run(check_voice(f"127.0.0.1:{ports.take()}"))
    finally:
        ports.release()
    assert [(check.name, check.passed) for check in checks] == [("speaks", False)]
    assert "UNAVAILABLE" in checks[0].measured


def test_all_checks_become_one_line_of_a_verdict(speech: bytes) -> None:
    good, bad = in_one(judge_speech(frames_of(speech))), in_one(judge_speech(frames_of(speech + bytes(RATE))))
    assert good.passed and good.measured == "all passed"
    assert not bad.passed and "ends with speech" in bad.measured
    verdict = Verdict(True).with_check(good)
    assert verdict.passed and not verdict.with_check(bad).passed and len(verdict.with_check(bad).checks) == 2
