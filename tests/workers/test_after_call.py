"""backend/workers/after_call.py: real database, a real HTTP receiver and the scripted model's real server, on loopback."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.engines.llm_openai import OpenAiLlm
from backend.records.after_call import AfterCall, AfterCalls
from backend.records.agents import Agents
from backend.records.calls import CallFinish, Calls, CallStart, Turn
from backend.records.database import Database
from backend.records.errors import RecordsUnavailable
from backend.records.migrate import migrate
from backend.rehearsal.model_server import Script
from backend.rehearsal.scenario import ModelRule
from backend.workers.after_call import (
    LEASE_S,
    LONGEST_PAUSE_S,
    SUMMARY_PAUSES_S,
    TRY_FOR_S,
    AfterCallWorker,
    webhook_pause_s,
)
from backend.workers.safe_post import safe_post
from backend.workers.webhook import WebhookSecrets
from tests.fakes.fake_clock import FakeClock
from tests.rehearsal.test_model_server import ServerThread

CALL = "v3:abc"
SECRETS = WebhookSecrets("the installation's key")
FIELDS = [{"name": "reason"}, {"name": "people", "type": "number"}]
ANSWER = {"text": "They booked a table.", "fields": {"reason": "a table", "people": 4}}


class Receiver:
    """Keeps what it gets, and answers with `statuses` in turn, then with 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.arrived = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.end_headers()
                outer.arrived.set()

            def log_message(self, *arguments: Any) -> None:
                pass  # nobody reads it

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/calls"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Place:
    """Everything of one test."""

    database: Database
    receiver: Receiver
    model: ServerThread
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.calls, self.outbox = Calls(self.database), AfterCalls(self.database)
        self.agents = Agents(self.database, self.clock)
        self.llm = OpenAiLlm(api_key="none", base_url=f"{self.model.url}/v1", model="scripted")
        post = partial(safe_post, allow_private=True)
        self.worker = AfterCallWorker(self.clock, self.calls, self.agents, self.outbox, self.llm, post, SECRETS)
        self.agent_id = ""

    def model_says(self, *rules: dict[str, Any]) -> None:
        self.model.model.store(Script(id="summary", rules=[ModelRule.model_validate(rule) for rule in rules]))

    def finish(self, *, summary: bool = False, url: str | None = None, call: str = CALL) -> None:
        """A call of such an agent ends now."""
        wanted = {
            "summary": summary,
            "summary_instructions": "[script: summary]",
            "summary_fields": FIELDS if summary else [],
            "webhook_url": self.receiver.url if url is None else url,
        }
        agent = self.agents.create(AgentConfig.model_validate({"name": "Ada", "settings": {"after_call": wanted}}))
        self.agent_id = agent.id
        now = self.clock.wall()
        start = CallStart(call, "incoming", agent.id, 1, "+13125550100", "+13125550101", now - 60)
        turns = [Turn("agent", "Hello", now - 58), Turn("caller", "A table for four", now - 50)]
        self.calls.finish(start, CallFinish(now, "completed", "caller", turns=turns))

    def after(self) -> AfterCall:
        found = self.outbox.get(CALL)
        assert found is not None
        return found

    def until_nothing_is_left(self) -> list[float]:
        """Jumps from one try to the next. Returns after how many seconds each was made."""
        began, tried = self.clock.wall(), []
        while (next_at := self.after().next_at) is not None:
            self.clock.advance(max(0.0, next_at - self.clock.wall()))
            tried.append(self.clock.wall() - began)
            assert self.worker.run_due() == 1
        return tried


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    url = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    migrate(url)
    database, receiver = Database(url), Receiver()
    with ServerThread() as model:
        found = Place(database, receiver, model)
        yield found
        found.worker.stop()
        found.llm._client.close()
    receiver.close()
    database.close()


def test_a_finished_call_is_summarised_and_sent(place: Place) -> None:
    """The whole way: model, check, record, signature, receiver."""
    place.model_says({"when": "table for four", "say": json.dumps(ANSWER)})
    place.finish(summary=True)

    assert place.worker.run_due() == 1

    (headers, body), after = place.receiver.got[0], place.after()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRETS.of(place.agent_id).removeprefix("whsec_"))
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    data = json.loads(body)["data"]
    assert (data["call_control_id"], data["agent_name"], data["summary"]) == (CALL, "Ada", ANSWER)
    assert (after.summary_state, after.summary, after.webhook_state, after.next_at) == (
        "done",
        ANSWER,
        "delivered",
        None,
    )
    assert place.worker.run_due() == 0 and len(place.receiver.got) == 1


def test_the_model_is_held_to_the_fields_of_the_author(place: Place) -> None:
    """The schema goes with the request, for servers that know schemas."""
    asked: list[Any] = []
    parameters = place.llm._parameters

    def noted(request: Any) -> dict[str, Any]:
        asked.append((request.answer_schema, parameters(request)["response_format"]))
        return parameters(request)

    place.llm._parameters = noted  # type: ignore[method-assign]  # notes what is sent, and sends it
    place.model_says({"when": "any", "say": json.dumps(ANSWER)})
    place.finish(summary=True, url="")
    place.worker.run_due()

    schema, response_format = asked[0]
    assert list(schema["properties"]["fields"]["properties"]) == ["reason", "people"]
    assert response_format["json_schema"]["schema"] == schema


def test_a_summary_that_fails_is_tried_again_and_the_webhook_waits_for_it(place: Place) -> None:
    """A short trouble of the model does not cost the summary."""
    place.model_says(
        {"when": "any", "status": 503, "times": 1},
        {"when": "any", "say": "All right.", "times": 1},
        {"when": "any", "say": json.dumps(ANSWER)},
    )
    place.finish(summary=True)

    tried = place.until_nothing_is_left()

    assert tried == pytest.approx([0, SUMMARY_PAUSES_S[0], sum(SUMMARY_PAUSES_S[:2])])
    assert [json.loads(body)["data"]["summary"] for _, body in place.receiver.got] == [ANSWER]
    assert place.after().summary_attempts == 3


def test_a_summary_that_never_comes_does_not_keep_the_webhook(place: Place) -> None:
    """A quarter of an hour; the record says why, and that it was given up."""
    place.model_says({"when": "any", "say": "I am no JSON."})
    place.finish(summary=True)

    tried = place.until_nothing_is_left()

    data = json.loads(place.receiver.got[0][1])["data"]
    assert tried[-1] == pytest.approx(sum(SUMMARY_PAUSES_S)) and tried[-1] < 1000
    assert (data["summary"], data["summary_state"]) == (None, "failed")
    assert (place.after().summary_error, place.after().webhook_state) == ("the answer is no JSON object", "delivered")


def test_a_receiver_that_is_down_for_a_day_gets_it_in_the_end(place: Place) -> None:
    """Each try has the same id and the same body, and a signature of its own time."""
    place.finish()
    down = 0
    while sum(webhook_pause_s(number) for number in range(1, down + 1)) < 86_400:
        down += 1
    place.receiver.statuses = [500] * down

    tried = place.until_nothing_is_left()

    assert tried[-1] >= 86_400 and len(place.receiver.got) == down + 1
    assert len({headers["webhook-id"] for headers, _ in place.receiver.got}) == 1
    assert len({body for _, body in place.receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in place.receiver.got}) == down + 1
    assert (place.after().webhook_state, place.after().webhook_status) == ("delivered", 204)


def test_it_is_given_up_after_three_days_and_can_be_tried_again(place: Place) -> None:
    """Nothing is lost: the record says so, and a person can have it sent."""
    place.finish()
    place.receiver.statuses = [410] * 1000

    tried = place.until_nothing_is_left()

    assert TRY_FOR_S - LONGEST_PAUSE_S <= tried[-1] <= TRY_FOR_S
    assert (place.after().webhook_state, place.after().webhook_error) == ("given_up", "answered 410")
    place.receiver.statuses = []
    place.outbox.try_again(CALL, place.clock.wall())
    assert place.worker.run_due() == 1 and place.after().webhook_state == "delivered"


def test_a_wrong_address_can_be_put_right_while_calls_wait(place: Place) -> None:
    """The agent's present address counts; an agent that was deleted still owes its calls."""
    place.finish(url="http://127.0.0.1:1/nobody")
    place.worker.run_due()
    assert place.after().webhook_error == "refused the connection"
    agent = place.agents.get(place.agent_id)
    settings = {"after_call": {"webhook_url": place.receiver.url}}
    place.agents.update(agent.id, AgentConfig.model_validate({"name": "Ada", "settings": settings}), 1)

    place.until_nothing_is_left()

    assert len(place.receiver.got) == 1


def test_a_worker_that_died_leaves_its_calls_to_the_next(place: Place) -> None:
    """What it had taken is due again when its lease is over."""
    place.finish()
    place.outbox.take_due(place.clock.wall(), LEASE_S, 9)
    assert place.worker.run_due() == 0
    place.clock.advance(LEASE_S)

    assert place.worker.run_due() == 1 and len(place.receiver.got) == 1


def test_one_call_that_breaks_the_worker_does_not_stop_the_others(place: Place) -> None:
    """A bug costs one call a try."""
    place.finish()
    place.finish(call="v3:other")
    post = place.worker._post
    broken = [True]

    def fails_once(*arguments: Any) -> int:
        if broken.pop() if broken else False:
            raise KeyError("a bug")
        return post(*arguments)

    place.worker._post = fails_once
    assert place.worker.run_due() == 2
    assert len(place.receiver.got) == 1
    place.clock.advance(LEASE_S)
    place.worker.run_due()
    assert len(place.receiver.got) == 2


def test_in_the_background_it_goes_on_when_the_database_was_away(place: Place) -> None:
    """And ends when told to."""
    place.finish()
    take, asked = place.outbox.take_due, threading.Event()

    def away_once(*arguments: Any) -> list[AfterCall]:
        if not asked.is_set():
            asked.set()
            raise RecordsUnavailable("locked")
        return take(*arguments)

    place.outbox.take_due = away_once  # type: ignore[method-assign]  # the database is away once
    place.worker.start()
    assert place.receiver.arrived.wait(60)
    place.worker.stop()

    assert asked.is_set() and place.after().webhook_state == "delivered"
