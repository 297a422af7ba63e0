"""Texts compared by their words."""

import pytest

from backend.call.wording import is_beginning_of, same_words, words_of


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("I need a table.", "i need a table", True),
        ("Well - yes!", "well,  yes", True),
        ("It’s me", "it's me", True),
        ("I need a table", "I need the table", False),
        ("I need a table", "I need a table for two", False),
        ("Ärger", "arger", False),
        ("", "…", True),
    ],
)
def test_marks_and_capitals_do_not_make_other_words(one: str, other: str, are_same: bool) -> None:
    """Anything else does, an accent too."""
    assert same_words(one, other) is are_same


@pytest.mark.parametrize(
    ("text", "whole", "is_beginning"),
    [
        ("i need", "I need a table.", True),
        ("I need a table", "I need a table.", True),
        ("", "I need a table.", True),
        ("I nee", "I need a table.", False),
        ("need a", "I need a table.", False),
        ("I need a table for two", "I need a table.", False),
    ],
)
def test_the_beginning_of_a_text_is_told_by_whole_words(text: str, whole: str, is_beginning: bool) -> None:
    """Half a word is another word."""
    assert is_beginning_of(text, whole) is is_beginning


def test_numbers_and_other_alphabets_are_words() -> None:
    """Whatever the language."""
    assert words_of("Um 10 Uhr, Größe XL: 株式会社") == ["um", "10", "uhr", "grösse", "xl", "株式会社"]
