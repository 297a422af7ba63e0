"""The worker's heartbeat, on the real hub with short periods."""

import time

import gevent
import pytest

from backend.clock import SystemClock
from backend.transports.ticker import Ticker


@pytest.fixture
def ticker():
    ticker = Ticker(SystemClock(), period_s=0.02)
    ticker.start()
    yield ticker
    ticker.stop()


def test_everybody_is_called_once_per_period(ticker: Ticker) -> None:
    """Eighty callers over four phases, half a second: about twenty-five calls each, evenly."""
    counts = [0] * 80

    def counter(place: int):
        def count(now: float) -> None:
            counts[place] += 1

        return count

    for place in range(80):
        ticker.add(counter(place))
    gevent.sleep(0.5)

    assert max(counts) - min(counts) <= 1
    assert 20 <= min(counts) <= max(counts) <= 26


def test_a_cancelled_callback_is_not_called_again(ticker: Ticker) -> None:
    """Also when it cancels itself or another of its phase; cancelling twice is harmless."""
    calls = []
    registration = ticker.add(lambda now: (calls.append(now), registration.cancel()))
    gevent.sleep(0.1)
    registration.cancel()

    assert len(calls) == 1


def test_a_failing_callback_is_taken_out_and_the_others_go_on(ticker: Ticker) -> None:
    """One call's bug stops one call's heartbeat."""
    calls, failures = [], []

    def fail(now: float) -> None:
        failures.append(now)
        raise KeyError("a bug")

    ticker.add(fail)
    ticker.add(calls.append)
    gevent.sleep(0.15)

    assert len(failures) == 1
    assert len(calls) >= 4


def test_after_being_stuck_there_is_no_burst(ticker: Ticker) -> None:
    """A quarter second of a blocked hub costs its ticks; they are counted."""
    calls: list[float] = []
    ticker.add(calls.append)
    gevent.sleep(0.05)
    before = len(calls)

    time.sleep(0.25)
    gevent.sleep(0.031)

    assert len(calls) - before <= 4
    assert ticker.missed >= 8


def test_nobody_registered_means_no_wakeups_and_a_late_comer_is_served(ticker: Ticker) -> None:
    """The ticker falls asleep and wakes again."""
    calls: list[float] = []
    gevent.sleep(0.05)
    ticker.add(calls.append).cancel()
    gevent.sleep(0.05)

    ticker.add(calls.append)
    gevent.sleep(0.1)

    assert len(calls) >= 3
