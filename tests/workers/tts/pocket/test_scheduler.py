"""Who goes when: tables for the rules, and random traffic for what must always hold."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.workers.tts.pocket.scheduler import EPSILON_S, Limits, Plan, Scheduler

FRAME_S = 0.08


def scheduler(**limits: float) -> Scheduler:
    return Scheduler(Limits(**{"slots": 4, **limits}))  # type: ignore[arg-type]  # whole numbers where they must be


def test_nobody_there_means_nothing_to_do_and_nothing_to_wait_for() -> None:
    """The thread sleeps until somebody comes."""
    assert scheduler().plan(0.0) == Plan()


def test_whoever_comes_joins_and_steps_at_once() -> None:
    """First audio is one reading and one step away."""
    idle = scheduler()
    idle.add(1, 0.0)

    assert idle.plan(0.0) == Plan(joins=(1,), steps=(1,))
    assert idle.plan(0.0) == Plan(joins=(), steps=(1,))


def give(to: Scheduler, number: int, frames: int, now: float, *, is_audible: bool = True) -> None:
    """Frames made and taken at one instant."""
    for _ in range(frames):
        to.made(number, now, is_audible)
        to.taken(number, 1)


def test_a_stream_alone_keeps_half_a_second_in_hand() -> None:
    """Seven frames at once, then one each time it has less."""
    alone = scheduler()
    alone.add(1, 0.0)
    frames = 0
    while alone.plan(0.0).steps:
        give(alone, 1, 1, 0.0)
        frames += 1

    assert frames == 7
    assert alone.plan(0.0).look_at == pytest.approx(7 * FRAME_S - 0.5)
    assert alone.plan(0.07).steps == (1,)


def test_no_stream_is_made_more_than_a_second_ahead() -> None:
    """Twelve frames of 80 ms, however often others need a step; the thirteenth would pass the second."""
    two = scheduler()
    two.add(1, 0.0)
    two.add(2, 0.0)
    two.plan(0.0)
    give(two, 1, 11, 0.0)
    assert two.plan(0.0).steps == (2, 1)
    give(two, 1, 1, 0.0)

    assert two.plan(0.0).steps == (2,)
    assert two.plan(0.05).steps == (2, 1)


def test_one_who_is_wanted_takes_along_everybody_who_may_go() -> None:
    """So that rows make their frames in one step."""
    two = scheduler()
    two.add(1, 0.0)
    two.plan(0.0)
    give(two, 1, 7, 0.0)
    two.add(2, 0.01)

    assert two.plan(0.01) == Plan(joins=(2,), steps=(2, 1))


def test_the_earliest_deadline_goes_first() -> None:
    """Both have begun; the one with less audio in hand is first in the step, and alone in a step for one."""
    narrow = scheduler(step_rows=1)
    narrow.add(1, 0.0)
    narrow.add(2, 0.0)
    for number in narrow.plan(0.0).joins:
        narrow.made(number, 0.0)
    narrow.made(1, 0.0)

    assert narrow.plan(0.01).steps == (2,)
    narrow.made(2, 0.01)
    narrow.made(2, 0.01)
    assert narrow.plan(0.01).steps == (1,)


def test_slots_go_by_deadline_too() -> None:
    """A stream between two pieces whose audio runs out before a newcomer's target goes before it."""
    one = scheduler(slots=1)
    one.add(1, 0.0)
    one.plan(0.0)
    one.made(1, 0.0)
    one.add(2, 0.0)
    assert one.plan(0.02).joins == ()
    one.piece_ended(1)

    assert one.plan(0.02).joins == (1,)
    one.piece_ended(1)
    one.made(1, 0.02)
    one.made(1, 0.02)
    assert one.plan(0.03).joins == (2,)


def test_no_more_join_than_there_are_slots_nor_than_one_reading_takes() -> None:
    """The first to come are the first to be let in."""
    crowded = scheduler(slots=3, join_rows=2)
    for number in range(5):
        crowded.add(number, 0.001 * number)

    assert crowded.plan(0.01).joins == (0, 1)
    assert crowded.plan(0.01).joins == (2,)
    assert crowded.plan(0.01).joins == ()
    assert crowded.slots_used == 3
    crowded.remove(1)
    assert crowded.plan(0.01).joins == (3,)


def test_joining_waits_while_a_row_is_about_to_underrun() -> None:
    """Unless the newcomer is later still."""
    busy = scheduler()
    busy.add(1, 0.0)
    busy.plan(0.0)
    busy.made(1, 0.0)
    busy.add(2, 0.01)

    assert busy.plan(0.02) == Plan(joins=(), steps=(1,))
    assert busy.plan(0.20) == Plan(joins=(), steps=(1,))
    busy.made(1, 0.20)
    assert busy.plan(0.21) == Plan(joins=(2,), steps=(2, 1))


def test_a_stream_whose_consumer_does_not_take_frames_is_not_made_further() -> None:
    """Its playout would have run dry long ago; what is made only waits."""
    slow = scheduler()
    slow.add(1, 0.0)
    now, made = 0.0, 0
    for _ in range(100):
        if slow.plan(now).steps:
            slow.made(1, now)
            made += 1
        now += 1.0

    assert made == 12
    assert slow.plan(now).look_at is None
    slow.taken(1, 1)
    assert slow.plan(now).steps == (1,)


def test_leading_silence_is_no_beginning() -> None:
    """The listener hears nothing of it, so it is made at full speed."""
    soft = scheduler()
    soft.add(1, 0.0)
    for _ in range(30):
        assert soft.plan(0.0).steps == (1,)
        give(soft, 1, 1, 0.0, is_audible=False)
    soft.made(1, 1.0)

    assert soft.underruns == 0
    assert soft.plan(1.0 + FRAME_S + 0.01).steps == (1,)
    soft.made(1, 1.0 + FRAME_S + 0.01)
    assert soft.underruns == 1


def test_a_pause_is_passed_at_full_speed_once_nothing_was_heard_for_a_while() -> None:
    """Silence is not sent before a sound follows it, and the client waits one second."""
    pausing = scheduler()
    pausing.add(1, 0.0)
    pausing.plan(0.0)
    give(pausing, 1, 12, 0.0)
    assert pausing.plan(0.24).steps == ()
    assert pausing.plan(0.24).look_at == pytest.approx(0.25)
    for _ in range(20):
        assert pausing.plan(0.26).steps == (1,)
        give(pausing, 1, 1, 0.26, is_audible=False)

    give(pausing, 1, 1, 0.26)
    assert pausing.plan(0.26).steps == ()
    assert pausing.plan(0.26).look_at == pytest.approx(0.51)


def test_more_silence_than_is_played_does_not_count_as_audio_in_hand() -> None:
    """frames.py shortens a pause to two seconds."""
    dull = scheduler()
    dull.add(1, 0.0)
    dull.plan(0.0)
    give(dull, 1, 1, 0.0)
    give(dull, 1, 100, 0.0, is_audible=False)
    give(dull, 1, 1, 0.0)

    heard_s = FRAME_S + 2.0 + FRAME_S
    give(dull, 1, 1, heard_s)
    assert dull.underruns == 0
    give(dull, 1, 1, heard_s + 2.1 * FRAME_S)
    assert dull.underruns == 1


def test_removing_a_stranger_is_nothing() -> None:
    """A cancel may come twice."""
    empty = scheduler()
    empty.remove(7)

    assert empty.streams == []


@dataclass
class Traffic:
    """A machine that steps as planned, and listeners who hear frames from the first on."""

    limits: Limits
    step_s: float
    now: float = 0.0
    lengths: dict[int, list[int]] = field(default_factory=dict)
    """Stream → frames left of each piece."""
    played_until: dict[int, float] = field(default_factory=dict)
    waits: dict[int, float] = field(default_factory=dict)
    """Stream → since when it has been willing without being served."""
    longest_wait_s: float = 0.0
    first_frame_s: list[float] = field(default_factory=list)
    arrived_at: dict[int, float] = field(default_factory=dict)
    late_frames: int = 0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.limits)
        self.slots: set[int] = set()

    def arrive(self, number: int, pieces: list[int]) -> None:
        self.lengths[number] = list(pieces)
        self.arrived_at[number] = self.waits[number] = self.now
        self.scheduler.add(number, self.now)

    def leave(self, number: int) -> None:
        self.scheduler.remove(number)
        self.slots.discard(number)
        self.waits.pop(number, None)
        del self.lengths[number]

    def go(self, until: float) -> None:
        while self.now < until:
            plan = self.scheduler.plan(self.now)
            if not plan.steps:
                assert not plan.joins
                self.now = min(until, max(self.now + 0.001, plan.look_at or until))
                continue
            self.check(plan)
            self.now += self.step_s
            for number in plan.steps:
                self.give(number)

    def check(self, plan: Plan) -> None:
        assert len(set(plan.steps)) == len(plan.steps) <= self.limits.step_rows
        assert len(plan.joins) <= self.limits.join_rows
        assert not self.slots & set(plan.joins)
        self.slots |= set(plan.joins)
        assert self.slots >= set(plan.steps)
        assert len(self.slots) == self.scheduler.slots_used <= self.limits.slots

    def give(self, number: int) -> None:
        self.longest_wait_s = max(self.longest_wait_s, self.now - self.waits[number])
        self.waits[number] = self.now
        if number not in self.played_until:
            self.first_frame_s.append(self.now - self.arrived_at[number])
            self.played_until[number] = self.now
        elif self.played_until[number] < self.now - EPSILON_S:
            self.late_frames += 1
        self.played_until[number] = max(self.played_until[number], self.now) + FRAME_S
        # The frame was begun a step earlier, when the playout had a step more in hand.
        assert self.played_until[number] - self.now <= self.limits.high_s + EPSILON_S
        self.scheduler.made(number, self.now)
        self.scheduler.taken(number, 1)
        pieces = self.lengths[number]
        pieces[0] -= 1
        if pieces[0] == 0:
            pieces.pop(0)
            self.slots.discard(number)
            if pieces:
                self.scheduler.piece_ended(number)
            else:
                self.leave(number)


arrivals = st.lists(
    st.tuples(
        st.floats(0, 0.5),
        st.lists(st.integers(1, 40), min_size=1, max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(
    arrivals,
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 4),
    st.floats(0.002, 0.2),
)
def test_any_traffic_is_served_within_the_limits_and_to_the_end(
    coming: list[tuple[float, list[int], bool]], slots: int, step_rows: int, join_rows: int, step_s: float
) -> None:
    """Capacity holds, nobody is more than a second ahead, and everybody who is not cancelled finishes, overload or not:
    nobody starves."""
    traffic = Traffic(Limits(slots, step_rows=step_rows, join_rows=join_rows), step_s)
    for number, (after_s, pieces, is_cancelled) in enumerate(coming):
        traffic.arrive(number, pieces)
        traffic.go(traffic.now + after_s)
        if is_cancelled and number in traffic.lengths:
            traffic.leave(number)
    frames = sum(sum(pieces) for pieces in traffic.lengths.values())
    # Even one at a time, or at the speed of hearing, with every hesitation.
    traffic.go(traffic.now + frames * (step_s + FRAME_S) + 10.0)

    assert traffic.lengths == {}
    assert traffic.scheduler.streams == []
    assert traffic.scheduler.slots_used == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 0.1), min_size=2, max_size=24), st.floats(0.002, 0.02))
def test_with_room_for_all_nobody_underruns_and_everybody_begins_soon(gaps: list[float], step_s: float) -> None:
    """Rows enough, steps well below 80 ms: not one late frame, first audio within the target and a step or two."""
    traffic = Traffic(Limits(slots=32), step_s)
    for number, gap in enumerate(gaps):
        traffic.arrive(number, [50, 30])
        traffic.go(traffic.now + gap)
    traffic.go(traffic.now + 15.0)

    assert traffic.lengths == {}
    assert traffic.late_frames == traffic.scheduler.underruns == 0
    assert max(traffic.first_frame_s) <= 0.15 + 3 * step_s


def test_one_endless_answer_does_not_starve_short_ones() -> None:
    """With one row per step: the long text is made as fast as it is heard, the rest of the time is the others'."""
    traffic = Traffic(Limits(slots=4, step_rows=1), step_s=0.02)
    traffic.arrive(0, [100_000])
    traffic.go(5.0)
    for number in range(1, 4):
        traffic.arrive(number, [25])
        traffic.go(traffic.now + 4.0)

    assert list(traffic.lengths) == [0]
    assert traffic.late_frames == 0
    assert max(traffic.first_frame_s) <= 0.15


def test_an_overload_is_shared_evenly() -> None:
    """Six streams on a machine for four: each gets its sixth, none gets ahead."""
    traffic = Traffic(Limits(slots=6, step_rows=1), step_s=FRAME_S / 4)
    for number in range(6):
        traffic.arrive(number, [10_000])
    traffic.go(40.0)
    left = [pieces[0] for pieces in traffic.lengths.values()]

    assert max(left) - min(left) <= 2
    assert traffic.longest_wait_s < 1.0
