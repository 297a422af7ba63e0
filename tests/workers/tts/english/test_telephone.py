"""Telephone and card numbers."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Call 555-0123.", "Call five five five, zero one two three."),
        ("(415) 555-2671", "four one five, five five five, two six seven one"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
        ("+14155550123", "plus one, four one five, five five five, zero one two three"),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("+491701234567", "plus four nine, one seven zero, one two three, four five six seven"),
        ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
        ("Dial 911", "Dial nine one one"),
        ("911 calls", "nine hundred eleven calls"),
        ("500-1000 people", "five hundred to one thousand people"),
        ("call 500-1000", "call five zero zero, one zero zero zero"),
        ("4111 1111 1111 1111", "four one one one, one one one one, one one one one, one one one one"),
        ("123-45-6789", "one two three, four five, six seven eight nine"),
    ],
)
def test_a_telephone_number_is_said_in_groups(written: str, said: str) -> None:
    """Digit by digit, in the groups in which it is written."""
    assert normalise(written) == said
