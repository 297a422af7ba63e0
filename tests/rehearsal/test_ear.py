"""Recognising by ear what the agent said."""

from dataclasses import dataclass

import numpy as np
import pytest

from backend.call.agent_config import AgentConfig
from backend.rehearsal.carrier.codec import decode, encode
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.ear import SIMILAR, Reference, listen, possible_texts, similarity
from backend.rehearsal.scenario import ModelRule

TEXTS = ["Are you still there?", "Hello, how can I help you?", "One moment, please.", "It is sunny."]


@dataclass(frozen=True)
class Piece:
    started_at: float
    ended_at: float
    pcm: bytes
    starved_s: float = 0.0


def on_the_line(text: str, rate_wpm: int = 175) -> bytes:
    """As the caller hears it: quieter, a little faster, through the codec."""
    pcm = (np.frombuffer(synthesise(text, "en-us", rate_wpm), dtype=np.int16) * 0.5).astype(np.int16)
    return decode("PCMU", encode("PCMU", pcm)).tobytes()


def piece(text: str, started_at: float) -> Piece:
    pcm = on_the_line(text)
    return Piece(started_at, started_at + len(pcm) / 16000, pcm, 0.02)


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_words_are_alike_and_other_words_are_not(text: str) -> None:
    """The distance between the two is what makes the verdict trustworthy."""
    scores = {other: similarity(on_the_line(text), synthesise(other)) for other in TEXTS}

    assert scores.pop(text) > SIMILAR + 0.1
    assert max(scores.values()) < SIMILAR - 0.1


def test_utterances_get_the_text_and_kind_of_what_they_resemble() -> None:
    """Pieces a breath apart are one utterance, pieces seconds apart are two."""
    references = [Reference(text, kind, synthesise(text)) for text, kind in (("Are you still there?", "check_in"),)]
    whole = piece("Are you still there?", 10.0)
    half = len(whole.pcm) // 4 * 2
    parts = [
        Piece(1.0, 1.0 + half / 16000, whole.pcm[:half], 0.02),
        Piece(1.8, 1.8 + (len(whole.pcm) - half) / 16000, whole.pcm[half:]),
    ]

    utterances = listen([whole, *parts], references)

    assert [(one.kind, one.text) for one in utterances] == [("check_in", "Are you still there?")] * 2
    assert utterances[0].started_at == 1.0
    assert utterances[0].ended_at == parts[1].ended_at
    assert utterances[0].starved_s == 0.02


def test_what_resembles_nothing_stays_without_a_name() -> None:
    """A wrong guess would hide that the agent said something else."""
    references = [Reference("It is sunny.", "answer", synthesise("It is sunny."))]

    assert [(one.kind, one.text) for one in listen([piece("Good morning.", 0.0)], references)] == [("", "")]
    assert listen([piece("Good morning.", 0.0)], [])[0].kind == ""


def test_the_possible_texts_are_all_that_the_agent_and_its_script_can_say() -> None:
    """Each once, without the empty ones."""
    agent = AgentConfig(name="a", greeting="Hi.")
    texts = possible_texts(agent, [ModelRule(say="Fine."), ModelRule(say="Hi.")])

    assert ("Hi.", "greeting") in texts
    assert ("Are you still there?", "check_in") in texts
    assert ("Fine.", "answer") in texts
    assert len({text for text, _ in texts}) == len(texts)
    assert all(text for text, _ in texts)
