"""Voice activity by the Silero model, for all calls of a worker at once.

Decides when a caller's speech begins and ends. The model is run by onnxruntime from its file (the package around it
would load torch): one batch per step over all streams that have a chunk ready, each with its own state, which gives
exactly what each alone would give. Not decided here: whether a turn has ended (call/endpointing.py).

Three things are laid over the model's probability.
- A gate in front. A stream that is as quiet as its own background is not analysed at all; the chunks just before it
  became audible are kept and shown to the model first, so that it meets the onset in its context.
- Hysteresis. Speech begins with two chunks in a row at 0.5 or above; it ends when both the probability (below 0.35) and
  the gap since the last audible speech (`min_gap_s`) say so. Gaps inside words and between words are shorter.
- The clock. The model notices beginnings some 50 ms and endings some 75 ms late. The level of the audio, in blocks of
  4 ms over the last second, tells where the sound itself began and ended: that is what `at_s` says.
"""

import importlib.util
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import AUDIBLE_RMS
from backend.engines.base import SpeechEdge
from backend.errors import EngineBusy, EngineFailed

_MODEL = "silero_vad_op18_ifless.onnx"
_CHUNK_S = 0.032
_BLOCKS = 8
"""Level blocks per chunk, 4 ms each."""
_BLOCK_S = _CHUNK_S / _BLOCKS
_HISTORY = 32
"""Chunks of level and probability kept per stream: one second."""

_ON, _OFF = 0.5, 0.35
_ON_RUN = 2
"""Chunks in a row at `_ON` that make a beginning: 64 ms; a click makes one."""
_GATE_RMS = 58.0
"""-55 dBFS: below this nothing is analysed, whatever the background."""
_ABOVE_BACKGROUND = 1.41
"""3 dB: what the gate asks for above a stream's own background noise."""
_GATE_HOLD = 10
"""Chunks for which the gate stays open after the last loud one: 320 ms, longer than `min_gap_s`."""
_PRE_ROLL = 6
"""Chunks shown to the model before the one that opened the gate: 192 ms."""
_LOOK_BACK_S = 0.2
"""How far before the model's first sign a beginning is looked for."""
_MOST_ROUNDS = 4
"""Chunks per stream and step: a stream that has fallen behind catches up over several steps, and the hub stays free."""
_MOST_PENDING_S = 10.0


_SILENT = np.zeros(_BLOCKS, np.float32)


class SileroStream:
    """One caller. Made by `SileroVad.open`."""

    def __init__(self, group: "_Group", slot: int) -> None:
        self._group = group
        self._slot = slot
        self._edges: list[SpeechEdge] = []
        self._is_open = True
        self.pending = bytearray()
        self.pre_roll: deque[bytes] = deque(maxlen=_PRE_ROLL)
        self.levels: deque[NDArray[np.float32]] = deque([_SILENT] * _HISTORY, maxlen=_HISTORY)
        """RMS per block, a row per chunk, newest last."""
        self.chunks_done = 0
        self.hold = 0
        self.background = 0.0
        self.is_speech = False
        self.run = 0
        self.last_likely = 0
        """Number of the last chunk at or above `_OFF`."""
        self.not_before_s = 0.0
        """The last edge: the next cannot lie before it."""

    def push(self, pcm: bytes) -> None:
        if not self._is_open:
            return
        self.pending += pcm
        excess = len(self.pending) - self._group.most_pending
        if excess > 0:  # nobody steps: keep the newest, and the clock right
            chunks = -(-excess // self._group.chunk_bytes)
            del self.pending[: chunks * self._group.chunk_bytes]
            self.chunks_done += chunks

    def edges(self) -> list[SpeechEdge]:
        edges, self._edges = self._edges, []
        return edges

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.pending.clear()
            self._group.release(self._slot)

    def take_level(self, loudest: float) -> bool:
        """The gate. Is this chunk to be analysed?"""
        if loudest >= max(_GATE_RMS, self.background * _ABOVE_BACKGROUND):
            self.hold = _GATE_HOLD
        elif self.hold > 0:
            self.hold -= 1
        return self.hold > 0

    def take_silence(self) -> None:
        """One chunk of digital silence while there is no speech: nothing to compute."""
        self.chunks_done += 1
        self.run = 0
        self.background *= 0.7

    def take_probability(self, probability: float, loudest: float) -> None:
        """One chunk was analysed (or was too quiet for that: probability 0)."""
        self.chunks_done += 1
        if probability >= _OFF:
            self.last_likely = self.chunks_done
        elif probability < 0.1:  # background: falls quickly, rises slowly
            weight = 0.3 if loudest < self.background else 0.04
            self.background += weight * (loudest - self.background) if self.chunks_done > 4 else 0
            if self.chunks_done <= 4:
                self.background = loudest
        self.run = self.run + 1 if probability >= _ON else 0
        now_s = self.chunks_done * _CHUNK_S
        if not self.is_speech:
            if self.run >= _ON_RUN:
                self._report(True, self._began_at(np.concatenate(self.levels), now_s))
        elif probability < _OFF and self.chunks_done - self.last_likely >= 2:
            ended_at = self._ended_at(np.concatenate(self.levels), now_s)
            if now_s - ended_at >= self._group.min_gap_s:
                self._report(False, ended_at)

    def _report(self, is_speech: bool, at_s: float) -> None:
        self.is_speech = is_speech
        self.not_before_s = max(self.not_before_s, at_s)
        self._edges.append(SpeechEdge(is_speech, self.not_before_s))

    def _began_at(self, levels: NDArray[np.float32], now_s: float) -> float:
        """Walk back from the first likely chunk over what is audible, across gaps of at most 24 ms."""
        first_likely = len(levels) - self.run * _BLOCKS
        earliest = max(0, first_likely - round(_LOOK_BACK_S / _BLOCK_S))
        before = levels[max(0, earliest - 25) : earliest]
        floor = max(self.background, float(np.median(before))) if len(before) else self.background
        audible = levels >= max(AUDIBLE_RMS, 2 * floor)
        began, gap = first_likely, 0
        while began < len(levels) - 1 and not audible[began]:
            began += 1
        place = began
        while place > earliest and gap <= 6:
            place -= 1
            if audible[place]:
                began, gap = place, 0
            else:
                gap += 1
        return now_s - (len(levels) - began) * _BLOCK_S

    def _ended_at(self, levels: NDArray[np.float32], now_s: float) -> float:
        """The last audible block that the model still takes for speech, or that follows it by at most one chunk."""
        since_likely = (self.chunks_done - self.last_likely) * _BLOCKS
        after = levels[len(levels) - since_likely :]
        floor = max(float(np.median(after)), self.background)
        until = len(levels) - since_likely + _BLOCKS
        loud = np.flatnonzero(levels[:until] >= max(AUDIBLE_RMS, 2 * floor))
        last = int(loud[-1]) + 1 if len(loud) else max(0, until - 3 * _BLOCKS)
        return now_s - (len(levels) - last) * _BLOCK_S


class SileroVad:
    """A Vad. One per worker, made after the fork. `capacity` streams per sample rate."""

    def __init__(self, *, capacity: int = 256, min_gap_s: float = 0.2, model_path: str | None = None) -> None:
        self._session = _load(model_path or _model_path())
        self._groups = {rate: _Group(self._session, rate, capacity, min_gap_s) for rate in (8000, 16000)}

    def open(self, sample_rate: int = 8000) -> SileroStream:
        """Raises EngineBusy when all slots are taken."""
        group = self._groups.get(sample_rate)
        if group is None:
            raise EngineFailed(f"Silero knows 8000 and 16000 Hz, not {sample_rate}", engine="silero")
        return group.open()

    def step(self) -> None:
        for group in self._groups.values():
            group.step()

    @property
    def open_streams(self) -> int:
        return sum(len(group.streams) for group in self._groups.values())

    @property
    def chunks_analysed(self) -> int:
        """How often the model was run, in chunks; the gate's success is what is missing."""
        return sum(group.chunks_analysed for group in self._groups.values())


class _Group:
    """All streams of one sample rate, their state in arrays with a row per slot."""

    def __init__(self, session: Any, sample_rate: int, capacity: int, min_gap_s: float) -> None:
        self._session = session
        self._frame = int(sample_rate * _CHUNK_S)
        self._context = self._frame // 8
        self._rate = np.array(sample_rate)
        self._state = np.zeros((2, capacity, 128), np.float32)
        self._contexts = np.zeros((capacity, self._context), np.float32)
        self._free = list(range(capacity - 1, -1, -1))
        self.streams: dict[int, SileroStream] = {}
        self.chunk_bytes = 2 * self._frame
        self.most_pending = int(_MOST_PENDING_S * sample_rate) * 2
        self.min_gap_s = min_gap_s
        self.chunks_analysed = 0
        self._silent_chunk = bytes(self.chunk_bytes)
        self._has_waited = False

    def open(self) -> SileroStream:
        if not self._free:
            raise EngineBusy("every voice activity slot is taken", engine="silero")
        slot = self._free.pop()
        self._forget(slot)
        stream = SileroStream(self, slot)
        self.streams[slot] = stream
        return stream

    def release(self, slot: int) -> None:
        del self.streams[slot]
        self._free.append(slot)

    def step(self) -> None:
        """Up to `_MOST_ROUNDS` chunks of each stream. A batch that is far from full waits for one more step: what the
        model costs per chunk halves from a small batch to a large one."""
        for _ in range(_MOST_ROUNDS):
            ready = [slot for slot, stream in self.streams.items() if len(stream.pending) >= self.chunk_bytes]
            if not ready or (not self._has_waited and len(ready) < 0.7 * len(self.streams)):
                self._has_waited = bool(ready)
                return
            self._has_waited = False
            self._round(ready)

    def _round(self, slots: list[int]) -> None:
        """One chunk of each of these streams."""
        size, live_slots, streams, taken = self.chunk_bytes, [], [], []
        for slot in slots:
            stream = self.streams[slot]
            chunk = bytes(stream.pending[:size])
            del stream.pending[:size]
            if chunk == self._silent_chunk and not stream.is_speech and stream.hold <= 1:
                stream.hold = 0
                stream.take_silence()
                stream.levels.append(_SILENT)
                stream.pre_roll.append(chunk)
                continue
            live_slots.append(slot)
            streams.append(stream)
            taken.append(chunk)
        if streams:
            self._analyse(live_slots, streams, taken)

    def _analyse(self, slots: list[int], streams: list[SileroStream], taken: list[bytes]) -> None:
        samples = self._samples(taken)
        blocks = np.square(samples).reshape(len(slots), _BLOCKS, -1)
        levels = np.sqrt(np.add.reduce(blocks, axis=2) * np.float32(32768.0**2 / blocks.shape[2]))
        loudest = np.maximum.reduce(levels, axis=1).tolist()
        opened, live = [], []
        for i, stream in enumerate(streams):
            stream.levels.append(levels[i])
            was_shut = stream.hold == 0
            if stream.take_level(loudest[i]):
                live.append(i)
                if was_shut:
                    opened.append(slots[i])
        if opened:
            self._show_pre_roll(opened)
        probabilities = [0.0] * len(slots)
        if live:
            is_all = len(live) == len(slots)
            found = self._run(slots if is_all else [slots[i] for i in live], samples if is_all else samples[live])
            for i, probability in zip(live, found, strict=True):
                probabilities[i] = probability
        for i, stream in enumerate(streams):
            stream.pre_roll.append(taken[i])
            stream.take_probability(probabilities[i], loudest[i])

    def _show_pre_roll(self, slots: list[int]) -> None:
        """The model has not seen these streams for a while: start it afresh on what came just before."""
        for slot in slots:
            self._forget(slot)
        for ago in range(_PRE_ROLL, 0, -1):
            able = [slot for slot in slots if len(self.streams[slot].pre_roll) >= ago]
            if able:
                self._run(able, self._samples([self.streams[slot].pre_roll[-ago] for slot in able]))

    def _forget(self, slot: int) -> None:
        self._state[:, slot] = 0
        self._contexts[slot] = 0

    def _samples(self, chunks: list[bytes]) -> NDArray[np.float32]:
        ints = np.frombuffer(b"".join(chunks), np.int16).reshape(len(chunks), self._frame)
        return ints.astype(np.float32) * np.float32(1 / 32768)

    def _run(self, slots: list[int], samples: NDArray[np.float32]) -> list[float]:
        self.chunks_analysed += len(slots)
        feeds = {
            "input": np.concatenate((self._contexts[slots], samples), axis=1),
            "state": self._state[:, slots],
            "sr": self._rate,
        }
        probabilities, state = self._session.run(None, feeds)
        self._state[:, slots] = state
        self._contexts[slots] = samples[:, -self._context :]
        found: list[float] = probabilities[:, 0].tolist()
        return found


def _model_path() -> str:
    spec = importlib.util.find_spec("silero_vad")  # finds the package without importing it (that would import torch)
    for place in spec.submodule_search_locations or () if spec else ():
        path = Path(place) / "data" / _MODEL
        if path.is_file():
            return str(path)
    raise EngineFailed(f"{_MODEL} is not installed: pip install --no-deps silero-vad", engine="silero")


def _load(path: str) -> Any:
    import onnxruntime  # here and not above: 25 MB that only workers with calls need

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # On quiet input the network's numbers become so small that the processor handles them in microcode: without this a
    # run costs about twice as much. It holds for every thread that runs the session, not only while it does.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
