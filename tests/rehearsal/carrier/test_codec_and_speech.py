"""G.711 tables, espeak-ng, resampling, WAV."""

import io
import warnings
import wave

import numpy as np
import pytest

from backend.rehearsal.carrier.codec import decode, encode
from backend.rehearsal.carrier.speech import read_wav, synthesise, to_8k, trim

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

from .product import tone


def wav(pcm, rate, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


@pytest.mark.parametrize(("codec", "reference"), [("PCMU", audioop.ulaw2lin), ("PCMA", audioop.alaw2lin)])
def test_every_code_decodes_as_the_standard_says(codec, reference):
    """All 256, against the standard library."""
    codes = bytes(range(256))

    assert reference(codes, 2) == decode(codec, codes).tobytes()


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_encoding_takes_the_nearest_amplitude(codec):
    """No amplitude changes by a round trip; silence stays silence."""
    amplitudes = decode(codec, bytes(range(256)))

    assert amplitudes.tolist() == decode(codec, encode(codec, amplitudes)).tolist()
    assert {"PCMU": b"\xff", "PCMA": b"\xd5"}[codec] == encode(codec, np.zeros(1, dtype=np.int16))


def test_speech_starts_and_ends_with_sound():
    """The end of the PCM is the end of the speech."""
    pcm = np.frombuffer(synthesise("Good morning."), dtype=np.int16)

    assert 0.4 < len(pcm) / 8000 < 1.5
    assert abs(int(pcm[0])) >= 250
    assert abs(int(pcm[-1])) >= 250
    assert np.abs(pcm.astype(int)).max() > 1000


def test_a_faster_rate_is_shorter():
    """Words per minute reach espeak-ng."""
    assert len(synthesise("One two three four.", rate_wpm=250)) < len(synthesise("One two three four.", rate_wpm=130))


def test_an_unknown_voice_is_refused():
    """No silent fall-back to another voice."""
    with pytest.raises(ValueError, match="no-such-voice"):
        synthesise("Hello.", voice="no-such-voice")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_a_tone_keeps_its_pitch_and_length_at_8_khz(rate):
    """440 Hz for half a second, from every rate the product may serve."""
    sound = (8000 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)).astype(np.int16)

    heard = read_wav(wav(sound, rate))

    assert pytest.approx(len(heard), abs=2) == 4000
    spectrum = np.abs(np.fft.rfft(heard[:4000]))
    assert pytest.approx(np.argmax(spectrum) * 8000 / len(heard), abs=3) == 440
    assert pytest.approx(np.abs(heard[200:-200].astype(int)).max(), rel=0.05) == 8000


def test_what_a_telephone_cannot_carry_is_removed():
    """6 kHz does not come back as an alias."""
    sound = (8000 * np.sin(2 * np.pi * 6000 * np.arange(24000) / 24000)).astype(np.int16)

    assert np.abs(to_8k(sound, 24000)[100:-100].astype(int)).max() < 200


@pytest.mark.parametrize("content", [b"", b"RIFFxxxx", wav(tone(0.1), 8000, channels=2), b"ID3 an mp3"])
def test_what_is_no_mono_wav_is_refused(content):
    """ValueError, whatever is wrong with it."""
    with pytest.raises(ValueError, match="WAV"):
        read_wav(content)


def test_trimming_silence_leaves_nothing():
    """An utterance without sound has no length."""
    assert len(trim(np.zeros(800, dtype=np.int16))) == 0
