"""Carries out the abort chain of `call/barge_in.py`: the agent is silenced, leg by leg, each timed and reported.

Decides nothing: which legs there are and in which order they begin stands in `ABORT_CHAIN`; what a leg does is handed in.
`session.py` runs it for each `AbortSpeech`.

| a leg                        | then                                                                              |
|------------------------------|-----------------------------------------------------------------------------------|
| waits for nothing            | runs in the caller's greenlet, before `run` returns: the carrier is cleared first |
| may block                    | begins at once in a greenlet of its own, so that none waits for a slow one        |
| raises                       | reported as failed; the others run                                                |
| takes longer than `within_s` | given up, reported as timed out; the others run                                   |
| is not there                 | reported as absent (no recogniser of ours)                                        |

| and                                               | then                                                         |
|---------------------------------------------------|--------------------------------------------------------------|
| `run` is cancelled from outside in mid-chain      | every remaining leg is started, then the cancellation goes on |
| the waiting greenlet is killed, or the call ends  | the legs under way end by themselves; what waited is started |
| another `AbortSpeech` comes while legs are running | what waits for nothing runs at once; the rest when they end |

The guard keeps the blocking legs single: two barge-ins in a row do not close a recogniser that is just being reopened. It
is the running greenlet itself, and its end frees it, whatever that end is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import gevent
import structlog
from gevent import Greenlet

from backend.call.barge_in import ABORT_CHAIN, AbortLeg
from backend.call.commands import AbortSpeech
from backend.clock import Clock
from backend.metrics import ABORT_LEG_SECONDS, ABORT_LEGS
from backend.session.speaker import Delivery, Speaker
from backend.session.thinker import Thinker
from backend.session.transcriber import Transcriber

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

WITHIN_S = 1.0
"""How long a leg may take."""
CLEAR_WITHIN_S = 6.0
"""How long a carrier that plays files may take to stop; it is asked over REST, for at most 5 s."""

Outcome = Literal["done", "failed", "timed_out", "absent"]


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg does. `do` takes the command; it may raise anything."""

    do: Callable[[AbortSpeech], None]
    blocks: bool = False
    within_s: float = WITHIN_S


def legs_of(
    speaker: Speaker,
    delivery: Delivery,
    clear_carrier: Callable[[AbortSpeech], None],
    thinker: Thinker,
    transcriber: Transcriber | None,
) -> dict[AbortLeg, Leg]:
    """What each leg is in a call. `transcriber`: None where the carrier recognises, or nobody does."""
    clear_s = CLEAR_WITHIN_S if delivery.clear_blocks else WITHIN_S
    legs = {
        AbortLeg.REFUSE_PENDING: Leg(lambda command: speaker.refuse(command.generation)),
        AbortLeg.STOP_SENDER: Leg(lambda command: speaker.stop_sending(command.generation)),
        AbortLeg.CLEAR_CARRIER: Leg(clear_carrier, delivery.clear_blocks, clear_s),
        AbortLeg.CANCEL_VOICE: Leg(lambda _: speaker.cancel_voice(), blocks=True),
        AbortLeg.CLOSE_MODEL: Leg(lambda command: thinker.abort(command.turn_id), blocks=True),
        AbortLeg.VOID_IN_STORE: Leg(lambda command: speaker.void_in_store(command.generation), blocks=True),
    }
    if transcriber is not None:
        legs[AbortLeg.REOPEN_RECOGNISER] = Leg(lambda _: transcriber.abort(), blocks=True)
    return legs


@dataclass(frozen=True, slots=True)
class LegTime:
    """How one leg went: when it began, in seconds after the chain did, and how long it took."""

    leg: AbortLeg
    outcome: Outcome
    began_s: float
    took_s: float


@dataclass(frozen=True, slots=True)
class AbortReport:
    """One chain, over."""

    generation: int
    by_caller: bool
    began_at: float
    """On the monotonic clock, which all processes of a machine share: a voice worker's `synthesis.stopped` has its own."""
    legs: tuple[LegTime, ...]

    def fields(self) -> dict[str, float | str | int | bool]:
        """For the log and the record's timeline: milliseconds until each leg was over, and which were not done."""
        fields: dict[str, float | str | int | bool] = {
            "generation": self.generation,
            "by_caller": self.by_caller,
            "began_at": round(self.began_at, 4),
        }
        for time in self.legs:
            if time.outcome != "absent":
                fields[f"{time.leg.value}_ms"] = round(1000 * (time.began_s + time.took_s), 2)
        not_done = ",".join(time.leg.value for time in self.legs if time.outcome in ("failed", "timed_out"))
        return {**fields, "not_done": not_done} if not_done else fields


class AbortChain:
    """The chain of one call. `legs` may lack what this call does not have; `report` is called once per chain."""

    def __init__(
        self,
        legs: Mapping[AbortLeg, Leg],
        call_control_id: str,
        clock: Clock,
        report: Callable[[AbortReport], None],
    ) -> None:
        self._legs = legs
        self._call_control_id = call_control_id
        self._clock = clock
        self._report = report
        self._running: Greenlet | None = None
        self._waiting: list[tuple[AbortSpeech, float, list[LegTime]]] = []

    @property
    def is_running(self) -> bool:
        """Blocking legs are under way."""
        return self._running is not None

    def run(self, command: AbortSpeech, cut_history_s: float = 0.0) -> None:
        """Silence the agent. `cut_history_s`: how long the core took for its own leg, just before. Raises nothing but what
        is thrown into the calling greenlet from outside."""
        began_at = self._clock.monotonic()
        times = [LegTime(AbortLeg.CUT_HISTORY, "done", -cut_history_s, cut_history_s)]
        cancelled: BaseException | None = None
        for name in ABORT_CHAIN:
            leg = self._legs.get(name)
            if leg is not None and not leg.blocks:
                try:
                    times.append(self._carry_out(name, leg, command, began_at))
                except BaseException as error:  # from outside: it goes on below, after the other legs
                    cancelled = cancelled or error
                    times.append(LegTime(name, "failed", 0.0, self._clock.monotonic() - began_at))
        self._waiting.append((command, began_at, times))
        self._go_on()
        if cancelled is not None:
            raise cancelled

    def close(self) -> None:
        """The call is over: nobody waits for the legs any more, and they end by themselves."""
        if self._running is not None:
            self._running.kill(block=False)

    # --- the guard ---

    def _go_on(self) -> None:
        if self._running is None and self._waiting:
            command, began_at, times = self._waiting.pop(0)
            # The legs are begun here, not by the greenlet that waits for them: killing that one loses none.
            legs = {
                name: gevent.spawn(self._carry_out, name, leg, command, began_at)
                for name in ABORT_CHAIN
                if (leg := self._legs.get(name)) is not None
                and leg.blocks
                and (command.by_caller or name != AbortLeg.REOPEN_RECOGNISER)
            }
            self._running = gevent.spawn(self._wait_for, legs, command, began_at, times)
            self._running.rawlink(self._ended)

    def _wait_for(
        self, legs: dict[AbortLeg, Greenlet], command: AbortSpeech, began_at: float, times: list[LegTime]
    ) -> None:
        gevent.joinall(list(legs.values()))
        for name, greenlet in legs.items():
            time = greenlet.value  # a leg that was killed from outside has none, but GreenletExit as its value
            times.append(time if isinstance(time, LegTime) else LegTime(name, "failed", 0.0, 0.0))
        self._tell(AbortReport(command.generation, command.by_caller, began_at, _in_order(times)))

    def _ended(self, _greenlet: Greenlet) -> None:
        self._running = None
        self._go_on()

    def _carry_out(self, name: AbortLeg, leg: Leg, command: AbortSpeech, began_at: float) -> LegTime:
        leg_began_at = self._clock.monotonic()
        outcome: Outcome = "done"
        limit = gevent.Timeout(leg.within_s)
        try:
            with limit:
                leg.do(command)
        except gevent.Timeout as error:
            if error is not limit:
                raise  # somebody else's, further out
            outcome = "timed_out"
        except Exception as error:  # whatever it is, the other legs must run
            log.warning(
                "abort_leg_failed",
                call_control_id=self._call_control_id,
                leg=name.value,
                error=f"{type(error).__name__}: {error}",
            )
            outcome = "failed"
        return LegTime(name, outcome, leg_began_at - began_at, self._clock.monotonic() - leg_began_at)

    def _tell(self, report: AbortReport) -> None:
        for time in report.legs:
            ABORT_LEGS.count(leg=time.leg.value, outcome=time.outcome)
            if time.outcome != "absent":
                ABORT_LEG_SECONDS.observe(max(0.0, time.began_s + time.took_s), leg=time.leg.value)
        log.info("speech_aborted", call_control_id=self._call_control_id, **report.fields())
        self._report(report)


def _in_order(times: Sequence[LegTime]) -> tuple[LegTime, ...]:
    by_name = {time.leg: time for time in times}
    return tuple(by_name.get(name, LegTime(name, "absent", 0.0, 0.0)) for name in ABORT_CHAIN)
