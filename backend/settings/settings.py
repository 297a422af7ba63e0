"""`Settings`: all groups in one object, and what only holds for all of them together."""

import re
from typing import Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backend.settings.hearing import HearingSettings
from backend.settings.installation import InstallationSettings
from backend.settings.recognition import RecognitionSettings
from backend.settings.tone import ToneSettings
from backend.settings.voices import VoiceSettings

PLACEHOLDER = re.compile(
    r"^(change[-_ ]?me.*|x{3,}|your[-_ ].*|<.*>|\.{3,}|todo|secret|password|placeholder|example)$",
    re.IGNORECASE,
)


class Settings(VoiceSettings, ToneSettings, RecognitionSettings, HearingSettings, InstallationSettings, BaseSettings):
    """All settings; the order of the groups in tables is that of the bases from right to left. Built by `load_settings`;
    tests may build it directly, field by field. Validators of the bases need names of their own: one name, one validator."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, validate_default=True, coerce_numbers_to_str=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load_settings` hands in everything: it alone knows the order and can say where a wrong name stands."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _one_line(cls, value: object) -> object:
        if isinstance(value, str) and any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise ValueError("must not contain control characters")
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> "Settings":
        problems = self._missing_in_production() if self.offhook_env == "production" else []
        if self.stt_engine == "sidecar":
            needed = {"STT_ADDRESS": self.stt_address, "STT_TOKEN": self.stt_token.get_secret_value()}
            problems += [
                f"{name}: must be set when STT_ENGINE is sidecar" for name, value in needed.items() if not value
            ]
        if self.tone_analyser == "external" and bool(self.tone_url) == bool(self.tone_fixed_url):
            problems.append("TONE_URL, TONE_FIXED_URL: exactly one must be set when TONE_ANALYSER is external")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _missing_in_production(self) -> list[str]:
        needed = ["telnyx_api_key", "telnyx_public_key", "telnyx_connection_id", "public_base_url"]
        if not self.openai_base_url:
            needed.append("openai_api_key")
        problems = [f"{name.upper()}: must be set in production" for name in needed if not _plain(self, name)]
        for name in ("telnyx_connection_id", *_secret_names()):
            if PLACEHOLDER.match(_plain(self, name)):
                problems.append(f"{name.upper()}: holds a placeholder; production needs the real value")
        for name in ("redis_url", "database_url"):
            if PLACEHOLDER.match(urlsplit(getattr(self, name)).password or ""):
                problems.append(f"{name.upper()}: its password is a placeholder; production needs the real value")
        if 0 < len(self.offhook_api_key.get_secret_value()) < 16:
            problems.append("OFFHOOK_API_KEY: must have at least 16 characters in production")
        if 0 < len(self.webhook_key.get_secret_value()) < 16:
            problems.append("WEBHOOK_KEY: must have at least 16 characters in production")
        if 0 < len(self.stt_token.get_secret_value()) < 16:
            problems.append("STT_TOKEN: must have at least 16 characters in production")
        if self.public_base_url and not self.public_base_url.startswith("https://"):
            problems.append("PUBLIC_BASE_URL: must be https in production")
        if self.record_core_dir:
            problems.append("RECORD_CORE_DIR: must be empty in production; it writes what callers say to disk")
        return problems

    def secret_values(self) -> list[str]:
        """What must never reach a log: every secret that is set, and passwords inside URLs."""
        values = [_plain(self, name) for name in _secret_names()]
        for url in (self.redis_url, self.database_url):
            values.append(urlsplit(url).password or "")
        return [value for value in values if value]

    def __repr__(self) -> str:
        """Names only: a settings object in a traceback or log must not print what it holds."""
        return f"Settings(offhook_env={self.offhook_env!r})"

    __str__ = __repr__


def allowed(info: FieldInfo) -> str:
    """The allowed values in words, from the field's own type and limits; "" when only the validator knows."""
    if get_origin(info.annotation) is Literal:
        return ", ".join(str(value) for value in get_args(info.annotation))
    limits = {key: getattr(item, key) for item in info.metadata for key in ("ge", "le") if hasattr(item, key)}
    if info.annotation is int:
        return f"a whole number from {limits['ge']} to {limits['le']}"
    return ""


def is_secret(info: FieldInfo) -> bool:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return info.annotation is SecretStr or bool(extra.get("may_hold_password"))


def _secret_names() -> list[str]:
    return [name for name, info in Settings.model_fields.items() if info.annotation is SecretStr]


def _plain(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
