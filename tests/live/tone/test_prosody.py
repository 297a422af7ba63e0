"""backend/live/tone/prosody.py: on voices of espeak-ng, whose pitch and loudness can be turned."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.live.tone.prosody import LABELS, LEARNED, RATE, Prosody, Tone, Voice, measure
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import make_sound

TEXT = "Good morning, I would like to know which bread you have today and until when you are open."
USUAL = Prosody(speech_s=0.8, level_dbfs=-25.0, pause_share=0.1, pitch_st=10.0, pitch_moves_st=4.0, rate=4.0)


def changed(**values: float) -> Prosody:
    return Prosody(**{name: getattr(USUAL, name) for name in USUAL.__slots__} | values)


def known() -> Voice:
    voice = Voice()
    for _ in range(LEARNED + 2):
        voice.hear(USUAL)
    return voice


def speech(gain: float = 1.0) -> list[NDArray[np.int16]]:
    samples = np.frombuffer(synthesise(TEXT, "en-us", 160), np.int16).astype(np.float64) * gain
    whole = len(samples) // RATE * RATE
    return [piece.astype(np.int16) for piece in np.clip(samples[:whole], -32768, 32767).reshape(-1, RATE)]


@pytest.mark.parametrize("hz", [80, 120, 200, 330])
def test_the_pitch_of_a_voiced_sound_is_found(hz: int) -> None:
    """Not its half nor its double, for a sound with overtones."""
    time = np.arange(RATE) / RATE
    wave = sum(np.sin(2 * np.pi * hz * overtone * time) / overtone for overtone in range(1, 8)) * 3000
    found = measure(np.asarray(wave).astype(np.int16))

    assert found.pitch_st is not None and 55 * 2 ** (found.pitch_st / 12) == pytest.approx(hz, rel=0.02)
    assert found.pitch_moves_st == pytest.approx(0.0, abs=0.1)


def test_speech_is_measured_in_plain_figures() -> None:
    """A second of espeak-ng: mostly speech, four to eight syllables, a man's pitch."""
    found = measure(speech()[0])

    assert 0.6 <= found.speech_s <= 1.0 and 3 <= found.rate <= 8
    assert found.pitch_st is not None and 70 <= 55 * 2 ** (found.pitch_st / 12) <= 180
    louder, softer = measure(speech(1.0)[0]).level_dbfs, measure(speech(0.25)[0]).level_dbfs
    assert louder - softer == pytest.approx(12.0, abs=0.5)


def test_noise_silence_and_crumbs_are_no_speech() -> None:
    """Nothing is said of them."""
    noise = np.frombuffer(make_sound("noise", 1.0, -20, 3), np.int16)
    for samples in (noise, np.zeros(RATE, np.int16), np.zeros(10, np.int16), np.zeros(0, np.int16)):
        assert Voice().hear(measure(samples)) is None


@pytest.mark.parametrize(
    ("heard", "label"),
    [
        (USUAL, "calm"),
        (changed(pitch_moves_st=9.0, level_dbfs=-20.0, rate=6.0), "lively"),
        (changed(pitch_st=14.0, level_dbfs=-18.0), "tense"),
        (changed(level_dbfs=-33.0, pitch_moves_st=1.5), "subdued"),
        (changed(pause_share=0.6), "hesitant"),
    ],
)
def test_each_label_means_what_its_row_says(heard: Prosody, label: str) -> None:
    """Against a voice that is known."""
    tone = known().hear(heard)

    assert tone is not None and tone.label == label and label in LABELS
    assert 0.4 <= tone.confidence <= 1.0


def test_a_voice_is_only_compared_with_itself() -> None:
    """A high, loud voice is calm when it is always like that; so is a deep, soft one."""
    for always in (changed(pitch_st=24.0, level_dbfs=-12.0), changed(pitch_st=4.0, level_dbfs=-38.0)):
        voice = Voice()
        tones = [voice.hear(always) for _ in range(12)]

        assert {tone.label for tone in tones if tone is not None} == {"calm"}


def test_of_an_unknown_voice_little_is_claimed() -> None:
    """The confidence rises with what is known."""
    voice = Voice()
    confidences = [tone.confidence for _ in range(12) if (tone := voice.hear(USUAL)) is not None]

    assert confidences[0] < 0.4 <= confidences[-1] and confidences == sorted(confidences)


def test_a_shift_is_told_once_and_not_for_a_single_second() -> None:
    """Two of three seconds; then the new tone is the usual one to shift from."""
    voice = known()
    tense = changed(pitch_st=14.0, level_dbfs=-18.0)
    tones = [voice.hear(heard) for heard in (tense, USUAL, tense, tense, tense, USUAL, USUAL, USUAL)]

    assert [tone.is_shift for tone in tones if tone is not None] == [
        False, False, True, False, False, False, True, False,
    ]  # fmt: skip


def test_the_same_words_louder_and_higher_sound_tense() -> None:
    """From sound to label: eleven seconds as usual, then the same voice, 10 dB up and three semitones higher."""
    voice = Voice()
    for piece in speech(0.3) * 2:
        voice.hear(measure(piece))
    higher = np.interp(np.arange(0, 2 * RATE, 2 ** (4 / 12)), np.arange(2 * RATE), np.concatenate(speech(1.0)[:2]))
    tone = voice.hear(measure(higher[:RATE].astype(np.int16)))

    assert tone is not None and tone.label in ("tense", "lively") and isinstance(tone, Tone)
