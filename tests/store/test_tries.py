"""backend/store/tries.py"""

import queue

import pytest

from backend.store.database import Database
from backend.store.memory import MemoryDatabase
from backend.store.tries import Tries
from tests.fakes.fake_clock import FakeClock
from tests.store.conftest import keys_left
from tests.store.test_small_stores import race


def tries(database: Database, of_one: int = 2, of_group: int = 3) -> Tries:
    return Tries(database, "sign_in", of_one=of_one, of_group=of_group, window_s=60)


def test_one_is_stopped_and_neither_another_nor_the_same_elsewhere(database: Database) -> None:
    """The name at this address; not this name at another address, not another name here."""
    limits = tries(database)

    assert [limits.take("here", "eva") > 0 for _ in range(3)] == [False, False, True]
    assert limits.take("there", "eva") == 0 and limits.take("here", "ada") == 0


def test_the_group_is_stopped_whatever_it_tries(database: Database) -> None:
    """A fourth name from the same address; a refused try uses up nothing."""
    limits = tries(database)

    assert [limits.take("here", name) > 0 for name in "abcdd"] == [False, False, False, True, True]
    assert limits.take("there", "d") == 0


def test_a_good_one_clears_its_own_count(database: Database) -> None:
    """Not the group's: a known name must not pay for guesses at others."""
    limits = tries(database, of_one=1, of_group=2)
    limits.take("here", "eva")
    limits.forgive("here", "eva")

    assert limits.take("here", "eva") == 0
    limits.forgive("here", "eva")
    assert limits.take("here", "eva") > 0


def test_the_wait_is_until_the_first_try_leaves_the_window() -> None:
    """And then one is free. (Over the twin: it has a clock.)"""
    clock = FakeClock()
    limits = tries(MemoryDatabase(clock), of_one=2, of_group=9)
    limits.take("here", "eva")
    clock.advance(20)
    limits.take("here", "eva")
    clock.advance(10)
    wait_s = limits.take("here", "eva")
    clock.advance(wait_s + 0.01)

    assert wait_s == pytest.approx(30, abs=0.01)
    assert limits.take("here", "eva") == 0 and limits.take("here", "eva") > 0


def test_racing_workers_together_keep_the_limit(database: Database) -> None:
    """Twenty at once: exactly the allowed number pass."""
    limits, passed = tries(database, of_one=5, of_group=50), queue.Queue[bool]()
    race(20, passed, lambda index: limits.take("here", "eva") == 0)

    assert [passed.get_nowait() for _ in range(20)].count(True) == 5


def test_no_name_or_address_stands_in_the_keys(database: Database) -> None:
    """Keys appear in logs."""
    tries(database).take("203.0.113.9", "eva\ud800")

    assert not any("eva" in key or "203" in key for key in keys_left(database))


@pytest.mark.parametrize("window_s", [0, -1, 86_401])
def test_a_window_that_a_key_cannot_outlive_is_a_bug(window_s: float) -> None:
    """The legend promises a day at most."""
    with pytest.raises(ValueError, match="window_s"):
        Tries(MemoryDatabase(), "x", of_one=1, of_group=1, window_s=window_s)
