"""The product as its operator meets it: health, metrics, the API, a process that dies."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from typing import Any

from backend.rehearsal.runner import run_scenario
from tests.fakes.live_stack import LiveStack
from tests.live.conftest import begin, owner_of, scenario


def ask(live: LiveStack, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, str]:
    """Status and body. `key` None: the right one; "": none."""
    key = live.stack.api_key if key is None else key
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(live.stack.base_url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_and_the_document_need_no_key_figures_and_api_do(live: LiveStack) -> None:
    """On every worker: each is asked a few times over new connections."""
    for _ in range(8):
        assert ask(live, "GET", "/healthz", key="")[0] == 200
    assert ask(live, "GET", "/readyz", key="")[0] == 200
    status, document = ask(live, "GET", "/openapi.json", key="")
    assert status == 200 and {"/api/agents", "/api/calls", "/metrics"} <= set(json.loads(document)["paths"])
    for path in ("/metrics", "/api/agents", "/api/calls"):
        assert [ask(live, "GET", path, key=key)[0] for key in ("", "wrong-key")] == [401, 401], path

    assert ask(live, "POST", "/webhooks/telnyx", {"forged": True}, key="")[0] == 403
    status, figures = ask(live, "GET", "/metrics")
    assert status == 200 and "offhook_webhooks_total" in figures and "offhook_live_calls" in figures


def test_an_agent_is_made_read_changed_and_removed_by_whatever_worker(live: LiveStack) -> None:
    """Over the API alone; a change that is based on an old version is refused."""
    status, made = ask(live, "POST", "/api/agents", {"name": "Live"})
    agent = json.loads(made)
    path = f"/api/agents/{agent['id']}"
    assert status == 201 and json.loads(ask(live, "GET", path)[1])["config"]["name"] == "Live"
    status, wrong = ask(live, "POST", "/api/agents", {"name": "", "temperature": 9})
    assert status == 422 and {field["field"] for field in json.loads(wrong)["error"]["fields"]} >= {
        "name",
        "temperature",
    }
    assert any(one["id"] == agent["id"] for one in json.loads(ask(live, "GET", "/api/agents")[1])["agents"])
    assert ask(live, "DELETE", path)[0] in (200, 204)

    assert ask(live, "GET", path)[0] == 404


def test_a_voice_worker_that_is_killed_is_back_within_ten_seconds(live: LiveStack) -> None:
    """Its own process, by its id (J1); then a call is spoken to as before."""
    before = int(live.stack.programs()["tts"]["pid"])
    os.kill(before, signal.SIGKILL)
    killed_at = time.monotonic()
    while True:
        tts = live.stack.programs()["tts"]
        if tts["statename"] == "RUNNING" and int(tts["pid"]) not in (0, before) and live.stack.is_ready():
            break
        assert time.monotonic() - killed_at < 10, tts
        time.sleep(0.1)

    expect = {"heard": [{"kind": "greeting", "after": "answered", "within_s": 3.0}], "nothing_more": True}
    outcome = live.run(
        run_scenario(
            scenario("after-kill", caller=[{"wait_until": "agent_said_1"}, {"hang_up": True}], expect=expect),
            live.stage,
        )
    )
    assert [str(check) for check in outcome.verdict.failed_checks] == []


def test_a_worker_that_is_told_to_stop_ends_its_call_politely(live: LiveStack) -> None:
    """SIGTERM to the owner: apology, hang-up, record; gunicorn starts another worker, the others answer meanwhile."""
    leg = live.run(begin(live.stage, "drained"))
    owner = owner_of(live.stage, leg)
    os.kill(int(owner.rsplit("-", 2)[1]), signal.SIGTERM)
    assert [ask(live, "GET", "/healthz", key="")[0] for _ in range(4)] == [200] * 4

    assert live.run(leg.wait_ended(15)), "the call outlived its worker"
    deadline = time.monotonic() + 15
    while True:
        status, found = ask(live, "GET", f"/api/calls/{leg.call_control_id}")
        if status == 200 and json.loads(found)["ended_at"]:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert json.loads(found)["outcome"] == "worker_stopped" and len(leg.agent_segments) >= 2


def test_after_all_calls_no_worker_holds_one(live: LiveStack) -> None:
    """Whatever became of them in the tests before (invariant 5)."""
    deadline = time.monotonic() + 10
    while True:
        _, figures = ask(live, "GET", "/metrics")
        held = [line for line in figures.splitlines() if line.startswith("offhook_live_calls")]
        if held and float(held[0].split()[-1]) == 0:
            break
        assert time.monotonic() < deadline, held
        time.sleep(0.2)


def test_the_logs_of_all_processes_hold_no_secret_and_no_number(live: LiveStack) -> None:
    """Whatever the tests before this one did (J2)."""
    numbers = {leg.from_number[1:] for leg in live.stage.carrier.legs.values()}
    secrets = {live.stack.api_key, live.stage.carrier.config.api_key}
    for program in ("web", "tts", "sweeper"):
        for stream in ("out", "err"):
            text = (live.stack.folder / f"{program}.{stream}.log").read_text(errors="replace")
            assert [found for found in numbers | secrets if found in text] == [], program
            assert "Traceback" not in text, f"{program}.{stream}.log"
