"""Talking to an agent without a telephone: `WS /api/talk/<agent_id>`, for browsers and programs.

Parses the request, opens the call (`session/socket_call.py`), pumps messages (`transports/client_socket.py`); decides
nothing. Who may connect is decided where it is for all of /api, before this view is reached. Everybody else gets an
answer on the WebSocket itself: a browser's script cannot read that of a refused upgrade.
"""

import structlog
from flask import Blueprint, request
from werkzeug import Response

from backend.session.captioner import Captioner
from backend.session.socket_call import CallRefused, SocketCall
from backend.transports.client_protocol import ErrorCode, SessionStart
from backend.transports.client_socket import ClientStream
from backend.transports.watched_socket import WatchedSocket
from backend.transports.wire_socket import raw_response
from backend.web.worker import Worker, worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def talk_blueprint() -> Blueprint:
    """`GET /api/talk/<agent_id>`, a WebSocket."""
    blueprint = Blueprint("talk", __name__)

    @blueprint.route("/api/talk/<agent_id>", websocket=True)
    def talk(agent_id: str) -> Response:
        running = worker()
        socket = WatchedSocket.accept(request.environ, extra_headers={"X-Worker": running.worker_id})
        assert isinstance(socket, WatchedSocket)
        stream = ClientStream(socket, running.services.clock, running.ticker)
        try:
            call = _open(running, agent_id, stream)
        except CallRefused as refusal:
            log.info("talk_refused", code=refusal.code)
            stream.refuse(ErrorCode(refusal.code), str(refusal))
            socket.run(lambda message, is_text: None)  # until the client has seen it and gone
            return raw_response()
        call_control_id = call.session.call_control_id
        with structlog.contextvars.bound_contextvars(call_control_id=call_control_id):
            stream.begin(SessionStart(call_control_id, call.agent_name, call.hears_audio))
            try:
                with running.presence.attending(call_control_id):
                    stream.pump(call.session)
            finally:
                running.socket_calls.over(call_control_id, call.session, stream.gone)
        return raw_response()

    return blueprint


def _open(running: Worker, agent_id: str, stream: ClientStream) -> SocketCall:
    if running.is_draining:
        raise CallRefused("stopping", "this server is being restarted, try again")

    def ended(outcome: str) -> None:
        stream.end_reason = outcome

    watcher = Captioner(stream.caption, ended)
    return running.socket_calls.open("browser", agent_id, stream, lambda: stream.has_sent_audio, watcher)
