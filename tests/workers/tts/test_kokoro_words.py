"""backend/workers/tts/kokoro_words.py: words from the model's durations."""

from dataclasses import dataclass

import pytest

from backend.workers.tts.kokoro_words import phoneme_times, word_places


@dataclass
class FakeToken:
    """What misaki's tokens have."""

    text: str
    phonemes: str | None
    whitespace: str = ""


def test_a_phoneme_begins_after_the_steps_before_it() -> None:
    """The mark at the beginning has steps too; 25 ms each."""
    assert phoneme_times("ab c", "abc ", [2, 3, 4, 1, 5, 2]) == pytest.approx([0.05, 0.125, 0.225, 0.25])


def test_what_the_model_does_not_know_takes_no_time() -> None:
    """The package's own timestamps count it, and are wrong from there on."""
    assert phoneme_times("a?b", "ab", [2, 3, 4, 2]) == pytest.approx([0.05, 0.125, 0.125])


def test_too_few_durations_are_no_error() -> None:
    """The last known time, then; nothing at all is the beginning."""
    assert phoneme_times("abc", "abc", [2, 3, 1]) == pytest.approx([0.05, 0.125, 0.125])
    assert phoneme_times("ab", "ab", []) == [0.0, 0.0]


def test_tokens_are_found_in_the_phrase() -> None:
    """A comma is a token, but no word; “do n't” is two tokens and one word; “$5” is two and one."""
    tokens = [
        FakeToken("Well", "wˈɛl"),
        FakeToken(",", ",", " "),
        FakeToken("do", "dˈO"),
        FakeToken("n't", "nt", " "),
        FakeToken("$", None),
        FakeToken("5", "fˈIv dˈɑləɹz"),
        FakeToken(".", "."),
    ]
    phonemes = "wˈɛl, dˈOnt fˈIv dˈɑləɹz."

    places = word_places("Well, don't $5.", phonemes, tokens)

    assert [(word, phonemes[at:].split()[0]) for word, at in places] == [(0, "wˈɛl,"), (1, "dˈOnt"), (2, "fˈIv")]


def test_a_word_that_is_not_spoken_is_left_out() -> None:
    """A dash between two words; the words after it keep their numbers."""
    tokens = [FakeToken("one", "wˌʌn", " "), FakeToken("*", "", " "), FakeToken("two", "tˈu")]

    assert word_places("one * two", "wˌʌn  tˈu", tokens) == [(0, 0), (2, 6)]


def test_a_token_that_the_phrase_does_not_have_is_passed_over() -> None:
    """The front end writes some signs otherwise."""
    tokens = [FakeToken("“", "“"), FakeToken("one", "wˌʌn", " "), FakeToken("two", "tˈu")]

    assert word_places('"one two', "“wˌʌn tˈu", tokens) == [(0, 1), (1, 6)]


@pytest.mark.parametrize(
    ("phrase", "phonemes", "places"),
    [
        ("un deux trois", "œ̃ dˈø tʁwˈa", [(0, 0), (1, 3), (2, 7)]),
        ("21 ans", "vˈɛ̃ e ˈœ̃ ˈɑ̃", [(0, 0), (1, 7)]),
        ("c'est - ça", "sɛ sˈa", [(0, 0), (1, 0), (2, 3)]),
        ("…", "", []),
        ("", "", []),
    ],
)
def test_without_tokens_words_are_counted(phrase: str, phonemes: str, places: list[tuple[int, int]]) -> None:
    """One by one where there are as many, spread evenly where not."""
    found = word_places(phrase, phonemes, None)

    assert found == places
