"""Quantities."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5%, 5.5%, 5-10%", "five percent, five point five percent, five to ten percent"),
        ("-5°C, 1°F", "minus five degrees Celsius, one degree Fahrenheit"),
        ("80 km/h", "eighty kilometers per hour"),
        ("1 kg, 2 kg", "one kilogram, two kilograms"),
        ("100 m²", "one hundred square meters"),
        ("16 GB", "sixteen gigabytes"),
        ("3 x 4", "three by four"),
        ("2x", "two times"),
        ("1st, 22nd, 103rd, 1,000th", "first, twenty-second, one hundred third, one thousandth"),
        ("the 90s and the 1990s", "the nineties and the nineteen nineties"),
        ("1/2, 3/4, 2 1/2, 7/8", "one half, three quarters, two and a half, seven eighths"),
        ("½ cup", "one half cup"),
        ("24/7, 11/21", "twenty-four seven, eleven slash twenty-one"),
        ("16:9", "sixteen to nine"),
        ("v1.2.3", "one point two point three"),
        ("2019-2021", "twenty nineteen to twenty twenty-one"),
        ("from 1990 to 1995", "from nineteen ninety to nineteen ninety-five"),
        ("in 1984", "in nineteen eighty-four"),
        ("in 2005", "in two thousand five"),
        ("1984 people", "one thousand nine hundred eighty-four people"),
        ("5-10, 5–10, 9 - 5 = 4", "five to ten, five to ten, nine minus five equals four"),
        ("zip code 90210, PIN is 1234", "zip code nine zero two one zero, pin is one two three four"),
        ("room 101", "room one zero one"),
        ("12345678", "one two three, four five six, seven eight"),
        ("007", "zero zero seven"),
        ("-5 and .5", "minus five and point five"),
        ("B12, COVID-19, 4G", "B twelve, Covid nineteen, four G"),
        ("#5", "number five"),
        ("٣ and １２", "three and twelve"),
    ],
)
def test_a_quantity_is_said_with_its_unit(written: str, said: str) -> None:
    """Also ranges, fractions, years and codes."""
    assert normalise(written) == said
