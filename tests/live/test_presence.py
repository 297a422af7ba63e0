"""backend/live/presence.py"""

from backend.live.presence import MARK_EVERY_S, Presence
from backend.store.stores import stores_over
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import FailingDatabase, settle


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.database = FailingDatabase(self.clock)
        self.live = stores_over(self.database, self.clock).live
        self.watched: list[str] = []
        self.presence = Presence(self.live, self.clock, lambda: self.watched)

    def age(self, call: str) -> float | None:
        ages = self.live.seen_ages()
        return None if call not in ages else round(ages[call], 2)


def test_attended_and_watched_sessions_are_marked() -> None:
    """Phone calls are not: nobody asks."""
    world = World()
    world.watched = ["web-b", "v3:c", ""]
    with world.presence.attending("web-a"):
        world.presence.mark()
        world.clock.advance(3)

        assert (world.age("web-a"), world.age("web-b"), world.age("v3:c")) == (3.0, 3.0, None)
    settle()


def test_the_last_who_leaves_is_marked_at_once() -> None:
    """So the age counts from the leaving; one of two who leaves changes nothing for the other."""
    world = World()
    with world.presence.attending("web-a"):
        with world.presence.attending("web-a"):
            world.presence.mark()
            world.clock.advance(3)
        settle()
        assert world.age("web-a") == 3.0
        world.clock.advance(4)
    settle()
    assert world.age("web-a") == 0.0
    world.clock.advance(5)
    world.presence.mark()

    assert world.age("web-a") == 5.0


def test_marks_that_could_not_be_written_make_it_unsure() -> None:
    """Also on a worker on which nobody is: the others' marks could not be written either."""
    world = World()
    world.presence.mark()
    assert world.presence.is_sure()
    world.database.is_away = True
    world.presence.mark()
    assert not world.presence.is_sure()
    world.database.is_away = False
    world.presence.mark()
    assert not world.presence.is_sure()
    world.clock.advance(2 * MARK_EVERY_S + 1)

    assert world.presence.is_sure()


def test_a_call_that_is_over_leaves_no_mark() -> None:
    world = World()
    world.live.mark_seen(["web-a"])
    world.live.close("web-a", {})

    assert world.age("web-a") is None
