"""backend/engines/stt_openai.py, in a patched process as the web workers are, against a server that behaves as told.
`stt_openai_child.py` does it all in one run; the tests read what it heard."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.transcription_stand_in import TranscriptionStandIn, Upload

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[TranscriptionStandIn]:
    with TranscriptionStandIn() as running:
        yield running


@pytest.fixture(scope="module")
def heard(server: TranscriptionStandIn) -> dict[str, Any]:
    """Everything that the child heard."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.engines.stt_openai_child", server.url],
        cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    return found


def test_an_utterance_goes_up_as_a_file_and_its_text_comes_as_it_is_made(
    heard: dict[str, Any], server: TranscriptionStandIn
) -> None:
    """Half a second before the noticed beginning belongs to it; positions count the whole audio."""
    assert heard["ok"] == [
        ["two ", False, None, None],
        ["two pizzas", False, None, None],
        ["Two pizzas.", True, 0.5, 3.0],
    ]
    assert server.uploads[0] == Upload("ok", "de", True, 20000, 8000)


def test_a_model_without_a_stream_gives_the_whole_text(heard: dict[str, Any], server: TranscriptionStandIn) -> None:
    """whisper-1."""
    assert heard["whisper-1"] == [["all at once", True, 0.5, 3.0]]
    assert not server.uploads[1].is_stream


@pytest.mark.parametrize(
    ("model", "kind", "is_retryable"),
    [
        ("status-401", "EngineFailed", False),
        ("status-404", "EngineFailed", False),
        ("status-429", "EngineBusy", True),
        ("status-500", "EngineFailed", True),
        ("stall", "EngineTimedOut", True),
        ("cut", "EngineFailed", True),
        ("rubbish", "EngineFailed", True),
    ],
)  # fmt: skip
def test_a_failure_is_told_by_its_kind_and_without_the_callers_words(
    heard: dict[str, Any], model: str, kind: str, is_retryable: bool
) -> None:
    """The table at the module's head."""
    assert heard[model][:2] == [kind, is_retryable]
    assert "secret" not in heard[model][2]


def test_a_speech_without_end_is_cut_and_goes_on_in_order(heard: dict[str, Any]) -> None:
    """65 seconds: 30, 30 and 5."""
    assert [event[2:] for event in heard["long"]] == [[0.0, 30.0], [30.0, 60.0], [60.0, 65.0]]


def test_close_ends_an_upload_under_way_at_once_and_nothing_follows(
    heard: dict[str, Any], server: TranscriptionStandIn
) -> None:
    """At the server too: it sees its client go."""
    assert heard["close_s"] < 0.05 and heard["after_close"] == [[], []]
    assert "stall" in server.left_at


def test_utterances_do_not_pile_up_without_end(heard: dict[str, Any]) -> None:
    """A server that hangs ends the stream."""
    assert heard["too_many"] == ["EngineTimedOut", True, "the transcription does not keep up"]


def test_a_minute_of_silence_is_not_sent_up(heard: dict[str, Any]) -> None:
    """Only the half second before the voice."""
    assert heard["silence_before"] == ["Two pizzas.", True, 59.5, 60.0]
