"""backend/live/tone/environment.py: on the sounds of the benches, and on speech."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio.g711 import decode_ulaw, encode_ulaw
from backend.live.tone.environment import RATE, Environment, Scene, Surroundings, look
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import SoundName, make_sound

MUSIC = Scene(-20.0, 0.9, 0.05, 10.0)
SPEECH = Scene(-20.0, 0.15, 0.05, 25.0)
NOISE = Scene(-25.0, 0.1, 0.4, 2.0)
SILENCE = Scene(-70.0, 0.0, 0.0, 0.0)
ANNOUNCEMENT = "All our lines are busy at the moment. Please hold the line, your call is important to us."


def seconds_of(pcm: bytes) -> list[NDArray[np.int16]]:
    """As a telephone brings them."""
    samples = decode_ulaw(encode_ulaw(pcm))
    return [samples[start : start + RATE] for start in range(0, len(samples) - RATE + 1, RATE)]


def told(*scenes: Scene) -> list[tuple[int, str]]:
    """(number of the second, kind) of every change."""
    surroundings = Surroundings()
    changes = [(number, surroundings.hear(scene)) for number, scene in enumerate(scenes, 1)]
    return [(number, change.kind) for number, change in changes if change is not None]


@pytest.mark.parametrize(("name", "kind"), [("hold_music", "hold_music"), ("tune", "hold_music"), ("noise", "noise")])
def test_sounds_of_a_line_are_known_by_the_second(name: SoundName, kind: str) -> None:
    """Takes in other keys, at other paces, soft and loud: at least 19 of 20 seconds."""
    found = [
        look(second).kind
        for seed in range(10)
        for level in (-15.0, -30.0)
        for second in seconds_of(make_sound(name, 6, level, seed))
    ]

    assert found.count(kind) >= 0.95 * len(found)


@pytest.mark.parametrize("voice", ["en-us", "de", "fr", "it"])
def test_speech_is_none_of_them(voice: str) -> None:
    """Not one second of it is taken for music, at any pace."""
    found = [
        look(second).kind for pace in (130, 170, 210) for second in seconds_of(synthesise(ANNOUNCEMENT, voice, pace))
    ]

    assert set(found) == {""}


def test_silence_is_told_after_six_seconds_and_its_end_after_three() -> None:
    """Every pause in a conversation is shorter."""
    assert told(*[SILENCE] * 8, *[SPEECH] * 5) == [(6, "silence"), (11, "")]


def test_music_is_told_when_three_of_four_seconds_are_music() -> None:
    """A ringing tone of two seconds is none."""
    assert told(SPEECH, MUSIC, MUSIC, SPEECH, SPEECH, SPEECH, MUSIC, MUSIC, SPEECH, MUSIC) == [(10, "hold_music")]


def test_a_noise_must_last() -> None:
    """A lorry that passes is none."""
    assert told(NOISE, NOISE, SPEECH, SPEECH, NOISE, NOISE, NOISE, NOISE) == [(8, "noise")]


def test_speech_between_music_is_a_queue() -> None:
    """Told when the music goes on; the queue lasts with it."""
    call = [*[MUSIC] * 5, *[SPEECH] * 6, *[MUSIC] * 6, *[SPEECH] * 6, *[MUSIC] * 3]

    assert told(*call) == [(3, "hold_music"), (8, ""), (12, "queue"), (20, ""), (24, "queue")]


def test_a_person_who_answers_after_the_music_is_no_queue() -> None:
    """They go on talking."""
    assert told(*[MUSIC] * 5, *[SPEECH] * 30, *[MUSIC] * 4)[-1] == (38, "hold_music")


def test_a_queue_is_known_from_its_sound() -> None:
    """Music, an announcement, music."""
    surroundings = Surroundings()
    whole = [
        *seconds_of(make_sound("tune", 6, -20, 1)),
        *seconds_of(synthesise(ANNOUNCEMENT, "en-us", 150)),
        *seconds_of(make_sound("tune", 4, -20, 1)),
    ]
    changes = [change for second in whole if (change := surroundings.hear(look(second))) is not None]

    assert [change.kind for change in changes] == ["hold_music", "", "queue"]
    assert all(isinstance(change, Environment) and 0.3 < change.confidence <= 1.0 for change in changes)
