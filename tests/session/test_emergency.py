"""backend/session/emergency.py"""

from backend.errors import CallGone, Unavailable
from backend.session.emergency import apologise_and_hang_up
from backend.session.leg_commands import LegCommands
from tests.session.rig import CALL, Rig, make_agent


def end(rig: Rig) -> list[float]:
    """Runs it; returns the pauses."""
    slept: list[float] = []
    apologise_and_hang_up(LegCommands(rig.services, CALL), make_agent(), slept.append)
    return slept


def test_the_caller_hears_an_apology_before_the_hang_up(rig: Rig) -> None:
    """From the carrier's own voice, and is given the time to hear it."""
    slept = end(rig)

    assert rig.carrier.names() == ["speak", "hang_up"]
    assert len(slept) == 1 and slept[0] > 2


def test_a_hang_up_that_does_not_arrive_is_repeated(rig: Rig) -> None:
    """Four times, further and further apart; then the sweeper has the call."""
    rig.carrier.will("hang_up", Unavailable("away"), Unavailable("away"), Unavailable("away"), Unavailable("away"))
    slept = end(rig)

    assert rig.carrier.names() == ["speak"] + ["hang_up"] * 4
    assert slept[1:] == [1.0, 2.0, 4.0, 0.0]


def test_no_voice_is_no_reason_to_keep_the_call(rig: Rig) -> None:
    """It is hung up without an apology."""
    rig.carrier.will("speak", Unavailable("away"))

    assert end(rig) == []
    assert rig.carrier.names() == ["speak", "hang_up"]


def test_a_call_that_is_gone_needs_nothing(rig: Rig) -> None:
    """The caller hung up first."""
    rig.carrier.will("speak", CallGone("gone"))
    end(rig)

    assert rig.carrier.names() == ["speak"]
