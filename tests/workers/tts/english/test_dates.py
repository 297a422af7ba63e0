"""Dates."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("On 2026-11-21.", "On November twenty-first, twenty twenty-six."),
        ("At 2026-11-21T15:30:00Z", "At November twenty-first, twenty twenty-six, fifteen thirty"),
        ("11/21/2026", "November twenty-first, twenty twenty-six"),
        ("3/4/26", "March fourth, twenty twenty-six"),
        ("25/12/2009", "December twenty-fifth, two thousand nine"),
        ("21.11.2026", "November twenty-first, twenty twenty-six"),
        ("Nov. 3rd, March 3-5, May 1", "November third, March third to fifth, May first"),
        ("21 November 2026", "the twenty-first of November, twenty twenty-six"),
        ("the 1st of May", "the first of May"),
        ("Sept 2024", "September twenty twenty-four"),
        ("2026-99-99", "two zero two six, nine nine, nine nine"),
        ("99/99/2026", "nine nine, nine nine, two zero two six"),
    ],
)
def test_a_date_is_said_with_its_month(written: str, said: str) -> None:
    """Forms with two readings are American unless the voice is not."""
    assert normalise(written) == said


@pytest.mark.parametrize(
    ("language", "said"), [("en-gb", "the third"), ("en-au", "third"), ("en-us", "March"), ("en", "March")]
)
def test_three_slash_four_depends_on_the_voice(language: str, said: str) -> None:
    """3/4 is in March for Americans, in April for the others."""
    assert ("April third" if said != "March" else "March fourth") in normalise("3/4/2026", language)
