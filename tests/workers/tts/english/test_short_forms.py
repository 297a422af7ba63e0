"""Abbreviations."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mr. and Mrs. Jones saw Dr. Smith.", "Mister and Missus Jones saw Doctor Smith."),
        ("St. John lives at 12 Main St. Call him.", "Saint John lives at twelve Main Street. Call him."),
        ("It is at 5 Elm Dr. Please come.", "It is at five Elm Drive. Please come."),
        ("Fruit, e.g. apples, i.e. food, etc.", "Fruit, for example apples, that is food, et cetera."),
        ("Apples, pears, etc. are fruit.", "Apples, pears, et cetera are fruit."),
        ("No. 5 is ready. No. It is not.", "number five is ready. No. It is not."),
        ("Open Mon.-Fri.", "Open Monday to Friday."),
        ("I sat. The sun. We wed.", "I sat. The sun. We wed."),
        ("Tea w/o milk, and/or w/ sugar, c/o Ann", "Tea without milk, and or with sugar, care of Ann"),
        ("The U.S.A. and the E.U.", "The U S A and the E U."),
        ("A Ph.D. student", "A P H D student"),
        ("Approx. 5 min. left", "approximately five minutes left"),
    ],
)
def test_an_abbreviation_is_said_whole(written: str, said: str) -> None:
    """Its dot ends the sentence only where the sentence ends."""
    assert normalise(written) == said
