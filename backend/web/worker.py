"""What one web worker runs, found again in every request: its services, its calls, its clockwork.

Made after the fork (`start`), because connections, channels and greenlets must not be shared between processes. Decides
one thing: how the worker stops. No new calls from the signal on; running ones may finish until `drain_s` have passed;
what is left then apologises and hangs up.
"""

import secrets
import socket
from collections.abc import Callable
from typing import cast

import gevent
import structlog
from flask import Flask, current_app

from backend.call.events import DrainRequested
from backend.errors import BackendError
from backend.live.presence import Presence
from backend.live.reaper import Reaper
from backend.live.watchers import Watchers
from backend.session.call_setup import CallSetup
from backend.session.record import STORING
from backend.session.registry import Registry
from backend.session.services import CallServices
from backend.session.session import Session
from backend.session.socket_call import SocketCalls
from backend.session.webhook_router import WebhookRouter
from backend.store.listener import Listener
from backend.transports.ticker import Ticker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EXTENSION = "offhook_worker"
GOODBYE_S = 8.0
"""How long before the end of draining the remaining calls are told to end."""
RECORDS_S = 4.0
"""How long a worker without calls still waits for their records to be stored."""


def new_worker_id(pid: int) -> str:
    """Names a worker process over all hosts and restarts."""
    return f"{socket.gethostname()}-{pid}-{secrets.token_hex(3)}"


class Worker:
    """One per process."""

    def __init__(
        self,
        services: CallServices,
        *,
        max_live_calls: int,
        max_connections: int = 100,
        max_watchers: int = 500,
        session_idle_ttl_s: float = 90.0,
    ) -> None:
        self.services = services
        self.worker_id = services.worker_id
        self.registry = Registry(services)
        self.setup = CallSetup(services, max_live_calls)
        self.router = WebhookRouter(services, self.registry, self.setup)
        self.socket_calls = SocketCalls(
            services, self.registry, self.setup, self.session_over,
            max_connections=max_connections, max_live=max_live_calls,
        )  # fmt: skip
        self.watchers = Watchers(services.stores.database, services.stores.live, services.clock, most=max_watchers)
        self.presence = Presence(services.stores.live, services.clock, self.watchers.watched)
        self.watchers.on_left = self.presence.left
        self.reaper = Reaper(services.stores, services.clock, session_idle_ttl_s, self.presence.is_sure)
        self.listeners = 0
        """Who listens to a call over this worker."""
        self.is_draining = False
        self.ticker = Ticker(services.clock)
        self._listener = Listener(
            services.stores.database, services.worker_id, self.registry.wake, self.registry.look_at_all
        )

    def start(self) -> None:
        """Begin to listen and to tick."""
        self.ticker.start()
        self.ticker.add(lambda now: self.registry.voice_step())
        self._listener.start()
        self.registry.start()
        self.presence.start()
        self.reaper.start()
        if self.services.feed is not None:
            self.services.feed.start()

    def session_over(self, session: Session) -> None:
        """A session has released everything: let go of its call."""
        self.registry.remove(session)
        gevent.spawn(self._release_owner, session.call_control_id)

    def drain(self, drain_s: float) -> None:
        """Take nothing new; return when no call is left, after at most `drain_s` seconds."""
        self.is_draining = True
        log.info("draining", calls=len(self.registry), watchers=len(self.watchers))
        self.watchers.stop()  # they come back on another worker, or when this one is there again
        self._wait_until_empty(max(0.0, drain_s - GOODBYE_S))
        self.registry.post_all(DrainRequested(within_s=GOODBYE_S))
        self._wait_until_empty(min(drain_s, GOODBYE_S))
        STORING.join(timeout=RECORDS_S)
        if self.services.feed is not None:
            self.services.feed.write()

    def stop(self) -> None:
        self.registry.stop()
        self.ticker.stop()
        self._listener.stop(timeout_s=0.1)
        self.watchers.stop()
        self.presence.stop()
        self.reaper.stop()
        if self.services.feed is not None:
            self.services.feed.stop()

    def _wait_until_empty(self, at_most_s: float) -> None:
        with gevent.Timeout(at_most_s, False):
            while len(self.registry):
                gevent.sleep(0.05)

    def _release_owner(self, call_control_id: str) -> None:
        try:
            self.services.stores.owners.release(call_control_id, self.worker_id)
        except BackendError as error:
            log.warning("owner_not_released", call_control_id=call_control_id, error=str(error))


def install(app: Flask, worker_of_app: Worker) -> None:
    app.extensions[EXTENSION] = worker_of_app


def worker() -> Worker:
    """The worker that handles the present request."""
    return cast(Worker, current_app.extensions[EXTENSION])


Readiness = Callable[[], None]
