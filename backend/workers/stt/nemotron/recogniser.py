"""Streaming Nemotron as a recogniser of the STT sidecar: one model, one step for all calls whose chunk is complete.

This file is the contract's side (workers/stt/recogniser.py) and imports nothing heavy; torch and transformers come with
`load`.

    audio → batch.py: a slot per call ─ features.py: mel frames ─ encoder.py: the cached step ─ greedy.py: tokens
          → words.py: texts and times

A step is one chunk for each piece, whatever it holds: the samples that complete it, or what there is and silence after it
when the utterance ends. So final words cost one step and never wait for a chunk to fill. Chunks are of 80 ms and the
lookahead (STT_NEMOTRON_LOOKAHEAD): 0, 1, 6 and 13 are 80, 160, 560 and 1120 ms, the longer the surer and the slower. The
first one is complete 67.5 ms earlier.

What a call was given in silence is not in its times. Slots are taken for STT_MAX_CONCURRENT_SESSIONS calls at load: 15 MB
for each at full size in float32.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backend.audio.resample import Resampler
from backend.settings import Settings
from backend.workers.stt.nemotron.words import Heard, Transcript
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Words

if TYPE_CHECKING:
    from backend.workers.stt.nemotron.batch import Batch, Call, Part, Result
    from backend.workers.stt.nemotron.model import NemotronModel

SAMPLE_RATE = 16000


@dataclass(slots=True)
class Hearing:
    """The state of one session."""

    call: Call
    transcript: Transcript
    given: int = 0
    """Samples since `open`."""
    began: int = 0
    """`given` when the model began anew."""

    @property
    def given_s(self) -> float:
        return self.given / SAMPLE_RATE


class Nemotron:
    """The recogniser. See recogniser.Recogniser."""

    name = "nemotron"
    sample_rate = SAMPLE_RATE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.max_batch = settings.stt_max_concurrent_sessions
        self._batch: Batch | None = None
        self._model: NemotronModel | None = None

    def load(self) -> None:
        if self._batch is not None:
            return
        settings = self._settings
        os.environ["HF_HUB_OFFLINE"] = "1"
        try:
            from backend.workers.stt.nemotron.batch import Batch
            from backend.workers.stt.nemotron.model import ModelBroken, load_model
        except ImportError as error:
            raise RecogniserBroken(f"nemotron needs requirements-stt.txt: {error}") from error
        try:
            model = load_model(
                settings.stt_models_dir / "nemotron",
                lookahead=settings.stt_nemotron_lookahead,
                device=settings.stt_nemotron_device,
                dtype=settings.stt_nemotron_dtype,
            )
        except ModelBroken as error:
            raise RecogniserBroken(str(error)) from error
        batch = Batch(model, self.max_batch)
        batch.warm_up()
        self._model, self._batch = model, batch

    def unload(self) -> None:
        if self._batch is None:
            return
        self._model = self._batch = None
        gc.collect()
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @property
    def batch(self) -> Batch:
        """For whoever measures. Raises RecogniserBroken before `load`."""
        if self._batch is None:
            raise RecogniserBroken("nemotron is not loaded")
        return self._batch

    def upsampler(self, from_rate: int) -> Resampler:
        return Resampler(from_rate, SAMPLE_RATE)

    def open(self, language: str) -> Hearing:
        """The model knows one language, whatever the client names."""
        batch, model = self.batch, self._model
        assert model is not None, "both are set at once"
        if batch.slots_used == batch.slots:
            raise RecogniserBroken(f"nemotron: all {batch.slots} slots are taken")
        return Hearing(batch.join(), Transcript(model.decode, model.begins_word))

    def wants(self, state: Hearing) -> int:
        return self.batch.wants(state.call)

    def step(self, pieces: Sequence[Piece[Hearing]]) -> list[list[Words] | RecogniserBroken]:
        from backend.workers.stt.nemotron.batch import Part

        batch = self.batch
        outcome: list[list[Words] | RecogniserBroken] = [[] for _ in pieces]
        parts: list[tuple[int, Part, int]] = []
        for place, piece in enumerate(pieces):
            if reason := self._refuses(piece):
                outcome[place] = RecogniserBroken(f"nemotron: {reason}")
                continue
            state = piece.state
            state.given += len(piece.audio)
            if state.given == state.began:
                continue  # nothing was ever said: there is nothing to end
            parts.append((place, Part(state.call, piece.audio), state.call.silence))
        for (place, _, silence), result in zip(parts, batch.step([part for _, part, _ in parts]), strict=True):
            outcome[place] = self._words(pieces[place], result, silence)
        return outcome

    def reset(self, state: Hearing) -> None:
        self.batch.reset(state.call)
        state.transcript.forget()
        state.began = state.given

    def close(self, state: Hearing) -> None:
        if self._batch is not None:
            self._batch.leave(state.call)

    def _refuses(self, piece: Piece[Hearing]) -> str:
        """Why this piece cannot be taken; "" when it can."""
        audio, call = piece.audio, piece.state.call
        if call.slot < 0:
            return "the session is closed"
        if audio.dtype != np.int16 or audio.ndim != 1:
            return f"the audio is {audio.dtype} of {audio.ndim} dimensions, not mono int16"
        wanted = self.batch.wants(call)
        if len(audio) > wanted or (len(audio) < wanted and not piece.ends):
            return f"a piece of {len(audio)} samples where {wanted} complete the chunk"
        return ""

    def _words(self, piece: Piece[Hearing], result: Result, silence: int) -> list[Words] | RecogniserBroken:
        if not result.is_sane:
            return RecogniserBroken("nemotron: the model's numbers left their range")
        state = piece.state
        heard = [
            Heard(token.number, self.batch.time_s(token.frame) + (state.began - silence) / SAMPLE_RATE)
            for token in result.tokens
        ]
        take = state.transcript.finish if piece.ends else state.transcript.hear
        return take(heard, state.given_s)
