"""Our own silence."""

import pytest

from backend.call.agent_config import NoProgressSettings
from backend.call.no_progress import NoProgress, Step

OTHERS = NoProgressSettings(filler_after_s=2, retry_after_s=3, give_up_after_s=9)


@pytest.mark.parametrize(("settings", "times"), [(NoProgressSettings(), (4.0, 8.0, 20.0)), (OTHERS, (2.0, 3.0, 9.0))])
def test_the_steps_come_in_order_each_once(settings: NoProgressSettings, times: tuple[float, ...]) -> None:
    """4, 8 and 20 s by default (B6), all from the settings."""
    clock = NoProgress(settings)
    clock.owed(100.0)

    for step, after_s in zip(Step, times, strict=True):
        assert clock.deadline() == 100.0 + after_s
        assert clock.due(100.0 + after_s - 0.001) is None
        assert clock.due(100.0 + after_s) == step
    assert (clock.deadline(), clock.due(1000.0)) == (None, None)


def test_being_owed_again_and_again_does_not_pause_it() -> None:
    """No flag pauses this clock."""
    clock = NoProgress(NoProgressSettings())
    for at in range(100, 110):
        clock.owed(float(at))

    assert clock.deadline() == 104.0


def test_owed_audio_resets_it() -> None:
    """All steps are there again for the next wait."""
    clock = NoProgress(NoProgressSettings())
    clock.owed(100.0)
    clock.due(104.0)
    clock.satisfied()
    assert clock.deadline() is None

    clock.owed(200.0)

    assert clock.due(204.0) == Step.FILLER


def test_a_late_look_gives_the_steps_one_by_one() -> None:
    """A worker that slept does not skip the retry."""
    clock = NoProgress(NoProgressSettings())
    clock.owed(0.0)

    assert [clock.due(60.0) for _ in range(4)] == [Step.FILLER, Step.RETRY, Step.GIVE_UP, None]
