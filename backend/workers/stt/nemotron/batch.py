"""The calls of one model: a slot for each, and one step for all whose chunk is complete.

Decides which samples make a call's chunk and what happens with its slot. A step takes whoever is ready: calls of any age,
just begun or an hour old, are rows of the same matrices (encoder.py says why that is exact), so a step is never split by
age, and a call that is late is not in it and keeps nobody waiting. All memory is taken when the batch is made; joining
takes a free slot, leaving zeroes it.

    piece of a call → [its last samples, the new ones, silence if it ends] → features.py → encoder.py → greedy.py → tokens

A call that ends an utterance in mid-chunk gets its chunk filled up with silence, and that silence is from then on a part of
what it was given, as if the line had been silent for so long: nothing is computed twice, and no word can come twice.
`Call.silence` counts it, so that times can be told in the caller's seconds.

One thread at a time. Not decided here: texts (words.py), whose turn it is (the sidecar).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from backend.workers.stt.nemotron.encoder import StreamingEncoder
from backend.workers.stt.nemotron.features import MelFrames
from backend.workers.stt.nemotron.greedy import GreedyDecoder, Token
from backend.workers.stt.nemotron.model import NemotronModel

Samples = NDArray[np.int16]
FULL_SCALE = 32768


class BatchFull(Exception):
    """No slot is free."""


@dataclass(slots=True)
class Call:
    """One call's place in the batch. `slot` is -1 once it has left."""

    slot: int
    sound: Samples
    """From the first sample of its next chunk's piece on; what lies before the call is zeros."""
    age: int = 0
    """Chunks so far."""
    silence: int = 0
    """Samples of silence that it was given at the ends of utterances."""


@dataclass(frozen=True, slots=True)
class Part:
    """A call's part of a step: the samples that complete its chunk, or fewer and silence after them."""

    call: Call
    sound: Samples


@dataclass(frozen=True, slots=True)
class Result:
    """Frames are counted from the beginning of the call. `is_sane` is false when the numbers left their range: the call is
    lost, its neighbours are not."""

    tokens: list[Token]
    is_sane: bool


class Batch:
    """`slots` calls at most."""

    def __init__(self, model: NemotronModel, slots: int) -> None:
        self._model = model
        self._mel = MelFrames(model)
        self._framing = self._mel.framing
        self._encoder = StreamingEncoder(model, slots)
        self._decoder = GreedyDecoder(model, slots)
        self._free = list(reversed(range(slots)))
        self.slots = slots

    @property
    def slots_used(self) -> int:
        return self.slots - len(self._free)

    @property
    def caches(self) -> list[torch.Tensor]:
        """Everything that is kept of calls, for whoever measures; see encoder.py."""
        return self._encoder.caches

    def join(self) -> Call:
        """Raises BatchFull."""
        if not self._free:
            raise BatchFull(f"all {self.slots} slots are taken")
        return Call(self._free.pop(), self._before_the_call())

    def leave(self, call: Call) -> None:
        """A second time does nothing."""
        if call.slot < 0:
            return
        self._clear(call.slot)
        self._free.append(call.slot)
        call.slot, call.sound = -1, np.zeros(0, np.int16)

    def reset(self, call: Call) -> None:
        """As if it had just joined."""
        self._clear(call.slot)
        call.sound, call.age, call.silence = self._before_the_call(), 0, 0

    def wants(self, call: Call) -> int:
        """Samples that complete its next chunk."""
        return self._framing.needs(call.age) - self._framing.start(call.age) - len(call.sound)

    def time_s(self, frame: int) -> float:
        """The middle of an encoder frame, in seconds of what the call was given."""
        return frame * self._model.chunk_s / self._model.chunk_frames

    def step(self, parts: Sequence[Part]) -> list[Result]:
        """One chunk for each. No call twice; each with at most what it wants, and what is missing is silence."""
        if not parts:
            return []
        sound = np.zeros((len(parts), self._framing.samples), np.float32)
        for row, part in zip(sound, parts, strict=True):
            self._take(part, row)
        device = self._model.device
        slots = torch.tensor([part.call.slot for part in parts], device=device)
        ages = torch.tensor([part.call.age for part in parts], device=device)
        with torch.inference_mode():
            mel = self._mel(torch.from_numpy(sound).to(device), ages == 0)
        encoded = self._encoder.step(slots, ages, mel)
        is_sane = encoded.isfinite().flatten(1).all(1)
        tokens = self._decoder.step(slots, encoded)
        results = []
        for part, own, sane in zip(parts, tokens, is_sane.tolist(), strict=True):
            begin = part.call.age * self._model.chunk_frames
            results.append(Result([Token(token.number, begin + token.frame) for token in own], sane))
            part.call.age += 1
        return results

    def warm_up(self) -> None:
        """Steps of one row and of all, so that no call meets the first one. Only while nobody has joined."""
        calls = [self.join() for _ in range(self.slots)]
        for some in (calls[:1], calls, calls):
            self.step([Part(call, np.zeros(0, np.int16)) for call in some])
        for call in calls:
            self.leave(call)
        self._free.sort(reverse=True)

    def _take(self, part: Part, row: NDArray[np.float32]) -> None:
        call, missing = part.call, self.wants(part.call) - len(part.sound)
        if missing < 0:
            raise ValueError(f"{len(part.sound)} samples where {self.wants(call)} complete the chunk")
        sound = np.concatenate([call.sound, part.sound, np.zeros(missing, np.int16)])
        np.divide(sound, FULL_SCALE, out=row[: len(sound)], dtype=np.float32)
        call.sound = sound[self._framing.step :]
        call.silence += missing

    def _before_the_call(self) -> Samples:
        return np.zeros(-self._framing.start(0), np.int16)

    def _clear(self, slot: int) -> None:
        self._encoder.clear(slot)
        self._decoder.clear(slot)
