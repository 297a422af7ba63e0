"""The engines of this process: which are resident, which voice belongs to which, how many syntheses use each.

Runs on the event loop; loading and unloading, which take long, go to a thread. Not decided here: what an engine is
(adapter.py), who may speak (service.py).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.workers.tts.adapter import Adapter, VoiceInfo


class UnknownModel(Exception):
    """No engine of that name is configured here."""


class ModelInUse(Exception):
    """It speaks; its memory cannot be taken away."""


@dataclass(slots=True)
class Engine:
    """One engine and its standing. `in_use` counts the syntheses whose threads hold it."""

    adapter: Adapter
    is_resident: bool = False
    in_use: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def voices(self) -> list[VoiceInfo]:
        return list(self.adapter.voices()) if self.is_resident else []


class Engines:
    """All of them, in the order of preference in which they were configured."""

    def __init__(self, adapters: Mapping[str, Adapter], default_voices: Sequence[str] = ()) -> None:
        """`default_voices`: these speak for their languages; of the others, the first that is listed."""
        self._engines = {name: Engine(adapter) for name, adapter in adapters.items()}
        self._default_voices = list(default_voices)

    def items(self) -> list[tuple[str, Engine]]:
        return list(self._engines.items())

    @property
    def resident(self) -> list[str]:
        return [name for name, engine in self._engines.items() if engine.is_resident]

    async def load(self, name: str) -> Engine:
        """Raises UnknownModel, or what the engine raises."""
        engine = self._find(name)
        async with engine.lock:
            if not engine.is_resident:
                await asyncio.to_thread(engine.adapter.load)
                engine.is_resident = True
        return engine

    async def unload(self, name: str) -> Engine:
        """Raises UnknownModel or ModelInUse."""
        engine = self._find(name)
        async with engine.lock:
            if engine.in_use:
                raise ModelInUse(f"model {name!r} is in use by {engine.in_use} syntheses")
            if engine.is_resident:
                engine.is_resident = False
                await asyncio.to_thread(engine.adapter.unload)
        return engine

    def with_voice(self, voice: str) -> Engine | None:
        """The first resident engine that has this voice."""
        for engine in self._engines.values():
            if engine.is_resident and engine.adapter.has_voice(voice):
                return engine
        return None

    def has_voice(self, voice: str) -> bool:
        return self.with_voice(voice) is not None

    def voice_for_language(self, language: str) -> str | None:
        """The best voice for a language: the tag itself, else one that is more exact ("en" finds "en-us"), else one for
        the tag without its last part ("de-AT" finds "de"). "" is English."""
        wanted = language.lower() or "en"
        voices = [voice for engine in self._engines.values() for voice in engine.voices]
        chosen = sorted(
            (voice for voice in voices if self.is_default(voice.name)), key=lambda voice: self.rank(voice.name)
        )
        while wanted:
            for candidates in (chosen, voices):
                exact = [voice.name for voice in candidates if voice.language.lower() == wanted]
                wider = [voice.name for voice in candidates if voice.language.lower().startswith(wanted + "-")]
                if exact or wider:
                    return (exact or wider)[0]
            wanted = wanted.rpartition("-")[0]
        return None

    def rank(self, voice: str) -> int:
        """The place of a voice among those that speak for their languages; behind them all for any other."""
        return self._default_voices.index(voice) if self.is_default(voice) else len(self._default_voices)

    def is_default(self, voice: str) -> bool:
        return voice in self._default_voices

    def unknown_defaults(self) -> list[str]:
        """Of the default voices, those that no resident engine lists."""
        listed = {voice.name for engine in self._engines.values() for voice in engine.voices}
        return [name for name in self._default_voices if name not in listed]

    def _find(self, name: str) -> Engine:
        try:
            return self._engines[name]
        except KeyError:
            known = ", ".join(self._engines)
            raise UnknownModel(f"model: {name[:100]!r} is unknown; configured here are {known}") from None
