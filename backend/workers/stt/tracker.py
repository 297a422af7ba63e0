"""Which phrase of a book is being said, and how far it has come. Pure.

`Book` holds the phrases as frames (`sound.py`), one after the other, each followed by SETTLE silent ones. `Tracker` follows
one caller:

    silence ──sound──▶ seeking ──LOOK frames, or it ends──▶ like some places of the book? ──▶ following ──end──▶ final
                          ▲────────────── no: ten frames later again ◀──────┘                    │
                          └────────────────── no longer like any of them ◀───────────────────────┘

After LOOK frames these are the beginnings of phrases, after LONG_LOOK, and only if the likeness is high, any place: whoever
begins to listen in the middle of a phrase hears its rest. All places that sound alike so far are followed (many phrases
begin alike); a word is told as soon as the phrases that are still likely agree on it.
A caller who falls silent in mid-phrase (a flush) is given the words so far as final, and the rest when it comes.
What is not in the book is not heard; of a sentence that leaves the book, the words before that stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.workers.stt.sound import BANDS, HOP, RATE, Frames, audibility

LOOK = 30
"""Frames of sound before the first comparison: shorter ones are ambiguous."""
SETTLE = 15
"""Silent frames after a phrase until it counts as over."""
LONG_LOOK = 60
"""The same, for places in the middle of a phrase."""
BEGINNING = 12
"""Frames of a phrase that count as its beginning: a soft one is not heard at once."""
PAUSE = 20
"""Silent frames after a sound shorter than LOOK until it is compared as it is."""
LEAST_SOUND = 8.0
"""Audible frames that a comparison needs at least."""
LIKE, LONG_LIKE = 0.6, 0.74
"""Likeness from which a place is followed: a beginning, and one in the middle."""
SURE = 0.7
"""From which words are told."""
LOST = 0.5
"""Below which a place is given up."""
SLACK = 0.12
"""So much less like than the best one is given up, too."""
CLOSE = 0.05
"""Places of nearly the same likeness as the best one: all of them have a say in what is told."""
MOST_PLACES = 24
_NEIGHBOUR = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A phrase as it sounds. `begins` and `ends` are its words' frames."""

    words: tuple[str, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    frames: Frames


@dataclass(frozen=True, slots=True)
class Told:
    """Words of one stretch of speech. `from_frame` and `to_frame` count the caller's frames."""

    text: str
    is_final: bool
    from_frame: int
    to_frame: int


class Book:
    """All phrases in one matrix. Made once, read by all trackers."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        silence = np.zeros((SETTLE, BANDS), np.float32)
        self.frames = np.concatenate([part for entry in entries for part in (entry.frames, silence)])
        lengths = [len(entry.frames) + SETTLE for entry in entries]
        self.starts = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
        self.entry_at = np.repeat(np.arange(len(entries)), lengths)
        """Place → entry."""
        self.room = self.starts[self.entry_at] + np.array(lengths)[self.entry_at] - np.arange(len(self.frames))
        """Place → frames from there to the end of its phrase and the silence after it."""
        self.behind = np.arange(len(self.frames)) - self.starts[self.entry_at]
        """Place → frames of its phrase before it."""
        self.beginnings = np.flatnonzero(self.behind < BEGINNING)
        self.audible = np.concatenate(([0.0], np.cumsum(audibility(self.frames))))

    def places_like(
        self, heard: Frames, *, anywhere: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Where these frames could have begun: places, what they have in common, what there was; best first. Only
        beginnings of phrases, unless `anywhere`."""
        count, total = len(heard), len(self.frames)
        if count > total:
            return np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32)
        common = np.zeros(total - count + 1, np.float32)
        if anywhere:
            products = heard @ self.frames.T
            for row in range(count):
                common += products[row, row : total - count + 1 + row]
        else:
            begins = self.beginnings[self.beginnings < len(common)]
            common[begins] = np.einsum("pfb,fb->p", self.frames[begins[:, None] + np.arange(count)], heard)
        there = float(audibility(heard).sum()) + (self.audible[count:] - self.audible[: total - count + 1])
        likeness = np.where(self.room[: len(common)] >= count, 2 * common / (there + 1e-9), 0.0)
        is_beginning = self.behind[: len(common)] < BEGINNING
        likeness = np.where(is_beginning | (anywhere & (likeness >= LONG_LIKE)), likeness, 0.0)
        chosen: list[int] = []
        for place in np.argsort(-likeness, kind="stable")[: 8 * MOST_PLACES]:
            if likeness[place] < LIKE or len(chosen) == MOST_PLACES:
                break
            if all(abs(place - other) > _NEIGHBOUR for other in chosen):
                chosen.append(int(place))
        places = np.array(chosen, np.int64)
        return places, common[places], there[places].astype(np.float32)


class Tracker:
    """One caller's speech against the book. Frames in, words out."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._heard = 0
        """Frames so far."""
        self._last_sound = 0
        self._seeking = np.zeros((0, BANDS), np.float32)
        """Frames from the first audible one on, while nothing is followed."""
        self._places = np.zeros(0, np.int64)
        """Where in the book the caller is now: the next frame that is expected. Empty: nothing is followed."""
        self._firsts: list[int] = []
        """For each place the first word of its phrase that is not yet final."""
        self._common = self._there = np.zeros(0, np.float32)
        self._text = ""
        """What was told of the running utterance."""
        self._since = 0

    def forget(self) -> None:
        """What was heard and is not final is void."""
        self._stop_following()
        self._seeking = self._seeking[:0]
        self._text = ""

    def hear(self, frames: Frames) -> list[Told]:
        """The next frames, up to a tenth of a second of them."""
        if not len(frames):
            return []
        self._heard += len(frames)
        sounding = np.flatnonzero(audibility(frames) > 0.05)
        if len(sounding):
            self._last_sound = self._heard - len(frames) + int(sounding[-1]) + 1
        if len(self._places):
            return self._follow(frames)
        if not len(self._seeking):
            if not len(sounding):
                return []
            frames = frames[sounding[0] :]
        self._seeking = np.concatenate((self._seeking, frames))
        return self._seek(is_over=self._heard - self._last_sound >= PAUSE)

    def end(self) -> list[Told]:
        """The caller fell silent: all words so far are final."""
        told = self._seek(is_over=True) if not len(self._places) and len(self._seeking) else []
        if len(self._places):
            winner = self._winner()
            if self._likeness()[winner] >= SURE:
                self._text = " ".join(self._spoken(winner, nearly=True)[0]) or self._text
            self._go_on_behind(winner)
        if self._text:
            told.append(Told(self._text, True, self._since, self._last_sound))
            self._text = ""
        return told

    # -- inside -------------------------------------------------------------------------------------------------------

    def _seek(self, *, is_over: bool) -> list[Told]:
        heard = self._seeking
        if len(heard) < LOOK and not is_over:
            return []
        if float(audibility(heard).sum()) >= LEAST_SOUND:
            places, common, there = self._book.places_like(heard, anywhere=len(heard) >= LONG_LOOK)
            if len(places):
                book = self._book
                if not self._text:
                    self._since = self._heard - len(heard)
                self._firsts = [self._first_word(int(place)) for place in places]
                entries = book.entry_at[places]
                ends = book.starts[entries] + [len(book.entries[entry].frames) + SETTLE for entry in entries]
                self._places = np.minimum(places + len(heard), ends)
                self._common, self._there = common, there
                self._seeking = heard[:0]
                return self._tell()
        if is_over:
            self._seeking = heard[:0]
        elif len(heard) >= LONG_LOOK:
            self._seeking = heard[10:]
        return []

    def _follow(self, frames: Frames) -> list[Told]:
        book = self._book
        entries = book.entry_at[np.minimum(self._places, len(book.frames) - 1)]
        steps = self._places[:, None] + np.arange(len(frames))
        # A place at the very end of its phrase's silence stays there, where silence is expected.
        lasts = book.starts[entries] + [len(book.entries[entry].frames) + SETTLE - 1 for entry in entries]
        steps = np.minimum(steps, lasts[:, None])
        expected = book.frames[steps]
        self._common = self._common + np.einsum("pfb,fb->p", expected, frames)
        self._there = self._there + np.einsum("pfb,pfb->p", expected, expected) + float(audibility(frames).sum())
        self._places = np.minimum(self._places + len(frames), lasts + 1)
        return self._tell()

    def _tell(self) -> list[Told]:
        likeness = self._likeness()
        best = float(likeness.max())
        if best < LOST:
            self._stop_following()
            return []
        if best < SURE:
            return []
        self._keep(likeness >= best - SLACK)
        likeness = self._likeness()
        winner = self._winner()
        if self._is_over(winner):
            words = self._entry(winner).words[self._firsts[winner] :]
            self._go_on_behind(winner)
            self._text = ""
            return [Told(" ".join(words), True, self._since, self._last_sound)] if words else []
        spoken = [self._spoken(int(place))[0] for place in np.flatnonzero(likeness >= best - CLOSE)]
        text = " ".join(_agreed(spoken))
        if len(text) <= len(self._text):
            return []
        if not self._text and self._firsts[winner]:
            self._since = max(self._since, self._last_sound - 1)
        self._text = text
        return [Told(text, False, self._since, self._last_sound)]

    def _winner(self) -> int:
        """The best place; of several nearly as good one whose phrase is complete, for the others lack words."""
        likeness = self._likeness()
        close = [int(place) for place in np.flatnonzero(likeness >= likeness.max() - CLOSE)]
        complete = [place for place in close if self._within(place) + 8 >= len(self._entry(place).frames)]
        return max(complete or close, key=lambda place: float(likeness[place]))

    def _go_on_behind(self, winner: int) -> None:
        """What was said up to here is final: phrases that are not over and still likely go on with their next word. They
        have to show that anew: a little silence where they expect sound, and they are given up."""
        self._firsts = [self._spoken(place, nearly=True)[1] for place in range(len(self._places))]
        likeness = self._likeness()
        is_open = np.array([not self._is_over(place) for place in range(len(self._places))])
        self._keep(is_open & (likeness >= likeness[winner] - SLACK))
        self._there = np.full(len(self._places), LEAST_SOUND, np.float32)
        self._common = self._there * np.float32((SURE + SLACK / 2) / 2)

    def _likeness(self) -> NDArray[np.float32]:
        likeness: NDArray[np.float32] = 2 * self._common / (self._there + 1e-9)
        return likeness

    def _keep(self, which: NDArray[np.bool_]) -> None:
        self._places, self._common, self._there = self._places[which], self._common[which], self._there[which]
        self._firsts = [first for first, is_kept in zip(self._firsts, which, strict=True) if is_kept]

    def _stop_following(self) -> None:
        self._keep(np.zeros(len(self._places), bool))

    def _entry_number(self, place: int) -> int:
        """A followed place may stand one behind its phrase's last frame."""
        return int(self._book.entry_at[self._places[place] - 1])

    def _entry(self, place: int) -> Entry:
        return self._book.entries[self._entry_number(place)]

    def _within(self, place: int) -> int:
        """Frames of the phrase that are behind the caller."""
        return int(self._places[place] - self._book.starts[self._entry_number(place)])

    def _is_over(self, place: int) -> bool:
        return self._within(place) >= len(self._entry(place).frames) + SETTLE

    def _first_word(self, place: int) -> int:
        """The first word that is heard whole by somebody who begins to listen there."""
        number = int(self._book.entry_at[place])
        entry, within = self._book.entries[number], place - int(self._book.starts[number])
        return next((word for word, begin in enumerate(entry.begins) if begin >= within - 8), len(entry.words))

    def _spoken(self, place: int, *, nearly: bool = False) -> tuple[tuple[str, ...], int]:
        """The words so far that are not final yet, and the number of the word that comes next. `nearly`: one that only
        lacks its last eight frames counts."""
        entry, within = self._entry(place), self._within(place) + (8 if nearly else 0)
        spoken = sum(end <= within for end in entry.ends)
        first = self._firsts[place]
        return entry.words[first:spoken], max(first, spoken)


def _agreed(texts: Sequence[Sequence[str]]) -> list[str]:
    """The words with which all of them begin."""
    agreed: list[str] = []
    for words in zip(*texts, strict=False):
        if len(set(words)) > 1:
            break
        agreed.append(words[0])
    return agreed


def seconds(frames: int) -> float:
    """Where the caller's audio stood when so many frames were complete."""
    return frames * HOP / RATE
