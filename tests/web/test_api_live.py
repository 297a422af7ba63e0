"""backend/web/api_live.py: over a worker with a call, its store in memory."""

import json
from typing import Any

import pytest
from flask import has_app_context, has_request_context
from flask.testing import FlaskClient

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp, TransferRequested, WhisperRequested
from backend.session.session import Session
from backend.web.worker import Worker, install
from tests.session.rig import CALL, CALLER, Rig, make_agent, settle, wait_until
from tests.web.conftest import Stage, fields_of

TARGETS = [{"name": "sales", "number": "+13125550199"}]


@pytest.fixture
def running(rig: Rig, stage: Stage) -> Worker:
    """The worker behind the API; it owns the calls of the rig."""
    made = Worker(rig.services, max_live_calls=10, max_watchers=2)
    rig.registry = made.registry
    rig.session_over = made.session_over  # type: ignore[method-assign]  # the worker's own, as in the product
    install(stage.app, made)
    return made


@pytest.fixture
def session(rig: Rig, running: Worker) -> Any:
    """A call with an agent that is in the database, and has a target."""
    agent = make_agent(transfer_targets=TARGETS)
    session = rig.open(agent)
    settle()
    rig.advance(1)
    rig.feed.write()
    yield session
    session.post(CallHungUp())
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    running.watchers.stop()
    settle()


def agent_in_database(rig: Rig) -> None:
    """The running call's agent, as the API looks it up."""
    stored = rig.agents.create(AgentConfig.model_validate(make_agent(transfer_targets=TARGETS).model_dump()))
    (state,) = [json.loads(state) for state in rig.stores.live.calls()[1]]
    rig.stores.live.put_calls([(CALL, json.dumps({**state, "agent_id": stored.id, "agent_version": stored.version}))])


def test_running_calls_are_listed_and_found(client: FlaskClient, session: Session) -> None:
    listed = client.get("/api/live").get_json()["calls"]
    one = client.get(f"/api/live/{CALL}").get_json()

    assert listed == [one] and one["call_control_id"] == CALL and one["from_number"] == CALLER
    assert one["agent_name"] == "Ada" and one["kind"] == "phone" and one["worker"] == "worker-1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/live/v3:other"), ("get", "/api/live/v3:other/events"), ("post", "/api/live/v3:other/whisper"),
        ("post", "/api/live/v3:other/transfer"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_run_is_not_there(client: FlaskClient, session: Session, method: str, path: str) -> None:
    body = {"post": {"json": {"text": "x"} if path.endswith("whisper") else {"target": "sales"}}}.get(method, {})
    answer = getattr(client, method)(path, **body)

    assert answer.status_code == 404 and answer.get_json()["error"]["code"] == "not_live"


@pytest.mark.parametrize("call", ["a{b", "a}b", "a%00b", "x" * 256])
def test_an_id_that_no_call_can_have_is_refused(client: FlaskClient, session: Session, call: str) -> None:
    """It could not even be a key."""
    assert client.get(f"/api/live/{call}").status_code == 422
    assert client.get(f"/api/live/{call}/events").status_code == 422


def test_nothing_of_it_is_open_without_a_key(stage: Stage, session: Session) -> None:
    stranger = stage.client(key=None)
    for path in ("/api/live", "/api/live/events", f"/api/live/{CALL}", f"/api/live/{CALL}/events"):
        assert stranger.get(path).status_code == 401
    for path in (f"/api/live/{CALL}/whisper", f"/api/live/{CALL}/transfer"):
        assert stranger.post(path, json={}).status_code == 401


def test_a_call_is_streamed_as_it_happens(client: FlaskClient, session: Session, rig: Rig, running: Worker) -> None:
    """With headers that keep proxies from holding it back, outside any request of Flask, and its place is given back."""
    answer = client.get(f"/api/live/{CALL}/events")
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no" and answer.headers["Cache-Control"] == "no-store"
    pieces = answer.iter_encoded() if hasattr(answer, "iter_encoded") else iter(answer.response)
    seen = b""
    while b'"Hello."' not in seen:
        seen += next(pieces)
        assert not has_request_context() and not has_app_context()
    assert len(running.watchers) == 1 and seen.startswith(b"retry: ")
    answer.close()

    assert len(running.watchers) == 0


def test_a_stream_goes_on_after_the_last_event(client: FlaskClient, session: Session, rig: Rig) -> None:
    """As EventSource asks for it."""
    told = rig.stores.live.read(CALL, "", 100).events
    answer = client.get(f"/api/live/{CALL}/events", headers={"Last-Event-ID": told[-2].id})
    pieces = iter(answer.response)
    next(pieces)
    assert f"id: {told[-1].id}\n".encode() in next(pieces)  # type: ignore[operator]
    answer.close()


def test_one_watcher_too_many_is_refused_politely(client: FlaskClient, session: Session) -> None:
    """And told when to try again."""
    open_ones = [client.get(f"/api/live/{CALL}/events"), client.get("/api/live/events")]
    refused = client.get("/api/live/events")

    assert refused.status_code == 503 and refused.get_json()["error"]["code"] == "too_many_watchers"
    assert int(refused.headers["Retry-After"]) > 0
    for answer in open_ones:
        answer.close()


def test_a_whisper_reaches_the_model_and_the_watchers(client: FlaskClient, session: Session, rig: Rig) -> None:
    """On its owner at once."""
    answer = client.post(f"/api/live/{CALL}/whisper", json={"text": " Offer <b>ten</b> percent. "})
    settle()
    rig.feed.write()

    assert answer.status_code == 202 and answer.get_json() == {"call_control_id": CALL}
    assert "Offer <b>ten</b> percent." in session._conversation.history.entries[-1].text
    notes = [json.loads(event.data) for event in rig.stores.live.read(CALL, "", 100).events if event.name == "note"]
    assert [note["text"] for note in notes] == ["Offer <b>ten</b> percent."]
    assert [request.text for request in rig.tts.requests] == ["Hello."]


def test_a_command_reaches_an_owner_on_another_worker(
    stage: Stage, client: FlaskClient, session: Session, rig: Rig
) -> None:
    """Through its mailbox."""
    agent_in_database(rig)
    install(stage.app, Worker(rig.services, max_live_calls=10))  # one that does not own the call
    assert client.post(f"/api/live/{CALL}/whisper", json={"text": "Be brief."}).status_code == 202
    assert client.post(f"/api/live/{CALL}/transfer", json={"target": "sales"}).status_code == 202

    assert rig.stores.mailbox.take_all(CALL) == [WhisperRequested("Be brief."), TransferRequested("sales")]


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": "  "}, {"text": "a\u0000b"}, {"text": "x" * 2001}, {"text": 5}]
)
def test_a_whisper_must_say_something(client: FlaskClient, session: Session, body: dict[str, Any]) -> None:
    answer = client.post(f"/api/live/{CALL}/whisper", json=body)

    assert answer.status_code == 422 and "text" in fields_of(answer)


def test_a_transfer_goes_to_the_carrier(client: FlaskClient, session: Session, rig: Rig) -> None:
    """To one of the agent's own targets, whose number nobody gave us."""
    agent_in_database(rig)
    answer = client.post(f"/api/live/{CALL}/transfer", json={"target": "sales"})
    wait_until(lambda: rig.carrier.of("transfer"))

    assert answer.status_code == 202
    assert rig.carrier.of("transfer")[0].arguments["to_number"] == "+13125550199"


@pytest.mark.parametrize("target", ["nobody", "+13125550188", "' OR 1=1"])
def test_a_transfer_to_anybody_else_is_refused(client: FlaskClient, session: Session, rig: Rig, target: str) -> None:
    """With the targets there are."""
    agent_in_database(rig)
    answer = client.post(f"/api/live/{CALL}/transfer", json={"target": target})

    assert answer.status_code == 422 and "sales" in fields_of(answer)["target"]
    assert not rig.carrier.of("transfer")
