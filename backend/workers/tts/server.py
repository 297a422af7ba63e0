"""The TTS worker's process: `python -m backend.workers.tts.server`.

Reads the same settings as every other process (backend/settings/voices.py says which are its own), loads the engines,
listens, and logs one line when it can be used: `tts.ready`, with its address. Unless TTS_ADDRESS says where it is, it tells
Redis (REDIS_URL, TTS_ADVERTISE, TTS_NAME; see heartbeat.py). SIGTERM or SIGINT: nothing new is taken, what runs may finish
within five seconds.
"""

import asyncio
import os
import signal
import sys
from time import perf_counter

import grpc
import structlog

from backend import logs
from backend.errors import SettingsError
from backend.settings import Settings, load_settings
from backend.workers.tts.adapter import EngineBroken, build_engine
from backend.workers.tts.engines import Engines
from backend.workers.tts.heartbeat import Heartbeat, heartbeat_settings
from backend.workers.tts.proto import voice_pb2_grpc
from backend.workers.tts.service import VoiceService

DRAIN_S = 5.0
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

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def serve(settings: Settings) -> bool:
    """Run until told to stop. False: something would not stop and is left behind."""
    started_at = perf_counter()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engines = Engines(
        {name: build_engine(name, settings) for name in settings.tts_engine_names}, settings.tts_default_voice_names
    )
    for name in settings.tts_engine_names:
        await engines.load(name)
    if unknown := engines.unknown_defaults():
        raise SettingsError(
            f"wrong settings:\nTTS_DEFAULT_VOICES: {', '.join(unknown)[:200]!r} is wrong; "
            f"allowed: voices that {settings.tts_engines} lists here (`python -m backend voices --all`)"
        )
    service = VoiceService(engines, settings.tts_max_sessions)
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    voice_pb2_grpc.add_VoiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port(f"{settings.tts_host}:{settings.tts_port}")
    await server.start()
    heartbeat = Heartbeat(heartbeat_settings(settings), service, engines, settings.tts_host, port)
    heartbeat.start()
    log.info(
        "tts.ready",
        address=f"{settings.tts_host}:{port}",
        pid=os.getpid(),
        max_sessions=settings.tts_max_sessions,
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
    worker = f"tts-{os.getpid()}"
    logs.configure(worker=worker)  # until the settings are known, which say how much is logged and what never is
    try:
        settings = load_settings(os.environ)
        logs.configure(settings.log_level, worker=worker, secrets=settings.secret_values())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        is_idle = asyncio.run(serve(settings))
    except (SettingsError, EngineBroken, RuntimeError) as error:
        # RuntimeError is what gRPC raises when it cannot listen.
        log.error("tts.not_started", reason=str(error))
        return 2
    if not is_idle:
        # A thread hangs inside an engine; an ordinary exit would wait for it.
        sys.stderr.flush()
        os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
