"""`WS /api/live/<call>/listen`: both sides of a running call, on any worker (`session/listen_in.py` says what is sent).

Tells the call's owner every `SAY_EVERY_S` that somebody listens, and passes on what it publishes. Decides who is let in:
`MOST_LISTENERS` per worker, since each holds a connection to Redis. A listener who does not read is closed by the socket
(1013); what it says is read and thrown away. Roles are decided where they are for all of /api.
"""

import gevent
import structlog
from flask import Blueprint, request
from gevent import Greenlet
from websockets.datastructures import Headers
from werkzeug import Response

from backend.call.events import ListenerPresent
from backend.errors import StoreError
from backend.session.listen_in import ENDED_MESSAGE
from backend.store import keys
from backend.store.database import Subscription
from backend.transports.wire_socket import GOING_AWAY, OVERLOADED, RESTARTING, UpgradeRefused, WireSocket, raw_response
from backend.web.worker import Worker, worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SAY_EVERY_S = 4.0
MOST_LISTENERS = 8
"""Of one worker; the pool has 32 connections, which the calls need."""
LEAVE_BEHIND_BYTES = 1 << 16
"""What may lie unsent for a listener: about four seconds. One further behind hears the past; it is closed."""


def listen_blueprint() -> Blueprint:
    """`GET /api/live/<call_control_id>/listen`, a WebSocket."""
    blueprint = Blueprint("listen", __name__)

    @blueprint.route("/api/live/<string:call_control_id>/listen", websocket=True)
    def listen(call_control_id: str) -> Response:
        running = worker()

        def check(headers: Headers) -> None:
            _check(running, call_control_id)

        socket = WireSocket.accept(request.environ, check=check, extra_headers={"X-Worker": running.worker_id})
        running.listeners += 1
        passing_on = gevent.spawn(_pass_on, running, call_control_id, socket)
        try:
            socket.run(lambda message, is_text: None)
        finally:
            running.listeners -= 1
            passing_on.kill(block=False)
        return raw_response()

    return blueprint


def _check(running: Worker, call_control_id: str) -> None:
    if running.is_draining or running.listeners >= MOST_LISTENERS:
        raise UpgradeRefused(503, "no place for another listener here")
    try:
        is_running = running.services.stores.owners.owner(call_control_id) is not None
    except ValueError:
        is_running = False  # it could not even be a key
    except StoreError as error:
        raise UpgradeRefused(503, "cannot look for the call now") from error
    if not is_running:
        raise UpgradeRefused(404, "no such call is running")


def _pass_on(running: Worker, call_control_id: str, socket: WireSocket) -> None:
    """Until the socket or the call ends."""
    stores = running.services.stores
    saying: Greenlet | None = None
    try:
        subscription = stores.database.subscribe(keys.live_audio(call_control_id))
    except StoreError as error:
        log.warning("listener_refused", error=str(error))
        socket.close(OVERLOADED, "cannot listen now")
        return
    try:
        saying = gevent.spawn(_say_that_we_listen, running, call_control_id, socket)
        _pump(running, subscription, socket)
    except StoreError as error:
        log.warning("listener_lost", error=str(error))
        socket.close(OVERLOADED, "cannot listen now")
    finally:
        if saying is not None:
            saying.kill(block=False)
        subscription.close()


def _pump(running: Worker, subscription: Subscription, socket: WireSocket) -> None:
    while not socket.is_closed:
        if running.is_draining:
            socket.close(RESTARTING, "restarting")
            return
        heard = subscription.next(1.0)
        if heard is None or heard[0] != "message":
            continue
        if socket.outbox_bytes > LEAVE_BEHIND_BYTES:
            socket.close(OVERLOADED, "too slow")
            return
        socket.send(heard[1], is_text=True)
        if heard[1] == ENDED_MESSAGE:
            socket.close(1000, "the call is over")
            return


def _say_that_we_listen(running: Worker, call_control_id: str, socket: WireSocket) -> None:
    while not socket.is_closed:
        session = running.registry.get(call_control_id)
        try:
            if session is not None:
                session.listen_in.somebody_listens()
            elif not running.services.stores.mailbox.post(call_control_id, ListenerPresent()):
                socket.close(GOING_AWAY, "the call is over")
                return
        except StoreError as error:
            log.warning("listener_not_told", error=str(error))
        gevent.sleep(SAY_EVERY_S)
