"""Voice activity by the Silero model, for all calls of a worker at once.

Runs the model by onnxruntime from its file (the package around it would load torch): one batch over all streams that
have a chunk ready, each with its own state, which gives exactly what each alone would give. When speech begins and ends
is decided in `vad_tracks.py`, whether a turn has ended in call/endpointing.py.

Streams whose gate (vad_tracks.py) is shut are not shown to the model. What differs for that:

| the gate | the model's probabilities                                                                                |
|----------|----------------------------------------------------------------------------------------------------------|
| is open  | those that it would give without a gate, bit for bit, given the same state                               |
| opens    | the audio before the chunk (the model's context) is the true one; the state is the one in which the gate |
|          | shut, so it has missed the silence between. Over the first three chunks that makes 0.03 on average, once |
|          | 0.4; showing it the last 1 to 6 quiet chunks first was measured and changes neither                      |
| is shut  | taken as 0                                                                                               |

How long a step may take. A run costs about as much as two and a half chunks, and each chunk in it one more. A step
spends `_BUDGET` of that, 2 ms on a slow core, and the rest waits for the next step, 20 ms later; only when streams fall
behind by more than a chunk does it spend more. That is enough for 44 callers who all speak at the same time, or 110 of
whom each speaks 40 % of the time.

The runtime's `session.set_denormal_as_zero` is not used: it changes how the whole thread computes, and with onnxruntime
1.31 no input was found (silence, hiss, speech down to -100 dBFS) on which it saves anything.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engines.base import SpeechEdge
from backend.engines.vad_tracks import BLOCKS, CHUNK_S, Slots, Tracks
from backend.errors import EngineBusy, EngineFailed

_MODEL = "silero_vad_op18_ifless.onnx"
_RUN_COST = 2.5
"""What a run costs before its first chunk, in chunks."""
_BUDGET = 30.0
"""What one step may spend, in chunks."""
_FEW = 10
"""A batch smaller than this, and far from full, waits for one more step: small ones cost twice as much per chunk. Not
while a sound is beginning: that step would be 20 ms of an interruption. It costs 6 % more of the model's share at 20 calls,
2 % at 40."""
_MOST_PENDING_S = 10.0


class SileroStream:
    """One caller. Made by `SileroVad.open`."""

    def __init__(self, group: "_Group", slot: int) -> None:
        self._group = group
        self._slot = slot
        self._is_open = True
        self.found: list[SpeechEdge] = []
        self.pending = bytearray()

    def push(self, pcm: bytes) -> None:
        if not self._is_open:
            return
        self.pending += pcm
        if len(self.pending) > self._group.most_pending:  # nobody steps: keep the newest, and the clock right
            chunks = -(-(len(self.pending) - self._group.most_pending) // self._group.chunk_bytes)
            del self.pending[: chunks * self._group.chunk_bytes]
            self._group.tracks.skip(self._slot, chunks)

    def edges(self) -> list[SpeechEdge]:
        if not self.found:
            return []
        edges, self.found = self.found, []
        return edges

    @property
    def speech_until_s(self) -> float | None:
        return self._group.tracks.speech_until_s(self._slot) if self._is_open else None

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.pending.clear()
            self._group.release(self._slot)


class SileroVad:
    """A Vad. One per worker, made after the fork. `capacity` streams per sample rate."""

    def __init__(self, *, capacity: int = 256, min_gap_s: float = 0.2, model_path: str | None = None) -> None:
        model = load_model(model_path)
        self._groups = {rate: _Group(model, rate, capacity, min_gap_s) for rate in (8000, 16000)}

    def open(self, sample_rate: int = 8000) -> SileroStream:
        """Raises EngineBusy when all slots are taken."""
        group = self._groups.get(sample_rate)
        if group is None:
            raise EngineFailed(f"Silero knows 8000 and 16000 Hz, not {sample_rate}", engine="silero")
        return group.open()

    def step(self) -> None:
        for group in self._groups.values():
            if group.streams:
                group.step()

    def tracks(self, sample_rate: int) -> Tracks:
        """What is known of the streams of that rate, for tests."""
        return self._groups[sample_rate].tracks

    @property
    def open_streams(self) -> int:
        return sum(len(group.streams) for group in self._groups.values())

    @property
    def runs(self) -> int:
        """How often the model was run, in batches."""
        return sum(group.runs for group in self._groups.values())

    @property
    def chunks_analysed(self) -> int:
        """How often the model was run, in chunks; the gate's success is what is missing."""
        return sum(group.chunks_analysed for group in self._groups.values())


class _Group:
    """All streams of one sample rate, their state in arrays with a row per slot."""

    def __init__(self, model: Any, sample_rate: int, capacity: int, min_gap_s: float) -> None:
        self._model = model
        self._frame = int(sample_rate * CHUNK_S)
        self._context = self._frame // 8
        self._rate = np.array(sample_rate)
        self._state = np.zeros((2, capacity, 128), np.float32)
        self._contexts = np.zeros((capacity, self._context), np.float32)
        self._level_scale = np.float32(32768.0**2 / (self._frame // BLOCKS))
        self._free = list(range(capacity - 1, -1, -1))
        self._has_waited = False
        self.tracks = Tracks(capacity, min_gap_s)
        self.streams: dict[int, SileroStream] = {}
        self.chunk_bytes = 2 * self._frame
        self.most_pending = int(_MOST_PENDING_S * sample_rate) * 2
        self.chunks_analysed = self.runs = 0

    def open(self) -> SileroStream:
        if not self._free:
            raise EngineBusy("every voice activity slot is taken", engine="silero")
        slot = self._free.pop()
        self.tracks.forget(slot)
        self._state[:, slot] = 0
        self._contexts[slot] = 0
        stream = SileroStream(self, slot)
        self.streams[slot] = stream
        return stream

    def release(self, slot: int) -> None:
        del self.streams[slot]
        self._free.append(slot)

    def step(self) -> None:
        """One chunk of each stream that has one, then another, as far as the budget goes."""
        size = self.chunk_bytes
        left = _BUDGET
        while left > _RUN_COST:
            ready = [
                (len(stream.pending), slot) for slot, stream in self.streams.items() if len(stream.pending) >= size
            ]
            if not ready:
                return
            if max(ready)[0] >= 3 * size:  # behind: the delay would grow, which is worse than a long step
                left += _BUDGET
            is_open = self.tracks.hold > 0
            speaking = [entry for entry in ready if is_open[entry[1]]]
            if self._should_wait([slot for _, slot in speaking], len(ready)):
                return
            most = int(left - _RUN_COST)
            if len(speaking) > most:
                speaking.sort(reverse=True)
                dropped = {slot for _, slot in speaking[most:]}
                ready = [entry for entry in ready if entry[1] not in dropped]
            analysed_before = self.chunks_analysed
            self._round([slot for _, slot in ready])
            left -= _RUN_COST + self.chunks_analysed - analysed_before + 0.1 * len(ready)

    def _should_wait(self, speaking: list[int], ready: int) -> bool:
        """Small batches that will be larger one step later, unless somebody in them may be about to interrupt."""
        self._has_waited = not (
            self._has_waited
            or ready >= 0.7 * len(self.streams)
            or len(speaking) >= _FEW
            or any(self.tracks.is_beginning(slot) for slot in speaking)
        )
        return self._has_waited

    def _round(self, slots: list[int]) -> None:
        """One chunk of each of these streams."""
        size = self.chunk_bytes
        streams = [self.streams[slot] for slot in slots]
        taken = [bytes(stream.pending[:size]) for stream in streams]
        for stream in streams:
            del stream.pending[:size]
        rows: Slots = np.array(slots)
        samples = self._samples(taken)
        blocks = samples.reshape(len(slots) * BLOCKS, -1)
        power = np.einsum("ij,ij->i", blocks, blocks).reshape(-1, BLOCKS)
        is_open = self.tracks.gate(rows, np.sqrt(power * self._level_scale))
        probabilities = np.zeros(len(slots), np.float32)
        if is_open.all():
            probabilities = self._run(rows, samples)
        elif is_open.any():
            probabilities[is_open] = self._run(rows[is_open], samples[is_open])
        self._contexts[rows] = samples[:, -self._context :]
        for slot, edge in self.tracks.take(rows, probabilities):
            self.streams[slot].found.append(edge)

    def _samples(self, chunks: list[bytes]) -> NDArray[np.float32]:
        ints = np.frombuffer(b"".join(chunks), np.int16).reshape(len(chunks), self._frame)
        return np.multiply(ints, np.float32(1 / 32768), dtype=np.float32)

    def _run(self, rows: Slots, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self.chunks_analysed += len(rows)
        self.runs += 1
        feeds = {
            "input": np.concatenate((self._contexts[rows], samples), axis=1),
            "state": self._state[:, rows],
            "sr": self._rate,
        }
        probabilities, state = self._model.run(None, feeds)
        self._state[:, rows] = state
        found: NDArray[np.float32] = probabilities[:, 0]
        return found


def _model_path() -> str:
    spec = importlib.util.find_spec("silero_vad")  # finds the package without importing it (that would import torch)
    for place in spec.submodule_search_locations or () if spec else ():
        path = Path(place) / "data" / _MODEL
        if path.is_file():
            return str(path)
    raise EngineFailed(f"{_MODEL} is not installed: pip install --no-deps silero-vad", engine="silero")


def load_model(path: str | None = None) -> Any:
    """The model's session, one thread. Inputs and outputs: see `_run`."""
    import onnxruntime  # here and not above: 25 MB that only workers with calls need

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path or _model_path(), options, providers=["CPUExecutionProvider"])
