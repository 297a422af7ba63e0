"""backend/call/notice.py"""

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.notice import may_record
from backend.call.playback import Ledger


def agent(**changes: object) -> AgentConfig:
    return AgentConfig.model_validate({"name": "Ada", "recording": True, "notice": "Recorded.", **changes})


def heard(ledger: Ledger, kind: str = "notice") -> None:
    piece = ledger.ask(kind, "Recorded.", 0.0)  # type: ignore[arg-type]  # a kind
    ledger.started(piece.playback_id, 0.0)
    ledger.handed_over(piece.playback_id, 1.0, 0.0)
    ledger.ended(piece.playback_id, 1.0)


def test_recording_is_off_by_default() -> None:
    """Whatever was said."""
    ledger = Ledger()
    heard(ledger)

    assert AgentConfig(name="Ada").recording is False and not may_record(agent(recording=False), ledger)


def test_without_a_notice_it_may_begin_at_once() -> None:
    """The author says that none is needed."""
    assert may_record(agent(notice=""), Ledger())


def test_with_one_it_begins_when_the_notice_was_heard() -> None:
    """Not when it was asked for or sent, and no other speech counts."""
    ledger = Ledger()
    heard(ledger, "filler")
    piece = ledger.ask("notice", "Recorded.", 2.0)
    before = may_record(agent(), ledger)
    ledger.started(piece.playback_id, 2.0)
    ledger.handed_over(piece.playback_id, 1.0, 2.0)
    during = may_record(agent(), ledger)
    ledger.ended(piece.playback_id, 3.0)

    assert (before, during, may_record(agent(), ledger)) == (False, False, True)


@pytest.mark.parametrize("fate", ["failed", "cleared"])
def test_a_notice_that_was_not_heard_allows_nothing(fate: str) -> None:
    """No voice could say it, or a machine answered."""
    ledger = Ledger()
    piece = ledger.ask("notice", "Recorded.", 0.0)
    if fate == "failed":
        ledger.failed(piece.playback_id, 0.0, 1.0)
    else:
        ledger.clear(1.0)

    assert not may_record(agent(), ledger)
