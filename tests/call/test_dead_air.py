"""The caller's silence: each row of the tables."""

import pytest

from backend.call.agent_config import DeadAirSettings
from backend.call.dead_air import NOISE_ALLOWANCE_S, CheckIn, DeadAir, GiveUp

DEFAULTS = DeadAirSettings()
OTHERS = DeadAirSettings(
    silence_timeout_normal=3,
    silence_timeout_hold_on=40,
    max_checkins_before_disconnect=3,
    checkin_message="Hello?",
    final_wait=11,
)


def silent_from(at: float, settings: DeadAirSettings = DEFAULTS) -> DeadAir:
    clock = DeadAir(settings)
    clock.agent_heard(at)
    return clock


def steps(settings: DeadAirSettings, hold: bool = False, spoken_s: float = 1.5) -> list[tuple[float, object]]:
    """What a caller who never speaks again lives through: seconds of silence before each step, and the step."""
    clock = DeadAir(settings)
    if hold:
        clock.hold_asked()
    heard_at, found = 100.0, []
    while True:
        clock.agent_heard(heard_at)
        due_at = clock.deadline()
        assert due_at is not None
        assert clock.due(due_at - 0.001) is None
        due = clock.due(due_at)
        found.append((due_at - heard_at, due))
        if isinstance(due, GiveUp):
            return found
        assert clock.deadline() is None  # stopped until the check-in was heard
        heard_at = due_at + spoken_s


@pytest.mark.parametrize("spoken_s", [0.0, 1.5, 30.0])
def test_the_default_timeline(spoken_s: float) -> None:
    """7 s, 7 s after the first was heard, 5 s after the second was heard (B4), however long the check-ins are."""
    text = "Are you still there?"

    assert steps(DEFAULTS, spoken_s=spoken_s) == [(7.0, CheckIn(1, text)), (7.0, CheckIn(2, text)), (5.0, GiveUp())]


def test_every_time_comes_from_the_settings() -> None:
    """Change each, see it move (B1)."""
    found = steps(OTHERS)

    assert found == [(3.0, CheckIn(n, "Hello?")) for n in (1, 2, 3)] + [(11.0, GiveUp())]


def test_hold_on_lengthens_each_silence_but_the_last_wait() -> None:
    """The longer timeout applies until the caller speaks (B3)."""
    assert [after_s for after_s, _ in steps(OTHERS, hold=True)] == [40.0, 40.0, 40.0, 11.0]


@pytest.mark.parametrize(("hold", "after_s"), [(False, 7.0), (True, 25.0)])
def test_without_check_ins_the_first_silence_ends_the_call(hold: bool, after_s: float) -> None:
    """max 0: no check-in, and it is the silence timeout that counts, not the final wait."""
    assert steps(DeadAirSettings(max_checkins_before_disconnect=0), hold=hold) == [(after_s, GiveUp())]


def test_check_ins_use_their_own_texts_and_the_last_repeats() -> None:
    """The n-th check-in uses the n-th text."""
    settings = DeadAirSettings(checkin_messages=["One?", "Two?"], max_checkins_before_disconnect=4)

    assert [due.text for _, due in steps(settings) if isinstance(due, CheckIn)] == ["One?", "Two?", "Two?", "Two?"]


def test_words_bring_the_count_and_the_hold_back() -> None:
    """The caller really spoke (A6)."""
    clock = silent_from(0.0)
    clock.hold_asked()
    assert clock.due(25.0) == CheckIn(1, DEFAULTS.checkin_message)

    clock.words_heard()
    clock.agent_heard(40.0)

    assert (clock.checkins, clock.on_hold, clock.deadline()) == (0, False, 47.0)


def test_a_sound_without_words_does_not_bring_the_count_back() -> None:
    """A cough is not an answer."""
    clock = silent_from(0.0)
    clock.due(7.0)
    clock.agent_heard(9.0)
    clock.noise_started(10.0)
    clock.noise_ended(11.0)

    assert (clock.checkins, clock.deadline()) == (1, 17.0)


def test_a_busy_agent_stops_the_clock() -> None:
    """Speaking, or an answer is being made; it starts anew from what was heard then."""
    clock = silent_from(0.0)
    clock.agent_busy()
    assert (clock.deadline(), clock.due(1000.0)) == (None, None)

    clock.agent_heard(50.0)

    assert clock.deadline() == 57.0


def test_being_told_again_does_not_restart_it() -> None:
    """The clock is a function of when the agent was heard, not of how often we look."""
    clock = silent_from(0.0)
    for at in (1.0, 2.0, 3.0):
        clock.agent_heard(at)

    assert clock.deadline() == 7.0


def test_a_short_sound_postpones_by_its_own_length() -> None:
    """It pauses the clock."""
    clock = silent_from(0.0)
    clock.noise_started(2.0)
    clock.noise_ended(4.5)

    assert clock.deadline() == 9.5


def test_nothing_is_due_while_a_sound_goes_on_within_the_allowance() -> None:
    """The caller may be about to say something."""
    clock = silent_from(0.0)
    clock.noise_started(6.0)

    assert clock.deadline() == 7.0 + NOISE_ALLOWANCE_S


@pytest.mark.parametrize("sounds", [1, 5, 60])
def test_sounds_postpone_a_check_in_by_a_bounded_total(sounds: int) -> None:
    """A barking dog cannot hold the line."""
    clock = silent_from(0.0)
    for index in range(sounds):
        clock.noise_started(0.1 + index)
        clock.noise_ended(0.9 + index)
    clock.noise_started(6.9)  # and one that never ends

    due_at = clock.deadline()

    assert due_at is not None
    assert due_at <= 7.0 + NOISE_ALLOWANCE_S


def test_a_sound_from_before_the_silence_counts_from_its_beginning() -> None:
    """The allowance is per silence."""
    clock = DeadAir(DEFAULTS)
    clock.noise_started(1.0)
    clock.agent_heard(100.0)
    clock.noise_ended(102.0)

    assert clock.deadline() == 109.0
