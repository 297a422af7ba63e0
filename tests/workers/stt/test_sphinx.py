"""The demo recogniser, on telephone audio of the embedded voice."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from backend.audio.g711 import decode_ulaw, encode_ulaw
from backend.settings import Settings
from backend.workers.stt.phrase_book import Phrase
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Samples, Words, build_recogniser
from backend.workers.stt.scripted import _sound
from backend.workers.stt.sphinx import PIECE, Interpolator, Sphinx, Utterance, grammar_words
from tests.workers.stt.sidecars import client_of, sidecar_process

PHRASES = [
    "Yes, please.", "No, thank you.", "Goodbye.", "I would like to book a table.", "Cancel my order.",
    "Repeat that, please.", "Monday morning.", "Four one five two.", "What's the price?",
]  # fmt: skip


def sphinx(tmp_path: Path, *phrases: str) -> Sphinx:
    (tmp_path / "phrases.txt").write_text("\n".join(phrases))
    recogniser = build_recogniser(Settings(stt_recogniser="sphinx", stt_phrases_file=str(tmp_path / "phrases.txt")))
    assert isinstance(recogniser, Sphinx)
    recogniser.load()
    return recogniser


def telephone(text: str) -> Samples:
    """As the line carries it, at 8 kHz."""
    silence = np.zeros(3200, np.int16)
    return decode_ulaw(encode_ulaw(np.concatenate((silence, _sound(text, Phrase(text)), silence))))


def hear(recogniser: Sphinx, state: Utterance, samples: Samples, *, ends: bool = True) -> list[Words]:
    upsampler = recogniser.upsampler(8000)
    audio = np.concatenate((upsampler.process(samples), upsampler.flush()))
    heard: list[Words] = []
    for at in range(0, len(audio), PIECE):
        heard += recogniser.step([Piece(state, audio[at : at + PIECE], ends and at + PIECE >= len(audio))])[0]
    return heard


def test_phrases_of_the_file_are_heard_on_telephone_audio(tmp_path: Path) -> None:
    """Nearly all of them, as they stand in the file; words come while they are spoken."""
    recogniser = sphinx(tmp_path, *PHRASES)
    right = interim = 0
    for phrase in PHRASES:
        words = hear(recogniser, recogniser.open("en"), telephone(phrase))
        right += [each.text for each in words if each.is_final] == [phrase]
        interim += sum(not each.is_final for each in words)
        assert all(0 <= each.start_s <= each.end_s <= len(telephone(phrase)) / 8000 for each in words)

    assert right >= len(PHRASES) - 1
    assert interim >= len(PHRASES)


def test_silence_is_nothing(tmp_path: Path) -> None:
    """Also a flush after it, and one after nothing."""
    recogniser = sphinx(tmp_path, *PHRASES)
    state = recogniser.open("en")

    assert hear(recogniser, state, np.zeros(16000, np.int16)) == []
    assert recogniser.step([Piece(state, np.zeros(0, np.int16), True)]) == [[]]


def test_sessions_do_not_hear_each_other(tmp_path: Path) -> None:
    """Two in every step; a reset of one, and the other has its words."""
    recogniser = sphinx(tmp_path, *PHRASES)
    one, other = recogniser.open("en"), recogniser.open("en")
    upsampled = [Interpolator().process(telephone(text)) for text in ("Cancel my order.", "Monday morning.")]
    length = max(map(len, upsampled))
    heard: list[list[Words]] = [[], []]
    for at in range(0, length, PIECE):
        is_last = at + PIECE >= length
        pieces = [
            Piece(one, upsampled[0][at : at + PIECE], is_last),
            Piece(other, upsampled[1][at : at + PIECE], is_last),
        ]
        for words, given in zip(heard, recogniser.step(pieces), strict=True):
            words += given
    recogniser.reset(one)
    recogniser.close(one)

    assert [[each.text for each in words if each.is_final] for words in heard] == [
        ["Cancel my order."],
        ["Monday morning."],
    ]
    assert hear(recogniser, other, telephone("Goodbye."))[-1].text == "Goodbye."


def test_a_reset_makes_the_utterance_void_and_seconds_go_on(tmp_path: Path) -> None:
    """The next one begins anew."""
    recogniser = sphinx(tmp_path, *PHRASES)
    state = recogniser.open("en")
    line = telephone("Cancel my order.")
    hear(recogniser, state, line, ends=False)
    recogniser.reset(state)

    assert recogniser.step([Piece(state, np.zeros(0, np.int16), True)]) == [[]]
    last = hear(recogniser, state, telephone("Monday morning."))[-1]
    assert last.text == "Monday morning."
    assert last.start_s > len(line) / 8000


def test_a_phrase_with_an_unknown_word_is_left_out_and_named(tmp_path: Path) -> None:
    """The others are heard; with none left it does not start."""
    with capture_logs() as logs:
        recogniser = sphinx(tmp_path, "Goodbye.", "Call Offhook now.", "Room 12, please.", "Call Xyzzyplugh.")
    left_out = [line["phrase"] for line in logs if line["event"] == "stt.phrase_left_out"]

    assert left_out == ["Call Offhook now.", "Room 12, please.", "Call Xyzzyplugh."]
    assert hear(recogniser, recogniser.open("en"), telephone("Goodbye."))[-1].text == "Goodbye."
    with pytest.raises(RecogniserBroken, match="sphinx: no phrase of"):
        sphinx(tmp_path, "Xyzzyplugh.")


def test_the_words_of_a_phrase_are_those_of_the_dictionary() -> None:
    """Lower case, no punctuation, apostrophes kept."""
    assert grammar_words("What's the price? It’s O.K. -- isn't it") == [
        "what's", "the", "price", "it's", "o", "k", "isn't", "it",
    ]  # fmt: skip


def test_interpolation_is_even_and_seamless() -> None:
    """Two samples for each, whatever the cuts."""
    samples = telephone("Goodbye.")[:1000]
    whole, pieces = Interpolator(), Interpolator()
    cut = [pieces.process(samples[at : at + 7]) for at in range(0, len(samples), 7)]

    assert np.array_equal(np.concatenate(cut), whole.process(samples))
    assert np.array_equal(np.concatenate(cut)[1::2], samples)
    assert all(len(piece) == 14 for piece in cut[:-1])
    assert Interpolator().process(np.array([100, 200], np.int16)).tolist() == [50, 100, 150, 200]


@pytest.mark.live
def test_a_phrase_over_the_wire(tmp_path: Path) -> None:
    """The real process."""
    (tmp_path / "phrases.txt").write_text("\n".join(PHRASES))

    async def call(port: int) -> tuple[Any, list[str]]:
        async with client_of(port) as client:
            await client.start(sample_rate=8000, language="en-US")
            await client.send(telephone("Cancel my order.").astype("<i2").tobytes())
            await client.say("stop")
            assert await client.close_code() == 1000
            return client.heard[0], client.texts(final=True)

    with sidecar_process(
        tmp_path, "backend.workers.stt.server", STT_RECOGNISER="sphinx", STT_PHRASES_FILE=str(tmp_path / "phrases.txt")
    ) as sidecar:
        sidecar.wait_until_ready()
        ready, texts = asyncio.run(call(sidecar.port))

    assert (ready["recogniser"], texts) == ("sphinx", ["Cancel my order."])
