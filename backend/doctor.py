"""What can be found out about an installation before a call fails: settings, Redis, database, voice, web, key.

Each check is a sentence about one part; a part that is not configured is skipped with the reason. Changes nothing. The
settings come from the same places as those of the processes (`backend/settings/`).
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis
import requests
import sqlalchemy
from sqlalchemy.engine import make_url

from backend.errors import SettingsError
from backend.settings import Settings, load_settings, require_for_web

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    part: str
    state: Literal["ok", "wrong", "skipped"]
    detail: str


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """All findings, in the order in which to repair things."""
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        return [Finding("settings", "wrong", str(error))]
    findings = [Finding("settings", "ok", f"complete ({settings.offhook_env})")]
    checks: list[tuple[str, Callable[[Settings], str | None]]] = [
        ("public key", _public_key),
        ("redis", _redis),
        ("database", _database),
        ("voice", _voice),
        ("web", _web),
    ]
    return findings + [_run(part, check, settings) for part, check in checks]


def _run(part: str, check: Callable[[Settings], str | None], settings: Settings) -> Finding:
    """`check` returns what is fine, None when there is nothing to check, or raises."""
    try:
        detail = check(settings)
    except SettingsError as error:  # ours, with one line for each thing to repair
        return Finding(part, "wrong", str(error))
    except Exception as error:  # whatever a broken part throws is the finding
        return Finding(part, "wrong", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return Finding(part, "ok", detail) if detail is not None else Finding(part, "skipped", "not set")


def _public_key(settings: Settings) -> str | None:
    require_for_web(settings)
    return "TELNYX_PUBLIC_KEY is a usable key"


def _redis(settings: Settings) -> str | None:
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    try:
        client.ping()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    finally:
        client.close()
    if policy not in ("noeviction", "unknown"):
        raise SettingsError(f"maxmemory-policy is {policy}: facts of running calls would be thrown away")
    return "answers"


def _database(settings: Settings) -> str | None:
    url = make_url(settings.records_url)
    if url.get_backend_name() == "sqlite" and url.database:
        file = Path(url.database).resolve()
        if not file.parent.is_dir():
            raise SettingsError(f"the folder {file.parent} is not there; the first start of web makes it, if it may")
        if not file.exists():  # to ask for it would be to make it
            return f"{file} is not there yet; the first start of web makes it"
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("select 1"))
    finally:
        engine.dispose()
    return f"{engine.dialect.name} answers"


def _voice(settings: Settings) -> str | None:
    if not settings.tts_address:
        return None
    host, _, port = settings.tts_address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT_S):
        return f"a worker listens on {settings.tts_address}"


def _web(settings: Settings) -> str | None:
    reply = requests.get(f"http://{settings.host}:{settings.port}/readyz", timeout=_TIMEOUT_S)
    if reply.status_code != 200:
        raise SettingsError(f"/readyz answers {reply.status_code}: {reply.text[:300]}")
    return "ready"
