"""How a TTS worker is found (D5): it tells Redis what it is when it starts and every ten seconds, and says goodbye.

Where TTS_ADDRESS says where the worker is, nobody looks into Redis for one, and it stays out of there. Else it registers at
TTS_ADVERTISE under TTS_NAME; without them at the address it listens on (if that is all of them, at the host's name) under
<host name>-<port>.

What it is comes from the service's own answer (Health) and its engines, taken on the event loop; the way to Redis is a
thread's, bounded to half a second, so a Redis that is slow or away costs no synthesis anything and is told again ten
seconds later. Decides nothing about who speaks.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from backend.engines.voice_routing import Voice, VoiceWorker
from backend.errors import StoreError
from backend.settings import Settings
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from backend.workers.tts.adapter import Adapter
from backend.workers.tts.engines import Engines
from backend.workers.tts.proto import voice_pb2

BEAT_EVERY_S = 10.0
SOON_S = 1.0
"""After a beat that failed: Redis may be back sooner than the next regular one."""
_EVERYWHERE = ("0.0.0.0", "::", "[::]")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    redis_url: str = ""
    advertise: str = ""
    name: str = ""


def heartbeat_settings(settings: Settings) -> HeartbeatSettings:
    """What of an installation's settings concerns the heartbeat."""
    return HeartbeatSettings(
        "" if settings.tts_address else settings.redis_url, settings.tts_advertise, settings.tts_name
    )


class Asked(Protocol):
    """What is asked of the service; answered without waiting."""

    async def Health(self, request: voice_pb2.HealthRequest, context: Any) -> voice_pb2.HealthResponse: ...


class Heartbeat:
    """One worker's. Without a Redis it does nothing. `workers` may be handed in instead of an address."""

    def __init__(
        self,
        settings: HeartbeatSettings,
        service: Asked,
        engines: Engines,
        host: str,
        port: int,
        *,
        workers: VoiceWorkers | None = None,
        beat_every_s: float = BEAT_EVERY_S,
    ) -> None:
        self._service = service
        self._engines = engines
        self._beat_every_s = beat_every_s
        self._workers = workers
        if workers is None and settings.redis_url:
            self._workers = VoiceWorkers(RedisDatabase(connect(settings.redis_url, max_connections=2)))
        reached_at = socket.gethostname() if host in _EVERYWHERE else host
        self._address = settings.advertise or f"{reached_at}:{port}"
        self.name = settings.name or f"{socket.gethostname()}-{port}"
        self._voices: dict[str, tuple[Voice, ...]] = {}
        """Model → its voices as last seen: one that was unloaded can be loaded again."""
        self._is_draining = False
        self._told = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Register, and go on telling. Does not wait."""
        if self._workers is not None:
            self._beating = asyncio.create_task(self._beat(), name="heartbeat")

    async def drain(self) -> None:
        """Say at once that nothing new is taken."""
        self._is_draining = True
        await self._tell()

    async def leave(self) -> None:
        """Deregister. Nothing is told afterwards."""
        workers, self._workers = self._workers, None
        async with self._told:  # a word that is under way now must not arrive after the goodbye
            if self._beating is not None:
                self._beating.cancel()
            if workers is not None:
                await self._in_thread(lambda: workers.deregister(self.name))

    async def describe(self) -> VoiceWorker:
        """What this worker is, now."""
        health = await self._service.Health(voice_pb2.HealthRequest(), None)
        resident = [(name, engine) for name, engine in self._engines.items() if engine.is_resident]
        for name, engine in resident:
            model = _with_version(name, engine.adapter)
            self._voices[name] = tuple(Voice(voice.name, voice.language, model) for voice in engine.voices)
        voices = [voice for name, _ in self._engines.items() for voice in self._voices.get(name, ())]
        worker = VoiceWorker(
            name=self.name,
            address=self._address,
            max_concurrent_sessions=health.max_sessions,
            streaming=True,  # what the protocol promises of every worker of ours (D3)
            zero_shot=any(getattr(engine.adapter, "zero_shot", False) for _, engine in resident),
            # Whoever looks for a language takes the first that has it.
            voices=tuple(sorted(voices, key=lambda voice: self._engines.rank(voice.name))),
            resident_models=tuple(_with_version(name, engine.adapter) for name, engine in resident),
            rtf=round(health.rtf_p50, 5),
            queue_depth=health.running,
            p50_latency_ms=round(health.first_frame_p50_ms, 2),
            told_at=round(time.time(), 3),
        )
        is_draining = self._is_draining or health.status == voice_pb2.HealthResponse.DRAINING
        return replace(worker, is_draining=is_draining)

    async def _beat(self) -> None:
        while True:
            was_told = await self._tell()
            await asyncio.sleep(self._beat_every_s if was_told else min(SOON_S, self._beat_every_s))

    async def _tell(self) -> bool:
        async with self._told:
            workers = self._workers
            if workers is None:
                return False
            worker = await self.describe()
            return await self._in_thread(lambda: workers.heartbeat(worker))

    async def _in_thread(self, do: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(do)
        except StoreError as error:
            log.warning("heartbeat.failed", worker=self.name, error=str(error))
            return False
        return True


def _with_version(name: str, adapter: Adapter) -> str:
    """An adapter may say which version of its model it holds; cached speech of another one is not used."""
    version = str(getattr(adapter, "version", ""))
    return f"{name}@{version}" if version else name
