"""Kokoro with random weights of the package's own making: what it says is noise, how it says it is real."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.workers.tts.adapter import EngineBroken, WordAt
from backend.workers.tts.kokoro import MOST_PHONEMES, PIECE, Kokoro, KokoroSettings, _parts
from backend.workers.tts.kokoro_words import STEP_S

# The neural voices are installed on machines that run them (requirements-gpu.txt).
has_kokoro = pytest.mark.needs("kokoro")
pytestmark = [
    # What torch and transformers say about the package's own code; nothing of it is ours to change.
    pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning"),
]
TEXT = "Hello there, this is a test. And one more sentence, which is a bit longer."


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The files of a small model; within, the package builds it small."""
    from tests.fakes.kokoro_fixture import make_kokoro, narrow_decoder

    place = tmp_path_factory.mktemp("models") / "kokoro"
    with narrow_decoder():
        make_kokoro(place)
        yield place


@pytest.fixture(scope="module")
def kokoro(directory: Path) -> Any:
    """Loaded, with a fixed seed and one thread."""
    engine = Kokoro(KokoroSettings(directory, "cpu", seed=7))
    engine.load()
    yield engine
    engine.unload()


def speak(engine: Kokoro, text: str = TEXT, voice: str = "af_heart", should_stop: Any = lambda: False) -> Any:
    """The samples alone."""
    return [made for made in engine.synthesize(text, voice, should_stop) if not isinstance(made, WordAt)]


@has_kokoro
def test_it_speaks_in_small_pieces(kokoro: Kokoro) -> None:
    """24 kHz, 200 ms at most in each."""
    pieces = speak(kokoro)

    assert {piece.dtype for piece in pieces} == {np.dtype(np.int16)}
    assert max(map(len, pieces)) == PIECE
    assert 2.0 < sum(map(len, pieces)) / kokoro.native_sample_rate < 15.0


@has_kokoro
@pytest.mark.parametrize("voice", ["af_heart", "bf_emma", "ff_siwis"])
def test_it_tells_when_words_begin(kokoro: Kokoro, voice: str) -> None:
    """Every word of a text of three phrases, in order, each before the samples in which it begins, none after the end."""
    text = TEXT + " The third one is short."
    told: list[WordAt] = []
    made_s = 0.0
    for made in kokoro.synthesize(text, voice, lambda: False):
        if isinstance(made, WordAt):
            assert made.at_s >= made_s
            told.append(made)
        else:
            made_s += len(made) / kokoro.native_sample_rate

    assert [word.number for word in told] == list(range(len(text.split())))
    starts = [word.at_s for word in told]
    assert starts == sorted(starts) and starts[-1] < made_s
    # Random weights make equally long phonemes: a word with more of them takes longer.
    lengths = dict(zip(text.split(), (b - a for a, b in zip(starts, starts[1:], strict=False)), strict=False))
    assert lengths["sentence,"] > lengths["a"]


@has_kokoro
def test_the_durations_measure_the_audio(kokoro: Kokoro) -> None:
    """25 ms a step: what kokoro_words.py counts on."""
    loaded = kokoro._loaded
    assert loaded is not None
    kokoro._thread.should_stop = bool  # every layer asks
    output = loaded.model("hˈɛlO", loaded.packs["af_heart"][4], 1.0, return_output=True)

    assert len(output.audio) == round(int(output.pred_dur.sum()) * STEP_S * kokoro.native_sample_rate)


@has_kokoro
def test_equal_texts_are_equal_with_a_seed(kokoro: Kokoro) -> None:
    """To the bit: the model's noise is the only chance in it."""
    assert np.array_equal(np.concatenate(speak(kokoro)), np.concatenate(speak(kokoro)))


@has_kokoro
@pytest.mark.parametrize(("voice", "text"), [("bf_emma", "Colour."), ("ff_siwis", "Bonjour, ça va ?")])
def test_every_voice_speaks_its_language(kokoro: Kokoro, voice: str, text: str) -> None:
    """British English by its own dictionary, the others by espeak-ng."""
    assert speak(kokoro, text, voice)


@has_kokoro
def test_voices_are_listed_best_first_with_their_language(kokoro: Kokoro) -> None:
    """The first of a language is its default."""
    assert [(voice.name, voice.language) for voice in kokoro.voices()] == [
        ("af_heart", "en-us"),
        ("bf_emma", "en-gb"),
        ("ff_siwis", "fr-fr"),
        ("am_adam", "en-us"),
    ]
    assert kokoro.has_voice("am_adam")
    assert not kokoro.has_voice("zf_xiaobei")


@has_kokoro
def test_a_cancel_stops_a_phrase_between_two_layers(kokoro: Kokoro) -> None:
    """D8: asked so often that hardly anything is computed after it; the next text speaks as ever."""
    asked_after = 30
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > asked_after

    assert speak(kokoro, should_stop=should_stop) == []
    assert asked <= asked_after + 5
    assert speak(kokoro, "Next one.")


@has_kokoro
def test_a_cancel_while_it_computes_is_felt_at_once(kokoro: Kokoro) -> None:
    """From another thread; the pool is free afterwards."""
    stop, ended_at = threading.Event(), []

    def run() -> None:
        speak(kokoro, TEXT * 10, should_stop=stop.is_set)
        ended_at.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    stopped_at = time.monotonic()
    stop.set()
    thread.join(5)

    assert ended_at[0] - stopped_at < 1.0
    assert speak(kokoro, "Next one.")


@has_kokoro
def test_an_abandoned_text_stops(kokoro: Kokoro) -> None:
    """Whoever stops pulling has cancelled."""
    pieces: Any = kokoro.synthesize(TEXT * 5, "af_heart", lambda: False)
    next(pieces)
    pieces.close()

    assert speak(kokoro, "Next one.")


@has_kokoro
def test_it_tells_what_a_text_has_cost_and_no_waiting(kokoro: Kokoro) -> None:
    """All of it by the time the audio has ended, whatever the pace at which it was taken."""
    spent: list[float] = []
    began = time.perf_counter()
    pieces = kokoro.synthesize(TEXT, "af_heart", bool, spent.append)
    next(pieces)
    time.sleep(2.0)
    list(pieces)

    assert len(spent) > 1
    assert 0 < sum(spent) <= time.perf_counter() - began - 1.0


@has_kokoro
def test_two_texts_take_turns_phrase_by_phrase(kokoro: Kokoro) -> None:
    """A long text whose listener is slow does not keep a short one waiting, although one thread computes."""
    made = kokoro.synthesize(TEXT * 5, "af_heart", lambda: False)
    slow: Any = (piece for piece in made if not isinstance(piece, WordAt))
    next(slow)

    assert speak(kokoro, "Short one.")
    assert len(next(slow)) > 0
    slow.close()


@has_kokoro
@pytest.mark.parametrize("text", ["a" * 600, "word " * 60, "…", "Hm", "日本語", "1"])
def test_odd_texts_do_not_harm_it(kokoro: Kokoro, text: str) -> None:
    """An endless word, no phoneme at all: it ends by itself and speaks the next text."""
    speak(kokoro, text)

    assert speak(kokoro, "Fine.")


@has_kokoro
def test_it_can_be_unloaded_and_loaded_again(directory: Path) -> None:
    """Both are idempotent; between them it refuses."""
    engine = Kokoro(KokoroSettings(directory, "cpu"))
    engine.load()
    engine.load()
    engine.unload()
    engine.unload()
    with pytest.raises(EngineBroken, match="not loaded"):
        speak(engine)
    assert list(engine.voices()) == []
    assert not engine.has_voice("af_heart")


@has_kokoro
def test_a_file_of_something_else_is_named(directory: Path, tmp_path: Path) -> None:
    """Truncated weights, a voice of another shape."""
    import shutil

    import torch

    shutil.copytree(directory, tmp_path / "a")
    (tmp_path / "a" / "kokoro-v1_0.pth").write_bytes(b"not weights")
    with pytest.raises(EngineBroken, match="could not be read"):
        Kokoro(KokoroSettings(tmp_path / "a", "cpu")).load()

    shutil.copytree(directory, tmp_path / "b")
    torch.save(torch.zeros(3, 3), tmp_path / "b" / "voices" / "af_heart.pt")
    with pytest.raises(EngineBroken, match=r"af_heart\.pt is no voice"):
        Kokoro(KokoroSettings(tmp_path / "b", "cpu")).load()


@pytest.mark.parametrize("missing", ["config.json", "kokoro-v1_0.pth", "voices"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    """With its whole path, before anything heavy is imported."""
    (tmp_path / "voices").mkdir()
    for name in ("config.json", "kokoro-v1_0.pth", "voices/zf_xiaobei.pt"):
        (tmp_path / name).write_bytes(b"{}")
    if missing != "voices":
        (tmp_path / missing).unlink()

    with pytest.raises(EngineBroken, match=f"{tmp_path}/{missing}"):
        Kokoro(KokoroSettings(tmp_path)).load()


def test_too_many_phonemes_are_cut_at_white_space() -> None:
    """None is lost."""
    phonemes = "həlˈO " * 300
    parts = _parts(phonemes.strip())

    assert all(0 < len(part) <= MOST_PHONEMES for part in parts)
    assert " ".join(parts) == phonemes.strip()
    assert [len(part) for part in _parts("x" * 1100)] == [500, 500, 100]
    assert _parts("") == []
