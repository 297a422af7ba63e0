"""pocket-tts as an engine of the TTS worker: one model, one thread, one step of 80 ms for all calls at once.

This file is the contract's side (adapter.Adapter) and imports nothing heavy; torch and the package come with `load`.

    text → pieces.py → stepper.py ─ scheduler.py: who and when
                            └────── batch.py: the model, a row per call

Settings: TTS_MODELS_DIR, TTS_POCKET_SLOTS, TTS_POCKET_LANGUAGE, TTS_POCKET_DEVICE.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.settings import Settings
from backend.workers.tts.adapter import EngineBroken, Samples, ShouldStop, Spend, VoiceInfo, not_counted
from backend.workers.tts.pocket.scheduler import Limits, Scheduler

if TYPE_CHECKING:
    from backend.workers.tts.pocket.model import Voice
    from backend.workers.tts.pocket.pieces import Cutter
    from backend.workers.tts.pocket.stepper import Stepper


@dataclass(frozen=True, slots=True)
class PocketSettings:
    directory: Path = Path("models/pocket")
    slots: int = 32
    language: str = "en"
    device: str = ""


@dataclass(frozen=True, slots=True)
class _Loaded:
    voices: dict[str, Voice]
    cutter: Cutter
    stepper: Stepper


class Pocket:
    """The engine. See adapter.Adapter."""

    name = "pocket-tts"
    native_sample_rate = 0

    def __init__(self, settings: PocketSettings) -> None:
        self.settings = settings
        self._loaded: _Loaded | None = None
        self._infos: list[VoiceInfo] = []

    @classmethod
    def configured(cls, settings: Settings) -> Pocket:
        return cls(
            PocketSettings(
                settings.tts_models_dir / "pocket",
                settings.pocket_slots,
                settings.tts_pocket_language,
                settings.tts_pocket_device,
            )
        )

    def load(self) -> None:
        if self._loaded is not None:
            return
        settings = self.settings
        try:
            from backend.workers.tts.pocket.batch import Batch
            from backend.workers.tts.pocket.model import load_model
            from backend.workers.tts.pocket.pieces import MOST_TOKENS, Cutter
            from backend.workers.tts.pocket.stepper import Stepper
        except ImportError as error:
            raise EngineBroken(f"pocket-tts needs requirements-gpu.txt: {error}") from error
        model = load_model(settings.directory, settings.device)
        cutter = Cutter(model.tts, settings.language)
        batch = Batch(model, settings.slots, most_tokens=MOST_TOKENS, most_frames=cutter.most_frames)
        batch.warm_up(cutter.pieces("One two three.", next(iter(model.voices.values())))[0].start)
        scheduler = Scheduler(Limits(settings.slots, frame_s=batch.frame_samples / model.tts.sample_rate))
        self.native_sample_rate = model.tts.sample_rate
        self._infos = [VoiceInfo(name, settings.language, "pocket-tts") for name in model.voices]
        self._loaded = _Loaded(model.voices, cutter, Stepper(batch, scheduler, cutter.ending))

    def unload(self) -> None:
        loaded, self._loaded, self._infos = self._loaded, None, []
        if loaded is None:
            return
        loaded.stepper.close()
        del loaded
        gc.collect()
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def voices(self) -> Sequence[VoiceInfo]:
        return self._infos

    def has_voice(self, name: str) -> bool:
        return self._loaded is not None and name in self._loaded.voices

    @property
    def stepper(self) -> Stepper | None:
        """For whoever measures."""
        return self._loaded.stepper if self._loaded else None

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        loaded = self._loaded
        if loaded is None:
            raise EngineBroken("pocket-tts is not loaded")
        pieces = loaded.cutter.pieces(text, loaded.voices[voice])
        if not pieces or should_stop():
            return
        speech = loaded.stepper.speak(pieces, should_stop, spend)
        try:
            while (frame := speech.next_frame()) is not None:
                yield frame
        finally:
            speech.abandon()
