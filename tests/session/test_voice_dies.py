"""Real TTS workers killed in the middle of a sentence, by their own process ids (F25)."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.workers.tts.processes import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def killed() -> dict[str, Any]:
    """What the bench says of twenty kills."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bench.bench_voice_kill", "20"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_the_caller_hears_the_other_worker_within_a_second_and_a_half(killed: dict[str, Any]) -> None:
    """From the kill; the silence in the ear is shorter by what was sent ahead."""
    assert killed["kills"] >= 20
    assert killed["next_audio_p95_s"] <= 1.5 and killed["silence_p95_s"] <= 1.5


def test_the_pace_of_sending_is_the_same_across_the_seam(killed: dict[str, Any]) -> None:
    """Never more than a second lies ahead, so that a barge-in throws little away."""
    assert killed["ahead_max_s"] <= 1.02


def test_no_sentence_is_missing_repeated_or_made_up(killed: dict[str, Any]) -> None:
    """Read back word by word from the audio, and held against the history; the seam may be off by a word or two."""
    assert (killed["repeated_sentences"], killed["missing_sentences"], killed["phantoms"]) == (0, 0, 0)
    assert killed["words_off_p50"] <= 1 and killed["words_off_max"] <= 4
