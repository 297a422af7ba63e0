"""How the caller's words end: each row of the table, in the languages we have words for."""

import pytest

from backend.call.unfinished import HANGING, SPOKEN_DIGITS, WordsEnd, how_words_end

SENTENCE, NO_MARK, HANGS, DIGITS = WordsEnd.SENTENCE, WordsEnd.NO_MARK, WordsEnd.HANGING, WordsEnd.DIGITS


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("When do you open?", SENTENCE),
        ("What is it for?", SENTENCE),
        ("Is it 555?", SENTENCE),
        ("I want to book a table.", SENTENCE),
        ("“That is all.”", SENTENCE),
        ("I want to book a table", NO_MARK),
        ("Yes", NO_MARK),
        ("I want to book a table and", HANGS),
        ("Um.", HANGS),
        ("It is because…", HANGS),
        ("Well, I was thinking,", HANGS),
        ("I was thinking...", HANGS),
        ("I was thinking -", HANGS),
        ("I would like a", HANGS),
        ("...", HANGS),
        ("   ", HANGS),
    ],
)
def test_marks_and_last_words(text: str, end: WordsEnd) -> None:
    """The last word counts more than a full stop, a question mark more than the last word."""
    assert how_words_end(text) == end


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("My number is 555", DIGITS),
        ("My number is 555.", DIGITS),
        ("It's 555 01", DIGITS),
        ("(312) 555-", DIGITS),
        ("five five", DIGITS),
        ("Oh seven,", DIGITS),
        ("12 34", DIGITS),
        ("At ten.", SENTENCE),
        ("Room 12.", SENTENCE),
        ("A table for two.", SENTENCE),
        ("At 10:30.", SENTENCE),
        ("It was $500.", SENTENCE),
        ("555 is my number.", SENTENCE),
    ],
)
def test_digits_being_dictated(text: str, end: WordsEnd) -> None:
    """Two numbers in a row, or one long one; a time, a price or a small number is none."""
    assert how_words_end(text) == end


@pytest.mark.parametrize(
    ("language", "hanging", "digits"),
    [
        ("de-AT", "Ich hätte gern einen Tisch und", "null sechs sechs"),
        ("es", "Quiero una mesa porque", "cinco cinco"),
        ("fr", "Je voudrais une table et", "zéro six"),
        ("it", "Vorrei un tavolo ma", "zero due"),
        ("pt-BR", "Quero uma mesa e", "meia meia"),
        ("nl", "Ik wil een tafel maar", "nul zes"),
    ],
)
def test_each_language_has_its_words(language: str, hanging: str, digits: str) -> None:
    """By the first part of the language's name."""
    assert how_words_end(hanging, language) == HANGS
    assert how_words_end(digits, language) == DIGITS


def test_a_language_without_words_goes_by_marks_and_figures() -> None:
    """“and” means nothing there."""
    assert how_words_end("Szeretnék egy asztalt and", "hu") == NO_MARK
    assert how_words_end("Szeretnék egy asztalt.", "hu") == SENTENCE
    assert how_words_end("555 01", "hu") == DIGITS


def test_both_tables_know_the_same_languages_in_lower_case() -> None:
    """A word in capitals would never be found."""
    assert HANGING.keys() == SPOKEN_DIGITS.keys()
    assert all(word == word.lower() for table in (HANGING, SPOKEN_DIGITS) for words in table.values() for word in words)
