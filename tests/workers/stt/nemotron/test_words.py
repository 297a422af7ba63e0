"""Tokens to texts: what is shown when, and when it was said."""

from backend.workers.stt.nemotron.words import MOST_TOKENS, Heard, Transcript
from backend.workers.stt.recogniser import Words

PIECES: list[str | bytes] = [
    " hel",
    "lo",
    " ",
    " wor",
    "ld",
    b"\xe2",
    b"\x82",
    b"\xac",
    b"\xff",
    "\n\x07",
    " caf",
    b"\xc3",
    b"\xa9",
]
HEL, LO, SPACE, WOR, LD, EURO_1, EURO_2, EURO_3, NO_LETTER, CONTROL, CAF, ACUTE_1, ACUTE_2 = range(len(PIECES))


def decode(tokens: list[int]) -> str:
    """As tokenizers do: a run of bytes is a text or as many U+FFFD."""
    text, run = "", b""
    for piece in [*(PIECES[token] for token in tokens), ""]:
        if isinstance(piece, bytes):
            run += piece
            continue
        try:
            text += run.decode()
        except UnicodeDecodeError:
            text += "\ufffd" * len(run)
        text, run = text + piece, b""
    return text.removeprefix(" ")


def new() -> Transcript:
    return Transcript(decode, lambda token: str(PIECES[token]).startswith(" "))


def heard(*numbers: int, at_s: float = 1.0) -> list[Heard]:
    """One token every 80 ms."""
    return [Heard(number, at_s + 0.08 * place) for place, number in enumerate(numbers)]


def texts(words: list[Words]) -> list[tuple[str, bool]]:
    return [(word.text, word.is_final) for word in words]


def test_an_interim_text_is_all_words_so_far() -> None:
    """Pieces of a word join it."""
    transcript = new()

    assert texts(transcript.hear(heard(HEL), 2.0)) == [("hel", False)]
    assert texts(transcript.hear(heard(LO, WOR), 2.0)) == [("hello wor", False)]


def test_what_did_not_change_is_not_told_again() -> None:
    """No tokens, or tokens without a sound of their own."""
    transcript = new()
    transcript.hear(heard(HEL, LO), 2.0)

    assert transcript.hear([], 2.0) == []
    assert transcript.hear(heard(SPACE), 2.0) == []


def test_a_final_text_is_the_whole_utterance_and_the_next_begins_anew() -> None:
    """And only the final one is told."""
    transcript = new()
    transcript.hear(heard(HEL), 2.0)

    assert texts(transcript.finish(heard(LO), 2.0)) == [("hello", True)]
    assert texts(transcript.hear(heard(WOR, LD), 3.0)) == [("world", False)]
    assert texts(transcript.finish([], 3.0)) == [("world", True)]


def test_an_utterance_without_words_has_no_text() -> None:
    """A cough, or the sign of a word that never came."""
    transcript = new()

    assert transcript.finish([], 1.0) == []
    assert transcript.finish(heard(SPACE), 1.0) == []


def test_a_letter_of_several_bytes_is_shown_when_it_is_whole() -> None:
    """And a whole one before it does not vanish meanwhile."""
    transcript = new()

    assert texts(transcript.hear(heard(CAF, ACUTE_1), 1.0)) == [("caf", False)]
    assert texts(transcript.hear(heard(ACUTE_2), 1.0)) == [("café", False)]
    assert transcript.hear(heard(EURO_1), 1.0) == []
    assert transcript.hear(heard(EURO_2), 1.0) == []
    assert texts(transcript.hear(heard(EURO_3), 1.0)) == [("café€", False)]


def test_bytes_that_are_no_text_are_never_shown() -> None:
    """Neither in the middle nor at the end."""
    transcript = new()

    assert texts(transcript.hear(heard(HEL, NO_LETTER, LO), 1.0)) == [("hello", False)]
    assert texts(transcript.finish(heard(WOR, EURO_1, EURO_2), 1.0)) == [("hello wor", True)]


def test_only_bytes_that_are_no_text_are_nothing() -> None:
    """However many."""
    assert new().finish(heard(*[NO_LETTER] * 20), 1.0) == []


def test_what_cannot_be_printed_is_a_space() -> None:
    """One line, single spaces."""
    assert texts(new().finish(heard(HEL, LO, CONTROL, SPACE, WOR), 1.0)) == [("hello wor", True)]


def test_times_are_those_of_the_first_and_last_token() -> None:
    """A token lasts one frame."""
    transcript = new()
    transcript.hear(heard(HEL, at_s=1.0), 1.5)

    (word,) = transcript.finish(heard(LO, at_s=1.4), 1.5)

    assert (word.start_s, word.end_s) == (1.0, 1.4 + 0.08)


def test_times_never_pass_the_audio_that_was_given() -> None:
    """A final word found in the silence after it."""
    (word,) = new().finish(heard(HEL, at_s=1.0), 0.95)

    assert (word.start_s, word.end_s) == (0.95, 0.95)


def test_what_is_forgotten_never_comes() -> None:
    """Not even with the next final text."""
    transcript = new()
    transcript.hear(heard(HEL), 1.0)

    transcript.forget()

    assert texts(transcript.finish(heard(WOR), 2.0)) == [("wor", True)]


def test_an_utterance_that_never_ends_is_cut_before_a_word() -> None:
    """Each part of it is told as final once, and nothing is lost."""
    transcript = new()
    told = [word for _ in range(MOST_TOKENS) for word in transcript.hear(heard(HEL, LO), 9.0)]
    told += transcript.finish([], 9.0)

    finals = [word.text for word in told if word.is_final]

    assert len(finals) == 2
    assert " ".join(finals) == " ".join(["hello"] * MOST_TOKENS)
