"""Two hundred messages in one session, with a real voice worker and failures of every kind (D4, F26)."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.bench.growth import MOST_GROWTH_KB, MOST_OBJECTS, Violated, judge
from tests.workers.tts.processes import ROOT

WARM = {
    "objects": 1000, "greenlets": 3, "sockets": 3, "threads": 2, "worker_sockets": 4, "redis_keys": 5, "streams": 0,
    "tickets": 0, "worker_slots": 0, "memory_kb": 90_000, "worker_memory_kb": 80_000,
}  # fmt: skip


@pytest.mark.live
@pytest.mark.timeout(330)
def test_two_hundred_messages_leave_nothing_behind_and_the_session_listening() -> None:
    """After each of them, a third of them failed; what is held is in the bench, which says what did not hold."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bench.bench_messages", "200"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=320,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (result["messages"], result["ways"]) == (200, 13)
    assert result["failures"] >= 60


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("greenlets", 1),
        ("sockets", 1),
        ("threads", 1),
        ("worker_sockets", 1),
        ("redis_keys", 1),
        ("streams", 1),
        ("tickets", 1),
        ("worker_slots", 1),
        ("memory_kb", MOST_GROWTH_KB + 1),
        ("worker_memory_kb", MOST_GROWTH_KB + 1),
        ("objects", 150 * (MOST_OBJECTS + 1)),
    ],
)
def test_whatever_grows_is_noticed(name: str, more: int) -> None:
    """One of each is enough; of objects one for each message beyond the conversation's record."""
    assert judge(WARM, WARM, 150)["objects_per_message"] == 0
    with pytest.raises(Violated, match=name):
        judge(WARM, WARM | {name: WARM[name] + more}, 150)
