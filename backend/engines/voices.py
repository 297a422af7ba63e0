"""The voices of all TTS workers as one `Tts`: routed, and moved to another worker when one fails before its first sample.

Decides: when a worker is given up and another asked, and how long the first worker is waited for after the start. Not
decided here: who is best (`voice_routing.py`, pure), what a broken stream means (`tts_grpc.py`), what becomes of a text
whose audio broke off in the middle (`session/speaker.py`).

Workers are listed by a function, in the background every `REFRESH_S`: from Redis, or one of a fixed address. A list that
cannot be had changes nothing: the workers last known are used on, the dead ones among them fail and are left. One
object per process; nothing is opened or spawned before `start` or the first synthesis.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from time import monotonic

import gevent
import structlog
from gevent.event import Event

from backend.engines.base import AudioFrame, SynthesisRequest
from backend.engines.tts_grpc import ENGINE, GrpcTts
from backend.engines.voice_routing import Strategy, Voice, VoiceRouter, VoiceWorker, Wanted
from backend.errors import BackendError, EngineBusy, EngineError, EngineFailed
from backend.workers.tts.cancels import AlreadyRunning, CancelledBefore, Cancels

REFRESH_S = 2.0
REMEMBER_CANCEL_S = 60.0
MOST_SYNTHESES = 100_000
MOST_VOICES = 1_000
GIVE_UP_AFTER_S = 4.0
"""How long one worker after the other is asked for one synthesis. Dead ones refuse within milliseconds, so that many can
be passed by; two that hang take two seconds each."""

ListWorkers = Callable[[], Sequence[VoiceWorker]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def fixed_worker(address: str) -> ListWorkers:
    """The list of one worker whose address is given. It is asked what it speaks; before it has answered, it is taken to
    speak everything."""
    tts, last = GrpcTts(address), VoiceWorker(name=address, address=address, voices=None)

    def ask() -> Sequence[VoiceWorker]:
        nonlocal last
        try:
            health, voices = tts.health(), tts.voices()
        except EngineError:
            return [last]
        last = VoiceWorker(
            name=address,
            address=address,
            max_concurrent_sessions=health.max_sessions,
            voices=tuple(Voice(voice.name, voice.language, voice.model) for voice in voices) or None,
            resident_models=health.resident_models,
            rtf=health.rtf_p50,
            queue_depth=health.running,
            p50_latency_ms=health.first_frame_p50_ms,
        )
        return [last]

    return ask


class RoutedTts:
    """A `Tts`. See base.Tts."""

    def __init__(
        self,
        list_workers: ListWorkers,
        *,
        strategy: Strategy = "queue_depth",
        wait_s: float = 10.0,
        refresh_s: float = REFRESH_S,
        client: Callable[[str], GrpcTts] = GrpcTts,
    ) -> None:
        """`wait_s`: how long after `start` the first worker is waited for."""
        self._list_workers = list_workers
        self._workers: tuple[VoiceWorker, ...] = ()
        self._models: dict[tuple[str, str], str] = {}
        self._router = VoiceRouter(strategy)
        self._wait_s = wait_s
        self._refresh_s = refresh_s
        self._client = client
        self._clients: dict[str, GrpcTts] = {}
        self._cancels = Cancels(MOST_SYNTHESES, REMEMBER_CANCEL_S)
        self._speaking: dict[str, GrpcTts] = {}
        self._found = Event()
        self._started_at: float | None = None
        self._refresher: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to look for workers. After the fork, in a process that uses gevent; again is harmless."""
        if self._refresher is None:
            self._started_at = monotonic()
            self._refresher = gevent.spawn(self._refresh_for_ever)

    def stop(self) -> None:
        if self._refresher is not None:
            self._refresher.kill(block=False)

    @property
    def workers(self) -> tuple[VoiceWorker, ...]:
        """As last heard."""
        return self._workers

    def model_of(self, voice: str, language: str = "en") -> str:
        """The model that speaks this voice, with its version; "" before anybody has said so. What was known once is
        kept: cached speech is worth most when every worker is away."""
        wanted = Wanted(voice, language)
        found = (worker.find(wanted) for worker in self._workers)
        model = next((one.model for one in found if one is not None), "")
        if model and len(self._models) < MOST_VOICES:
            self._models[voice, language] = model
        return model or self._models.get((voice, language), "")

    def check(self) -> None:
        """Does any worker answer now? Raises EngineError when none does."""
        self.start()
        error: EngineError = EngineFailed("no TTS worker is known", engine=ENGINE)
        for worker in self._workers:
            try:
                if self._client_of(worker).health().is_serving:
                    return
                error = EngineFailed(f"{worker.name} takes nothing now", engine=ENGINE)
            except EngineError as failure:
                error = failure
        raise error

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """Begins with the first pull. An error after the first frame is the consumer's: only it knows what was heard."""
        self.start()
        try:
            ticket = self._cancels.begin(request.synthesis_id, monotonic())
        except CancelledBefore:
            return
        except AlreadyRunning:
            raise EngineFailed("synthesis_id is being spoken now; ids must be unique", engine=ENGINE) from None
        try:
            self._wait_for_the_first()
            tried: list[str] = []
            error: EngineError | None = None
            give_up_at = monotonic() + GIVE_UP_AFTER_S
            while not ticket.is_cancelled and monotonic() < give_up_at:
                worker = self._choose(request, tried)
                if worker is None:
                    break
                tried.append(worker.name)
                error = yield from self._speak(worker, request)
                if error is None:
                    return
            if not ticket.is_cancelled:
                raise error or self._nobody(request)
        finally:
            self._cancels.computed(ticket)
            self._cancels.end(ticket)

    def cancel(self, synthesis_id: str) -> None:
        self._cancels.cancel(synthesis_id, monotonic())
        speaking = self._speaking.get(synthesis_id)
        if speaking is not None:
            speaking.cancel(synthesis_id)

    def _speak(self, worker: VoiceWorker, request: SynthesisRequest) -> Generator[AudioFrame, None, EngineError | None]:
        """One attempt. Returns None when it is over, the error when another worker may be asked; raises the others."""
        client = self._client_of(worker)
        self._speaking[request.synthesis_id] = client
        self._router.began(worker.name)
        has_begun = False
        try:
            with closing(client.synthesize(request)) as frames:  # type: ignore[type-var]  # GrpcTts makes a generator
                for frame in frames:
                    has_begun = True
                    yield frame
                    if frame.is_final:
                        self._router.succeeded(worker.name)
        except EngineError as error:
            if not isinstance(error, EngineBusy) and error.retryable:
                self._router.failed(worker, monotonic())
            log.warning("voice_failed", worker=worker.name, has_begun=has_begun, error=str(error))
            if has_begun or not error.retryable:
                raise
            return error
        finally:
            self._router.ended(worker.name)
            self._speaking.pop(request.synthesis_id, None)
        return None

    def _choose(self, request: SynthesisRequest, tried: Sequence[str]) -> VoiceWorker | None:
        wanted = Wanted(request.voice, request.language)
        return self._router.choose(self._workers, wanted, monotonic(), tried)

    def _nobody(self, request: SynthesisRequest) -> EngineFailed:
        """Another worker may come up later, but not while this caller waits."""
        speaking = sum(not worker.is_draining for worker in self._workers)
        failed = EngineFailed(
            f"no voice available for {Wanted(request.voice, request.language)}; workers that take calls: {speaking}",
            engine=ENGINE,
        )
        failed.retryable = False
        return failed

    def _wait_for_the_first(self) -> None:
        """Right after the start the workers may be starting too. Later a missing one is a fact, not a delay."""
        if not self._workers and self._started_at is not None:
            self._found.wait(max(0.0, self._started_at + self._wait_s - monotonic()))

    def _client_of(self, worker: VoiceWorker) -> GrpcTts:
        if worker.address not in self._clients:
            self._clients[worker.address] = self._client(worker.address)
        return self._clients[worker.address]

    def _refresh_for_ever(self) -> None:
        while True:
            try:
                self._take(self._list_workers())
            except BackendError as error:
                log.warning("voices_not_listed", error=str(error))
            gevent.sleep(self._refresh_s)

    def _take(self, workers: Sequence[VoiceWorker]) -> None:
        before = {worker.name for worker in self._workers}
        self._workers = tuple(workers)
        names = {worker.name for worker in workers}
        if names != before:
            log.info("voices_listed", workers=sorted(names))
            self._router.forget_all_but(names)
        if workers:
            self._found.set()
        self._close_unused({worker.address for worker in workers})

    def _close_unused(self, addresses: set[str]) -> None:
        """The connections to workers that are no longer there, as soon as nobody speaks through them."""
        busy = set(map(id, self._speaking.values()))
        for address in [address for address in self._clients if address not in addresses]:
            if id(self._clients[address]) not in busy:
                self._clients.pop(address).close()
