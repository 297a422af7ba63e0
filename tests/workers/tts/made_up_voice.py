"""What the voices that tests make up have in common: nothing to load, a few names, one language."""

from collections.abc import Sequence
from typing import Self

from backend.settings import Settings
from backend.workers.tts.adapter import VoiceInfo


class MadeUpVoice:
    """All of an `Adapter` but its speech. `names` are its voices."""

    name: str
    native_sample_rate: int
    names: tuple[str, ...]

    @classmethod
    def configured(cls, settings: Settings) -> Self:
        return cls()

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo(name, "en") for name in self.names]

    def has_voice(self, name: str) -> bool:
        return name in self.names
