"""The judge of interrupted answers: it reads from the samples alone how far a story was told."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio import g711
from backend.workers.tts.adapter import WordAt
from tests.bench.heard_history import (
    PLAIN,
    STORY,
    Compared,
    figure_of,
    kept_of_the_story,
    played_of_the_story,
)
from tests.workers.tts import spelling_voice
from tests.workers.tts.spelling_voice import TELLING, SpellingVoice, spans_heard


@pytest.fixture(scope="module")
def told() -> tuple[NDArray[np.int16], list[float]]:
    """The whole story at 8 kHz as the telephone gives it, and when its words begin by the voice's own account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spelling_voice, "AHEAD_S", 1e9)
        made = list(SpellingVoice().synthesize(STORY, TELLING, bool))
    starts = [one.at_s for one in made if isinstance(one, WordAt)]
    pcm = np.concatenate([one for one in made if not isinstance(one, WordAt)])[::3]
    return np.frombuffer(g711.decode_ulaw_bytes(g711.encode_ulaw(pcm)), "<i2"), starts


def test_every_cut_is_found_to_a_tenth_of_a_word(told: tuple[NDArray[np.int16], list[float]]) -> None:
    """Wherever the carrier stopped playing, the place in the story is known; nothing is left unjudged."""
    pcm, starts = told
    begins = [*starts, len(pcm) / 8000]
    dice = random.Random(1)
    for _ in range(300):
        end = dice.randrange(400, len(pcm))
        at_s = end / 8000
        number = sum(start <= at_s for start in begins) - 1
        true = number + (at_s - begins[number]) / (begins[number + 1] - begins[number])

        played, is_in_order = played_of_the_story(pcm[:end])

        assert is_in_order
        assert played == pytest.approx(true, abs=0.1)


def test_a_word_said_again_behind_a_cut_counts_once(told: tuple[NDArray[np.int16], list[float]]) -> None:
    """After a sound that meant nothing the agent begins with the word that was cut."""
    pcm, starts = told
    third, cut = int(starts[2] * 8000), int(starts[2] * 8000) + 1000

    played, is_in_order = played_of_the_story(np.concatenate((pcm[:cut], pcm[third : int(starts[5] * 8000)])))

    assert is_in_order
    assert played == pytest.approx(5, abs=0.1)


def test_a_word_left_out_is_seen(told: tuple[NDArray[np.int16], list[float]]) -> None:
    pcm, starts = told
    without_the_third = np.concatenate((pcm[: int(starts[2] * 8000)], pcm[int(starts[3] * 8000) :]))

    assert not played_of_the_story(without_the_third)[1]


def test_other_sounds_are_no_words() -> None:
    """Silence, a level that does not move (what the voice makes of other words), noise."""
    noise = np.random.default_rng(2).integers(-8000, 8000, 8000).astype(np.int16)

    for sound in (np.zeros(8000, np.int16), np.full(8000, 3000, np.int16), noise):
        assert spans_heard(sound) == []


def turn(at: float, text: str, heard: str = "heard", speaker: str = "agent") -> dict[str, object]:
    return {"speaker": speaker, "text": text, "heard": heard, "at": at}


def test_the_transcript_of_each_telling_is_counted() -> None:
    """Over several sentences, without what nobody heard and without what is not of the story; words left out are no
    beginning."""
    words = STORY.split()
    turns = [
        turn(0.0, "Tell me a story.", speaker="caller"),
        turn(1.0, " ".join(words[:4])),
        turn(1.1, " ".join(words[4:6]), "partly"),
        turn(1.2, " ".join(words[9:12]), "unheard"),
        turn(3.0, "One moment, please."),
        turn(9.0, "All right then."),
        turn(12.0, " ".join(words[:2] + words[3:5]), "partly"),
    ]

    assert kept_of_the_story(turns, 0.5, 11.0) == 6
    assert kept_of_the_story(turns, 11.0, 20.0) is None
    assert kept_of_the_story(turns, 20.0, 30.0) == 0


def test_every_interruption_counts_in_the_figure() -> None:
    """One word apart is as asked; two, a telling that went on, and a transcript of other words are not."""

    def one(played: float | None, kept: int | None, is_in_order: bool = True) -> Compared:
        return Compared("v3:a", 0, played, is_in_order, kept, 1)

    good = [one(4.9, 5), one(4.2, 4), one(4.0, 3), one(0.3, 0)]
    bad = [one(4.2, 2), one(None, 40), one(5.0, None), one(5.0, 5, is_in_order=False)]

    figure = figure_of(good + bad)

    assert not figure.is_reached
    assert figure.measured.startswith("4 of 8 ")
    assert figure_of(good).is_reached
    assert len(PLAIN) == len(STORY.split())
