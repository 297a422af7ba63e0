"""Every setting of an installation: name, type, default, unit and meaning, read once when a process starts.

Where a value comes from, the first that has one wins:

1. the environment, under the setting's own name;
2. the secrets file named by OFFHOOK_SECRETS_FILE: one `NAME=value` per line, `#` begins a comment line;
3. the YAML file named by OFFHOOK_CONFIG, else `offhook.yaml` in the working directory if there is one;
4. the default below.

The secrets file stands above the YAML file because the latter tends to be kept in a repository, where a secret can
only be a placeholder. An empty value means "not given" everywhere. An unknown name in either file is an error (a typing
mistake must not fall back to a default); the environment holds names of other programs, so there it is not.

`load_settings` reports every wrong field at once. Nothing else in the code reads the environment, except
prometheus_client (see `backend/metrics.py`) and the neural voices (each says which at its head).
`python -m backend.settings` prints the table for the docs, with `--example` it prints `deploy/env.example`.
"""

import base64
import binascii
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import yaml
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backend.errors import SettingsError
from backend.workers.tts.engine_names import ENGINES

CONFIG_FILE = "offhook.yaml"
PLACEHOLDER = re.compile(
    r"^(change[-_ ]?me.*|x{3,}|your[-_ ].*|<.*>|\.{3,}|todo|secret|password|placeholder|example)$",
    re.IGNORECASE,
)
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$|^\[?[0-9A-Fa-f:]+\]?$")


def _zero_or_one(value: object) -> object:
    if isinstance(value, bool) or value in ("0", "1", 0, 1):
        return bool(int(value))
    raise ValueError("allowed: 0 or 1")


ZeroOrOne = Annotated[bool, BeforeValidator(_zero_or_one)]


def _extra(unit: str = "", *, group: str = "", may_hold_password: bool = False) -> dict[str, Any]:
    return {"unit": unit, "group": group, "may_hold_password": may_hold_password}


class Settings(BaseSettings):
    """All settings. Built by `load_settings`; tests may build it directly, field by field."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, validate_default=True, coerce_numbers_to_str=True)

    # The installation
    offhook_env: Literal["development", "production", "test"] = Field(
        "development", description="production refuses to start with missing or placeholder secrets.",
        json_schema_extra=_extra(group="The installation"),
    )  # fmt: skip
    data_dir: Path = Field(Path("data"), description="Folder for the database, recordings and the generated API key.")
    public_base_url: str = Field(
        "", description="How the carrier reaches us, without a path. https in production.",
        examples=["https://phone.example.com"],
    )  # fmt: skip
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")

    # The web processes
    host: str = Field(
        "127.0.0.1", description="Address the web processes listen on.",
        json_schema_extra=_extra(group="The web processes"),
    )  # fmt: skip
    port: int = Field(8000, ge=1, le=65535, description="Port the web processes listen on.")
    web_concurrency: int = Field(
        4, ge=1, le=64, description="Number of web workers.", json_schema_extra=_extra("processes")
    )
    max_calls_per_worker: int = Field(
        100, ge=1, le=1000, description="Calls one worker holds at once; one more is refused politely.",
        json_schema_extra=_extra("calls"),
    )  # fmt: skip
    graceful_timeout_s: int = Field(
        60, ge=1, le=14400, description="How long running calls may last after SIGTERM.", json_schema_extra=_extra("s")
    )
    prometheus_multiproc_dir: str = Field(
        "", description="Folder for the metrics of all workers. Empty: `metrics` under DATA_DIR."
    )
    offhook_api_key: SecretStr = Field(
        SecretStr(""),
        description="Bearer key of /api and /metrics. Empty: made on the first start and kept in DATA_DIR/api_key.",
    )

    # The carrier
    telnyx_api_key: SecretStr = Field(
        SecretStr(""), description="For commands to the carrier.", json_schema_extra=_extra(group="The carrier")
    )
    telnyx_public_key: str = Field(
        "", description="Base64 of the 32-byte Ed25519 key that webhooks are checked with. The web processes need it."
    )
    telnyx_connection_id: str = Field(
        "", max_length=64, pattern=r"^[A-Za-z0-9_-]*$", description="Id of our voice application at the carrier."
    )
    telnyx_base_url: str = Field("https://api.telnyx.com/v2", description="Address of the carrier's REST API.")
    telnyx_stream_target_legs: Literal["self", "opposite", "both"] = Field(
        "self", description="Which leg hears the audio we send."
    )
    telnyx_stream_codec: Literal["PCMU", "PCMA"] = Field("PCMU", description="Encoding on the media stream.")
    telnyx_transcription_engine: str = Field(
        "", max_length=40, pattern=r"^[A-Za-z0-9_./-]*$",
        description="Engine of the carrier's own transcription. Empty: the carrier's default.",
    )  # fmt: skip
    dials_per_minute: int = Field(
        30, ge=0, le=10000, description="Outgoing calls of the whole installation. 0: none are allowed.",
        json_schema_extra=_extra("calls/min"),
    )  # fmt: skip
    dials_per_number_per_hour: int = Field(
        3, ge=0, le=1000, description="Outgoing calls to one number. 0: none are allowed.",
        json_schema_extra=_extra("calls/h"),
    )  # fmt: skip
    dial_ring_timeout_s: int = Field(
        30, ge=5, le=600, description="How long an outgoing call rings.", json_schema_extra=_extra("s")
    )

    # Storage
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Facts of running calls. redis://, rediss:// or unix://.",
        json_schema_extra=_extra(group="Storage", may_hold_password=True),
    )  # fmt: skip
    database_url: str = Field(
        "", description="Agents and finished calls. sqlite:/// or postgresql://. Empty: a SQLite file under DATA_DIR.",
        json_schema_extra=_extra(may_hold_password=True),
    )  # fmt: skip

    # The model
    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Key of the model. May be empty when OPENAI_BASE_URL names a server without keys.",
        json_schema_extra=_extra(group="The model"),
    )  # fmt: skip
    openai_base_url: str = Field("", description="Any server that speaks the same protocol. Empty: OpenAI itself.")
    openai_model: str = Field("gpt-4o-mini", min_length=1, max_length=120, description="For agents without a model.")

    # Hearing and speaking
    enable_barge_in: ZeroOrOne = Field(
        False, description="1: agents may let the caller interrupt. Read once, at start.",
        json_schema_extra=_extra(group="Hearing and speaking"),
    )  # fmt: skip
    vad: Literal["silero", "webrtc"] = Field("silero", description="Voice activity detector.")
    tts_address: str = Field(
        "", description="host:port of one fixed TTS worker, which then registers nowhere. Empty: found in Redis."
    )
    tts_routing: Literal["queue_depth", "round_robin", "latency"] = Field(
        "queue_depth", description="Which of several able TTS workers speaks: least loaded, in turn, or quickest."
    )
    tts_wait_s: int = Field(
        10, ge=0, le=120, description="How long after its start a web worker waits for the first TTS worker.",
        json_schema_extra=_extra("s"),
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
        32, ge=1, le=1024, description="Syntheses one TTS worker makes at once.", json_schema_extra=_extra("sessions")
    )

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

    @field_validator("telnyx_public_key")
    @classmethod
    def _is_ed25519_key(cls, value: str) -> str:
        if value:
            try:
                size = len(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                size = 0
            if size != 32:
                raise ValueError("allowed: base64 of exactly 32 bytes")
        return value

    @field_validator("public_base_url", "telnyx_base_url", "openai_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return _check_url(value, ("http", "https"))

    @field_validator("public_base_url")
    @classmethod
    def _has_no_path(cls, value: str) -> str:
        if value and urlsplit(value).path:
            raise ValueError("allowed: scheme, host and port without a path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("redis", "rediss", "unix") or not (parts.netloc or parts.path):
            raise ValueError("allowed: redis://…, rediss://… or unix://…")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, value: str) -> str:
        if value:
            # Here, not above: the TTS worker reads the settings too, and does not need half a second of SQL for that.
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                backend = make_url(value).get_backend_name()
            except (ArgumentError, ValueError):
                backend = ""
            if backend not in ("sqlite", "postgresql"):
                # `from None`: the library's own message holds the whole URL, password and all.
                raise ValueError("allowed: sqlite:///path or postgresql://user:password@host/name") from None
        return value

    @field_validator("tts_address", "tts_advertise")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        if value:
            host, _, port = value.rpartition(":")
            if not _HOST.match(host) or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
                raise ValueError("allowed: host:port")
        return value

    @field_validator("tts_engines")
    @classmethod
    def _are_engines(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",")]
        if any(name not in ENGINES for name in names):
            raise ValueError(f"allowed: {', '.join(ENGINES)}, with commas between them")
        return ",".join(names)

    @field_validator("host", "tts_host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not _HOST.match(value):
            raise ValueError("allowed: a host name or an IP address")
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> "Settings":
        problems = self._missing_in_production() if self.offhook_env == "production" else []
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
        if self.public_base_url and not self.public_base_url.startswith("https://"):
            problems.append("PUBLIC_BASE_URL: must be https in production")
        return problems

    @property
    def records_url(self) -> str:
        """DATABASE_URL, or the SQLite file under DATA_DIR."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'offhook.sqlite3'}"

    @property
    def tts_engine_names(self) -> list[str]:
        """TTS_ENGINES, one by one."""
        return self.tts_engines.split(",")

    @property
    def metrics_dir(self) -> Path:
        """PROMETHEUS_MULTIPROC_DIR, or its default under DATA_DIR."""
        return Path(self.prometheus_multiproc_dir) if self.prometheus_multiproc_dir else self.data_dir / "metrics"

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


def load_settings(environ: Mapping[str, str], *, working_dir: Path | None = None) -> Settings:
    """Read all sources, in the order of the module's docstring. Raises SettingsError naming every wrong field."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    config = environ.get("OFFHOOK_CONFIG", "")
    path = Path(config) if config else (working_dir or Path.cwd()) / CONFIG_FILE
    if config or path.exists():
        values.update(_known(_read_yaml(path, problems), str(path), problems))
    secrets = environ.get("OFFHOOK_SECRETS_FILE", "")
    if secrets:
        values.update(_known(_read_secrets(Path(secrets), problems), secrets, problems))
    values.update({name: environ[name.upper()] for name in Settings.model_fields if environ.get(name.upper())})
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += _describe(error)
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
        try:
            # What is only checked when every field is right: look again with the wrong ones left out.
            Settings(**{name: value for name, value in values.items() if name not in wrong})
        except ValidationError as second:
            more = [line for line in _describe(second) if line.split(":")[0].lower() not in wrong]
            problems += [line for line in more if line not in problems]
    if problems:
        raise SettingsError("\n".join(["wrong settings:", *problems]))
    return settings


def require_for_web(settings: Settings) -> None:
    """What the web processes cannot run without, in any environment. Raises SettingsError."""
    if not settings.telnyx_public_key:
        raise SettingsError(
            "wrong settings:\nTELNYX_PUBLIC_KEY: must be set for the web processes, or no webhook could be trusted"
        )


def _read_yaml(path: Path, problems: list[str]) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        problems.append(f"{path}: is not valid YAML")  # the parser's message quotes the line, which may hold a secret
    else:
        if content is None:
            return {}
        if isinstance(content, dict):
            return content
        problems.append(f"{path}: must hold names and values, NAME: value")
    return {}


def _read_secrets(path: Path, problems: list[str]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        problems.append(f"{path}: cannot be read (OFFHOOK_SECRETS_FILE)")
        return found
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            problems.append(f"{path}, line {number}: must be NAME=value")
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name.strip()] = value
    return found


def _known(content: dict[Any, Any], where: str, problems: list[str]) -> dict[str, Any]:
    names = {name.upper(): name for name in Settings.model_fields}
    for key in content:
        if key not in names:
            problems.append(f"{where}: {str(key)[:80]!r} is not a setting")
    return {names[key]: value for key, value in content.items() if key in names and value not in (None, "")}


def _describe(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if not item["loc"]:
            lines += message.split("\n")
            continue
        name = str(item["loc"][0])
        info = Settings.model_fields.get(name)
        shown = "(not shown)" if info is None or _is_secret(info) else repr(item["input"])[:120]
        allowed = _allowed(info) if info else ""
        if message.startswith("allowed: ") or not allowed:
            lines.append(f"{name.upper()}: {shown} is wrong; {message}")
        else:
            lines.append(f"{name.upper()}: {shown} is wrong; allowed: {allowed}")
    return lines


def _allowed(info: FieldInfo) -> str:
    """The allowed values in words, from the field's own type and limits; "" when only the validator knows."""
    if get_origin(info.annotation) is Literal:
        return ", ".join(str(value) for value in get_args(info.annotation))
    limits = {key: getattr(item, key) for item in info.metadata for key in ("ge", "le") if hasattr(item, key)}
    if info.annotation is int:
        return f"a whole number from {limits['ge']} to {limits['le']}"
    return ""


def _is_secret(info: FieldInfo) -> bool:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return info.annotation is SecretStr or bool(extra.get("may_hold_password"))


def _secret_names() -> list[str]:
    return [name for name, info in Settings.model_fields.items() if info.annotation is SecretStr]


def _plain(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _check_url(value: str, schemes: tuple[str, ...]) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        wrong = parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or parts.username
        parts.port  # noqa: B018  raises ValueError when it is not a port
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError(f"allowed: {' or '.join(f'{scheme}://host' for scheme in schemes)}, optionally :port and path")
    return value.rstrip("/")


def _rows() -> list[tuple[str, str, str, str, str]]:
    rows = []
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        kind = _allowed(info) or ("secret" if _is_secret(info) and info.annotation is SecretStr else "text")
        if info.annotation is bool:
            kind = "0 or 1"
        default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
        default = str(int(default)) if isinstance(default, bool) else str(default)
        rows.append((name.upper(), kind, default, str(extra.get("unit", "")), info.description or ""))
    return rows


def settings_table() -> str:
    """A Markdown table of all settings."""
    lines = ["| setting | allowed | default | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for name, kind, default, unit, meaning in _rows():
        lines.append(f"| `{name}` | {kind} | {f'`{default}`' if default else ''} | {unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def example_file() -> str:
    """The text of `deploy/env.example`: every setting with its default, ready to be copied and filled in."""
    lines = [
        "# Every setting of Offhook. Copy this file, fill it in, keep it out of the repository (chmod 600), and name it",
        "# in OFFHOOK_SECRETS_FILE. An empty value means the default; the environment wins over this file.",
        "# Written by `python -m backend.settings --example`: change backend/settings.py, not this file.",
    ]
    for (name, kind, default, unit, meaning), info in zip(_rows(), Settings.model_fields.values(), strict=True):
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if extra.get("group"):
            lines += ["", f"# --- {extra['group']} ---"]
        allowed = "" if kind in ("text", "secret") else f" ({kind}{', ' + unit if unit else ''})"
        lines += ["", f"# {meaning}{allowed}", f"{name}={default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(example_file() if "--example" in sys.argv[1:] else settings_table())
    sys.exit(os.EX_OK)
