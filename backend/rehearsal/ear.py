"""What the agent said, by ear: its audible segments joined to utterances, each compared with the texts it may have said.

The rehearsal must not ask the product what it said. It knows the texts that the agent could say (greeting, check-ins,
the script's answers …), speaks each with the same kind of voice and takes the most similar one, if it is similar enough.
That works where the rehearsal has the agent's voice (espeak-ng); elsewhere utterances stay without a text and only
their times are judged. Pure, apart from the reference audio, which the caller hands in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.call.agent_config import AgentConfig
from backend.rehearsal.scenario import ModelRule

JOIN_GAP_S = 0.9
"""A shorter pause belongs to the utterance: between two sentences of one answer."""
SIMILAR = 0.80
"""From here on two pieces of audio are the same words; the same voice gives 0.9 and more, other words under 0.75."""
_RATE = 8000
_WINDOW, _HOP = 256, 80
_BANDS = 18
_SHIFT = 6


class Segment(Protocol):
    """What the carrier reports: one stretch of sound on its clock."""

    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def pcm(self) -> bytes: ...
    @property
    def starved_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Reference:
    """A text that the agent may say, and how it sounds."""

    text: str
    kind: str
    pcm: bytes
    """8 kHz s16le."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing the caller heard. Times on the carrier's clock (s)."""

    started_at: float
    ended_at: float
    kind: str = ""
    """"" when it resembles nothing that was expected."""
    text: str = ""
    similarity: float = 0.0
    starved_s: float = 0.0

    @property
    def lasts_s(self) -> float:
        return self.ended_at - self.started_at


def possible_texts(agent: AgentConfig, script: list[ModelRule]) -> list[tuple[str, str]]:
    """(text, kind) of everything this agent can say with this script."""
    dead_air, ours = agent.settings.dead_air_settings, agent.settings.no_progress
    texts = [(agent.greeting, "greeting")]
    texts += [(text, "check_in") for text in dead_air.checkin_messages or [dead_air.checkin_message]]
    texts += [(dead_air.goodbye_message, "goodbye"), (ours.filler_message, "filler"), (ours.apology_message, "apology")]
    texts += [(agent.machine_message, "notice"), (agent.settings.turn_taking.repeat_message, "repeat_request")]
    texts += [(rule.say, "answer") for rule in script]
    kinds: dict[str, str] = {}
    for text, kind in texts:
        if text.strip():
            kinds.setdefault(text, kind)
    return list(kinds.items())


def listen(segments: Sequence[Segment], references: Sequence[Reference]) -> list[Utterance]:
    """The utterances in order, named where they resemble a reference."""
    features = [(reference, _features(reference.pcm)) for reference in references]
    groups: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda one: one.started_at):
        if groups and segment.started_at - groups[-1][-1].ended_at < JOIN_GAP_S:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [_name(group, features) for group in groups]


def similarity(one: bytes, other: bytes) -> float:
    """0: nothing alike, 1: the same sound. Pauses and speed are evened out."""
    return _similarity(_features(one), _features(other))


def _name(group: Sequence[Segment], features: list[tuple[Reference, NDArray[np.float32]]]) -> Utterance:
    heard = _features(b"".join(segment.pcm for segment in group))
    best, named = 0.0, None
    for reference, wanted in features:
        score = _similarity(heard, wanted)
        if score > best:
            best, named = score, reference
    known = named is not None and best >= SIMILAR
    return Utterance(
        started_at=group[0].started_at,
        ended_at=group[-1].ended_at,
        kind=named.kind if known and named else "",
        text=named.text if known and named else "",
        similarity=round(best, 3),
        starved_s=sum(segment.starved_s for segment in group),
    )


def _features(pcm: bytes) -> NDArray[np.float32]:
    """Loud 10 ms steps only, each as the shape of its spectrum: [steps, bands], centred and of length 1."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32)
    if len(samples) < _WINDOW:
        return np.zeros((0, _BANDS), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    energy = power.sum(axis=1)
    power = power[energy > energy.max() * 1e-4]
    edges = np.unique(np.geomspace(3, _WINDOW // 2, _BANDS + 1).astype(int))
    bands = np.stack([power[:, low:high].sum(axis=1) for low, high in zip(edges, edges[1:], strict=False)], axis=1)
    shape = np.log(bands + 1e3)
    shape -= shape.mean(axis=0)
    shape /= np.linalg.norm(shape, axis=1, keepdims=True) + 1e-9
    return shape.astype(np.float32)


def _similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean likeness along the best path of small shifts, after stretching `other` to the length of `one`."""
    if not len(one) or not len(other) or not 0.6 < len(one) / len(other) < 1.67:
        return 0.0
    stretched = other[np.clip(np.round(np.linspace(0, len(other) - 1, len(one))).astype(int), 0, len(other) - 1)]
    width = 2 * _SHIFT + 1
    likeness = np.full((len(one), width), -1.0, dtype=np.float32)
    for column in range(width):
        shift = column - _SHIFT
        index = np.clip(np.arange(len(one)) + shift, 0, len(one) - 1)
        likeness[:, column] = np.einsum("ij,ij->i", one, stretched[index])
    # The path may drift by one column a step: words that are said a little faster or slower stay aligned.
    best = likeness[0].copy()
    for row in likeness[1:]:
        padded = np.concatenate([[-1e9], best, [-1e9]])
        best = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:]) + row
    return float(best.max() / len(one))
