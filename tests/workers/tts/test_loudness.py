"""Every voice at the same loudness."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.workers.tts.adapter import WordAt
from backend.workers.tts.espeak import Espeak
from backend.workers.tts.loudness import CEILING, KNOWN_AFTER_S, MOST_VOICES, TARGET_DBFS, Level, Loudness, VoiceLevels

RATE = 24000
BLOCK = RATE // 200


@pytest.fixture(scope="module")
def speech() -> Any:
    """Real speech, 22.05 kHz."""
    engine = Espeak()
    engine.load()
    text = "Thank you for calling, how can I help you today? I can look that up for you, just a moment please."
    made = engine.synthesize(text, "en-us", lambda: False)
    yield np.concatenate([piece for piece in made if not isinstance(piece, WordAt)])
    engine.unload()


def sine(seconds: float, dbfs: float, rate: int = RATE) -> Any:
    """A tone of that RMS."""
    at = np.arange(int(seconds * rate)) / rate
    return np.rint(np.sqrt(2) * 32768 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * 220 * at)).astype(np.int16)


def run(samples: Any, known: Level, cuts: Any = 480, rate: int = RATE) -> Any:
    """All of it through one stream, in pieces; the stream comes along."""
    stream = Loudness(rate, known)
    pieces = np.split(samples, range(cuts, len(samples), cuts) if isinstance(cuts, int) else cuts)
    out = [stream.process(piece) for piece in pieces]
    return np.concatenate((*out, stream.flush())), stream


def speech_dbfs(samples: Any, rate: int) -> float:
    """RMS of the 20 ms windows that are speech."""
    window = rate // 50
    power = np.mean((samples[: len(samples) // window * window].reshape(-1, window) / 32768.0) ** 2, axis=1)
    loud = power[power > 1e-5]
    loud = loud[loud > np.mean(loud) * 10**-1.5]
    return float(10 * np.log10(np.mean(loud)))


@pytest.mark.parametrize("gain_db", [-15, -6, 0, 3])
def test_a_known_voice_is_at_the_target_from_its_first_frame(speech: Any, gain_db: float) -> None:
    """The gain is remembered: nothing has to settle, and the first words are not softer than the last."""
    given_as = np.clip(np.rint(speech * 10 ** (gain_db / 20)), -32768, 32767).astype(np.int16)
    _, first = run(given_as, Level(), rate=22050)
    out, _ = run(given_as, first.measured, rate=22050)

    assert speech_dbfs(out, 22050) == pytest.approx(TARGET_DBFS, abs=0.5)
    half = len(out) // 2
    before, after = speech_dbfs(given_as[:half], 22050), speech_dbfs(given_as[half:], 22050)
    assert speech_dbfs(out[:half], 22050) - speech_dbfs(out[half:], 22050) == pytest.approx(before - after, abs=0.5)


@pytest.mark.parametrize("gain_db", [-15, -6, 0, 3])
def test_a_voice_never_heard_finds_its_level_within_a_second(speech: Any, gain_db: float) -> None:
    """And its whole first text is near the target."""
    given_as = np.clip(np.rint(speech * 10 ** (gain_db / 20)), -32768, 32767).astype(np.int16)
    out, _ = run(given_as, Level(), rate=22050)

    assert speech_dbfs(out[22050:], 22050) == pytest.approx(TARGET_DBFS, abs=1.5)


def test_a_text_louder_than_its_voice_pulls_slowly() -> None:
    """No pumping: 6 dB a second at most, and hardly that."""
    known = Level(10 ** (-25 / 10), 10.0)
    out, _ = run(np.concatenate((sine(1.0, -25), sine(1.0, -15), sine(1.0, -25))), known)
    levels = [speech_dbfs(out[at : at + RATE // 2], RATE) for at in range(0, 3 * RATE, RATE // 2)]

    assert levels[0] == pytest.approx(-20, abs=0.2)
    assert levels[2] == pytest.approx(-10, abs=1.0)
    assert -26 < levels[5] < -20


def test_silence_and_noise_do_not_move_the_gain() -> None:
    """Only speech is measured: a pause is not turned up."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 30, RATE * 2).astype(np.int16)  # -61 dBFS
    out, stream = run(np.concatenate((sine(1.0, -20), noise, sine(1.0, -20))), Level())

    assert stream.measured.seconds == pytest.approx(2.0, abs=0.05)
    assert speech_dbfs(out[-RATE // 2 :], RATE) == pytest.approx(-20, abs=0.2)
    assert np.std(out[RATE + 1000 : 3 * RATE - 1000]) == pytest.approx(30, abs=3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_how_the_stream_was_cut_does_not_matter(data: Any) -> None:
    """To the bit; and not a sample is lost or added."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    samples = (rng.normal(0, 3000, data.draw(st.integers(0, 5000))) * np.linspace(0.1, 8, 1)).astype(np.int16)
    known = data.draw(st.sampled_from([Level(), Level(0.001, 5.0), Level(0.3, 5.0)]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=12)))
    whole, first = run(samples, known, [])
    cut, second = run(samples, known, cuts)

    assert np.array_equal(whole, cut)
    assert len(whole) == len(samples)
    assert first.measured == second.measured


def test_it_lags_by_at_most_ten_milliseconds() -> None:
    """Two blocks: the one that is not full, and the one that waits for the next one's peak."""
    stream, taken, given = Loudness(RATE, Level()), 0, 0
    for size in (1, 100, 119, 1, 480, 7, 2400, 3):
        taken += size
        given += len(stream.process(np.full(size, 1000, np.int16)))
        assert 0 <= taken - given <= 2 * BLOCK


@pytest.mark.parametrize("dbfs", [-3.0, -10.0, -40.0])
def test_nothing_clips(dbfs: float) -> None:
    """A sudden peak bends the gain before it comes; afterwards it returns."""
    known = Level(10 ** (-38 / 10), 10.0)
    samples = np.concatenate((sine(1.0, -38), sine(0.05, dbfs), sine(2.0, -38)))
    out, _ = run(samples, known)

    assert np.abs(out.astype(int)).max() <= CEILING + 1
    assert speech_dbfs(out[-RATE // 2 :], RATE) == pytest.approx(-20, abs=1.0)


def test_full_scale_in_is_not_full_scale_out() -> None:
    """-32768 has no positive twin; it must not wrap."""
    square = np.where(np.arange(RATE) % 100 < 50, 32767, -32768).astype(np.int16)
    out, _ = run(square, Level(0.0001, 10.0))

    assert np.abs(out.astype(int)).max() <= CEILING + 1
    assert np.array_equal(np.sign(out[BLOCK:].astype(int)), np.sign(square[BLOCK:].astype(int)))


def test_nothing_in_nothing_out() -> None:
    """An empty stream, and an empty piece in one."""
    stream = Loudness(RATE, Level())

    assert len(stream.process(np.zeros(0, np.int16))) == 0
    assert len(stream.flush()) == 0
    assert stream.measured == Level()


def test_a_stream_does_not_grow() -> None:
    """An hour in pieces holds what a second holds."""

    def held() -> int:
        return sum(sys.getsizeof(getattr(stream, slot)) for slot in vars(stream))

    stream, piece = Loudness(8000, Level()), sine(1.0, -20, 8000)
    stream.process(piece)
    after_one = held()
    for _ in range(600):
        stream.process(piece)

    assert held() <= after_one + 256


def test_a_voice_is_settled_after_some_seconds() -> None:
    """From then on equal texts give equal bits, whatever was said in between."""
    levels = VoiceLevels()
    levels.learn("e", "anna", Level(0.01, KNOWN_AFTER_S))
    settled = levels.level("e", "anna")
    levels.learn("e", "anna", Level(0.5, 60.0))

    assert levels.level("e", "anna") == settled


def test_what_a_voice_shows_is_added_up_until_then() -> None:
    """Weighed by its length; a text without speech says nothing."""
    levels = VoiceLevels()
    levels.learn("e", "anna", Level(0.01, 1.0))
    levels.learn("e", "anna", Level())
    levels.learn("e", "anna", Level(0.04, 2.0))

    assert levels.level("e", "anna").power == pytest.approx(0.03)
    assert levels.level("e", "anna").seconds == 3.0


def test_a_new_voice_begins_where_its_engines_others_are() -> None:
    """A good guess with hardly any weight; other engines say nothing about it."""
    levels = VoiceLevels()
    levels.learn("loud", "anna", Level(0.1, 5.0))
    levels.learn("soft", "bob", Level(0.001, 5.0))

    assert levels.level("soft", "carl").gain_db == pytest.approx(10.0)
    assert levels.level("soft", "carl").seconds < 1
    assert levels.level("third", "dora") == Level()


def test_no_more_voices_are_remembered_than_there_is_room_for() -> None:
    """Composed names have no end."""
    levels = VoiceLevels()
    for number in range(MOST_VOICES + 10):
        levels.learn("e", f"en+{number}", Level(0.01, 1.0))

    assert levels.level("e", f"en+{MOST_VOICES + 9}").seconds == 1.0
    assert levels.level("e", "en+0").seconds < 1.0


@pytest.mark.parametrize(("power", "gain_db"), [(1e-9, 18.0), (0.99, -20.0), (0.01, 0.0), (0.0, 0.0)])
def test_the_gain_has_limits(power: float, gain_db: float) -> None:
    """Hiss is not made a voice."""
    assert Level(power, 1.0).gain_db == pytest.approx(gain_db, abs=0.1)
