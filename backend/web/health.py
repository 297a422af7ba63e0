"""/healthz: this process answers. /readyz: and the parts it needs do, each asked for a bounded time.

Every check runs in a thread of its own (a greenlet after patching), so that one that hangs costs its own time limit and
no more. A check that hung is not started again before it has come back: a dead part must not collect threads.
"""

import threading
import time

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from backend.web.services import ReadinessCheck, services

TIME_LIMIT_S = 1.0

blueprint = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")])


class Healthy(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """The state of each part: "ok", or what is wrong in a word."""

    status: str = Field(description="ready or not_ready")
    checks: dict[str, str]


class _Attempt:
    """One run of one check."""

    def __init__(self, check: ReadinessCheck) -> None:
        self.result = ""
        self._check = check
        self.thread = threading.Thread(target=self._run, daemon=True, name="readiness")
        self.thread.start()

    def _run(self) -> None:
        try:
            self._check()
            self.result = "ok"
        except Exception as error:  # whatever a part does when it is broken, the answer is "not ready"
            self.result = type(error).__name__


_running: dict[int, _Attempt] = {}


def run_checks(checks: dict[str, ReadinessCheck], limit_s: float = TIME_LIMIT_S) -> dict[str, str]:
    """Run all checks at once and wait for at most `limit_s` in all."""
    attempts = {}
    for name, check in checks.items():
        attempt = _running.get(id(check))
        if attempt is None or not attempt.thread.is_alive():
            attempt = _running[id(check)] = _Attempt(check)
        attempts[name] = attempt
    until = time.monotonic() + limit_s
    for attempt in attempts.values():
        attempt.thread.join(max(0.0, until - time.monotonic()))
    return {name: attempt.result or "no answer in time" for name, attempt in attempts.items()}


@blueprint.get("/healthz", summary="Does this process answer?", responses={200: Healthy})
def healthz() -> Response:
    return jsonify({"status": "ok"})


@blueprint.get("/readyz", summary="Can this process take calls?", responses={200: Readiness, 503: Readiness})
def readyz() -> tuple[Response, int]:
    checks = run_checks(dict(services().readiness))
    is_ready = all(result == "ok" for result in checks.values())
    return jsonify({"status": "ready" if is_ready else "not_ready", "checks": checks}), 200 if is_ready else 503
