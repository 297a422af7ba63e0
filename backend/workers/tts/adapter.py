"""What a voice engine must offer.

A new engine is one file with one class like this and one row in `engine_names.py`; its settings, if it needs any, stand
in backend/settings/voices.py. Engines know nothing of gRPC, sessions, frames or the wanted rate: they give samples at
their own rate and look at `should_stop` between two steps of work.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from backend.settings import Settings
from backend.workers.tts.engine_names import ENGINES

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class WordAt:
    """Word `number` of the text (from 0, split at white space) begins `at_s` seconds after the first sample of all."""

    number: int
    at_s: float


ShouldStop = Callable[[], bool]
Spend = Callable[[float], object]
"""Told seconds of computing, in parts, from any thread."""


def not_counted(seconds: float) -> None:
    """For whoever does not want to know what a text has cost."""


class EngineBroken(Exception):
    """An engine cannot be loaded, or did not speak. The message names the engine and never holds the text."""


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """One voice as the engine lists it."""

    name: str
    language: str
    description: str = ""


class Adapter(Protocol):
    """One engine. `load` and `unload` are never called while it speaks; `synthesize` runs in several threads at once,
    one per synthesis, and an engine that cannot do that keeps its own order."""

    name: str
    native_sample_rate: int
    """Hz; known after `load`. One that audio/resample.py can read."""

    @classmethod
    def configured(cls, settings: Settings) -> Self:
        """One with its own part of the installation's settings. An engine reads no environment and no file of settings."""
        ...

    def load(self) -> None:
        """Make the engine ready. Raises EngineBroken."""
        ...

    def unload(self) -> None:
        """Give its memory back."""
        ...

    def voices(self) -> Sequence[VoiceInfo]:
        """The voices, best first for each language; known after `load`."""
        ...

    def has_voice(self, name: str) -> bool:
        """True for every listed voice and for whatever further names the engine composes from them."""
        ...

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples | WordAt]:
        """The speech, piece by piece as it is made, each piece small. Ends early, without an error, once should_stop()
        is true. An engine that knows when words begin says so, each before the samples in which it begins. Must not
        keep other syntheses waiting while its consumer is slow. Raises EngineBroken.

        `spend` is told what the text has cost, before the iterator ends: the seconds that a core or a device was busy for
        it, without those in which it waited for its turn or for its consumer, and as far as the engine can tell for a
        processor. Whoever computes for several texts in one step tells each its share. The worker's real-time factor is
        made of this."""
        ...


READS_NUMBERS = frozenset({"espeak-ng", "piper"})
"""Engines that say plain numbers well in each of their hundred languages (Piper has espeak-ng's front end): outside English
their texts keep them. Every other engine gets numbers as words. English is written out for all: none of them says money,
telephone numbers or dates as people do. See normalise_text.py."""


def build_engine(name: str, settings: Settings) -> Adapter:
    """A new, not yet loaded engine. KeyError for a name that has no row."""
    module, _, class_name = ENGINES[name].partition(":")
    return cast(Adapter, getattr(import_module(module), class_name).configured(settings))
