"""The sessions of this worker, and the ways in which other workers' news reaches them.

Decides: when to look. A wake-up from Redis means one call looks at once; every `LOOK_EVERY_S` all calls look anyway, so a
lost message costs half a second and never the call (A5). Leases are renewed every `RENEW_EVERY_S`. The shared voice
activity step of the worker is driven from here. One per worker; its greenlets are started by `start`.
"""

from collections.abc import Callable

import gevent
import structlog
from gevent import Greenlet

from backend.call.events import Event
from backend.errors import StoreError
from backend.metrics import LIVE_CALLS
from backend.session.services import CallServices
from backend.session.session import Session

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
RENEW_EVERY_S = 5.0


class Registry:
    """call_control_id → Session, for the calls this worker owns."""

    def __init__(self, services: CallServices) -> None:
        self._services = services
        self._sessions: dict[str, Session] = {}
        self._looking: set[str] = set()
        self._greenlets: list[Greenlet] = []

    # --- the worker's calls ---

    def add(self, session: Session) -> None:
        self._sessions[session.call_control_id] = session
        LIVE_CALLS.set(len(self._sessions))

    def remove(self, session: Session) -> None:
        if self._sessions.get(session.call_control_id) is session:
            del self._sessions[session.call_control_id]
            LIVE_CALLS.set(len(self._sessions))

    def get(self, call_control_id: str) -> Session | None:
        return self._sessions.get(call_control_id)

    def __len__(self) -> int:
        return len(self._sessions)

    def post_all(self, event: Event) -> None:
        for session in list(self._sessions.values()):
            session.post(event)

    # --- news of other workers ---

    def wake(self, call_control_id: str) -> None:
        """There is news for one call. Does not block."""
        if call_control_id in self._sessions and call_control_id not in self._looking:
            self._looking.add(call_control_id)
            gevent.spawn(self._look, call_control_id)

    def look_at_all(self) -> None:
        """Messages may have been lost: let every call look. Does not block."""
        for call_control_id in list(self._sessions):
            self.wake(call_control_id)

    def _look(self, call_control_id: str) -> None:
        self._looking.discard(call_control_id)  # first: news that comes while we look must not be missed
        session = self._sessions.get(call_control_id)
        if session is None:
            return
        try:
            session.look()
        except StoreError as error:
            log.warning("look_failed", call_control_id=call_control_id, error=str(error))

    # --- the worker's clockwork ---

    def start(self) -> None:
        LIVE_CALLS.set(0)  # a figure that is missing until the first call looks like a worker that is missing
        self._greenlets = [
            gevent.spawn(_every, LOOK_EVERY_S, self.look_at_all),
            gevent.spawn(_every, RENEW_EVERY_S, self._renew),
        ]

    def stop(self) -> None:
        gevent.killall(self._greenlets, block=False)

    def voice_step(self) -> None:
        """One step of the voice activity detector over all calls, then each call's report."""
        if not self._sessions:
            return
        self._services.vad.step()
        for session in list(self._sessions.values()):
            session.on_voice_step()

    def _renew(self) -> None:
        calls = list(self._sessions)
        if not calls:
            return
        for lost in self._services.stores.owners.renew(calls, self._services.worker_id):
            log.error("ownership_lost", call_control_id=lost)


def _every(period_s: float, do: Callable[[], None]) -> None:
    while True:
        gevent.sleep(period_s)
        try:
            do()
        except StoreError as error:
            log.warning("clockwork_failed", step=do.__name__, error=str(error))
