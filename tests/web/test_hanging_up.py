"""backend/web/hanging_up.py, over the API."""

import pytest
from flask.testing import FlaskClient

from backend.call.events import CallHungUp
from backend.errors import BackendError, CallGone, Rejected, Unavailable
from backend.records.calls import CallFinish, CallStart
from backend.store.legs import Legs
from backend.store.stores import stores_over
from tests.web.conftest import Stage

CALL = "v3:abc"
START = CallStart(CALL, "incoming", "a", 1, "+13125550100", "+13125550101", 1000.0)


def begin(stage: Stage) -> Legs:
    legs = Legs(stage.store, stage.clock)
    legs.begin_outgoing(CALL, "+13125550100", "+13125550101", "a", 1)
    return legs


def hang_up(client: FlaskClient, **request: object) -> tuple[int, str]:
    answer = client.post(f"/api/calls/{CALL}/hangup", **request)
    found = answer.get_json()
    return answer.status_code, found["error"]["code"] if "error" in found else found["call_control_id"]


@pytest.mark.parametrize("request_", [{}, {"json": {}}, {"data": b"not read"}], ids=str)
def test_a_running_call_is_ended_at_the_carrier(stage: Stage, client: FlaskClient, request_: dict[str, object]) -> None:
    """With a body or without: the address says it all."""
    begin(stage)

    assert hang_up(client, **request_) == (202, CALL)
    assert stage.carrier.hung_up == [CALL]


def test_a_call_that_only_the_record_knows_is_ended_too(stage: Stage, client: FlaskClient) -> None:
    """Redis has lost it; the line may still be up, and costs money."""
    stage.calls.start(START)

    assert hang_up(client) == (202, CALL)
    assert stage.carrier.hung_up == [CALL]


def test_an_unknown_call_is_404(stage: Stage, client: FlaskClient) -> None:
    """Nobody else's leg on the same account is touched."""
    assert hang_up(client) == (404, "not_found")
    assert stage.carrier.hung_up == []


def test_a_call_that_is_over_is_409(stage: Stage, client: FlaskClient) -> None:
    """Whether Redis, the record, or only the carrier knows that."""
    legs = begin(stage)
    stage.carrier.refusal = CallGone("ended")
    assert hang_up(client) == (409, "call_over")
    legs.apply(CALL, CallHungUp("normal_clearing", "caller"), 1001.0)
    assert hang_up(client) == (409, "call_over")
    stage.calls.finish(START, CallFinish(1060.0, "completed", "caller"))
    legs.finish(CALL)

    assert hang_up(client) == (409, "call_over")
    assert stage.carrier.hung_up == []


@pytest.mark.parametrize(
    ("refusal", "status"), [(Unavailable("away", status=503), 503), (Rejected("no", code="1", status=422), 502)]
)
def test_a_carrier_that_does_not_take_it_is_said_so(
    stage: Stage, client: FlaskClient, refusal: BackendError, status: int
) -> None:
    """The call is still up."""
    begin(stage)
    stage.carrier.refusal = refusal

    assert hang_up(client)[0] == status


def test_nobody_ends_a_call_without_the_key(stage: Stage) -> None:
    """As everywhere under /api."""
    begin(stage)

    assert stage.client(key=None).post(f"/api/calls/{CALL}/hangup").status_code == 401
    assert stage.carrier.hung_up == []


def test_a_call_over_a_socket_is_ended_by_its_owner(stage: Stage, client: FlaskClient) -> None:
    """The carrier does not know it."""
    stores = stores_over(stage.store, stage.clock)
    stores.legs.begin_socket("web-1", "a", 1)
    answer = client.post("/api/calls/web-1/hangup")

    assert answer.status_code == 202 and stage.carrier.hung_up == []
    assert stores.mailbox.take_all("web-1") == [CallHungUp("ended_by_command", "callee")]
