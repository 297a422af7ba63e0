"""The TTS worker's process: `python -m backend.workers.tts.server`.

Reads its settings from the environment, loads the engines, listens, and writes one JSON line when it can be used:
{"event": "tts.ready", "address": …}. SIGTERM or SIGINT: nothing new is taken, what runs may finish within five seconds.

    TTS_HOST          address to listen on                            127.0.0.1
    TTS_PORT          port; 0 lets the system choose (see the line)   50051
    TTS_MAX_SESSIONS  syntheses at once                               32
    TTS_ENGINES       engines to load, by name, preferred first       espeak-ng

REDIS_URL, TTS_ADVERTISE and TTS_NAME make it known to clients that look for a voice: see heartbeat.py.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import grpc
import structlog

from backend.errors import SettingsError
from backend.workers.tts.adapter import ENGINES, EngineBroken, build_engine
from backend.workers.tts.engines import Engines
from backend.workers.tts.heartbeat import Heartbeat, HeartbeatSettings
from backend.workers.tts.heartbeat import parse_settings as parse_heartbeat_settings
from backend.workers.tts.proto import voice_pb2_grpc
from backend.workers.tts.service import VoiceService

DRAIN_S = 5.0
MOST_SESSIONS = 1024
SWITCH_INTERVAL_S = 0.0005
"""A tenth of Python's own: with eight threads computing, a new caller's first frame must not wait for eight long turns."""

CHANNEL_OPTIONS = (
    # A second worker on the same port must fail, not silently take every other request.
    ("grpc.so_reuseport", 0),
    # Clients ping to notice a hung worker; the library's default takes that for an attack.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
    # And ours to notice a client that is gone without a word.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # One text of 10 000 characters is 40 kB; nobody has business sending more.
    ("grpc.max_receive_message_length", 256 * 1024),
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    host: str = "127.0.0.1"
    port: int = 50051
    max_sessions: int = 32
    engines: tuple[str, ...] = ("espeak-ng",)


def parse_settings(environment: Mapping[str, str]) -> WorkerSettings:
    """Raises SettingsError, which names the field, the value and what is allowed."""
    defaults = WorkerSettings()
    engines = tuple(name.strip() for name in environment.get("TTS_ENGINES", ",".join(defaults.engines)).split(","))
    unknown = [name for name in engines if name not in ENGINES]
    if unknown:
        raise SettingsError(f"TTS_ENGINES: {unknown[0]!r} is unknown; allowed are {', '.join(ENGINES)}")
    host = environment.get("TTS_HOST", defaults.host).strip()
    if not host:
        raise SettingsError("TTS_HOST: is empty; allowed is an address or host name to listen on")
    return WorkerSettings(
        host=host,
        port=_whole_number(environment, "TTS_PORT", defaults.port, 0, 65535),
        max_sessions=_whole_number(environment, "TTS_MAX_SESSIONS", defaults.max_sessions, 1, MOST_SESSIONS),
        engines=engines,
    )


def _whole_number(environment: Mapping[str, str], field: str, default: int, least: int, most: int) -> int:
    value = environment.get(field, str(default))
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise SettingsError(f"{field}: {value!r}; allowed are whole numbers from {least} to {most}")
    return number


async def serve(settings: WorkerSettings, heartbeat_settings: HeartbeatSettings | None = None) -> bool:
    """Run until told to stop. False: something would not stop and is left behind."""
    started_at = perf_counter()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engines = Engines({name: build_engine(name) for name in settings.engines})
    for name in settings.engines:
        await engines.load(name)
    service = VoiceService(engines, settings.max_sessions)
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    voice_pb2_grpc.add_VoiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    await server.start()
    heartbeat = Heartbeat(heartbeat_settings or HeartbeatSettings(), service, engines, settings.host, port)
    heartbeat.start()
    log.info(
        "tts.ready",
        address=f"{settings.host}:{port}",
        pid=os.getpid(),
        max_sessions=settings.max_sessions,
        models=engines.resident,
        start_s=round(perf_counter() - started_at, 3),
    )
    await stop.wait()
    log.info("tts.draining")
    _, is_idle = await asyncio.gather(heartbeat.drain(), service.drain(DRAIN_S))
    await heartbeat.leave()
    await server.stop(0.2)
    log.info("tts.stopped", left_behind=not is_idle)
    return is_idle


def main() -> int:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    try:
        settings, heartbeat_settings = parse_settings(os.environ), parse_heartbeat_settings(os.environ)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        is_idle = asyncio.run(serve(settings, heartbeat_settings))
    except (SettingsError, EngineBroken, RuntimeError) as error:
        # RuntimeError is what gRPC raises when it cannot listen.
        log.error("tts.not_started", reason=str(error))
        return 2
    if not is_idle:
        # A thread hangs inside an engine; an ordinary exit would wait for it.
        sys.stdout.flush()
        os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
