"""Settings of recognition: who understands the caller, how the web processes reach the STT sidecar, what it is and loads.

The sidecar reads those from STT_RECOGNISER on, and STT_TOKEN; what stands before is the web processes' side of it.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from backend.settings.words import Device, check_host, check_host_and_port, extra
from backend.workers.stt.recogniser_names import RECOGNISERS


class RecognitionSettings(BaseModel):
    """See `Settings`."""

    stt_engine: Literal["carrier", "sidecar", "openai"] = Field(
        "carrier",
        description="Who understands the callers of agents that do not say: the carrier, our STT sidecar, or OpenAI.",
        json_schema_extra=extra(group="Recognising"),
    )
    openai_transcription_model: str = Field(
        "gpt-4o-mini-transcribe", min_length=1, max_length=120, description="What OpenAI recognises with."
    )
    stt_address: str = Field(
        "",
        description="host:port of the STT sidecar, as the web processes reach it; several, with commas, are used in turn. "
        "Empty: there is none.",
    )
    stt_token: SecretStr = Field(
        SecretStr(""),
        description="What the web processes show the STT sidecar. It does not start without one.",
    )
    stt_recogniser: str = Field(
        "none",
        description=f"What the STT sidecar hears with; none: it does not run. There are: none, {', '.join(RECOGNISERS)}.",
    )
    stt_host: str = Field("127.0.0.1", description="Address the STT sidecar listens on.")
    stt_port: int = Field(50061, ge=1, le=65535, description="Port the STT sidecar listens on.")
    stt_max_concurrent_sessions: int = Field(
        2, ge=1, le=1024, description="Calls the STT sidecar hears at once; one more is refused.",
        json_schema_extra=extra("sessions"),
    )  # fmt: skip
    stt_models_dir: Path = Field(
        Path("models"), description="Folder with the recognisers' files: `nemotron/` below it."
    )
    stt_phrases_file: str = Field(
        "", description="All that the recognisers scripted and sphinx can hear: a text file, one phrase in each line."
    )
    stt_nemotron_lookahead: Literal[0, 1, 6, 13] = Field(
        1, description="What nemotron waits for before it decides: 0, 1, 6 or 13 are chunks of 80, 160, 560 or 1120 ms.",
        json_schema_extra=extra("frames of 80 ms"),
    )  # fmt: skip
    stt_nemotron_device: Device = Field(
        "", description="Where nemotron runs: cpu, cuda or cuda:1. Empty: the GPU, if any."
    )
    stt_nemotron_dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="nemotron's numbers. In the shorter ones a call's words may depend on its neighbours."
    )

    @field_validator("stt_address")
    @classmethod
    def _is_stt_address(cls, value: str) -> str:
        return ",".join(check_host_and_port(one.strip()) for one in value.split(",")) if value else ""

    @property
    def stt_urls(self) -> list[str]:
        """Where the sidecars listen, as WebSocket addresses."""
        return [f"ws://{one}/" for one in self.stt_address.split(",") if one]

    @field_validator("stt_host")
    @classmethod
    def _is_stt_host(cls, value: str) -> str:
        return check_host(value)

    @field_validator("stt_nemotron_lookahead", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("stt_recogniser")
    @classmethod
    def _is_recogniser(cls, value: str) -> str:
        if value not in ("none", *RECOGNISERS):
            raise ValueError(f"allowed: none, {', '.join(RECOGNISERS)}")
        return value
