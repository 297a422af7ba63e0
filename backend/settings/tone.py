"""Settings of the tone analysis (`backend/live/tone/`)."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from backend.settings.words import check_url, extra


class ToneSettings(BaseModel):
    """See `Settings`."""

    # Tone
    tone_analyser: Literal["prosody", "external", "off"] = Field(
        "prosody",
        description="Who judges how callers sound: each worker itself, by pitch, loudness, pace; your service; nobody.",
        json_schema_extra=extra(group="Tone"),
    )
    tone_url: str = Field(
        "", description="Of the external analyser: TONE_URL/allocate is asked for each call, and told when it is over."
    )
    tone_fixed_url: str = Field("", description="Instead of TONE_URL: every second of every call is sent here.")
    tone_token: SecretStr = Field(SecretStr(""), description="Bearer token for the external analyser. Empty: none.")

    @field_validator("tone_url", "tone_fixed_url")
    @classmethod
    def _is_tone_url(cls, value: str) -> str:
        return check_url(value, ("http", "https"))
