"""Piper with voices of a few hundred bytes: they hum, but every file, input and output is as in real ones."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.piper import PIECE, Piper, PiperSettings

# The neural voices are installed on machines that run them (requirements-gpu.txt).
has_piper = pytest.mark.needs("piper", "onnx")
TEXT = "Hello there. This is a test."
HUM, LOW, MANY, SLOW = "en_US-hum-medium", "de_DE-low-low", "en_GB-many-medium", "en_GB-slow-medium"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four voices: usual, of a lower rate, of two speakers, and one that takes half a minute for a sentence."""
    from tests.fakes.piper_fixture import make_piper_voice

    place = tmp_path_factory.mktemp("models") / "piper"
    make_piper_voice(place, HUM)
    make_piper_voice(place, LOW, sample_rate=16000)
    make_piper_voice(place, MANY, speakers=("anna", "bob"))
    make_piper_voice(place, SLOW, steps=100_000_000)
    return place


@pytest.fixture(scope="module")
def piper(directory: Path) -> Any:
    """Loaded, with one thread."""
    engine = Piper(PiperSettings(directory, threads=1))
    engine.load()
    yield engine
    engine.unload()


def speak(engine: Piper, text: str = TEXT, voice: str = HUM, should_stop: Any = lambda: False) -> Any:
    return list(engine.synthesize(text, voice, should_stop))


def seconds(pieces: Any) -> float:
    return sum(map(len, pieces)) / 22050


@has_piper
def test_it_speaks_in_small_pieces(piper: Piper) -> None:
    """22.05 kHz, 200 ms at most in each, and the same every time."""
    pieces = speak(piper)

    assert {piece.dtype for piece in pieces} == {np.dtype(np.int16)}
    assert max(map(len, pieces)) == PIECE
    assert 1.0 < seconds(pieces) < 5.0
    assert np.array_equal(np.concatenate(pieces), np.concatenate(speak(piper)))


@has_piper
def test_the_models_own_level_is_kept(piper: Piper) -> None:
    """Not every sentence at the same peak: loudness.py gives each voice one gain."""
    assert max(np.abs(piece.astype(int)).max() for piece in speak(piper)) == pytest.approx(0.3 * 32767, abs=2)


@has_piper
def test_a_voice_of_another_rate_is_as_long(piper: Piper) -> None:
    """16 kHz voices come out at 22.05 kHz."""
    assert seconds(speak(piper, voice=LOW)) == pytest.approx(seconds(speak(piper)) * 22050 / 16000, rel=0.01)


@has_piper
def test_a_file_of_many_speakers_has_a_voice_for_each(piper: Piper) -> None:
    """By name behind a hash sign; without it the first one speaks."""
    first = np.concatenate(speak(piper, voice=MANY))

    assert np.array_equal(first, np.concatenate(speak(piper, voice=f"{MANY}#anna")))
    assert not np.array_equal(first, np.concatenate(speak(piper, voice=f"{MANY}#bob")))


@has_piper
@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        (HUM, True),
        (f"{MANY}#bob", True),
        (f"{MANY}#carl", False),
        (f"{HUM}#bob", False),
        (f"{HUM}#", False),
        ("", False),
    ],
)
def test_only_voices_that_can_speak_are_known(piper: Piper, name: str, is_known: bool) -> None:
    """Files, and the speakers in them."""
    assert piper.has_voice(name) is is_known


@has_piper
def test_voices_are_listed_with_their_language(piper: Piper) -> None:
    """As BCP 47 has it."""
    assert [(voice.name, voice.language) for voice in piper.voices()] == [
        (LOW, "de-de"),
        (MANY, "en-gb"),
        (SLOW, "en-gb"),
        (HUM, "en-us"),
    ]


@has_piper
def test_it_tells_what_a_text_has_cost_and_no_waiting(piper: Piper) -> None:
    """All of it by the time the audio has ended, whatever the pace at which it was taken."""
    spent: list[float] = []
    began = time.perf_counter()
    pieces = piper.synthesize(TEXT, HUM, bool, spent.append)
    next(pieces)
    time.sleep(2.0)
    list(pieces)

    assert len(spent) > 1
    assert 0 < sum(spent) <= time.perf_counter() - began - 1.0


@has_piper
def test_a_cancel_ends_a_sentence_within_the_model(piper: Piper) -> None:
    """D8: this one would take half a minute; the pool's one thread is free at once."""
    stop = threading.Event()
    thread = threading.Thread(target=speak, args=(piper, "Hello.", SLOW, stop.is_set))
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    stop.set()
    thread.join(5)

    assert speak(piper, "Next one.")
    assert time.monotonic() - began < 1.0


@has_piper
def test_an_abandoned_text_stops(piper: Piper) -> None:
    """Whoever stops pulling has cancelled, also what was made ahead."""
    pieces: Any = piper.synthesize("Hello. " * 200, HUM, lambda: False)
    next(pieces)
    pieces.close()

    assert speak(piper, "Next one.")


@has_piper
def test_a_slow_listener_does_not_keep_others_waiting(piper: Piper) -> None:
    """Sentence by sentence: one is made ahead, then the thread is somebody else's."""
    slow: Any = piper.synthesize("Hello. " * 200, HUM, lambda: False)
    next(slow)

    assert speak(piper, "Short one.")
    slow.close()


@has_piper
@pytest.mark.parametrize("text", ["…", "x" * 3000, "[[h@loU]]", "日本語", "word " * 500])
def test_odd_texts_do_not_harm_it(piper: Piper, text: str) -> None:
    """Nothing to say, phonemes of its own notation, one endless word."""
    speak(piper, text)

    assert speak(piper, "Fine.")


@has_piper
def test_it_can_be_unloaded_and_loaded_again(directory: Path) -> None:
    """Both are idempotent; between them it refuses."""
    engine = Piper(PiperSettings(directory))
    engine.load()
    engine.load()
    assert speak(engine)
    engine.unload()
    engine.unload()
    with pytest.raises(EngineBroken, match="not loaded"):
        speak(engine)
    assert list(engine.voices()) == []


@has_piper
def test_a_voice_without_its_configuration_is_named(tmp_path: Path) -> None:
    """The two files belong together."""
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(EngineBroken, match=rf"{tmp_path}/a\.onnx\.json is missing"):
        Piper(PiperSettings(tmp_path)).load()


@has_piper
def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    """A broken model, a configuration without its fields, a rate nobody can resample."""
    from tests.fakes.piper_fixture import make_piper_voice

    file = make_piper_voice(tmp_path / "a", "a")
    file.write_bytes(b"not a model")
    with pytest.raises(EngineBroken, match=r"a\.onnx could not be read"):
        Piper(PiperSettings(tmp_path / "a")).load()

    (make_piper_voice(tmp_path / "b", "b").parent / "b.onnx.json").write_text(json.dumps({"audio": {}}))
    with pytest.raises(EngineBroken, match=r"b\.onnx could not be read: KeyError"):
        Piper(PiperSettings(tmp_path / "b")).load()

    make_piper_voice(tmp_path / "c", "c", sample_rate=44100)
    with pytest.raises(EngineBroken, match="44100 Hz; known rates are"):
        Piper(PiperSettings(tmp_path / "c")).load()


def test_an_empty_directory_is_named(tmp_path: Path) -> None:
    """Before anything heavy is imported."""
    with pytest.raises(EngineBroken, match=f"{tmp_path} holds no voice"):
        Piper(PiperSettings(tmp_path)).load()
