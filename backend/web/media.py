"""The media socket of a call: only the carrier's own, with this call's one-time token, checked before anything else.

Whoever holds it is the call's owner: the session is made here and lives in this worker. The view's greenlet only pumps
messages; when it returns, the stream is over (the leg need not be).
"""

import structlog
from flask import Blueprint, request
from websockets.datastructures import Headers
from werkzeug import Response

from backend.call.leg import LegPhase
from backend.carrier import call_id
from backend.carrier.base import CarrierInbound
from backend.errors import BackendError, StoreError
from backend.session.session import Session
from backend.transports.wire_socket import OVERLOADED, POLICY, UpgradeRefused, WireSocket, raw_response
from backend.web.worker import Worker, worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def media_blueprint(inbound: CarrierInbound) -> Blueprint:
    """`GET /media/<call>`, a WebSocket."""
    blueprint = Blueprint("media", __name__)

    @blueprint.route("/media/<call>", websocket=True)
    def media(call: str) -> Response:
        running = worker()
        call_control_id = call_id.decode(call)

        def check(headers: Headers) -> None:
            _check(running, call_control_id, inbound.stream_token(headers))

        socket = WireSocket.accept(request.environ, check=check, extra_headers={"X-Worker": running.worker_id})
        assert call_control_id is not None  # `_check` refuses the rest
        with structlog.contextvars.bound_contextvars(call_control_id=call_control_id):
            stream = inbound.open_stream(socket, running.services.clock, call_control_id)
            session = _open_session(running, socket, call_control_id, stream)
            if session is not None:
                stream.pump(session)
        return raw_response()

    return blueprint


def _check(running: Worker, call_control_id: str | None, token: str) -> None:
    if running.is_draining:
        raise UpgradeRefused(503, "this worker is stopping")
    try:
        is_right = (
            call_control_id is not None
            and bool(token)
            and running.services.stores.stream_tokens.redeem(call_control_id, token)
        )
    except ValueError:
        is_right = False  # a forged path: its call could not even be a key
    except StoreError as error:
        log.warning("media_token_not_checked", error=str(error))
        raise UpgradeRefused(503, "cannot check the token now") from error
    if not is_right:
        log.warning("media_socket_refused")
        raise UpgradeRefused(403, "not the stream of this call")


def _open_session(running: Worker, socket: WireSocket, call_control_id: str, stream: object) -> Session | None:
    services = running.services
    try:
        leg = services.stores.legs.get(call_control_id)
        if leg is None or leg.phase == LegPhase.ENDED:
            socket.close(POLICY, "this call is over")
            return None
        if len(running.registry) >= services.max_calls or running.registry.get(call_control_id) is not None:
            socket.close(OVERLOADED, "no place for this call here")
            return None
        if not services.stores.owners.claim(call_control_id, services.worker_id, take_over=True):
            socket.close(POLICY, "this call is over")
            return None
        agent = services.agents.get_version(leg.agent_id, leg.agent_version)
    except BackendError as error:
        log.error("session_not_opened", error=str(error))
        socket.close(OVERLOADED, "cannot take this call now")
        return None
    session = Session(services, call_control_id, leg, agent.config, stream, running.session_over)  # type: ignore[arg-type]
    running.registry.add(session)
    log.info("owner", worker=services.worker_id)
    running.registry.wake(call_control_id)  # what other workers learned before there was an owner
    return session
