"""Which phrase is being said, and how far it has come; over a book of espeak-ng's own speech."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from backend.rehearsal.carrier import speech
from backend.workers.stt.phrase_book import Phrase
from backend.workers.stt.recogniser import Samples
from backend.workers.stt.scripted import _sound, speak
from backend.workers.stt.sound import RATE, Framer
from backend.workers.stt.tracker import Book, Told, Tracker

PHRASES = [
    "Hello?", "What are your opening hours?", "What are you doing today?", "I would like to book a table for two.",
    "I would like to book a room.", "I would like to cancel my order.", "Yes", "Yes please.", "No.", "Hold on.",
    "Can you tell me, please, where my parcel is?", "My number is four one five two.",
]  # fmt: skip
TABLE, PARCEL = PHRASES[3], PHRASES[10]


@pytest.fixture(scope="module", autouse=True)
def a_voice_of_its_own() -> None:
    """What espeak-ng says depends a little on what it said before: whatever other tests had it say must not count here."""
    speech._espeak = None
    speech.synthesise.cache_clear()


@lru_cache(1)
def book() -> Book:
    return Book([speak(Phrase(text)) for text in PHRASES])


def said(text: str) -> Samples:
    return _sound(text, Phrase(text))


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.int16)


class Caller:
    """A tracker, and what it told."""

    def __init__(self) -> None:
        self.tracker, self.framer = Tracker(book()), Framer()
        self.told: list[Told] = []

    def hears(self, *sounds: Samples) -> "Caller":
        samples = np.concatenate(sounds)
        for at in range(0, len(samples), 640):
            self.told += self.tracker.hear(self.framer.process(samples[at : at + 640]))
        return self

    def ends(self) -> "Caller":
        self.told += self.tracker.end()
        return self

    @property
    def final(self) -> list[str]:
        return [told.text for told in self.told if told.is_final]

    @property
    def interim(self) -> list[str]:
        return [told.text for told in self.told if not told.is_final]


@pytest.mark.parametrize("text", PHRASES)
def test_every_phrase_is_heard_by_its_sound_and_final_soon_after(text: str) -> None:
    """At any offset to our own frames; without anybody asking for a flush."""
    for offset in (0.0, 0.3, 0.3017, 0.3071):
        assert Caller().hears(silence(offset), said(text), silence(0.6)).final == [text]


def test_words_come_while_they_are_spoken() -> None:
    """Each within two tenths of a second, each text the one before and more."""
    caller = Caller()
    sound = said(TABLE)
    caller.hears(silence(0.5), sound[: len(sound) // 2])
    half = caller.interim[-1]
    caller.hears(sound[len(sound) // 2 :], silence(0.5))

    assert 3 <= len(half.split()) < 7
    assert len(caller.interim) >= 5
    assert all(later.startswith(earlier) for earlier, later in zip(caller.interim, caller.interim[1:], strict=False))
    assert caller.told[-1] == Told(TABLE, True, caller.told[0].from_frame, caller.told[-1].to_frame)


def test_a_word_is_told_only_when_the_likely_phrases_agree() -> None:
    """Three phrases begin alike: nothing that only one of them has is told too early."""
    caller = Caller().hears(silence(0.3), said("I would like to cancel my order."), silence(0.6))

    assert caller.final == ["I would like to cancel my order."]
    assert not [text for text in caller.interim if "book" in text]


def _louder(sound: Samples) -> Samples:
    return np.clip(sound.astype(int) * 2, -32768, 32767).astype(np.int16)


def _losing_frames(sound: Samples) -> Samples:
    """Three in a hundred, as a bad line."""
    sound = sound.copy()
    lost = np.random.default_rng(5)
    for at in range(0, len(sound), 160):
        if lost.random() < 0.03:
            sound[at : at + 160] = 0
    return sound


def _noisy(sound: Samples) -> Samples:
    noise = np.random.default_rng(6).normal(size=len(sound)) * 60
    return np.clip(sound + noise, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("line", [_louder, lambda sound: sound // 3, _losing_frames, _noisy])
def test_the_line_may_be_loud_quiet_lossy_or_noisy(
    line: Callable[[Samples], Samples],
) -> None:
    """Every phrase is still heard."""
    heard = {
        text: Caller().hears(line(np.concatenate((silence(0.3), said(text), silence(0.6))))).final for text in PHRASES
    }

    assert heard == {text: [text] for text in PHRASES}


@pytest.mark.parametrize(
    "text", ["The weather is nice in the mountains.", "There were seven people around.", "How much does that cost me?"]
)
def test_what_is_not_in_the_book_is_not_heard(text: str) -> None:
    """By the same voice."""
    assert Caller().hears(silence(0.3), said(text), silence(0.6)).ends().told == []


def test_noises_are_not_heard() -> None:
    """White noise, a tone, a click."""
    noise = (np.random.default_rng(1).normal(size=24000) * 3000).astype(np.int16)
    tone = (8000 * np.sin(np.arange(24000) * 440 * 2 * np.pi / RATE)).astype(np.int16)
    click = np.full(80, 20000, np.int16)

    assert Caller().hears(noise, silence(0.5), tone, silence(0.5), click, silence(0.5)).ends().told == []


def test_a_phrase_right_after_noise_is_heard() -> None:
    """The search goes on."""
    noise = (np.random.default_rng(1).normal(size=8000) * 2000).astype(np.int16)

    assert Caller().hears(noise, said(PARCEL), silence(0.6)).final[-1].endswith("where my parcel is?")


def test_of_a_sentence_that_leaves_the_book_the_words_before_stay() -> None:
    """They were said."""
    caller = Caller().hears(silence(0.3), said("I would like to speak to somebody else."), silence(0.6)).ends()

    assert caller.final == ["I would like to"]


def test_a_pause_in_mid_phrase_makes_two_utterances_of_it() -> None:
    """The words so far at the flush, the rest when it comes: no word twice, none lost."""
    sound = said(PARCEL)
    caller = Caller().hears(sound[:RATE]).ends().hears(sound[RATE:], silence(0.5)).ends()

    assert len(caller.final) == 2
    assert " ".join(caller.final) == PARCEL


def test_who_listens_from_the_middle_hears_the_rest() -> None:
    """A stream that was opened anew while the caller spoke."""
    sound = said(PARCEL)

    (rest,) = Caller().hears(sound[len(sound) // 3 :], silence(0.6)).final
    assert PARCEL.endswith(rest) and len(rest.split()) >= 5


def test_a_phrase_that_begins_another_is_not_mistaken_for_it() -> None:
    """ "Yes" and "Yes please." """
    assert Caller().hears(said("Yes"), silence(0.5)).ends().final == ["Yes"]
    assert Caller().hears(said("Yes"), silence(0.1)).ends().hears(silence(1.0)).ends().final == ["Yes"]
    assert Caller().hears(said("Yes please."), silence(0.5)).ends().final == ["Yes please."]


def test_after_a_reset_nothing_of_the_old_comes() -> None:
    """And the next phrase is heard whole."""
    caller = Caller().hears(said(TABLE)[:RATE])
    caller.tracker.forget()
    caller.told.clear()
    caller.ends().hears(silence(0.5), said("Hold on."), silence(0.5))

    assert caller.final == ["Hold on."]


def test_one_phrase_after_another_and_the_frames_where_they_stood() -> None:
    """Ten in a row: each final once."""
    caller = Caller()
    for text in PHRASES:
        caller.hears(silence(0.7), said(text))
    caller.hears(silence(0.7))

    assert caller.final == PHRASES
    places = [(told.from_frame, told.to_frame) for told in caller.told if told.is_final]
    assert all(begin < end for begin, end in places)
    assert all(one[1] < other[0] for one, other in zip(places, places[1:], strict=False))
