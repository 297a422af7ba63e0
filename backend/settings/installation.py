"""Settings of the installation as a whole: web processes, carrier, storage, model."""

import base64
import binascii
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from backend.settings.words import ZeroOrOne, check_host, check_url, extra


class InstallationSettings(BaseModel):
    """See `Settings`."""

    # The installation
    offhook_env: Literal["development", "production", "test"] = Field(
        "development", description="production refuses to start with missing or placeholder secrets.",
        json_schema_extra=extra(group="The installation"),
    )  # fmt: skip
    data_dir: Path = Field(Path("data"), description="Folder for the database, recordings and the generated API key.")
    public_base_url: str = Field(
        "", description="How the carrier reaches us, without a path. https in production.",
        examples=["https://phone.example.com"],
    )  # fmt: skip
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    record_core_dir: str = Field(
        "", description="For rehearsals: folder for each call's events and commands, what was said included. Empty: none.",
    )  # fmt: skip

    # The web processes
    host: str = Field(
        "127.0.0.1", description="Address the web processes listen on.",
        json_schema_extra=extra(group="The web processes"),
    )  # fmt: skip
    port: int = Field(8000, ge=1, le=65535, description="Port the web processes listen on.")
    web_concurrency: int = Field(
        4, ge=1, le=64, description="Number of web workers.", json_schema_extra=extra("processes")
    )
    max_calls_per_worker: int = Field(
        100, ge=1, le=1000, description="Calls one worker holds at once; one more is refused politely.",
        json_schema_extra=extra("calls"),
    )  # fmt: skip
    client_max_connections: int = Field(
        100, ge=0, le=10000, description="Browsers and programs on the client WebSocket at once, over all workers.",
        json_schema_extra=extra("connections"),
    )  # fmt: skip
    session_idle_ttl_s: int = Field(
        90, ge=10, le=3600, description="A browser's session that everybody has left for so long is ended.",
        json_schema_extra=extra("s"),
    )  # fmt: skip
    max_watchers_per_worker: int = Field(
        500, ge=1, le=1500, description="Event streams of running calls one worker serves at once.",
        json_schema_extra=extra("streams"),
    )  # fmt: skip
    graceful_timeout_s: int = Field(
        60, ge=1, le=14400, description="How long running calls may last after SIGTERM.", json_schema_extra=extra("s")
    )
    prometheus_multiproc_dir: str = Field(
        "", description="Folder for the metrics of all workers. Empty: `metrics` under DATA_DIR."
    )
    proxies_in_front: int = Field(
        0, ge=0, le=10, description="Proxies of yours between browsers and us; each must append to X-Forwarded-For.",
        json_schema_extra=extra("proxies"),
    )  # fmt: skip
    offhook_api_key: SecretStr = Field(
        SecretStr(""),
        description="Bearer key of /api and /metrics. Empty: made on the first start and kept in DATA_DIR/api_key.",
    )

    # The carrier
    telnyx_api_key: SecretStr = Field(
        SecretStr(""), description="For commands to the carrier.", json_schema_extra=extra(group="The carrier")
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
        json_schema_extra=extra("calls/min"),
    )  # fmt: skip
    dials_per_number_per_hour: int = Field(
        3, ge=0, le=1000, description="Outgoing calls to one number. 0: none are allowed.",
        json_schema_extra=extra("calls/h"),
    )  # fmt: skip
    dial_ring_timeout_s: int = Field(
        30, ge=5, le=600, description="How long an outgoing call rings.", json_schema_extra=extra("s")
    )

    # Storage
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Facts of running calls. redis://, rediss:// or unix://.",
        json_schema_extra=extra(group="Storage", may_hold_password=True),
    )  # fmt: skip
    database_url: str = Field(
        "", description="Agents and finished calls. sqlite:/// or postgresql://. Empty: a SQLite file under DATA_DIR.",
        json_schema_extra=extra(may_hold_password=True),
    )  # fmt: skip

    recordings_dir: str = Field(
        "", description="Folder for recordings of calls; one that all hosts share where there are several. Empty: "
        "`recordings` under DATA_DIR.",
    )  # fmt: skip
    recording_keep_days: int = Field(
        30, ge=0, le=3650, description="How long recordings are kept. 0: until somebody deletes them.",
        json_schema_extra=extra("days"),
    )  # fmt: skip

    # The model
    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Key of the model. May be empty when OPENAI_BASE_URL names a server without keys.",
        json_schema_extra=extra(group="The model"),
    )  # fmt: skip
    openai_base_url: str = Field("", description="Any server that speaks the same protocol. Empty: OpenAI itself.")
    openai_model: str = Field("gpt-4o-mini", min_length=1, max_length=120, description="For agents without a model.")

    # After a call
    webhook_key: SecretStr = Field(
        SecretStr(""),
        description="From it each agent's webhook secret is derived. Empty: made on the first start and kept in "
        "DATA_DIR/webhook_key.",
        json_schema_extra=extra(group="After a call"),
    )
    webhook_private_addresses: ZeroOrOne = Field(
        False, description="Webhooks may go to private and loopback addresses, and over http. They can reach whatever this "
        "machine can.",
    )  # fmt: skip

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
        return check_url(value, ("http", "https"))

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

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        return check_host(value)

    @property
    def records_url(self) -> str:
        """DATABASE_URL, or the SQLite file under DATA_DIR."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'offhook.sqlite3'}"

    @property
    def recordings_folder(self) -> Path:
        """RECORDINGS_DIR, or its default under DATA_DIR."""
        return Path(self.recordings_dir) if self.recordings_dir else self.data_dir.resolve() / "recordings"

    @property
    def metrics_dir(self) -> Path:
        """PROMETHEUS_MULTIPROC_DIR, or its default under DATA_DIR."""
        return Path(self.prometheus_multiproc_dir) if self.prometheus_multiproc_dir else self.data_dir / "metrics"
