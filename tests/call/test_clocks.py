"""Whose silence it is: each row of the table in clocks.py."""

import pytest

from backend.call.agent_config import DeadAirSettings, NoProgressSettings
from backend.call.answering import Answer
from backend.call.clocks import Clocks
from backend.call.commands import SpeechKind
from backend.call.dead_air import DeadAir
from backend.call.no_progress import NoProgress
from backend.call.playback import Ledger

CALLERS, OURS = DeadAirSettings().silence_timeout_normal, NoProgressSettings().filler_after_s


class Silence:
    """Idle since 100.0; a piece is asked for and begins at 101.0."""

    def __init__(self, kind: SpeechKind | None = None, is_audible: bool = False) -> None:
        self.ledger = Ledger()
        self.dead_air = DeadAir(DeadAirSettings())
        self.no_progress = NoProgress(NoProgressSettings())
        self.clocks = Clocks(self.dead_air, self.no_progress, self.ledger)
        if kind is not None:
            piece = self.ledger.ask(kind, "Some words.", 101.0)
            if is_audible:
                self.ledger.started(piece.playback_id, 101.0)

    def follow(self, answer: Answer | None = None, is_more_expected: bool = False) -> tuple[float | None, float | None]:
        """(the caller's deadline, ours)"""
        self.clocks.follow(answer, is_more_expected, idle_from=100.0)
        return self.dead_air.deadline(), self.no_progress.deadline()


ANSWER = Answer("t1", began_at=100.5, caller_ended_at=100.0)


@pytest.mark.parametrize(
    ("silence", "answer", "is_more_expected", "expected"),
    [
        (Silence(), None, False, (100.0 + CALLERS, None)),
        (Silence(), None, True, (None, None)),
        (Silence(), ANSWER, False, (None, 100.5 + OURS)),
        (Silence("check_in"), None, False, (None, 101.0 + OURS)),
        (Silence("answer", is_audible=True), ANSWER, False, (None, None)),
        (Silence("filler", is_audible=True), ANSWER, False, (None, 100.5 + OURS)),
        (Silence("filler", is_audible=True), None, False, (None, None)),
    ],
    ids=["nobody", "caller begun", "thinking", "asked for", "audible", "filler while thinking", "filler alone"],
)
def test_one_clock_runs_at_most(
    silence: Silence, answer: Answer | None, is_more_expected: bool, expected: tuple[float | None, float | None]
) -> None:
    """And asking again changes nothing."""
    assert silence.follow(answer, is_more_expected) == expected
    assert silence.follow(answer, is_more_expected) == expected


def test_our_clock_starts_again_at_the_end_of_what_was_heard() -> None:
    """One sentence, then nothing: the caller waits from there."""
    silence = Silence("answer", is_audible=True)
    silence.follow(ANSWER)
    silence.ledger.ended("1-1", 103.0)

    assert silence.follow(ANSWER) == (None, 103.0 + OURS)


def test_the_callers_clock_starts_when_the_agent_was_heard() -> None:
    """Not when it was sent (B2)."""
    silence = Silence("answer", is_audible=True)
    silence.ledger.ended("1-1", 103.0)

    assert silence.follow() == (103.0 + CALLERS, None)


def test_stopped_both_stand_still() -> None:
    """Closing, transferring, or waiting for a machine."""
    silence = Silence()
    silence.follow(ANSWER)
    silence.clocks.stop()

    assert (silence.dead_air.deadline(), silence.no_progress.deadline()) == (None, None)
