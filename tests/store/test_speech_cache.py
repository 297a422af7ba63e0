"""Finished short utterances, over Redis and its twin."""

import time
from dataclasses import replace

import pytest

from backend.store import keys
from backend.store.database import Database
from backend.store.speech_cache import LONGEST_S, SpeechCache, Utterance
from backend.store.stores import Stores
from tests.store.conftest import keys_left

UTTERANCE = Utterance("anna", "pocket@1", "de", 8000, "Sind Sie noch da?")
PCM = b"\x01\x02" * 800


def test_what_was_put_is_found_by_everybody(stores: Stores) -> None:
    """Byte for byte."""
    assert stores.speech_cache.get(UTTERANCE) is None
    assert stores.speech_cache.put(UTTERANCE, PCM)

    assert stores.speech_cache.get(UTTERANCE) == PCM


@pytest.mark.parametrize(
    "change", [{"voice": "bert"}, {"model": "pocket@2"}, {"language": "en"}, {"sample_rate": 16000}, {"text": "Hallo?"}]
)
def test_another_voice_model_language_rate_or_text_is_another_utterance(stores: Stores, change: dict[str, str]) -> None:
    """A new version of the model speaks for itself."""
    stores.speech_cache.put(UTTERANCE, PCM)

    assert stores.speech_cache.get(replace(UTTERANCE, **change)) is None  # type: ignore[arg-type]


def test_white_space_makes_no_other_utterance(stores: Stores) -> None:
    """It is not spoken."""
    stores.speech_cache.put(UTTERANCE, PCM)

    assert stores.speech_cache.get(replace(UTTERANCE, text="  Sind Sie\n noch da? ")) == PCM


@pytest.mark.parametrize("pcm", [b"", b"\0\0" * int(8000 * LONGEST_S + 1)])
def test_nothing_and_too_much_are_not_kept(stores: Stores, pcm: bytes) -> None:
    """Redis holds short things."""
    assert not stores.speech_cache.put(UTTERANCE, pcm)

    assert keys_left(stores.database) == {}


def test_everything_expires_and_nothing_tells_what_is_said(stores: Stores) -> None:
    """Keys appear in logs; texts are private."""
    stores.speech_cache.put(UTTERANCE, PCM)
    stores.speech_cache.claim_warming([UTTERANCE])

    left = keys_left(stores.database)
    assert len(left) == 3 and all(0 < ttl_s <= keys.SPEECH_TTL_S for ttl_s in left.values())
    assert "anna" not in str(left) and "Sind" not in str(left)


def test_of_too_many_the_one_unused_longest_goes(database: Database) -> None:
    """Redis must not evict, so we do."""
    cache = SpeechCache(database, most=3)
    utterances = [replace(UTTERANCE, text=str(number)) for number in range(4)]
    for utterance in utterances[:3]:
        cache.put(utterance, PCM)
        time.sleep(0.002)  # the ranking counts milliseconds
    cache.used(utterances[0])
    cache.put(utterances[3], PCM)

    assert [cache.get(utterance) is not None for utterance in utterances] == [True, False, True, True]


def test_warming_is_claimed_by_one_within_the_hour(stores: Stores) -> None:
    """Whatever the order of the texts; another agent's are another claim; a failure lets the next one try."""
    other = replace(UTTERANCE, text="Hallo?")

    assert stores.speech_cache.claim_warming([UTTERANCE, other])
    assert not stores.speech_cache.claim_warming([other, UTTERANCE])
    assert stores.speech_cache.claim_warming([other])
    stores.speech_cache.release_warming([UTTERANCE, other])
    assert stores.speech_cache.claim_warming([UTTERANCE, other])
