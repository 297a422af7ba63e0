"""The file of phrases."""

from pathlib import Path

import pytest

from backend.workers.stt.phrase_book import Phrase, WrongPhrases, parse, read, render
from backend.workers.stt.recogniser import RecogniserBroken


def test_a_line_is_a_phrase_and_may_say_how_it_sounds() -> None:
    """Comments and empty lines are passed over, a phrase that stands twice is one."""
    book = "# callers\n\nHello?\n  Hello?  \nHold on.\tde\t140\nNo.\t\t200\nYes.\ten-gb\n"

    assert parse(book) == [
        Phrase("Hello?"), Phrase("Hold on.", "de", 140), Phrase("No.", "en-us", 200), Phrase("Yes.", "en-gb"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("book", "said"),
    [
        ("", "no phrase"),
        ("# only this\n", "no phrase"),
        ("fine\nHello\ten-us\tfast\n", "line 2: the rate"),
        ("Hello\ten-us\t79\n", "line 1: the rate"),
        ("Hello\ten-us\t²\n", "line 1: the rate"),
        ("Hello\ten-us\t170\tloud\n", "line 1: must be"),
        ("\ten-us\n", "line 1: must be"),
        ("x" * 1001, "line 1: must be"),
        ("\n".join(map(str, range(1001))), "more than 1000"),
    ],
)
def test_a_mistake_is_named_with_its_line(book: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(WrongPhrases, match=said):
        parse(book)


def test_what_is_rendered_is_read_again() -> None:
    """White space inside a phrase becomes a space: a line is a line."""
    phrases = [Phrase("Hello\nthere,\t you", "de", 140), Phrase("No.")]

    assert parse(render([*phrases, phrases[1]])) == [Phrase("Hello there, you", "de", 140), Phrase("No.")]


def test_a_file_that_cannot_be_read_is_an_error_of_the_recogniser(tmp_path: Path) -> None:
    """Missing, not named, not text, wrong inside."""
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"\xff\xfe\n")
    empty = tmp_path / "empty"
    empty.write_text("")
    for path, said in ((str(tmp_path / "gone"), "gone cannot be read"), ("", "must name the file"),
                       (str(wrong), "wrong cannot be read"), (str(empty), "empty: it holds no phrase")):  # fmt: skip
        with pytest.raises(RecogniserBroken, match=f"scripted: STT_PHRASES_FILE.*{said}"):
            read(path, "scripted")
