"""Settings of the STT sidecar: how the web processes reach it, and what it is and loads.

The sidecar reads those from STT_RECOGNISER on; STT_ADDRESS and STT_TOKEN are the web processes' side of it.
"""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator

from backend.settings.words import check_host, check_host_and_port, extra
from backend.workers.stt.recogniser_names import RECOGNISERS


class RecognitionSettings(BaseModel):
    """See `Settings`."""

    stt_address: str = Field(
        "", description="host:port of the STT sidecar, as the web processes reach it. Empty: there is none.",
        json_schema_extra=extra(group="Recognising"),
    )  # fmt: skip
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

    @field_validator("stt_address")
    @classmethod
    def _is_stt_address(cls, value: str) -> str:
        return check_host_and_port(value)

    @field_validator("stt_host")
    @classmethod
    def _is_stt_host(cls, value: str) -> str:
        return check_host(value)

    @field_validator("stt_recogniser")
    @classmethod
    def _is_recogniser(cls, value: str) -> str:
        if value not in ("none", *RECOGNISERS):
            raise ValueError(f"allowed: none, {', '.join(RECOGNISERS)}")
        return value
