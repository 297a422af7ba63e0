"""Finished short utterances, shared by all workers: greetings, check-ins, fillers, goodbyes, apologies.

What was made once in a voice is not made again for a day, and a check-in waits for no GPU. Found by voice, model with
its version, language, rate and text; a changed model or text therefore is another utterance, nothing has to be thrown
away. Bounded three ways, because Redis must not evict: seconds per utterance, utterances in all, time to live.

Decides nothing about what is worth keeping: `session/ready_speech.py`.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from backend.store import keys
from backend.store.database import Database

LONGEST_S = 12.0
MOST_UTTERANCES = 500
"""At 8 kHz and three seconds each 24 MB, 96 MB at the very worst."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What tells one utterance from another. `model` is the model's name with its version."""

    voice: str
    model: str
    language: str
    sample_rate: int
    text: str

    @property
    def digest(self) -> str:
        """White space does not matter; everything else does."""
        parts = (self.voice, self.model, self.language, str(self.sample_rate), " ".join(self.text.split()))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:40]


class SpeechCache:
    """The utterances of the whole installation."""

    def __init__(self, database: Database, most: int = MOST_UTTERANCES) -> None:
        self._database = database
        self._most = most

    def get(self, utterance: Utterance) -> bytes | None:
        """Mono s16le samples, or None."""
        return self._database.get(keys.speech(utterance.digest))

    def put(self, utterance: Utterance, pcm: bytes) -> bool:
        """Keep it. False: too long, or nothing, and not kept."""
        if not 0 < len(pcm) <= 2 * utterance.sample_rate * LONGEST_S:
            return False
        self._database.set(keys.speech(utterance.digest), pcm, keys.SPEECH_TTL_S)
        self.used(utterance)
        return True

    def used(self, utterance: Utterance) -> None:
        """It was spoken: of too many, those unused for longest go."""
        dropped = self._database.run(
            "rank_now", [keys.speeches_used()], [utterance.digest, keys.SPEECH_TTL_S, self._most]
        )
        for digest in dropped:
            self._database.delete(keys.speech(digest.decode()))

    def claim_warming(self, utterances: Iterable[Utterance]) -> bool:
        """True for one of all who ask within an hour: that one makes this set of utterances ahead."""
        mark = "working:" + secrets.token_hex(8)
        answer = self._database.run("seen_claim", [_warmed(utterances)], [mark, keys.SPEECH_WARMED_TTL_S])
        return bool(answer == b"first")

    def release_warming(self, utterances: Iterable[Utterance]) -> None:
        """It did not succeed: the next one may try."""
        self._database.delete(_warmed(utterances))


def _warmed(utterances: Iterable[Utterance]) -> str:
    joined = "".join(sorted(utterance.digest for utterance in utterances))
    return keys.speech_warmed(hashlib.sha256(joined.encode()).hexdigest()[:40])
