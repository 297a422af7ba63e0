"""Settings of the voices: how the web processes find TTS workers, and what a TTS worker is and loads.

A worker reads only those from TTS_HOST on; the engines get theirs as values when they are built and read nothing.
"""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from backend.settings.words import Device, check_host, check_host_and_port, extra
from backend.workers.tts.engine_names import ENGINES

_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")


class VoiceSettings(BaseModel):
    """See `Settings`."""

    tts_address: str = Field(
        "", description="host:port of one fixed TTS worker, which then registers nowhere. Empty: found in Redis.",
        json_schema_extra=extra(group="Speaking"),
    )  # fmt: skip
    tts_routing: Literal["queue_depth", "round_robin", "latency"] = Field(
        "queue_depth", description="Which of several able TTS workers speaks: least loaded, in turn, or quickest."
    )
    tts_wait_s: int = Field(
        10, ge=0, le=120, description="How long after its start a web worker waits for the first TTS worker.",
        json_schema_extra=extra("s"),
    )  # fmt: skip
    tts_host: str = Field("127.0.0.1", description="Address a TTS worker listens on.")
    tts_port: int = Field(
        50051, ge=0, le=65535,
        description="Port a TTS worker listens on. 0: any free one, which Redis then knows and its log names.",
    )  # fmt: skip
    tts_advertise: str = Field(
        "", description="host:port at which a TTS worker is reached, as it tells Redis. Empty: what it listens on."
    )
    tts_name: str = Field(
        "", max_length=100, pattern=r"^[^\s{}]*$",
        description="Name of a TTS worker in Redis, unlike all others. Empty: its host's name and its port.",
    )  # fmt: skip
    tts_engines: str = Field(
        "espeak-ng",
        description=f"Voices a TTS worker loads, preferred first, with commas. There are: {', '.join(ENGINES)}.",
    )
    tts_max_sessions: int = Field(
        32, ge=1, le=1024, description="Syntheses one TTS worker makes at once.", json_schema_extra=extra("sessions")
    )
    tts_default_voices: str = Field(
        "", max_length=2000,
        description="Voices that speak for their languages unless a voice is named, with commas. Empty: the first listed.",
    )  # fmt: skip
    tts_models_dir: Path = Field(
        Path("models"),
        description="Folder with the engines' files: `pocket/`, `kokoro/`, `piper/` below it (docs/voices.md).",
    )
    tts_pocket_slots: int = Field(
        0, ge=0, le=1024,
        description="Calls that pocket-tts speaks for in one batch; memory is taken for all. 0: TTS_MAX_SESSIONS.",
        json_schema_extra=extra("calls"),
    )  # fmt: skip
    tts_pocket_language: str = Field("en", description="Language of the pocket-tts model, as its voices are listed.")
    tts_pocket_device: Device = Field("", description="Where pocket-tts runs. Empty: the GPU if there is one.")
    tts_kokoro_threads: int = Field(
        2, ge=1, le=16, description="Phrases that Kokoro makes at once.", json_schema_extra=extra("threads")
    )
    tts_kokoro_device: Device = Field("", description="Where Kokoro runs. Empty: the GPU if there is one.")
    tts_piper_threads: int = Field(
        2, ge=1, le=64, description="Sentences that Piper makes at once, a CPU core each.",
        json_schema_extra=extra("threads"),
    )  # fmt: skip

    @field_validator("tts_address", "tts_advertise")
    @classmethod
    def _is_tts_address(cls, value: str) -> str:
        return check_host_and_port(value)

    @field_validator("tts_host")
    @classmethod
    def _is_tts_host(cls, value: str) -> str:
        return check_host(value)

    @field_validator("tts_engines")
    @classmethod
    def _are_engines(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",")]
        if any(name not in ENGINES for name in names):
            raise ValueError(f"allowed: {', '.join(ENGINES)}, with commas between them")
        return ",".join(names)

    @field_validator("tts_pocket_language")
    @classmethod
    def _is_language(cls, value: str) -> str:
        if not _LANGUAGE.match(value):
            raise ValueError('allowed: a language tag, like "en" or "pt-br"')
        return value

    @property
    def tts_engine_names(self) -> list[str]:
        """TTS_ENGINES, one by one."""
        return self.tts_engines.split(",")

    @property
    def tts_default_voice_names(self) -> list[str]:
        """TTS_DEFAULT_VOICES, one by one."""
        return [name.strip() for name in self.tts_default_voices.split(",") if name.strip()]

    @property
    def pocket_slots(self) -> int:
        """TTS_POCKET_SLOTS, or its default: nobody who was let in waits for a row."""
        return self.tts_pocket_slots or self.tts_max_sessions
