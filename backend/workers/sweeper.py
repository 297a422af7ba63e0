"""The sweeper: calls that nobody drives any more are ended, recorded and reported.

One process beside the web workers, `python -m backend.workers.sweeper`. Every `ROUND_S` it holds three views against each
other: the legs we think live (Redis), who owns them (leases), and the carrier's live legs.

| our leg            | owner | at the carrier | what is done                                                        |
|--------------------|-------|----------------|---------------------------------------------------------------------|
| expired from Redis | –     | any            | taken off the list of live calls                                     |
| ended              | none  | –              | in the second round: its record is written, its keys deleted         |
| not ended          | yes   | any            | nothing, unless it is older than any call may be: hung up            |
| not ended          | none  | gone           | its record is written (“lost”), its keys deleted                     |
| not ended          | none  | alive          | nothing for as long as setting up may take (`SETUP_S`); then hung up |
| unknown            | none  | alive, ours    | hung up when seen in two rounds (a dial may be on its way to us)     |

“Ours” is a leg that carries our client_state: the far end of a transfer, or another application on the same connection, does
not, and is left alone. A leg that is a socket to a worker of ours is unknown to the carrier: without an owner it is gone,
and one that is too old is ended through its owner.

Recordings are looked after in `records/recordings.py`, what is to be done after a call in `after_call.py`: both from here.

Decides nothing inside a conversation. A round that fails (Redis or carrier away) is skipped: the next one sees the same.
"""

import enum
import os
import signal
import sys
import time
from types import FrameType

import structlog

from backend import logs
from backend.call.commands import HangUp
from backend.call.leg import LegPhase, LegState, kind_of
from backend.errors import BackendError, CallGone, SettingsError
from backend.records.calls import CallFinish
from backend.session.leg_commands import LegCommands
from backend.session.record import store_finish
from backend.session.services import CallServices
from backend.session.socket_call import end_from_elsewhere
from backend.settings import load_settings

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

ROUND_S = 10.0
RECORDINGS_EVERY_S = 600.0
SETUP_S = {LegPhase.UNKNOWN: 90.0, LegPhase.RINGING: 90.0, LegPhase.ANSWERED: 45.0, LegPhase.STREAMING: ROUND_S}
"""How old a leg may be in each phase without an owner: ringing takes its time, opening the stream little. A leg that
streams without an owner has lost it (its lease has lapsed), and its caller hears nothing."""
OLDEST_CALL_S = 14_400.0 + 120.0
"""No leg may live longer at the carrier."""
SWEEPER_HANG_UP_ATTEMPT = 100
"""Attempt numbers from here on are the sweeper's: their command ids differ from the session's."""


class Verdict(enum.Enum):
    """What the table above says of one leg."""

    LEAVE = "leave"
    FORGET = "forget"
    FINISH = "finish"
    HANG_UP = "hang_up"


def judge(leg: LegState | None, has_owner: bool, is_alive: bool, age_s: float) -> Verdict:
    """The table. `is_alive` is the carrier's word, `age_s` the time since the leg began."""
    if leg is None:
        return Verdict.FORGET
    if leg.phase == LegPhase.ENDED:
        return Verdict.LEAVE if has_owner else Verdict.FINISH
    if has_owner:
        return Verdict.HANG_UP if age_s > OLDEST_CALL_S else Verdict.LEAVE
    if not is_alive:
        # A leg may be younger than the carrier's list of it.
        return Verdict.FINISH if age_s > ROUND_S else Verdict.LEAVE
    return Verdict.HANG_UP if age_s > SETUP_S[leg.phase] else Verdict.LEAVE


class Sweeper:
    """Runs rounds until stopped."""

    def __init__(self, services: CallServices) -> None:
        self._services = services
        self._is_stopping = False
        self._recordings_due_at = 0.0
        self._strangers: set[str] = set()
        """Live legs of ours that the last round did not find in Redis."""
        self._ended: set[str] = set()
        """Ended legs without an owner that a round has seen. Their owner may have let go of them a moment ago and be
        writing their record, which is better than ours, and the first one wins."""

    def stop(self, signal_number: int = 0, frame: FrameType | None = None) -> None:
        self._is_stopping = True

    def run(self) -> None:
        while not self._is_stopping:
            self.sweep()
            self.sweep_recordings()
            until = time.monotonic() + ROUND_S
            while not self._is_stopping and time.monotonic() < until:
                time.sleep(0.2)

    def sweep_recordings(self) -> None:
        """Every `RECORDINGS_EVERY_S`: settle those whose writer died, remove those that were kept long enough."""
        recordings, clock = self._services.recordings, self._services.clock
        if recordings is None or clock.monotonic() < self._recordings_due_at:
            return
        self._recordings_due_at = clock.monotonic() + RECORDINGS_EVERY_S
        try:
            recordings.sweep(clock.wall())
        except (BackendError, OSError) as error:
            log.warning("recordings_not_swept", error=str(error))

    def sweep(self) -> None:
        """One round over all calls we think live."""
        stores = self._services.stores
        try:
            calls = stores.legs.live()
        except BackendError as error:
            log.warning("sweep_skipped", error=str(error))
            return
        self._ended &= set(calls)
        for call_control_id, started_at in calls.items():
            with structlog.contextvars.bound_contextvars(call_control_id=call_control_id):
                try:
                    self._sweep_one(call_control_id, self._services.clock.wall() - started_at)
                except BackendError as error:
                    log.warning("sweep_of_call_failed", error=str(error))
        try:
            self._sweep_strangers(set(calls))
        except BackendError as error:
            log.warning("carrier_not_compared", error=str(error))

    def _sweep_strangers(self, known: set[str]) -> None:
        """Legs that cost money and that nobody here knows, such as after a loss of Redis."""
        alive = self._services.carrier.live_calls()
        owners = self._services.stores.owners
        # After a loss of Redis a call is unknown although its owner lives: the owner renews its lease within seconds.
        strangers = {
            call for call, state in alive.items() if state and call not in known and owners.owner(call) is None
        }
        for call_control_id in strangers & self._strangers:
            log.warning("stranger_hung_up", call_control_id=call_control_id)
            self._hang_up(call_control_id, 0.0)
        self._strangers = strangers

    def _sweep_one(self, call_control_id: str, age_s: float) -> None:
        services = self._services
        leg = services.stores.legs.get(call_control_id)
        has_owner = services.stores.owners.owner(call_control_id) is not None
        needs_carrier = leg is not None and leg.phase != LegPhase.ENDED and not has_owner and age_s > ROUND_S
        is_alive = self._is_alive(call_control_id) if needs_carrier else True
        verdict = judge(leg, has_owner, is_alive, age_s)
        if verdict == Verdict.LEAVE:
            return
        if leg is not None and leg.phase == LegPhase.ENDED and call_control_id not in self._ended:
            self._ended.add(call_control_id)
            return
        self._ended.discard(call_control_id)
        log.warning("leftover_call", verdict=verdict.value, age_s=round(age_s), phase=leg.phase.name if leg else "")
        match verdict:
            case Verdict.FORGET:
                services.stores.legs.forget_live(call_control_id)
            case Verdict.FINISH if leg is not None:
                self._finish(call_control_id, leg)
            case Verdict.HANG_UP:
                self._hang_up(call_control_id, age_s)

    def _is_alive(self, call_control_id: str) -> bool:
        return kind_of(call_control_id) == "phone" and self._services.carrier.is_alive(call_control_id)

    def _hang_up(self, call_control_id: str, age_s: float) -> None:
        if kind_of(call_control_id) != "phone":
            end_from_elsewhere(self._services.stores, call_control_id)
            return
        attempt = SWEEPER_HANG_UP_ATTEMPT + int(age_s / ROUND_S)
        try:
            LegCommands(self._services, call_control_id).hang_up(HangUp(attempt))
        except CallGone:
            pass  # the next round finds it gone and writes the record

    def _finish(self, call_control_id: str, leg: LegState) -> None:
        finish = CallFinish(
            ended_at=self._services.clock.wall(),
            outcome="lost",
            who_hung_up="unknown",
            hangup_cause=leg.hangup_cause[:80] or "nobody_drove_it",
        )
        store_finish(self._services, call_control_id, leg, finish)


def main() -> None:
    from backend.app import make_after_call_worker, make_call_services

    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    logs.configure(settings.log_level, worker="sweeper", secrets=settings.secret_values())
    services = make_call_services(settings, f"sweeper-{os.getpid()}")
    sweeper = Sweeper(services)
    after_call = make_after_call_worker(settings, services)
    signal.signal(signal.SIGTERM, sweeper.stop)
    signal.signal(signal.SIGINT, sweeper.stop)
    after_call.start()
    log.info("sweeper_started", round_s=ROUND_S)
    try:
        sweeper.run()
    finally:
        after_call.stop()


if __name__ == "__main__":
    main()
