"""Money."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$12.50", "twelve dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$1.01", "one dollar and one cent"),
        ("$0.99", "ninety-nine cents"),
        ("$1,234", "one thousand two hundred thirty-four dollars"),
        ("£3.20", "three pounds and twenty pence"),
        ("5€, €1", "five euros, one euro"),
        ("¥500", "five hundred yen"),
        ("-$5", "minus five dollars"),
        ("$1.5 million", "one point five million dollars"),
        ("$5k", "five thousand dollars"),
        ("$2B", "two billion dollars"),
        ("$5-10", "five to ten dollars"),
        ("$5/month", "five dollars per month"),
        ("$20 per hr", "twenty dollars per hour"),
        ("5 USD", "five dollars"),
        ("US$5", "five U S dollars"),
        ("CHF 7.50", "seven Swiss francs and fifty centimes"),
        ("50¢", "fifty cents"),
        ("I won $5.", "I won five dollars."),
        ("$", "dollars"),
    ],
)
def test_an_amount_of_money_is_said_with_its_coins(written: str, said: str) -> None:
    """Also before, after, negative, in ranges, scaled and per something."""
    assert normalise(written) == said
