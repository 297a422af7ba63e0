"""The two strategies, and which one a call gets."""

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.barge_in import Cause
from backend.call.duplex import Duplex, choose_duplex


def hears_everything(duplex: Duplex) -> Duplex:
    duplex.speech_started(10.0)
    duplex.speech_lasted(12.0)
    duplex.words_heard("no wait")
    return duplex


@pytest.mark.parametrize(
    ("installation", "agent", "expected"),
    [(True, True, "full"), (False, True, "half"), (True, False, "half"), (False, False, "half")],
)
def test_both_the_installation_and_the_agent_must_allow_interruption(
    installation: bool, agent: bool, expected: str
) -> None:
    """Half-duplex is what is left otherwise."""
    assert choose_duplex(TurnTakingSettings(barge_in=agent), installation).name == expected


def test_half_duplex_is_never_interrupted_and_never_asks_to_be_asked() -> None:
    """Whatever the caller does."""
    half = hears_everything(choose_duplex(TurnTakingSettings(), False))

    assert (half.deadline({"answer"}), half.interrupts(99.0, {"answer"})) == (None, None)
    half.speech_ended()
    half.quiet()
    assert half.interrupts(99.0, {"answer"}) is None


def test_full_duplex_is() -> None:
    """By the rules of barge_in.py."""
    full = hears_everything(choose_duplex(TurnTakingSettings(), True))

    assert full.interrupts(10.1, {"answer"}) == Cause.WORDS
