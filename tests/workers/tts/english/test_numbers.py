"""English numbers as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from backend.workers.tts.english.numbers import amount, cardinal, digit_groups, ordinal, year


@given(st.integers(0, 10**15 - 1))
def test_counting_agrees_with_num2words(number: int) -> None:
    """Ours is American and a hundred times faster: no "and", no commas."""
    assert cardinal(number) == num2words(number).replace(",", "").replace(" and ", " ")


@given(st.integers(1, 10**6))
def test_ordinals_agree_with_num2words(number: int) -> None:
    """First, twentieth, one hundred twelfth."""
    assert ordinal(number) == num2words(number, to="ordinal").replace(",", "").replace(" and ", " ")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1066, "one thousand sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1984, "nineteen eighty-four"),
        (2000, "two thousand"),
        (2009, "two thousand nine"),
        (2010, "twenty ten"),
        (2100, "two thousand one hundred"),
    ],
)
def test_years_are_said_in_pairs(number: int, said: str) -> None:
    """Except where nobody does."""
    assert year(number) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,234.50", "one thousand two hundred thirty-four point five zero"),
        ("0.5", "zero point five"),
        ("0", "zero"),
        ("00", "zero zero"),
        ("1" * 16, ", ".join(["one one one one"] * 4)),
    ],
)
def test_an_amount_is_said_as_written(text: str, said: str) -> None:
    """No digit after the point is lost; what no one can count is said digit by digit."""
    assert amount(text) == said


def test_long_numbers_have_small_pauses() -> None:
    """By threes, never a single digit left over; by fours on a card."""
    assert digit_groups("1234567").count(",") == 1
    assert digit_groups("12345678").split(", ")[-1] == "seven eight"
    assert digit_groups("1" * 16).count(",") == 3
