"""When the words of the asker's text begin, in the frames that are sent.

Pure; runs in the thread that computes. An engine tells the words of the text it was given, in seconds of the audio it
made. The asker knows its own text, of which some words were written out ("$5" became "five dollars"), and hears audio
whose leading silence was taken off. This file brings the two together. Not decided here: what an engine knows
(adapter.py), what is done with the times (the asker).

| word of the engine's text                        | is taken for                                            |
|--------------------------------------------------|---------------------------------------------------------|
| the same as one of the asker's, in order         | that one                                                |
| written out of one or several that stand between | the words between, one by one; the last takes the rest  |
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from backend.workers.tts.frames import Frame


def match_words(asked: str, spoken: str) -> list[int]:
    """For each word of `spoken`, the word of `asked` that it says (from 0, split at white space). Never falls."""
    wanted, found = asked.split(), spoken.split()
    if len(wanted) == len(found):
        return list(range(len(found)))
    matcher = SequenceMatcher(None, [_bare(word) for word in wanted], [_bare(word) for word in found], autojunk=False)
    numbers: list[int] = []
    for _, from_wanted, to_wanted, from_found, to_found in matcher.get_opcodes():
        first = min(from_wanted, max(0, len(wanted) - 1))
        last = max(first, to_wanted - 1)
        numbers += [min(first + offset, last) for offset in range(to_found - from_found)]
    return numbers


def _bare(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())


class WordTimes:
    """The words of one synthesis: `begins` as the engine tells them, `placed` for the frames as they are cut."""

    def __init__(self, asked: str, spoken: str, sample_rate: int) -> None:
        self._numbers = match_words(asked, spoken)
        self._rate = sample_rate
        self._waiting: list[tuple[int, float]] = []
        self._last = -1
        self._samples_placed = 0

    def begins(self, number: int, at_s: float) -> None:
        """Word `number` of the spoken text begins there. Several of them may say one word of the asker: the first counts."""
        if 0 <= number < len(self._numbers) and self._numbers[number] > self._last:
            self._last = self._numbers[number]
            self._waiting.append((self._last, at_s))

    def placed(self, frames: Sequence[Frame], dropped: int) -> list[Frame]:
        """The frames, in order, each with the words that begin in it. `dropped`: samples taken off the beginning."""
        return [self._place(frame, dropped) for frame in frames]

    def _place(self, frame: Frame, dropped: int) -> Frame:
        begins, count = self._samples_placed, len(frame.pcm) // 2
        self._samples_placed += count
        words = []
        while self._waiting:
            number, at_s = self._waiting[0]
            at = max(0, round(at_s * self._rate) - dropped)
            if at >= begins + count and not frame.is_final:
                break
            self._waiting.pop(0)
            offset = min(max(0, at - begins), count - 1)
            words.append((number, offset * 1000 // self._rate))
        return replace(frame, words=tuple(words)) if words else frame
