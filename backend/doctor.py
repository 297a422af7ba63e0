"""What can be found out about an installation before a call fails: settings, Redis, database, the folder of
recordings, voices, web, key.

Each check is a sentence about one part; a part that is not configured is skipped with the reason. Changes nothing. The
settings come from the same places as those of the processes (`backend/settings/`).
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis
import requests
import sqlalchemy
from sqlalchemy.engine import make_url

from backend.clock import SystemClock
from backend.engines.voice_routing import VoiceWorker, Wanted
from backend.errors import BackendError, SettingsError
from backend.records.agents import Agents
from backend.records.database import Database
from backend.records.recording_files import BYTES_PER_S
from backend.settings import Settings, load_settings, require_for_web
from backend.workers.tts.asking import VoicesError, ask, registered

_TIMEOUT_S = 3.0
_LEAST_HOURS = 5


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
        ("recordings", _recordings),
        ("voice", _voice),
        ("agents' voices", _agents_voices),
        ("web", _web),
    ]
    return findings + [_run(part, check, settings) for part, check in checks]


def _run(part: str, check: Callable[[Settings], str | None], settings: Settings) -> Finding:
    """`check` returns what is fine, None when there is nothing to check, or raises."""
    try:
        detail = check(settings)
    except BackendError as error:  # ours, with one line for each thing to repair
        return Finding(part, "wrong", str(error))
    except Exception as error:  # whatever a broken part throws is the finding
        return Finding(part, "wrong", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return Finding(part, "ok", detail) if detail is not None else Finding(part, "skipped", "nothing to look at")


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


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.records_url)
    return Path(url.database).resolve() if url.get_backend_name() == "sqlite" and url.database else None


def _database(settings: Settings) -> str | None:
    url = make_url(settings.records_url)
    file = _sqlite_file(settings)
    if file is not None:
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


def _recordings(settings: Settings) -> str | None:
    folder = settings.recordings_folder
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"{there} is no folder that can be written to: no call can be recorded (RECORDINGS_DIR)")
    free = shutil.disk_usage(there).free
    hours = free / (3600 * BYTES_PER_S)
    if hours < _LEAST_HOURS:
        raise SettingsError(f"{there} has room for {hours:.1f} hours of recordings only ({free // 2**20} MiB)")
    return f"{folder}: room for {hours:.0f} hours"


def _voice_workers(settings: Settings) -> list[VoiceWorker]:
    """The fixed one, or those that are registered. Raises VoicesError or StoreError."""
    return [ask(settings.tts_address)] if settings.tts_address else registered(settings.redis_url)


def _voice(settings: Settings) -> str | None:
    workers = _voice_workers(settings)
    if not workers:
        raise VoicesError(
            "no TTS worker is registered in Redis: callers hear the carrier's voice. A worker is started with "
            "`python -m backend.workers.tts.server`, with this REDIS_URL and without TTS_ADDRESS; "
            "its log says tts.ready, or why not"
        )
    lines = [_describe(worker) for worker in workers]
    if all(worker.is_draining for worker in workers):
        raise VoicesError("\n".join(["every TTS worker is going down, none takes a new text:", *lines]))
    if not any(worker.resident_models for worker in workers):
        raise VoicesError("\n".join(["no TTS worker has a model loaded (python -m backend voices load …):", *lines]))
    draining = sum(worker.is_draining for worker in workers)
    return "\n".join([f"{len(workers)} live, {draining} of them draining", *lines])


def _describe(worker: VoiceWorker) -> str:
    state = "draining" if worker.is_draining else "serving"
    models = ", ".join(worker.resident_models) or "no model"
    load = f"{worker.queue_depth}/{worker.max_concurrent_sessions}"
    return f"{worker.name} at {worker.address}: {state}, {models}, voices {len(worker.voices or ())}, load {load}"


def _agents_voices(settings: Settings) -> str | None:
    """None where there is nothing to compare: no database yet, or nobody who could speak (its own finding)."""
    workers = [worker for worker in _voice_workers(settings) if not worker.is_draining]
    file = _sqlite_file(settings)
    if not workers or (file is not None and not file.exists()):
        return None
    database = Database(settings.records_url)
    try:
        agents = Agents(database, SystemClock()).list()
    finally:
        database.close()
    missing = []
    for agent in agents:
        for title, voice in (("voice", agent.config.voice), ("fallback voice", agent.config.fallback_voice)):
            if voice and not any(worker.find(Wanted(voice, agent.config.language)) for worker in workers):
                missing.append(f"agent {agent.config.name!r}: no worker has its {title} {voice!r}")
    if missing:
        raise VoicesError("\n".join([*missing, "`python -m backend voices --all` lists what there is"]))
    return f"agents looked at: {len(agents)}; each of their voices is there"


def _web(settings: Settings) -> str | None:
    reply = requests.get(f"http://{settings.host}:{settings.port}/readyz", timeout=_TIMEOUT_S)
    if reply.status_code != 200:
        raise SettingsError(f"/readyz answers {reply.status_code}: {reply.text[:300]}")
    return "ready"
