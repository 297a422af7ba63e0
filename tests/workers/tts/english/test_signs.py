"""Signs and capitals."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("FBI, PDFs and the IRS's", "F B I, P D F's and the I R S's"),
        ("NASA and UNICEF", "Nasa and Unicef"),
        ("AT&T, R&D", "A T and T, R and D"),
        ("STOP! THIS IS VERY IMPORTANT.", "stop! this is very important."),
        ("OK, I AM HERE", "okay, I am here"),
        ("World War II", "World War two"),
        ("a & b, c + d = e", "a and b, c plus d equals e"),
        ("x < 5, y >= 3", "x less than five, y more than or equal to three"),
        ("~20 people", "about twenty people"),
        ("he/she", "he or she"),
        ("3*4", "three times four"),
        ("20 °", "twenty degrees"),
        ("§ 5", "section five"),
        ("#tag", "tag"),
    ],
)
def test_a_sign_or_capitals_are_said(written: str, said: str) -> None:
    """Acronyms are spelled, known ones and loud words are not."""
    assert normalise(written) == said
