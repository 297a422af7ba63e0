"""backend/session/abort_chain.py: both tables, and every way in which the guard must come free."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent import Greenlet, GreenletExit
from gevent.event import Event

from backend.call.barge_in import ABORT_CHAIN, AbortLeg
from backend.call.commands import AbortSpeech
from backend.clock import SystemClock
from backend.session.abort_chain import AbortChain, AbortReport, Leg
from tests.session.rig import CALL, settle, wait_until

CHAIN = [leg for leg in ABORT_CHAIN if leg != AbortLeg.CUT_HISTORY]
AT_ONCE = {AbortLeg.REFUSE_PENDING, AbortLeg.STOP_SENDER, AbortLeg.CLEAR_CARRIER}
Do = Callable[[AbortSpeech], None]


class Bench:
    """A chain whose legs write down when they run; `does` replaces what some of them do."""

    def __init__(self, **does: Do) -> None:
        self.ran: list[tuple[int, AbortLeg]] = []
        self.reports: list[AbortReport] = []
        self.chain = AbortChain(
            {leg: Leg(self._leg(leg, does.get(leg.value)), leg not in AT_ONCE, 0.05) for leg in CHAIN},
            CALL,
            SystemClock(),
            self.reports.append,
        )

    def _leg(self, leg: AbortLeg, does: Do | None) -> Do:
        def run(command: AbortSpeech) -> None:
            self.ran.append((command.generation, leg))
            if does is not None:
                does(command)

        return run

    def run(self, generation: int = 2, by_caller: bool = True) -> None:
        self.chain.run(AbortSpeech(generation, "turn", by_caller), 0.001)

    def legs(self, generation: int = 2) -> list[AbortLeg]:
        return [leg for number, leg in self.ran if number == generation]

    def outcomes(self, number: int = 0) -> dict[str, str]:
        wait_until(lambda: len(self.reports) > number)
        return {time.leg.value: time.outcome for time in self.reports[number].legs}

    def is_free(self) -> bool:
        """The guard lets the next chain through, whole."""
        wait_until(lambda: not self.chain.is_running)
        before = len(self.reports)
        self.run(99)
        wait_until(lambda: len(self.reports) > before)
        return self.legs(99) == CHAIN and not self.chain.is_running


def raises(error: BaseException) -> Do:
    def do(_command: AbortSpeech) -> None:
        raise error

    return do


def hangs(_command: AbortSpeech) -> None:
    Event().wait()


def test_every_leg_runs_once_in_order_and_is_timed() -> None:
    """The carrier is cleared before `run` returns; the history was cut before."""
    bench = Bench()
    bench.run()
    assert bench.legs() == CHAIN[:3] and AbortLeg.CLEAR_CARRIER in bench.legs()
    outcomes = bench.outcomes()

    assert bench.legs() == CHAIN and list(outcomes) == [leg.value for leg in ABORT_CHAIN]
    assert set(outcomes.values()) == {"done"}
    (report,) = bench.reports
    assert report.legs[0].took_s == pytest.approx(0.001)
    assert all(time.began_s >= 0 and 0 <= time.took_s < 1 for time in report.legs[1:])
    assert set(report.fields()) == {"generation", "by_caller", "began_at", *(f"{leg.value}_ms" for leg in ABORT_CHAIN)}


@pytest.mark.parametrize("leg", CHAIN)
def test_one_legs_failure_stops_no_other(leg: AbortLeg) -> None:
    """Whatever it raises; and the next chain is whole."""
    failing = [True]

    def fail_once(_command: AbortSpeech) -> None:
        if failing.pop() if failing else False:
            raise RuntimeError("broken")

    bench = Bench(**{leg.value: fail_once})
    bench.run()
    outcomes = bench.outcomes()

    assert bench.legs() == CHAIN
    assert [name for name, outcome in outcomes.items() if outcome != "done"] == [leg.value]
    assert outcomes[leg.value] == "failed" and bench.reports[0].fields()["not_done"] == leg.value
    assert bench.is_free()


@pytest.mark.parametrize("leg", CHAIN)
def test_a_leg_that_hangs_is_given_up_and_holds_up_no_other(leg: AbortLeg) -> None:
    """The others are done by then."""
    hung = [True]

    def hang_once(command: AbortSpeech) -> None:
        if hung:
            hung.clear()
            hangs(command)

    bench = Bench(**{leg.value: hang_once})
    bench.run()
    outcomes = bench.outcomes()
    times = {time.leg: time for time in bench.reports[0].legs}

    assert outcomes[leg.value] == "timed_out" and times[leg].took_s == pytest.approx(0.05, abs=0.04)
    assert [name for name, outcome in outcomes.items() if outcome != "done"] == [leg.value]
    if leg not in AT_ONCE:
        assert all(times[other].began_s < 0.04 for other in CHAIN), "a slow leg kept another waiting"
    assert bench.is_free()


@pytest.mark.parametrize("leg", sorted(AT_ONCE, key=lambda leg: leg.value))
@pytest.mark.parametrize("error", [GreenletExit(), gevent.Timeout(9.0)])
def test_a_cancellation_from_outside_goes_on_after_the_other_legs_were_begun(
    leg: AbortLeg, error: BaseException
) -> None:
    """A worker that stops, or a limit further out, is not swallowed; and the caller hears silence all the same."""
    bench = Bench(**{leg.value: raises(error)})
    with pytest.raises(type(error)):
        bench.run()
    wait_until(lambda: bench.reports)

    assert bench.legs() == CHAIN
    assert bench.outcomes()[leg.value] == "failed" and not bench.chain.is_running


def test_a_kill_while_a_leg_waits_is_a_cancellation_too() -> None:
    """The greenlet that runs the chain is killed while the sender is being stopped."""
    waiting = Event()
    bench = Bench(stop_sender=lambda _command: waiting.wait())  # type: ignore[arg-type, return-value]  # ends by the kill
    running = gevent.spawn(bench.run)
    settle()
    running.kill()

    assert isinstance(running.value, GreenletExit)
    wait_until(lambda: bench.reports)
    assert bench.legs() == CHAIN and not bench.chain.is_running


def test_a_leg_that_is_cancelled_from_outside_stops_no_other() -> None:
    """GreenletExit inside a blocking leg: that leg is not done, the chain is."""
    bench = Bench(close_model=raises(GreenletExit()))
    bench.run()

    assert bench.outcomes()["close_model"] == "failed" and bench.legs() == CHAIN


def test_a_second_abort_clears_at_once_and_its_other_legs_follow_the_first() -> None:
    """Never twice at a time, never left out."""
    first_is_open, let_go = [0], Event()

    def close_slowly(_command: AbortSpeech) -> None:
        first_is_open[0] += 1
        assert first_is_open[0] == 1, "two at a time"
        let_go.wait(0.03)
        first_is_open[0] -= 1

    bench = Bench(reopen_recogniser=close_slowly)
    bench.run(2)
    settle()
    bench.run(3)
    assert bench.legs(3) == CHAIN[:3] and bench.chain.is_running
    let_go.set()

    assert set(bench.outcomes(1).values()) == {"done"}
    assert bench.legs(2) == bench.legs(3) == CHAIN and bench.is_free()


def test_when_the_call_ends_nobody_waits_but_the_legs_are_done() -> None:
    """Also those of a chain that had to wait; and nothing is left running."""
    released = Event()
    bench = Bench(cancel_voice=lambda _command: released.wait(0.02))  # type: ignore[arg-type, return-value]  # a wait
    bench.run(2)
    bench.run(3)
    bench.chain.close()
    wait_until(lambda: not bench.chain.is_running)
    released.set()
    settle()

    assert bench.legs(2) == CHAIN and set(bench.legs(3)) == set(CHAIN)


def test_a_call_without_a_recogniser_of_ours_says_so() -> None:
    """Absent is not failed."""
    reports: list[AbortReport] = []
    chain = AbortChain({}, CALL, SystemClock(), reports.append)
    chain.run(AbortSpeech(2, "", True))
    wait_until(lambda: reports)

    assert {time.outcome for time in reports[0].legs[1:]} == {"absent"} and "not_done" not in reports[0].fields()


def test_only_the_caller_makes_the_recogniser_open_anew() -> None:
    """An apology or a machine's greeting is no reason."""
    bench = Bench()
    bench.run(by_caller=False)

    assert bench.outcomes()["reopen_recogniser"] == "absent" and AbortLeg.REOPEN_RECOGNISER not in bench.legs()


def test_what_failed_is_logged_with_its_call_and_so_is_every_chain(logged: Callable[[], list[dict[str, Any]]]) -> None:
    """One line per chain, with the milliseconds of each leg."""
    bench = Bench(void_in_store=raises(RuntimeError("away")))
    bench.run()
    wait_until(lambda: bench.reports)
    lines = {line["event"]: line for line in logged()}

    assert lines["abort_leg_failed"]["leg"] == "void_in_store"
    assert lines["speech_aborted"]["not_done"] == "void_in_store" and lines["speech_aborted"]["clear_carrier_ms"] >= 0
    assert {line["call_control_id"] for line in lines.values()} == {CALL}


def test_the_guard_is_a_greenlet_and_comes_free_with_it() -> None:
    """Also when it is killed before it ever ran."""
    bench = Bench()
    bench.run()
    guard = bench.chain._running
    assert isinstance(guard, Greenlet)
    guard.kill()
    settle()

    assert bench.legs() == CHAIN and bench.is_free()
