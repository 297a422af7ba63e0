"""The owner's ledger: every (state, event) cell, and how long the agent may count as speaking."""

import itertools
import random
from collections.abc import Callable

import pytest

from backend.call.playback import BY_CARRIER, END_GRACE_S, LATEST_CARRIER_REPORT_S, Ledger, Piece, PieceState

S = PieceState
TEXT = "A sentence of some length."


def piece_in(state: PieceState) -> tuple[Ledger, Piece]:
    """A ledger with one piece in that state; its audio began at 10.0 and is 3 s long."""
    ledger = Ledger()
    piece = ledger.ask("answer", TEXT, 9.0)
    if state in (S.SENDING, S.SENT, S.HEARD, S.CLEARED):
        ledger.started(piece.playback_id, 10.0)
    if state in (S.SENT, S.HEARD):
        ledger.handed_over(piece.playback_id, 3.0, 11.0)
    if state == S.HEARD:
        ledger.ended(piece.playback_id, 13.0)
    if state == S.CLEARED:
        ledger.clear(11.0)
    if state == S.FAILED:
        ledger.failed(piece.playback_id, 0.0, 10.0)
    assert piece.state == state
    return ledger, piece


EVENTS: dict[str, Callable[[Ledger, Piece], object]] = {
    "audio started": lambda ledger, piece: ledger.started(piece.playback_id, 12.0),
    "all handed over": lambda ledger, piece: ledger.handed_over(piece.playback_id, 3.0, 12.0),
    "ended": lambda ledger, piece: ledger.ended(piece.playback_id, 12.0),
    "ended up to": lambda ledger, piece: ledger.ended_up_to(piece.generation, piece.number, 12.0),
    "failed": lambda ledger, piece: ledger.failed(piece.playback_id, 0.0, 12.0),
    "failed after some audio": lambda ledger, piece: ledger.failed(piece.playback_id, 1.5, 12.0),
    "cleared": lambda ledger, piece: ledger.clear(12.0),
    "past its deadline": lambda ledger, piece: ledger.expire(1000.0),
    "ended, of an old generation": lambda ledger, piece: ledger.ended_up_to(piece.generation - 1, piece.number, 12.0),
    "ended, of another": lambda ledger, piece: ledger.ended("1-99", 12.0),
}
MOVES = {
    (S.REQUESTED, "audio started"): S.SENDING,
    (S.REQUESTED, "all handed over"): S.SENT,
    (S.REQUESTED, "failed"): S.FAILED,
    (S.REQUESTED, "failed after some audio"): S.SENT,
    (S.REQUESTED, "cleared"): S.CLEARED,
    **{
        (state, event): to
        for state in (S.SENDING, S.SENT)
        for event, to in {
            "all handed over": S.SENT,
            "ended": S.HEARD,
            "ended up to": S.HEARD,
            "failed": S.FAILED,
            "failed after some audio": S.SENT,
            "cleared": S.CLEARED,
            "past its deadline": S.HEARD,
        }.items()
    },
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(PieceState, EVENTS)))
def test_every_cell_is_a_move_or_ignored(state: PieceState, event: str) -> None:
    """A piece that is over stays what it is, and an end that overtakes the start leaves nothing behind."""
    ledger, piece = piece_in(state)

    EVENTS[event](ledger, piece)

    assert piece.state == MOVES.get((state, event), state)


def test_a_lost_end_counts_as_heard_when_the_audio_was_over() -> None:
    """Not when we stopped waiting (B2), and 2 s after the audio at the latest (B7)."""
    ledger, piece = piece_in(S.SENT)

    assert ledger.deadline() == 13.0 + END_GRACE_S
    assert ledger.expire(14.99) == []
    assert ledger.expire(15.0) == [piece]
    assert (ledger.heard_until, ledger.audible()) == (13.0, [])


@pytest.mark.parametrize("late_s", [0.5, 2.5, 4.9])
def test_a_late_or_doubled_start_does_not_prolong_speaking(late_s: float) -> None:
    """`playback.started` came late and the end never: still audio + 2 s. The silence clock believes it, though."""
    ledger, piece = piece_in(S.SENT)

    ledger.played_from(piece.playback_id, 10.0 + late_s)
    ledger.played_from(piece.playback_id, 10.0 + late_s + 0.05)

    assert ledger.deadline() == 15.0
    ledger.expire(15.0)
    assert ledger.audible() == []
    assert ledger.heard_until == pytest.approx(13.0 + late_s)


def test_pieces_play_one_after_the_other() -> None:
    """The second begins when the first is over, and its end ends both."""
    ledger = Ledger()
    first, second = ledger.ask("answer", "One.", 0.0), ledger.ask("answer", "Two.", 0.0)
    for piece in (first, second):
        ledger.started(piece.playback_id, 1.0)
        ledger.handed_over(piece.playback_id, 2.0, 1.0)

    assert (first.playing_until, second.playing_until) == (3.0, 5.0)
    assert ledger.ended(second.playback_id, 5.1) == [first, second]


def test_the_end_of_one_piece_moves_the_next_behind_it() -> None:
    """Small pauses between pieces add up in a long answer; the reports of their ends keep the clock true."""
    ledger = Ledger()
    first, second = ledger.ask("answer", "One.", 0.0), ledger.ask("answer", "Two.", 0.0)
    for piece in (first, second):
        ledger.started(piece.playback_id, 1.0)
        ledger.handed_over(piece.playback_id, 2.0, 1.0)

    ledger.ended(first.playback_id, 4.5)

    assert second.playing_until == 6.5
    assert ledger.deadline() == 7.0  # but it may not speak longer for it


def test_a_clear_cuts_at_what_was_heard() -> None:
    """A third of the audio was played; what was only queued was not heard at all."""
    ledger, playing = piece_in(S.SENT)
    queued = ledger.ask("answer", "More.", 10.5)
    ledger.started(queued.playback_id, 10.6)
    ledger.handed_over(queued.playback_id, 1.0, 10.7)

    cut = ledger.clear(11.0)

    assert [piece.heard_fraction for piece in cut] == [pytest.approx(1 / 3), 0.0]
    assert (ledger.generation, ledger.heard_until) == (2, 11.0)


def test_echoes_of_a_cleared_generation_mean_nothing() -> None:
    """The carrier returns the marks of what it threw away (F16)."""
    ledger, piece = piece_in(S.CLEARED)
    after = ledger.ask("answer", "New.", 12.0)
    ledger.started(after.playback_id, 12.0)

    assert ledger.ended(piece.playback_id, 12.1) == []
    assert ledger.ended_up_to(1, 99, 12.1) == []
    assert after.state == S.SENDING


def test_a_flag_ends_nothing_that_was_asked_for_later() -> None:
    """A3: the flag of piece 1 comes while piece 2 plays."""
    ledger, first = piece_in(S.SENT)
    second = ledger.ask("answer", "Two.", 11.0)
    ledger.started(second.playback_id, 11.0)

    assert ledger.ended_up_to(1, 1, 13.0) == [first]
    assert second.state == S.SENDING


@pytest.mark.parametrize(
    ("text", "at_least_s"),
    [("Your number is 0049 151 2345678.", 8.0), ("営業時間は九時から五時までです", 5.0), ("$ 1,299.99", 4.0)],
)
def test_audio_of_unknown_length_is_not_taken_for_over_too_early(text: str, at_least_s: float) -> None:
    """A digit or a character of another script is a word when spoken."""
    assert Piece("1-1", 1, 1, "answer", text, 0.0).length_s >= at_least_s


def test_hundreds_of_pieces_keep_their_order() -> None:
    """Only the latest can be open."""
    ledger = Ledger()
    for index in range(500):
        piece = ledger.ask("answer", "One.", float(index))
        ledger.started(piece.playback_id, float(index))
        ledger.ended(piece.playback_id, index + 0.5)

    assert ledger.is_quiet()
    assert ledger.find("1-1") is ledger.pieces[0]


def by_carrier(ledger: Ledger, at: float, length_s: float = 3.0) -> Piece:
    piece = ledger.ask("answer", TEXT, at, attempt=BY_CARRIER)
    ledger.started(piece.playback_id, at)
    ledger.handed_over(piece.playback_id, length_s, at)
    return piece


def test_the_carriers_own_speech_ends_with_its_report() -> None:
    """The length was only estimated: the silence is counted from the report."""
    ledger = Ledger()
    piece = by_carrier(ledger, 10.0, length_s=8.0)

    assert ledger.carrier_speech_ended(13.5) is piece
    assert (piece.state, ledger.heard_until, ledger.is_quiet()) == (S.HEARD, 13.5, True)
    assert ledger.carrier_speech_ended(13.6) is None


def test_without_a_report_the_estimate_bounds_the_carriers_speech() -> None:
    """Invariant 3 holds for it as well."""
    ledger = Ledger()
    by_carrier(ledger, 10.0)

    assert ledger.deadline() == 13.0 + END_GRACE_S


def test_each_report_ends_one_text_in_order_and_nothing_else() -> None:
    """What our own voice says meanwhile has ends of its own."""
    ledger = Ledger()
    ours = ledger.ask("answer", TEXT, 9.0)
    ledger.started(ours.playback_id, 9.0)
    first, second = by_carrier(ledger, 10.0), by_carrier(ledger, 10.5)

    assert [ledger.carrier_speech_ended(at) for at in (13.0, 16.0, 17.0)] == [first, second, None]
    assert ours.state == S.SENDING


def test_a_report_about_a_cleared_text_does_not_end_the_next_one() -> None:
    """It does not say which text ended, and comes when the next one is under way."""
    ledger = Ledger()
    by_carrier(ledger, 10.0)
    ledger.clear(11.0)
    after = by_carrier(ledger, 11.5)

    assert ledger.carrier_speech_ended(11.6) is None
    assert after.state == S.SENT
    assert ledger.carrier_speech_ended(14.5) is after


def test_a_refused_text_has_no_report() -> None:
    """The next report is about the next text."""
    ledger = Ledger()
    refused = by_carrier(ledger, 10.0)
    ledger.failed(refused.playback_id, 0.0, 10.2)
    after = by_carrier(ledger, 11.0)

    assert ledger.carrier_speech_ended(14.0) is after


def test_a_lost_report_is_not_waited_for_for_ever() -> None:
    """Or every later one would be taken for the one before."""
    ledger = Ledger()
    lost = by_carrier(ledger, 10.0)
    ledger.expire(lost.over_by)
    after = by_carrier(ledger, lost.over_by + LATEST_CARRIER_REPORT_S)

    assert ledger.carrier_speech_ended(lost.over_by + LATEST_CARRIER_REPORT_S + 1.0) is after


def test_a_mark_within_a_piece_corrects_when_it_began_and_an_older_one_changes_nothing() -> None:
    """The voice came too slowly and left a gap: less was heard than the clock says."""
    ledger = Ledger()
    piece = ledger.ask("answer", "one two three four", 10.0)
    ledger.started(piece.playback_id, 10.0)
    ledger.words_timed(piece.playback_id, 0, (0.0, 0.5))
    ledger.words_timed(piece.playback_id, 2, (1.0, 1.5))
    ledger.words_timed(piece.playback_id, 9, (9.0,))
    ledger.handed_over(piece.playback_id, 2.0, 10.1)
    ledger.progressed(piece.playback_id, 0.8, 11.3)
    ledger.progressed(piece.playback_id, 0.4, 11.4)
    over_by = piece.over_by
    (cut,) = ledger.clear(11.5)

    assert piece.word_starts_s == [0.0, 0.5, 1.0, 1.5] and piece.over_by == over_by == pytest.approx(14.0)
    assert cut.heard_words == 2


def test_what_is_kept_is_within_a_word_of_what_was_played() -> None:
    """500 interruptions at random moments of random texts. The carrier begins up to 60 ms after we believe, and its marks,
    one each 0.8 s, take up to 80 ms more; words may be as short as a tenth of a second."""
    dice = random.Random(6)
    for number in range(500):
        lengths = [dice.uniform(0.1, 0.7) for _ in range(20)]
        starts = [sum(lengths[:index]) for index in range(20)]
        plays_from, whole_s = 100.0 + dice.uniform(0, 0.06), sum(lengths)
        ledger = Ledger()
        piece = ledger.ask("answer", " ".join("a" * max(1, round(15 * length)) for length in lengths), 99.0)
        ledger.started(piece.playback_id, 100.0)
        ledger.words_timed(piece.playback_id, 0, starts)
        ledger.handed_over(piece.playback_id, whole_s, 100.1)
        cut_at = dice.uniform(100.05, plays_from + whole_s)
        for mark in range(1, int(whole_s / 0.8)):
            reported_at = plays_from + 0.8 * mark + dice.uniform(0, 0.08)
            if reported_at < cut_at:
                ledger.progressed(piece.playback_id, 0.8 * mark, reported_at)

        ledger.clear(cut_at)

        played_s = cut_at - plays_from
        played = sum(start + 0.8 * length <= played_s for start, length in zip(starts, lengths, strict=True))
        assert abs(piece.heard_words - played) <= 1, number


def two_pieces() -> tuple[Ledger, Piece, Piece]:
    """Two sentences of 2 s, handed over at 10.0 and 11.0: the second follows the first without a pause."""
    ledger = Ledger()
    first, second = ledger.ask("answer", "One two three four.", 9.0), ledger.ask("answer", "Five six seven eight.", 9.0)
    for piece, at in ((first, 10.0), (second, 11.0)):
        ledger.started(piece.playback_id, at)
        ledger.words_timed(piece.playback_id, 0, (0.0, 0.5, 1.0, 1.5))
        ledger.handed_over(piece.playback_id, 2.0, at)
    return ledger, first, second


def test_no_piece_is_heard_in_part_while_the_one_before_it_is_not_over() -> None:
    """A report about the first that comes a second late moves the second too."""
    ledger, first, second = two_pieces()
    ledger.progressed(first.playback_id, 0.9, 12.0)

    ledger.clear(12.8)

    assert (first.heard_words, second.heard_words) == (3, 0)


def test_a_later_report_about_the_first_brings_the_second_back() -> None:
    """Never to before its own audio was on its way."""
    ledger, first, second = two_pieces()
    ledger.progressed(first.playback_id, 0.4, 12.0)
    ledger.progressed(first.playback_id, 1.8, 11.9)

    assert second.starts_at == pytest.approx(12.1)

    ledger.progressed(first.playback_id, 1.9, 10.5)

    assert second.starts_at == 11.0


def test_a_piece_that_has_a_report_of_its_own_is_not_moved() -> None:
    """What is known of it counts more than what follows from the one before it."""
    ledger, first, second = two_pieces()
    ledger.progressed(second.playback_id, 0.5, 12.5)

    ledger.progressed(first.playback_id, 1.9, 12.6)

    assert second.starts_at == 12.0
