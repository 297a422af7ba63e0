"""backend/workers/tts/word_times.py: the asker's words, in the frames that are sent."""

import pytest

from backend.workers.tts.frames import Frame
from backend.workers.tts.word_times import WordTimes, match_words


def frame(number: int, samples: int, is_final: bool = False) -> Frame:
    return Frame(bytes(2 * samples), samples // 8, number, is_final)


@pytest.mark.parametrize(
    ("asked", "spoken", "expected"),
    [
        ("One two.", "One two.", [0, 1]),
        ("It costs $5 now", "It costs five dollars now", [0, 1, 2, 2, 3]),
        ("$5 now", "five dollars now", [0, 0, 1]),
        ("call 10 12 now", "call ten, twelve, now", [0, 1, 2, 3]),
        ("hello * there", "hello there", [0, 2]),
        ("the end", "the end of it", [0, 1, 1, 1]),
        ("", "", []),
    ],
)
def test_each_spoken_word_belongs_to_one_that_was_asked(asked: str, spoken: str, expected: list[int]) -> None:
    """Written-out words to the one they stand for."""
    assert match_words(asked, spoken) == expected


def test_a_word_is_in_the_frame_in_which_it_begins() -> None:
    """8 kHz: frames of 0.1 s; 0.02 s were taken off the beginning."""
    words = WordTimes("One two three four", "One two three four", 8000)
    words.begins(0, 0.0)
    words.begins(1, 0.07)
    first, second = words.placed([frame(0, 800), frame(1, 800)], 160)
    words.begins(2, 0.23)
    (third,) = words.placed([frame(2, 800)], 160)

    assert (first.words, second.words, third.words) == (((0, 0), (1, 50)), (), ((2, 10),))


def test_the_last_frame_takes_whatever_is_left_and_nothing_is_told_twice() -> None:
    """An engine may tell a word beyond the audio, because the silence at the end is cut off."""
    words = WordTimes("$5 now", "five dollars now", 8000)
    words.begins(0, 0.0)
    words.begins(1, 0.05)
    words.begins(2, 0.3)
    words.begins(9, 0.3)
    placed = words.placed([frame(0, 800), frame(1, 400, is_final=True)], 0)

    assert [one.words for one in placed] == [((0, 0),), ((1, 49),)]
