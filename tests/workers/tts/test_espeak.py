"""The embedded voice itself, without any server."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from backend.settings import Settings
from backend.workers.tts.adapter import EngineBroken, WordAt, build_engine
from backend.workers.tts.engine_names import ENGINES
from backend.workers.tts.espeak import Espeak

LONG = "This sentence is one of very many that follow each other. " * 150


@pytest.fixture(scope="module")
def espeak() -> Any:
    engine = Espeak()
    engine.load()
    yield engine
    engine.unload()


def audio(engine: Espeak, text: str, voice: str = "en-us", should_stop: Any = lambda: False) -> Any:
    return (made for made in engine.synthesize(text, voice, should_stop) if not isinstance(made, WordAt))


def speak(engine: Espeak, text: str, voice: str = "en-us", should_stop: Any = lambda: False) -> Any:
    return list(audio(engine, text, voice, should_stop))


def seconds(engine: Espeak, chunks: list[Any]) -> Any:
    return sum(map(len, chunks)) / engine.native_sample_rate


def test_it_speaks(espeak: Espeak) -> None:
    """Real speech: about as long as the words take, and loud."""
    chunks = speak(espeak, "Hello there, this is a test.")

    assert 1.0 < seconds(espeak, chunks) < 4.0
    assert max(np.abs(chunk.astype(int)).max() for chunk in chunks) > 8000


def test_audio_comes_while_the_text_is_still_being_made(espeak: Espeak) -> None:
    """The first piece is less than the first sentence."""
    chunks: Any = audio(espeak, LONG)

    assert len(next(chunks)) < espeak.native_sample_rate


def test_it_tells_when_each_word_begins_before_the_audio_in_which_it_does(espeak: Espeak) -> None:
    """Over all sentences of the text, in its own words; two that it says as one are told as one."""
    text = "Hello there, this is a test. It has two sentences! Well-known co-op members pay at three PM."
    made_s, words = 0.0, list[WordAt]()
    for made in espeak.synthesize(text, "en-us", lambda: False):
        if isinstance(made, WordAt):
            words.append(made)
            assert made.at_s >= made_s - 0.001
        else:
            made_s += len(made) / espeak.native_sample_rate

    told = [text.split()[word.number] for word in words]
    assert [word.number for word in words] == sorted({word.number for word in words})
    assert len(set(text.split()) - set(told)) <= 2 and {"Hello", "It", "co-op", "PM."} <= set(told)
    assert words[0] == WordAt(0, 0.0) and all(
        one.at_s < other.at_s for one, other in zip(words, words[1:], strict=False)
    )
    assert made_s - 1.0 < words[-1].at_s < made_s


def test_it_tells_what_a_text_has_cost_and_no_waiting(espeak: Espeak) -> None:
    """A listener who takes half a second longer makes it no dearer; twice the text about twice as dear."""
    once: list[float] = []
    twice: list[float] = []
    for _ in espeak.synthesize("Hello there. " * 20, "en-us", bool, once.append):
        time.sleep(0.005)
    list(espeak.synthesize("Hello there. " * 40, "en-us", bool, twice.append))

    assert len(once) > 1
    assert 0 < sum(once) < 0.3
    assert sum(once) < sum(twice) < 4 * sum(once)


def test_it_stops_within_a_step_when_told(espeak: Espeak) -> None:
    """D8: a cancelled text leaves nearly all of its audio unmade."""
    asked = threading.Event()
    chunks: Any = audio(espeak, LONG, "en-us", asked.is_set)
    heard = [next(chunks)]
    asked.set()
    heard += chunks

    # At most what the sentence of the moment had already given.
    assert seconds(espeak, heard) < 20.0
    assert 0.2 < seconds(espeak, speak(espeak, "Next one.")) < 3.0


def test_an_abandoned_text_leaves_the_engine_free(espeak: Espeak) -> None:
    """Whoever stops pulling has cancelled."""
    chunks: Any = audio(espeak, LONG)
    next(chunks)
    chunks.close()

    assert speak(espeak, "Hello.")


def test_a_slow_listener_does_not_keep_others_waiting(espeak: Espeak) -> None:
    """The library is taken sentence by sentence: another text speaks in between, in its own voice."""
    slow: Any = audio(espeak, LONG, "de")
    next(slow)

    assert 0.2 < seconds(espeak, speak(espeak, "Hello there.")) < 3.0
    assert len(next(slow)) > 0
    slow.close()


def test_ten_texts_at_once_are_all_spoken_whole(espeak: Espeak) -> None:
    """Process-global state, one owner: no text loses or takes another's audio."""
    alone = seconds(espeak, speak(espeak, "One two three four five six seven. Eight nine ten."))
    lengths: list[float] = []

    def run() -> None:
        lengths.append(seconds(espeak, speak(espeak, "One two three four five six seven. Eight nine ten.")))

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 10
    assert all(abs(length - alone) < 0.1 for length in lengths)


def test_voices_are_espeaks_own_and_named_by_language(espeak: Espeak) -> None:
    """Listed from the library, usable as listed."""
    names = [voice.name for voice in espeak.voices()]

    assert {"en-us", "en-gb", "de", "fr-fr", "es"} <= set(names)
    assert len(names) == len(set(names))
    assert all(voice.language and voice.description for voice in espeak.voices())


@pytest.mark.parametrize(
    ("name", "is_known"),
    [("en-us", True), ("en-us+f3", True), ("de+croak", True), ("en-us+", False), ("xx", False), ("", False)],
)
def test_a_voice_may_be_varied(espeak: Espeak, name: str, is_known: bool) -> None:
    """ "en-us+f3" is the voice en-us in the manner f3."""
    assert espeak.has_voice(name) is is_known


def test_every_listed_voice_can_be_used(espeak: Espeak) -> None:
    """What is listed must not fail when asked for."""
    for voice in espeak.voices():
        assert speak(espeak, "1", voice.name), voice.name


@pytest.mark.parametrize("text", ["...", "—", "🙂", "<b>not markup</b>", "[[h@loU]]", "x" * 3000, "word " * 1000])
def test_odd_texts_do_not_harm_it(espeak: Espeak, text: str) -> None:
    """Nothing to say, markup, one endless word: it ends by itself and speaks the next text."""
    speak(espeak, text)

    assert speak(espeak, "Fine.")


def test_it_can_be_unloaded_and_loaded_again() -> None:
    """Both are idempotent; between them it refuses."""
    engine = Espeak()
    engine.load()
    engine.load()
    engine.unload()
    engine.unload()
    with pytest.raises(EngineBroken):
        speak(engine, "Hello.")


def test_every_row_of_the_table_builds_an_engine_of_that_name() -> None:
    """A new engine is one file and one row."""
    assert [build_engine(name, Settings()).name for name in ENGINES] == list(ENGINES)
