"""backend/web/health.py"""

import threading
import time

from backend.web import health
from tests.web.conftest import Stage


def test_a_process_that_answers_is_healthy(stage: Stage) -> None:
    """Whatever else is broken."""
    stage.readiness["redis"] = lambda: 1 / 0

    assert stage.client().get("/healthz").get_json() == {"status": "ok"}


def test_ready_is_when_every_part_is(stage: Stage) -> None:
    """The parts are named."""
    answer = stage.client().get("/readyz")

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready", "checks": {"database": "ok"}})


def test_a_broken_part_is_named_without_its_inner_life(stage: Stage) -> None:
    """503; the reason is the error's name only."""

    def broken() -> None:
        raise ConnectionError("redis://:canary@host")

    stage.readiness["redis"] = broken
    answer = stage.client().get("/readyz")

    assert (answer.status_code, answer.get_json()["checks"]) == (503, {"database": "ok", "redis": "ConnectionError"})
    assert "canary" not in answer.text


def test_a_part_that_hangs_costs_its_time_limit_and_one_thread() -> None:
    """Asked ten times while it hangs; the others are still answered."""
    release = threading.Event()
    before = threading.active_count()
    checks = {"voices": lambda: (release.wait(20), None)[1], "redis": lambda: None}
    began = time.monotonic()
    answers = [health.run_checks(checks, 0.05) for _ in range(10)]

    assert time.monotonic() - began < 2
    assert answers == [{"voices": "no answer in time", "redis": "ok"}] * 10
    assert threading.active_count() <= before + 1
    release.set()
    assert health.run_checks(checks, 5) == {"voices": "ok", "redis": "ok"}
