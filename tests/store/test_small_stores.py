"""Flags, owners, stream tokens, seen events, dial limits and audio clips."""

import queue
import threading

import pytest

from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Database
from backend.store.dial_limits import DialLimits, DialPermit
from backend.store.memory import MemoryDatabase
from backend.store.seen_events import SeenEvents
from backend.store.stores import Stores, stores_over
from backend.store.stream_tokens import StreamTokens
from tests.store.conftest import keys_left


def race(workers: int, act: "queue.Queue[bool]", one: object) -> None:
    """Run `one(index)` in that many threads at once and gather what they return."""
    start = threading.Barrier(workers)

    def worker(index: int) -> None:
        start.wait(10)
        act.put(one(index))  # type: ignore[operator]

    threads = [threading.Thread(target=worker, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


# --- flags -----------------------------------------------------------------------------------------------------------


def test_a_flag_is_taken_once(stores: Stores, call: str) -> None:
    """Get and delete in one step."""
    stores.flags.raise_flag(call, keys.AGENT_DONE_SPEAKING, "2:7")

    assert stores.flags.take_agent_done_speaking(call) == (2, 7)
    assert stores.flags.take_agent_done_speaking(call) is None


def test_a_flag_lives_ten_seconds(stores: Stores, call: str) -> None:
    """A3."""
    stores.flags.raise_flag(call, keys.AGENT_DONE_SPEAKING, "2:7")

    left = keys_left(stores.database)[keys.flag(call, keys.AGENT_DONE_SPEAKING)]

    assert 9 < left <= 10


def test_a_flag_that_says_nothing_is_taken_down(stores: Stores, call: str) -> None:
    """Not written by us; it must not stay to be read again and again."""
    stores.flags.raise_flag(call, keys.AGENT_DONE_SPEAKING, "what?")

    assert stores.flags.take_agent_done_speaking(call) is None
    assert stores.flags.take(call, keys.AGENT_DONE_SPEAKING) is None


# --- owners ----------------------------------------------------------------------------------------------------------


def test_a_call_has_one_owner(stores: Stores, call: str) -> None:
    """A second worker is refused, unless it holds the new stream and takes over."""
    assert stores.owners.claim(call, "w1")
    assert stores.owners.claim(call, "w1")
    assert not stores.owners.claim(call, "w2")
    assert stores.owners.owner(call) == "w1"
    assert stores.owners.claim(call, "w2", take_over=True)
    assert stores.owners.owner(call) == "w2"


def test_only_the_owner_releases(stores: Stores, call: str) -> None:
    """The old owner's clean-up must not hit the new one."""
    stores.owners.claim(call, "w2")

    assert not stores.owners.release(call, "w1")
    assert stores.owners.release(call, "w2")
    assert stores.owners.owner(call) is None


def test_renewing_tells_what_was_lost(stores: Stores, call: str) -> None:
    """Ours stay, an expired one is ours again, a taken one is named."""
    stores.owners.claim(call, "w1")
    stores.owners.claim("v3:taken", "w2")

    assert stores.owners.renew([call, "v3:taken", "v3:expired"], "w1") == ["v3:taken"]
    assert stores.owners.owner("v3:expired") == "w1"
    assert stores.owners.renew([], "w1") == []


# --- stream tokens ---------------------------------------------------------------------------------------------------


def test_a_token_opens_its_call_once(stores: Stores, call: str) -> None:
    """Not twice, not for another call."""
    token = stores.stream_tokens.issue(call, 1e9)

    assert not stores.stream_tokens.redeem("v3:other", token)
    assert stores.stream_tokens.redeem(call, token)
    assert not stores.stream_tokens.redeem(call, token)


def test_a_wrong_token_does_not_use_up_the_right_one(stores: Stores, call: str) -> None:
    """A stranger cannot lock the carrier out."""
    token = stores.stream_tokens.issue(call, 1e9)

    for wrong in ("", "x", token[:-1], token + "x", "used:", "-", "é\ud800"):
        assert not stores.stream_tokens.redeem(call, wrong)
    assert stores.stream_tokens.redeem(call, token)
    assert not stores.stream_tokens.redeem(call, "")


def test_a_new_token_voids_the_old_one(stores: Stores, call: str) -> None:
    """Only the newest request for a stream may be answered."""
    old = stores.stream_tokens.issue(call, 1e9)
    new = stores.stream_tokens.issue(call, 1e9)

    assert not stores.stream_tokens.redeem(call, old)
    assert stores.stream_tokens.redeem(call, new)


def test_a_token_is_long_and_not_in_the_store(stores: Stores, call: str) -> None:
    """256 bits; who reads the store cannot use what is there."""
    token = stores.stream_tokens.issue(call, 1e9)

    kept = stores.database.get(keys.stream_token(call))

    assert len(token) >= 43
    assert kept is not None and token.encode() not in kept


def test_a_finished_call_gets_no_token(stores: Stores, call: str) -> None:
    """There is nothing left to stream."""
    stores.legs.finish(call)

    with pytest.raises(StoreError):
        stores.stream_tokens.issue(call, 1e9)


def test_a_token_redeemed_between_look_and_use_is_refused(database: Database, call: str) -> None:
    """The narrowest race there is, made on purpose."""
    token = StreamTokens(database).issue(call, 1e9)

    class AnotherIsFaster:
        run = staticmethod(database.run)

        def get(self, key: str) -> bytes | None:
            value = database.get(key)
            assert StreamTokens(database).redeem(call, token)
            return value

    assert not StreamTokens(AnotherIsFaster()).redeem(call, token)  # type: ignore[arg-type]


def test_racing_sockets_redeem_once(database: Database, call: str) -> None:
    """Two sockets with the same stolen token: one session."""
    token = StreamTokens(database).issue(call, 1e9)
    results: queue.Queue[bool] = queue.Queue()

    race(8, results, lambda index: StreamTokens(database).redeem(call, token))

    assert sorted(results.queue) == [False] * 7 + [True]


# --- seen events -----------------------------------------------------------------------------------------------------


def test_an_event_is_new_once(stores: Stores) -> None:
    """Also after it is done, for longer than its signature is valid."""
    assert stores.seen_events.first_time("e-1")
    assert not stores.seen_events.first_time("e-1")
    stores.seen_events.done("e-1")
    assert not stores.seen_events.first_time("e-1")

    assert 600 < keys_left(stores.database)[keys.seen("e-1")] <= 660


def test_a_failed_event_may_come_again(stores: Stores) -> None:
    """After our 503 the carrier's retry is handled; what is done stays done."""
    stores.seen_events.first_time("e-1")
    stores.seen_events.forget("e-1")

    assert stores.seen_events.first_time("e-1")
    stores.seen_events.done("e-1")
    stores.seen_events.forget("e-1")
    assert not stores.seen_events.first_time("e-1")


def test_being_worked_on_differs_from_done(stores: Stores) -> None:
    """So that the web layer can ask for a retry while nobody knows how it ends."""
    claims = [stores.seen_events.claim("e-1"), stores.seen_events.claim("e-1")]
    left = keys_left(stores.database)[keys.seen("e-1")]
    stores.seen_events.done("e-1")

    assert [*claims, stores.seen_events.claim("e-1")] == ["first", "working", "done"]
    assert left <= 10


def test_racing_workers_agree_on_the_first(database: Database) -> None:
    """One delivery to eight workers acts once."""
    results: queue.Queue[bool] = queue.Queue()

    race(8, results, lambda index: SeenEvents(database).first_time("e-1"))

    assert sorted(results.queue) == [False] * 7 + [True]


# --- dial limits -----------------------------------------------------------------------------------------------------


def test_a_number_has_its_own_limit(database: Database) -> None:
    """The refusal says which limit and how long."""
    limits = DialLimits(database, per_number=2, overall=10, window_s=60)
    permits = [limits.take("+13125550100", f"d-{number}") for number in range(3)]

    assert [permit.is_allowed for permit in permits] == [True, True, False]
    assert permits[2].exhausted == "number"
    assert 58 < permits[2].retry_after_s <= 60
    assert limits.take("+13125550111", "d-9").is_allowed


def test_all_numbers_together_have_a_limit(database: Database) -> None:
    """A refused dial uses up nothing."""
    limits = DialLimits(database, per_number=2, overall=3, window_s=60)
    permits = [limits.take(f"+1312555010{number}", f"d-{number}") for number in range(6)]

    assert [permit.is_allowed for permit in permits] == [True] * 3 + [False] * 3
    assert permits[5].exhausted == "all"
    assert keys.dials_of("+13125550105") not in keys_left(database)


def test_asking_again_for_the_same_dial_is_free(database: Database) -> None:
    """A retry of our own request is not a second call."""
    limits = DialLimits(database, per_number=1, overall=1, window_s=60)

    assert [limits.take("+13125550100", "d-1") for _ in range(3)] == [DialPermit(True)] * 3
    assert not limits.take("+13125550100", "d-2").is_allowed


def test_a_limit_of_nothing_allows_nothing(database: Database) -> None:
    """0 switches dialling off."""
    assert not DialLimits(database, per_number=0, overall=5).take("+13125550100", "d-1").is_allowed
    assert DialLimits(database, per_number=5, overall=0).take("+13125550100", "d-1").exhausted == "all"


def test_a_window_must_make_sense(database: Database) -> None:
    """A setting that cannot work is refused when it is read."""
    with pytest.raises(ValueError, match="window_s"):
        DialLimits(database, window_s=0)


def test_racing_workers_keep_the_limit_exactly(database: Database) -> None:
    """Twenty workers, five calls allowed: five, not four, not six."""
    results: queue.Queue[bool] = queue.Queue()
    limits = DialLimits(database, per_number=99, overall=5, window_s=60)

    race(20, results, lambda index: limits.take(f"+131255501{index:02}", f"d-{index}").is_allowed)

    assert sum(results.queue) == 5


class StandingClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1e9

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_the_window_slides() -> None:
    """Each dial frees its place one window later, not at the turn of the minute. (Over the twin: it has a clock.)"""
    clock = StandingClock()
    limits = DialLimits(MemoryDatabase(clock), per_number=2, overall=2, window_s=10)
    taken = []
    for now in (0, 4, 9, 10, 13.9, 14):
        clock.now = 1e9 + now
        taken.append(limits.take("+13125550100", f"d-{now}").is_allowed)

    assert taken == [True, True, False, True, False, True]


def test_the_twin_forgets_in_time(call: str) -> None:
    """Its entries expire like Redis' own."""
    clock = StandingClock()
    stores = stores_over(MemoryDatabase(clock), clock)
    stores.owners.claim(call, "w1")
    token = stores.stream_tokens.issue(call, clock.wall())
    stores.legs.finish("v3:other")

    clock.now += 14.9
    assert stores.owners.owner(call) == "w1"
    clock.now += 0.1
    assert stores.owners.owner(call) is None
    clock.now += 30
    assert stores.owners.claim("v3:other", "w1")
    clock.now += 75
    assert not stores.stream_tokens.redeem(call, token)


# --- audio clips -----------------------------------------------------------------------------------------------------


def test_a_clip_is_fetched_with_its_secret(stores: Stores, call: str) -> None:
    """Byte for byte, newlines and all; a guessed address fetches nothing."""
    wav = bytes(range(256)) * 3 + b"\n\n"
    assert stores.audio_clips.put(call, "1-2", "secret", wav)

    assert stores.audio_clips.get(call, "1-2", "secret") == wav
    assert stores.audio_clips.get(call, "1-2", "Secret") is None
    assert stores.audio_clips.get(call, "1-2", "") is None
    assert stores.audio_clips.get(call, "1-3", "secret") is None
    assert stores.audio_clips.get(call, "1-3", "") is None


def test_a_clip_that_is_too_large_is_a_bug(stores: Stores, call: str) -> None:
    """Nothing we say is sixteen megabytes long."""
    with pytest.raises(ValueError, match="16 MiB"):
        stores.audio_clips.put(call, "1-2", "secret", bytes(16 * 1024 * 1024 + 1))


def test_the_limit_of_one_number_has_a_window_of_its_own() -> None:
    """Three an hour to one number are three an hour, however many a minute are allowed in all."""
    clock = StandingClock()
    limits = DialLimits(MemoryDatabase(clock), per_number=1, overall=9, window_s=60, number_window_s=3600)
    assert limits.take("+13125550100", "d-1").is_allowed
    clock.now += 61

    permit = limits.take("+13125550100", "d-2")

    assert not permit.is_allowed and permit.exhausted == "number"
    assert 3500 < permit.retry_after_s < 3600
    assert limits.take("+13125550101", "d-3").is_allowed
