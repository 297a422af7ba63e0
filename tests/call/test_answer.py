"""The answer under way: its latency report."""

from backend.call.answer import Answer
from backend.call.commands import ReportTurn


def test_latencies_count_from_the_caller_falling_silent() -> None:
    """What did not happen is None."""
    answer = Answer("t1", began_at=10.5, caller_ended_at=10.0, first_sentence_at=11.0)

    assert answer.report() == ReportTurn("t1", 0.5, 1.0, None)


def test_without_a_voice_nothing_can_be_measured() -> None:
    """Keys, or a failed transfer, began the turn."""
    assert Answer("t1", began_at=10.5, caller_ended_at=None, first_audio_at=12.0).report() == ReportTurn(
        "t1", None, None, None
    )
