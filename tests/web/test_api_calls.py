"""backend/web/api_calls.py and dialling.py"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.call.agent_config import AgentConfig
from backend.call.leg import LegPhase
from backend.errors import BackendError, Rejected, StoreError, Unavailable
from backend.records.calls import CallFinish, CallStart, Latency, TimelineEvent, Turn
from backend.store.legs import Legs
from backend.store.memory import MemoryDatabase
from tests.web.conftest import Stage, fields_of

START = CallStart("v3:abc", "incoming", "a", 1, "+13125550100", "+13125550101", 1000.0)
FINISH = CallFinish(
    1060.0, "completed", "caller", turns=[Turn("caller", "<b>Grüße</b>", 1001.0)], latencies=[Latency("t1", 0.4)],
    events=[TimelineEvent(1001.0, "speech_ended", {"n": 1})],
)  # fmt: skip
TO = "+13125550177"


@pytest.fixture
def agent_id(stage: Stage) -> str:
    return stage.agents.create(AgentConfig(name="Ada", phone_numbers=["+13125550100"])).id


def dial(client: FlaskClient, agent_id: str, to_number: Any = TO, key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/calls", json={"agent_id": agent_id, "to_number": to_number, **fields}, headers=headers)


def test_a_finished_call_is_shown_whole(stage: Stage, client: FlaskClient) -> None:
    """Summary, transcript, latencies and timeline in one object."""
    stage.calls.finish(START, FINISH)
    found = client.get("/api/calls/v3:abc").get_json()

    assert found["turns"] == [
        {"speaker": "caller", "text": "<b>Grüße</b>", "at": 1001.0, "heard": "heard", "unheard_text": ""}
    ]
    assert found["latencies"][0]["first_audio_s"] is None and found["events"][0]["detail"] == {"n": 1}
    assert (found["outcome"], found["who_hung_up"], found["ended_at"]) == ("completed", "caller", 1060.0)


def test_the_list_is_filtered_and_paged(stage: Stage, client: FlaskClient) -> None:
    """`next_cursor` leads through the whole list."""
    for number in range(3):
        stage.calls.start(CallStart(f"v3:{number}", "outgoing", "b", 1, "+1", "+2", 2000.0 + number))
    stage.calls.finish(START, FINISH)
    first = client.get("/api/calls?direction=outgoing&is_running=true&started_from=1999&limit=2").get_json()
    second = client.get(f"/api/calls?direction=outgoing&limit=2&cursor={first['next_cursor']}").get_json()

    assert [call["call_control_id"] for call in first["calls"] + second["calls"]] == ["v3:2", "v3:1", "v3:0"]
    assert second["next_cursor"] == ""


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=201", "limit"), ("direction=sideways", "direction"), ("colour=red", "colour"),
        ("started_from=nan", "started_from"), ("started_before=x", "started_before"), ("is_running=maybe", "is_running"),
        ("cursor=broken", "cursor"), ("number=%00", "number"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_422_and_named(client: FlaskClient, query: str, field: str) -> None:
    """A filter that is silently ignored would show the wrong calls."""
    answer = client.get(f"/api/calls?{query}")

    assert answer.status_code == 422 and set(fields_of(answer)) == {field}


def test_a_finished_call_can_be_removed(stage: Stage, client: FlaskClient) -> None:
    """Once; then it is unknown."""
    stage.calls.finish(START, FINISH)

    assert [client.delete("/api/calls/v3:abc").status_code for _ in range(2)] == [204, 404]
    assert client.get("/api/calls/v3:abc").status_code == 404


def test_a_call_is_placed_and_its_leg_remembered(stage: Stage, client: FlaskClient, agent_id: str) -> None:
    """From the agent's own number, with its version attached, looking for an answering machine."""
    answer = dial(client, agent_id)

    assert (answer.status_code, answer.get_json()) == (201, {"call_control_id": "v3:dialled-1"})
    (asked,) = stage.carrier.dials
    assert (asked["from_number"], asked["to_number"], asked["detect_machine"]) == ("+13125550100", TO, True)
    assert asked["client_state"] == {"agent_id": agent_id, "agent_version": 1}
    assert asked["time_limit_s"] > 1500
    leg = Legs(stage.store, stage.clock).get("v3:dialled-1")
    assert leg is not None and (leg.phase, leg.direction, leg.agent_id) == (LegPhase.RINGING, "outgoing", agent_id)


def test_an_agent_that_ignores_machines_does_not_look_for_them(stage: Stage, client: FlaskClient) -> None:
    """Detection costs time and money."""
    agent = stage.agents.create(AgentConfig(name="Bea", answering_machine="ignore"))
    dial(client, agent.id, from_number="+13125550155")

    assert (stage.carrier.dials[0]["detect_machine"], stage.carrier.dials[0]["from_number"]) == (False, "+13125550155")


@pytest.mark.parametrize(
    "number", ["", "112", "013125550100", "+1312555", "+999123456789", "+19005550100", "+1312555010x"]
)
@pytest.mark.parametrize("field", ["to_number", "from_number"])
def test_a_wrong_number_is_422_and_named_and_nothing_is_dialled(
    stage: Stage, client: FlaskClient, agent_id: str, field: str, number: str
) -> None:
    """Not international, impossible in its country, or premium rate."""
    if (field, number) == ("from_number", ""):
        number = " "
    answer = dial(client, agent_id, **{"to_number": TO, field: number})

    assert answer.status_code == 422 and set(fields_of(answer)) == {field}
    assert stage.carrier.dials == []


def test_an_agent_without_a_number_needs_one_to_be_given(stage: Stage, client: FlaskClient) -> None:
    """Nobody is called from nowhere."""
    answer = dial(client, stage.agents.create(AgentConfig(name="Bea")).id)

    assert answer.status_code == 422 and "from_number" in fields_of(answer)


@pytest.mark.parametrize("body", [{}, {"agent_id": "", "to_number": TO}, {"agent_id": "a", "to_number": 1}])
def test_a_wrong_body_is_422(client: FlaskClient, body: dict[str, Any]) -> None:
    """And so is an unknown field."""
    assert client.post("/api/calls", json=body).status_code == 422
    assert client.post("/api/calls", json={"agent_id": "a", "to_number": TO, "x": 1}).status_code == 422


def test_an_unknown_agent_is_404(client: FlaskClient) -> None:
    """Before anything is dialled."""
    assert dial(client, "nobody").status_code == 404


def test_too_many_calls_are_429_with_the_time_to_wait(stage: Stage, client: FlaskClient, agent_id: str) -> None:
    """Per number first, then in all; after the time it works again."""
    statuses = [dial(client, agent_id).status_code for _ in range(3)]
    assert statuses == [201, 201, 429]
    statuses = [dial(client, agent_id, f"+131255501{number}").status_code for number in (80, 81, 82)]
    assert statuses == [201, 201, 429]

    answer = dial(client, agent_id)
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    stage.clock.now += int(answer.headers["Retry-After"]) + 1
    assert dial(client, agent_id).status_code == 201


def test_the_same_idempotency_key_is_the_same_command(stage: Stage, client: FlaskClient, agent_id: str) -> None:
    """It counts once against the limit; without a key, or for another number, it is another call."""
    statuses = [dial(client, agent_id, key="once").status_code for _ in range(3)]
    dial(client, agent_id, "+13125550178", key="once")
    dial(client, agent_id)
    ids = [asked["command_id"] for asked in stage.carrier.dials]

    assert statuses == [201] * 3
    assert len(set(ids[:3])) == 1 and len(set(ids)) == 3


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Rejected("no", code="10015", status=422), 502, "carrier_refused"),
        (Unavailable("late", status=503), 503, "carrier_unavailable"),
    ],
)
def test_a_carrier_that_does_not_take_the_call_is_said_so(
    stage: Stage, client: FlaskClient, agent_id: str, refusal: BackendError, status: int, code: str
) -> None:
    """Refused: 502 with its code. Away: 503 and a time to come back."""
    stage.carrier.refusal = refusal
    answer = dial(client, agent_id)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)


class BrokenStore(MemoryDatabase):
    """Answers the limit and then goes away, or is away from the beginning."""

    still_answers = 0

    def run(self, script: str, *arguments: Any, **more: Any) -> Any:
        if self.still_answers <= 0:
            raise StoreError("Redis does not answer")
        self.still_answers -= 1
        return super().run(script, *arguments, **more)

    def get(self, key: str) -> bytes | None:
        if self.still_answers <= 0:
            raise StoreError("Redis does not answer")
        return super().get(key)


@pytest.mark.parametrize(("answers", "dialled"), [(0, 0), (1, 1)])
def test_a_leg_that_cannot_be_remembered_is_hung_up(
    stage: Stage, client: FlaskClient, agent_id: str, answers: int, dialled: int
) -> None:
    """Without the store no call is placed; if it goes away in between, the call is ended again."""
    stage.store.__class__ = BrokenStore
    stage.store.still_answers = answers  # type: ignore[attr-defined]
    answer = dial(client, agent_id)

    assert answer.status_code == 503
    assert len(stage.carrier.dials) == dialled and stage.carrier.hung_up == ["v3:dialled-1"] * dialled
