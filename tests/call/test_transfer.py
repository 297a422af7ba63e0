"""Handing the caller to somebody else: the table of transfer.py."""

from backend.call.agent_config import TransferTarget
from backend.call.commands import Transfer
from backend.call.transfer import BRIDGED_AT_MOST_S, TRANSFER_PATIENCE_S, Transferring, TransferStep

DESK = TransferTarget(name="desk", number="+13125550100")


def ringing(at: float = 100.0) -> Transferring:
    transfer = Transferring()
    transfer.want(DESK)
    transfer.ask(at)
    return transfer


def test_a_wish_waits_until_the_line_is_free_and_can_be_taken_back() -> None:
    """Nobody is handed over in mid-sentence."""
    transfer = Transferring()
    transfer.want(DESK)
    assert (transfer.is_wanted, transfer.due(1.0, False), transfer.due(1.0, True)) == (True, None, TransferStep.ASK)

    transfer.want(None)
    assert (transfer.is_wanted, transfer.due(1.0, True), transfer.deadline()) == (False, None, None)


def test_each_request_is_an_attempt_of_its_own() -> None:
    """The carrier must not take the second for the first."""
    transfer = ringing()
    transfer.want(DESK)

    assert transfer.ask(150.0) == Transfer("desk", "+13125550100", 2)


def test_it_rings_for_a_bounded_time_and_has_failed_once() -> None:
    """No report may ever come."""
    transfer = ringing(100.0)
    until = 100.0 + TRANSFER_PATIENCE_S
    assert (transfer.deadline(), transfer.is_handed_over, transfer.due(until - 0.1, True)) == (until, True, None)

    assert (transfer.due(until, True), transfer.due(until, True)) == (TransferStep.FAILED, None)
    assert (transfer.is_handed_over, transfer.deadline()) == (False, None)


def test_the_carriers_word_ends_the_ringing_at_once() -> None:
    """Said twice it counts once."""
    transfer = ringing(100.0)

    assert transfer.failed(101.0) and transfer.due(101.0, False) == TransferStep.FAILED
    assert not transfer.failed(101.0)


def test_bridged_counts_however_late_it_comes() -> None:
    """The caller talks to somebody else then, whatever we believed."""
    transfer = ringing(100.0)
    transfer.due(100.0 + TRANSFER_PATIENCE_S, True)

    assert transfer.bridged(140.0) and not transfer.bridged(141.0)
    assert (transfer.is_bridged, transfer.is_handed_over) == (True, True)
    assert transfer.deadline() == 140.0 + BRIDGED_AT_MOST_S
    assert [transfer.is_over(140.0), transfer.is_over(140.0 + BRIDGED_AT_MOST_S)] == [False, True]


def test_reports_of_what_nobody_asked_for_change_nothing() -> None:
    """Another leg of the account, or an old webhook."""
    transfer = Transferring()

    assert (transfer.bridged(1.0), transfer.failed(1.0)) == (False, False)
    assert (transfer.is_handed_over, transfer.deadline(), transfer.is_over(1e9)) == (False, None, False)
