"""backend/engines/llm_openai.py, in a patched process as the web workers are, against the scripted model and against a
server that misbehaves (`llm_stand_in.py`). `llm_child.py` does it all in one run; the tests read what it heard."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.llm_stand_in import STALL_S, LlmStandIn

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
WORDS = [f" word{number}" for number in range(5)]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LlmStandIn]:
    with LlmStandIn() as server:
        yield server


@pytest.fixture(scope="module")
def heard(stand_in: LlmStandIn) -> dict[str, Any]:
    """Everything that `llm_child` heard."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    model = subprocess.Popen(
        [sys.executable, "-m", "backend.rehearsal.model_server", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        child = subprocess.run(
            [sys.executable, "-m", "tests.engines.llm_child", f"http://127.0.0.1:{port}/v1", stand_in.url],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        model.kill()
        model.wait(10)
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    return found


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, "the scripted model does not listen"
            time.sleep(0.05)


def test_warming_up_asks_nobody(heard: dict[str, Any]) -> None:
    """It works where no server listens, and leaves nothing running; the first real answer is whole."""
    assert heard["warm"] == {"running": 0, "again": None}
    assert heard["reused"][0]["pieces"] == WORDS


def test_words_come_in_order_and_as_they_are_written(heard: dict[str, Any]) -> None:
    """The first long before the last."""
    words = heard["words"]

    assert "".join(words["pieces"]) == "I am very well, thank you. What can I do for you?"
    assert len(words["pieces"]) > 5 and words["at"][-1] - words["at"][0] > 0.05


def test_a_tool_call_comes_after_the_words_with_its_arguments_put_together(heard: dict[str, Any]) -> None:
    """They arrive in fragments."""
    pieces = heard["tool"]["pieces"]

    assert "".join(pieces[:-1]) == "Thank you for calling. Goodbye." and pieces[-1] == ["hang_up", {}]


def test_the_connection_is_kept_from_turn_to_turn(heard: dict[str, Any], stand_in: LlmStandIn) -> None:
    """Five answers, one connection; later each broken answer costs one, and none is left waiting."""
    assert [turn["pieces"] for turn in heard["reused"]] == [WORDS] * 5
    broken = 10  # four that were cancelled or killed, stalls, reset, cut, rubbish

    assert stand_in.accepted <= 1 + broken


@pytest.mark.parametrize("case", ["cancel-headers", "cancel-stream", "kill-headers", "kill-stream"])
def test_a_cancelled_answer_ends_at_once_and_without_an_error(heard: dict[str, Any], case: str) -> None:
    """Whether the server has begun to answer or not; nothing of it is kept."""
    answer = heard[case]

    assert (answer["ended"], answer["error"], answer["bug"], answer["running"]) == (True, "", "", 0)
    assert answer["seconds"] < 0.25
    assert answer["pieces"] == (WORDS[:2] if case.endswith("stream") else [])


def test_cancelling_reaches_the_server(heard: dict[str, Any], stand_in: LlmStandIn) -> None:
    """It sees the connection go, so it stops computing."""
    assert heard["cancel-headers"]["ended"] and set(stand_in.left_at) == {"stall-headers", "stall-stream"}


@pytest.mark.parametrize("case", ["stall-headers", "stall-stream"])
def test_a_server_that_stalls_is_a_timeout(heard: dict[str, Any], case: str) -> None:
    """Worth another try."""
    answer = heard[case]

    assert (answer["error"], answer["retryable"]) == ("EngineTimedOut", True)
    assert STALL_S * 0.9 <= answer["seconds"] < STALL_S + 1.0


@pytest.mark.parametrize("case", ["status-429", "status-500", "reset", "cut", "rubbish", "nowhere"])
def test_a_server_that_fails_is_a_failure_without_the_callers_words(heard: dict[str, Any], case: str) -> None:
    """The server quotes them in its message; that must not reach a log."""
    answer = heard[case]

    assert (answer["error"], answer["bug"]) == ("EngineFailed", ""), case
    assert "secret" not in answer["text"] and answer["running"] == 0


def test_after_all_that_the_model_still_answers(heard: dict[str, Any]) -> None:
    """Nothing was broken for good."""
    assert heard["afterwards"]["pieces"] == WORDS
