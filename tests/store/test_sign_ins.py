"""backend/store/sign_ins.py"""

from backend.clock import SystemClock
from backend.store import keys
from backend.store.database import Database
from backend.store.memory import MemoryDatabase
from backend.store.sign_ins import LONGEST_S, SignIns
from tests.fakes.fake_clock import FakeClock
from tests.store.conftest import keys_left


def test_a_token_finds_who_began_with_it(database: Database) -> None:
    """With everything that was kept."""
    sign_ins = SignIns(database, SystemClock())
    token, began = sign_ins.begin("eva", "seal")

    assert sign_ins.find(token) == began
    assert (began.user, began.seal) == ("eva", "seal") and len(began.csrf_token) > 40 and began.csrf_token != token


def test_the_token_is_not_in_the_database(database: Database) -> None:
    """Who reads Redis cannot become anybody."""
    token, _ = SignIns(database, SystemClock()).begin("eva", "seal")
    (key,) = keys_left(database)

    assert token not in key and token.encode() not in (database.get(key) or b"")


def test_what_was_ended_stays_ended(database: Database) -> None:
    """Looking for it does not bring it back; ending it twice harms nobody."""
    sign_ins = SignIns(database, SystemClock())
    token, _ = sign_ins.begin("eva", "seal")
    other, _ = sign_ins.begin("eva", "seal")
    sign_ins.end(token)
    sign_ins.end(token)

    assert sign_ins.find(token) is None and sign_ins.find(token) is None and sign_ins.find(other) is not None
    assert len(keys_left(database)) == 1


def test_nonsense_finds_nobody(database: Database) -> None:
    """Whatever a cookie may hold."""
    sign_ins = SignIns(database, SystemClock())
    sign_ins.begin("eva", "seal")

    assert [sign_ins.find(token) for token in ("", "x", "{}", "\ud800", "x" * 9000)] == [None] * 5


def test_use_keeps_it_alive_and_only_so_long() -> None:
    """Unused it is gone after its idle time; used, after `LONGEST_S`. (Over the twin: it has a clock.)"""
    clock = FakeClock()
    sign_ins = SignIns(MemoryDatabase(clock), clock)
    idle, _ = sign_ins.begin("eva", "seal")
    used, _ = sign_ins.begin("eva", "seal")
    clock.advance(keys.SIGNED_IN_TTL_S - 1)
    assert sign_ins.find(used) is not None
    clock.advance(2)
    assert sign_ins.find(idle) is None and sign_ins.find(used) is not None
    hours = 0
    while sign_ins.find(used) is not None:
        clock.advance(3600)
        hours += 1

    assert hours * 3600 + keys.SIGNED_IN_TTL_S + 1 - LONGEST_S < 3600


def test_a_session_can_go_on_with_the_csrf_token_of_the_one_before(database: Database) -> None:
    """For somebody who has changed their password: the open page goes on."""
    sign_ins = SignIns(database, SystemClock())
    _, before = sign_ins.begin("eva", "seal")
    token, after = sign_ins.begin("eva", "new seal", before.csrf_token)

    assert after.csrf_token == before.csrf_token and sign_ins.find(token) == after
