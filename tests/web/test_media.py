"""backend/web/media.py: who gets a call's socket, and when a session is made. The socket itself, the token that is used
twice, and the other call's token are in tests/live/test_media_socket.py: they need gunicorn's own connection."""

from collections.abc import Iterator

import pytest

from backend.call.events import CallHungUp
from backend.session.session import Session
from backend.transports.wire_socket import OVERLOADED, POLICY, UpgradeRefused
from backend.web.media import _check, _open_session
from backend.web.worker import Worker
from tests.fakes.fake_stream import FakeStream
from tests.session.rig import CALL, Rig, make_agent, settle, wait_until


class Socket:
    """What is left of a socket when nothing is sent over it: how it was closed."""

    def __init__(self) -> None:
        self.closed: list[int] = []

    def close(self, code: int, reason: str = "") -> None:
        self.closed.append(code)


@pytest.fixture
def running(rig: Rig) -> Iterator[Worker]:
    made = Worker(rig.services, max_live_calls=10)
    yield made
    rig.database.is_away = False
    made.registry.post_all(CallHungUp())
    wait_until(lambda: len(made.registry) == 0)
    settle(40)


def open_session(rig: Rig, running: Worker) -> tuple[Session | None, list[int]]:
    socket = Socket()
    session = _open_session(running, socket, CALL, FakeStream(rig.clock))  # type: ignore[arg-type]  # only closed here
    return session, socket.closed


def ring(rig: Rig) -> None:
    rig.ring(agent_id=rig.agents.create(make_agent()).id)


def refusal(running: Worker, call: str | None, token: str) -> int | None:
    try:
        _check(running, call, token)
    except UpgradeRefused as refused:
        return refused.code
    return None


def test_the_token_of_the_call_opens_its_socket_once(rig: Rig, running: Worker) -> None:
    """The second one who shows it is refused; so is any other token, which does not use up the right one."""
    rig.ring()
    rig.ring("v3:other")
    token = rig.stores.stream_tokens.issue(CALL, 0.0)
    other = rig.stores.stream_tokens.issue("v3:other", 0.0)
    answers = [refusal(running, CALL, shown) for shown in ("", "x", other, token, token)]

    assert answers == [403, 403, 403, None, 403]


@pytest.mark.parametrize("call", [None, "", "v3:unknown", "v3:{brace}"])
def test_a_path_that_names_no_call_of_ours_is_refused(rig: Rig, running: Worker, call: str | None) -> None:
    """As if the token were wrong: nobody learns which calls there are."""
    assert refusal(running, call, "token") == 403


def test_a_token_expires(rig: Rig, running: Worker) -> None:
    """The carrier opens the stream within seconds."""
    rig.ring()
    token = rig.stores.stream_tokens.issue(CALL, 0.0)
    rig.clock.advance(121)

    assert refusal(running, CALL, token) == 403


def test_a_worker_that_stops_sends_the_carrier_away_without_using_up_the_token(rig: Rig, running: Worker) -> None:
    """Another attempt reaches another worker."""
    rig.ring()
    token = rig.stores.stream_tokens.issue(CALL, 0.0)
    running.is_draining = True
    assert refusal(running, CALL, token) == 503
    running.is_draining = False

    assert refusal(running, CALL, token) is None


def test_without_redis_nobody_is_let_in(rig: Rig, running: Worker) -> None:
    """But told to come back, not that the token is wrong."""
    rig.database.is_away = True

    assert refusal(running, CALL, "token") == 503


def test_who_holds_the_socket_owns_the_call(rig: Rig, running: Worker) -> None:
    """The lease is taken, from a worker that died too; the session is found by the call."""
    ring(rig)
    rig.stores.owners.claim(CALL, "worker-that-died")
    session, closed = open_session(rig, running)

    assert session is not None and running.registry.get(CALL) is session and closed == []
    assert rig.stores.owners.owner(CALL) == "worker-1"


def test_what_other_workers_learned_before_there_was_an_owner_is_fetched(rig: Rig, running: Worker) -> None:
    """Here the hang-up: the call is over as soon as it has begun."""
    ring(rig)
    rig.stores.mailbox.post(CALL, CallHungUp("normal_clearing", "caller"), "f1")
    session, _ = open_session(rig, running)
    wait_until(lambda: len(running.registry) == 0)

    assert session is not None
    wait_until(lambda: rig.stores.legs.get(CALL) is None)


@pytest.mark.parametrize("why", ["unknown", "ended", "finished"])
def test_a_call_that_is_over_gets_no_session(rig: Rig, running: Worker, why: str) -> None:
    """The socket is closed, nothing is made."""
    if why != "unknown":
        ring(rig)
    if why == "ended":
        rig.stores.legs.apply(CALL, CallHungUp(), 0.0)
    if why == "finished":
        rig.stores.legs.finish(CALL)

    assert open_session(rig, running) == (None, [POLICY]) and len(running.registry) == 0


def test_a_second_stream_of_a_call_that_is_here_is_refused(rig: Rig, running: Worker) -> None:
    """The first session is not disturbed."""
    ring(rig)
    first, _ = open_session(rig, running)

    assert open_session(rig, running) == (None, [OVERLOADED]) and running.registry.get(CALL) is first


@pytest.mark.parametrize("why", ["no agent", "redis away"])
def test_a_session_that_cannot_be_made_closes_the_socket(rig: Rig, running: Worker, why: str) -> None:
    """The leg is left to another stream, or to the sweeper."""
    rig.ring(agent_id="nobody")
    rig.database.is_away = why == "redis away"

    assert open_session(rig, running) == (None, [OVERLOADED]) and len(running.registry) == 0
