"""The recogniser of rehearsals, as the sidecar uses it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from backend.rehearsal.phrases import phrase_file, shipped_phrases
from backend.settings import Settings
from backend.workers.stt.phrase_book import Phrase, parse
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Samples, Words, build_recogniser
from backend.workers.stt.scripted import PIECE, Listening, Scripted, _sound
from tests.workers.stt.sidecars import client_of, sidecar_process

SILENCE = np.zeros(6400, np.int16)


def scripted(tmp_path: Path, content: str) -> Scripted:
    path = tmp_path / "phrases.txt"
    path.write_text(content)
    recogniser = build_recogniser(Settings(stt_recogniser="scripted", stt_phrases_file=str(path)))
    assert isinstance(recogniser, Scripted)
    return recogniser


def line_of(phrase: Phrase) -> Samples:
    return np.concatenate((SILENCE, _sound(phrase.text, phrase), SILENCE))


def step_all(recogniser: Scripted, calls: list[tuple[Listening, Samples]]) -> list[list[Words]]:
    """All calls side by side, a piece of each in every step."""
    heard: list[list[Words]] = [[] for _ in calls]
    for at in range(0, max(len(audio) for _, audio in calls), PIECE):
        pieces = [Piece(state, audio[at : at + PIECE], at + PIECE >= len(audio)) for state, audio in calls]
        for words, given in zip(heard, recogniser.step(pieces), strict=True):
            words += given
    return heard


def test_every_line_of_the_shipped_scenarios_is_heard_word_by_word(tmp_path: Path) -> None:
    """All callers at once; each has its own words, and the same ones as alone."""
    recogniser = scripted(tmp_path, phrase_file(shipped_phrases()))
    recogniser.load()
    phrases = parse(phrase_file(shipped_phrases()))
    together = step_all(recogniser, [(recogniser.open("en"), line_of(phrase)) for phrase in phrases])
    alone = [step_all(recogniser, [(recogniser.open("en"), line_of(phrase))])[0] for phrase in phrases]

    assert together == alone
    for phrase, words in zip(phrases, together, strict=True):
        assert [each.text for each in words if each.is_final] == [phrase.text]
        assert len(phrase.text.split()) == 1 or any(not each.is_final for each in words)
        last = words[-1]
        assert 0.75 < last.start_s < 0.9
        assert abs(last.end_s - (len(line_of(phrase)) / 8000 - 0.8)) < 0.15


def test_every_line_is_heard_whenever_it_is_said_on_a_line_that_hisses(tmp_path: Path) -> None:
    """The noise of the rehearsal carrier's lines, some seconds of it or none: each phrase at thirty offsets in a frame."""
    recogniser = scripted(tmp_path, phrase_file(shipped_phrases()))
    recogniser.load()
    phrases = parse(phrase_file(shipped_phrases()))
    dice = np.random.default_rng(7)
    hiss = np.clip(dice.normal(0, 32768 * 10 ** (-50 / 20), 48_000), -32768, 32767).astype(np.int16)
    lines, wanted = [], []
    for phrase in phrases:
        for _ in range(30):
            before = int(dice.integers(0, 40_000))
            lines.append(np.concatenate((hiss[:before], _sound(phrase.text, phrase), hiss[:8000])))
            wanted.append(phrase.text)
    heard = step_all(recogniser, [(recogniser.open("en"), line) for line in lines])

    assert [[each.text for each in words if each.is_final] for words in heard] == [[text] for text in wanted]


def test_how_a_phrase_is_said_is_part_of_it(tmp_path: Path) -> None:
    """Another voice and rate are in the book as they sound."""
    recogniser = scripted(tmp_path, "Ich habe eine Frage.\tde\t140\nI have a question.\n")
    recogniser.load()
    ((heard),) = step_all(recogniser, [(recogniser.open(""), line_of(Phrase("Ich habe eine Frage.", "de", 140)))])

    assert heard[-1].text == "Ich habe eine Frage."


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "holds no phrase"), ("Hello.\tklingon-tng\n", "has no voice"), ("...\n", "has no sound")],
)
def test_a_book_that_cannot_be_spoken_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """At the start, not at the first call."""
    with pytest.raises(RecogniserBroken, match=said):
        scripted(tmp_path, content).load()


def test_a_reset_makes_what_was_heard_void(tmp_path: Path) -> None:
    """Nothing of the half phrase comes; the seconds go on."""
    recogniser = scripted(tmp_path, "Tell me a story.\nGood evening to you.\n")
    recogniser.load()
    state = recogniser.open("en")
    story = line_of(Phrase("Tell me a story."))[:12800]
    told = [
        words for at in range(0, 12800, PIECE) for words in recogniser.step([Piece(state, story[at : at + PIECE])])[0]
    ]
    assert told and not told[-1].is_final
    recogniser.reset(state)
    (heard,) = step_all(recogniser, [(state, line_of(Phrase("Good evening to you.")))])

    assert [words.text for words in heard if words.is_final] == ["Good evening to you."]
    assert heard[-1].start_s > 12800 / 8000


@pytest.mark.live
def test_callers_of_a_rehearsal_are_understood_over_the_wire(tmp_path: Path) -> None:
    """The real process with the real book: four calls at once at telephone rate, in frames of 20 ms."""
    (tmp_path / "phrases.txt").write_text(phrase_file(shipped_phrases()))
    phrases = parse(phrase_file(shipped_phrases()))[:4]

    async def call(port: int, phrase: Phrase) -> list[str]:
        async with client_of(port) as client:
            await client.start(sample_rate=8000, language="en-US")
            line = line_of(phrase).astype("<i2").tobytes()
            for at in range(0, len(line), 320):
                await client.send(line[at : at + 320])
            await client.say("flush", id=1)
            await client.hear("flushed")
            await client.say("stop")
            assert await client.close_code() == 1000
            return client.texts(final=True)

    async def all_calls(port: int) -> list[list[str]]:
        return await asyncio.gather(*(call(port, phrase) for phrase in phrases))

    with sidecar_process(
        tmp_path, "backend.workers.stt.server", STT_RECOGNISER="scripted", STT_MAX_CONCURRENT_SESSIONS="4",
        STT_PHRASES_FILE=str(tmp_path / "phrases.txt"),
    ) as sidecar:  # fmt: skip
        sidecar.wait_until_ready()
        assert asyncio.run(all_calls(sidecar.port)) == [[phrase.text] for phrase in phrases]
