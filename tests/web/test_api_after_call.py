"""backend/web/api_after_call.py, and what GET /api/calls/{id} says of it"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.call.agent_config import AgentConfig
from backend.records.after_call import AfterCalls
from backend.records.calls import CallFinish, CallStart, Turn
from tests.web.conftest import Stage

CALL = "v3:abc"
SUMMARY = {"text": "A table for four.", "fields": {"people": 4, "call_back": None}}


@pytest.fixture
def outbox(stage: Stage) -> AfterCalls:
    """Of a call that is over and waits for its summary and its webhook."""
    wanted = {"summary": True, "webhook_url": "https://example.com/calls"}
    agent = stage.agents.create(AgentConfig.model_validate({"name": "Ada", "settings": {"after_call": wanted}}))
    start = CallStart(CALL, "incoming", agent.id, 1, "+13125550100", "+13125550101", 1000.0)
    stage.calls.finish(start, CallFinish(1060.0, "completed", "caller", turns=[Turn("caller", "Hi", 1005.0)]))
    return stage.after_calls


def shown(client: FlaskClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/api/calls/{CALL}").get_json()
    return answer


def test_a_call_tells_what_is_still_to_be_done(client: FlaskClient, outbox: AfterCalls) -> None:
    """And that there is no summary yet."""
    call = shown(client)

    assert call["summary"] is None
    assert call["after_call"]["summary"] == {"state": "waiting", "attempts": 0, "error": ""}
    assert call["after_call"]["webhook"]["state"] == "waiting" and call["after_call"]["next_at"] == 1060.0


def test_a_call_tells_what_was_done(client: FlaskClient, outbox: AfterCalls) -> None:
    outbox.summarised(CALL, SUMMARY)
    outbox.delivery_failed(CALL, "answered 500", 500, is_last=True)
    outbox.due_again(CALL, None)
    call = shown(client)

    assert call["summary"] == SUMMARY
    assert call["after_call"]["webhook"] == {
        "state": "given_up", "attempts": 1, "status": 500, "error": "answered 500", "delivered_at": None,
    }  # fmt: skip
    assert call["after_call"]["next_at"] is None


def test_a_call_after_which_nothing_was_to_be_done_says_so(stage: Stage, client: FlaskClient) -> None:
    stage.calls.start(CallStart(CALL, "incoming", "a", 1, "+13125550100", "+13125550101", 1000.0))

    assert (shown(client)["summary"], shown(client)["after_call"]) == (None, None)


def test_what_was_given_up_can_be_tried_again(stage: Stage, client: FlaskClient, outbox: AfterCalls) -> None:
    """At once."""
    outbox.delivery_failed(CALL, "answered 500", 500, is_last=True)
    outbox.due_again(CALL, None)

    answer = client.post(f"/api/calls/{CALL}/after-call")

    assert answer.status_code == 202
    assert answer.get_json()["webhook"]["state"] == "waiting"
    assert answer.get_json()["next_at"] == stage.clock.wall()
    assert client.post("/api/calls/v3:other/after-call").status_code == 404


def test_the_secret_is_shown_to_those_who_may_write_the_agent_and_kept_nowhere(
    stage: Stage, client: FlaskClient
) -> None:
    """It stands in no agent, whatever version: viewers read those."""
    agent = stage.agents.create(AgentConfig(name="Ada"))

    answer = client.get(f"/api/agents/{agent.id}/webhook-secret")

    assert answer.get_json() == {"secret": f"whsec_{agent.id}"} and answer.headers["Cache-Control"] == "no-store"
    assert "whsec_" not in client.get(f"/api/agents/{agent.id}").get_data(as_text=True)
    assert client.get("/api/agents/nobody/webhook-secret").status_code == 404
