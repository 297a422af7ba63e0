"""A call whose leg is a socket to us: opened, found by other workers, ended from elsewhere.

The session is the very one of a telephone call; what differs is its carrier (`socket_leg.py`). Decides who is let in: as
many callers as the installation allows, agents that exist, while this worker takes calls. The call is listed, recorded and
swept like any other. Runs in the view's greenlet; StoreErrors and the like become refusals.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp
from backend.call.leg import ID_PREFIXES, CallKind, LegState, kind_of
from backend.carrier.base import MediaStream
from backend.errors import BackendError, StoreError
from backend.records.errors import UnknownRecord
from backend.session.call_setup import CallSetup
from backend.session.registry import Registry
from backend.session.services import CallServices
from backend.session.session import Session, SessionWatcher
from backend.session.socket_leg import SocketLeg, agent_on_socket, own_recogniser
from backend.store.stores import Stores

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RefusalCode = Literal["no_such_agent", "too_many_connections", "no_capacity", "stopping", "unavailable"]
BY_COMMAND = CallHungUp("ended_by_command", "callee")


class CallRefused(Exception):
    """Nobody is let in now. The text is for the client."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: RefusalCode = code


@dataclass(frozen=True, slots=True)
class SocketCall:
    """A call that has begun."""

    session: Session
    agent_name: str
    hears_audio: bool
    """There is a recogniser for what the caller says; without one only typed words reach the agent."""


class SocketCalls:
    """One per worker. `max_connections` bounds those of the whole installation, `max_live` its calls of any kind."""

    def __init__(
        self,
        services: CallServices,
        registry: Registry,
        setup: CallSetup,
        on_over: Callable[[Session], None],
        *,
        max_connections: int,
        max_live: int,
    ) -> None:
        self._services = services
        self._registry = registry
        self._setup = setup
        self._on_over = on_over
        self._max_connections = max_connections
        self._max_live = max_live

    def open(
        self,
        kind: CallKind,
        agent_id: str,
        stream: MediaStream,
        has_voice: Callable[[], bool],
        watcher: SessionWatcher | None = None,
    ) -> SocketCall:
        """A session for a socket that has just been opened. Raises CallRefused."""
        services = self._services
        try:
            agent = services.agents.get(agent_id)
            if len(self._registry) >= services.max_calls:
                raise CallRefused("no_capacity", "all lines are busy, try again later")
            call_control_id = ID_PREFIXES[kind] + secrets.token_hex(12)
            leg = services.stores.legs.begin_socket(call_control_id, agent.id, agent.version)
            try:
                self._check_room(kind)
                services.stores.owners.claim(call_control_id, services.worker_id)
            except (CallRefused, StoreError):
                services.stores.legs.finish(call_control_id)
                raise
        except UnknownRecord:
            raise CallRefused("no_such_agent", "there is no such agent") from None
        except BackendError as error:
            log.error("socket_call_not_opened", error=str(error))
            raise CallRefused("unavailable", "not available now, try again later") from error
        return self._begin(call_control_id, leg, agent.config, stream, has_voice, watcher)

    def over(self, call_control_id: str, session: Session, event: CallHungUp) -> None:
        """The socket has ended: `event` says how. Also when the call had ended before."""
        session.post(event)
        try:
            self._services.stores.legs.apply(call_control_id, event, self._services.clock.wall())
        except StoreError as error:
            log.warning("leg_left_to_the_sweeper", call_control_id=call_control_id, error=str(error))

    def _check_room(self, kind: CallKind) -> None:
        """With ourselves on the list already: of many who come at once, none is let in too many."""
        live = self._services.stores.legs.live()
        if sum(kind_of(call) == kind for call in live) > self._max_connections:
            raise CallRefused("too_many_connections", "too many are connected, try again later")
        if len(live) > self._max_live:
            raise CallRefused("no_capacity", "all lines are busy, try again later")

    def _begin(
        self,
        call_control_id: str,
        leg: LegState,
        agent: AgentConfig,
        stream: MediaStream,
        has_voice: Callable[[], bool],
        watcher: SessionWatcher | None,
    ) -> SocketCall:
        recogniser = own_recogniser(agent, self._services)
        carrier = SocketLeg(has_voice)
        services = replace(self._services, carrier=carrier)
        on_socket = agent_on_socket(agent, recogniser)
        session = Session(services, call_control_id, leg, on_socket, stream, self._on_over, watcher)
        carrier.post = session.post
        self._registry.add(session)
        self._setup.began(call_control_id, leg)
        log.info("socket_call_begun", call_control_id=call_control_id, agent_id=leg.agent_id, recogniser=recogniser)
        return SocketCall(session, agent.name, bool(recogniser))


def end_from_elsewhere(stores: Stores, call_control_id: str) -> None:
    """End a call whose leg is a socket, on whichever worker that is. Raises StoreError."""
    stores.mailbox.post(call_control_id, BY_COMMAND)
