"""The Voice service: one synthesis from request to final frame, and the calls around it.

Each synthesis has a thread that computes (text → engine → loudness → resampler → frames) and a coroutine that sends.
They share a ticket and an outbox and nothing else:

    request ── checks ── ticket ──┬── thread: speak, level, resample, cut ── outbox ──┐
                                  └── coroutine: outbox → stream ◄────────────────────┘

A slot belongs to the thread: it is given back by the thread's own end, however that comes about, and the final frame is
sent only after that, so whoever has heard the end finds the slot free. Errors of an engine become a status; an engine
that falls silent is given up after `engine_timeout_s` (its slot stays taken: its thread still is). Runs on one event
loop; the process around it is server.py.
"""

import asyncio
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, perf_counter, thread_time
from typing import NoReturn, Protocol

import grpc
import structlog

from backend.audio.resample import Resampler
from backend.workers.tts.adapter import READS_NUMBERS, Adapter, WordAt
from backend.workers.tts.cancels import AlreadyRunning, CancelledBefore, Cancels, Full, Ticket
from backend.workers.tts.checks import BadRequest, Order, parse_order
from backend.workers.tts.engines import Engine, Engines, ModelInUse, UnknownModel
from backend.workers.tts.frames import Frame, FrameCutter
from backend.workers.tts.loudness import Loudness, VoiceLevels
from backend.workers.tts.normalise_text import normalise
from backend.workers.tts.outbox import Ended, Outbox
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc
from backend.workers.tts.word_times import WordTimes


class Context(Protocol):
    """What we use of grpc.aio.ServicerContext, which has no types of its own."""

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn: ...
    async def send_initial_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None: ...
    async def write(self, message: voice_pb2.AudioFrame) -> None: ...


ENDS_WITH_DATA = (("final-frame", "data"),)
"""Initial metadata: see AudioFrame in voice.proto."""
MOST_FIGURES = 100
STOP_WITHIN_S = 0.5
"""How long a thread that was told to stop may take for its present step when the worker goes down."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Resamplers:
    """Used resamplers, kept for the next synthesis: designing the filter of 22.05 kHz takes 2 ms of its first frame."""

    def __init__(self) -> None:
        self._idle: dict[tuple[int, int], list[Resampler]] = {}

    @contextmanager
    def lend(self, from_rate: int, to_rate: int) -> Iterator[Resampler]:
        """One for this thread alone. Any thread may ask: list and dict calls here are single steps."""
        idle = self._idle.setdefault((from_rate, to_rate), [])
        try:
            resampler = idle.pop()
        except IndexError:
            resampler = Resampler(from_rate, to_rate)
        try:
            yield resampler
        finally:
            resampler.flush()  # whatever a cancelled text left inside; afterwards it is as new
            idle.append(resampler)


class VoiceService(voice_pb2_grpc.VoiceServicer):
    """See voice.proto for what each call promises."""

    def __init__(
        self,
        engines: Engines,
        max_sessions: int,
        *,
        engine_timeout_s: float = 10.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._engines = engines
        self._cancels = Cancels(max_sessions)
        self._engine_timeout_s = engine_timeout_s
        self._clock = clock
        self._threads = ThreadPoolExecutor(max_sessions, "synthesis")
        self._is_draining = False
        self._open_streams = 0
        self._resamplers = Resamplers()
        self._levels = VoiceLevels()
        self._first_frame_ms: deque[float] = deque(maxlen=MOST_FIGURES)
        self._rtf: deque[float] = deque(maxlen=MOST_FIGURES)

    # Speaking

    async def Synthesize(self, request: voice_pb2.SynthesizeRequest, context: Context) -> None:
        asked_at = perf_counter()
        if self._is_draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this worker is going down")
        order = await self._check(request, context)
        engine = self._engines.with_voice(order.voice)
        if engine is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"voice {order.voice!r}: its model is not loaded")
        ticket = await self._begin(order, context)
        outbox = Outbox(asyncio.get_running_loop(), ticket)
        self._open_streams += 1
        outcome = "dropped"
        try:
            # Nothing between taking the slot and handing it to the thread may wait or fail.
            engine.in_use += 1
            self._start(order, engine, ticket, outbox, asyncio.get_running_loop())
            await context.send_initial_metadata(ENDS_WITH_DATA)
            last = await self._send(order, ticket, outbox, context, asked_at)
            if isinstance(last, str):
                outcome = last
            else:
                # From here on it is spoken, also when the client hangs up on hearing the end, as ours does.
                outcome = "spoken"
                await self._write(order, last, context)
        finally:
            self._cancels.end(ticket)
            outbox.leave()
            self._open_streams -= 1
            log.info(
                "synthesis.ended",
                call_control_id=_call_of(order),
                synthesis_id=order.synthesis_id,
                voice=order.voice,
                outcome=outcome,
                duration_s=round(perf_counter() - asked_at, 4),
            )
        if outcome == "cancelled":
            await context.abort(grpc.StatusCode.CANCELLED, "cancelled")
        if outcome != "spoken":
            await context.abort(grpc.StatusCode.INTERNAL, outcome)

    async def _check(self, request: voice_pb2.SynthesizeRequest, context: Context) -> Order:
        if not self._engines.resident:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no model is loaded")
        try:
            return parse_order(request, self._engines.has_voice, self._engines.voice_for_language)
        except BadRequest as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def _begin(self, order: Order, context: Context) -> Ticket:
        try:
            return self._cancels.begin(order.synthesis_id, self._clock())
        except CancelledBefore:
            await context.abort(grpc.StatusCode.CANCELLED, "cancelled before it began")
        except AlreadyRunning:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "synthesis_id: is being spoken now; ids must be unique")
        except Full:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"all {self._cancels.slots} sessions of this worker are taken"
            )

    def _start(
        self, order: Order, engine: Engine, ticket: Ticket, outbox: Outbox, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Begin computing; whatever happens, the slot, the engine and the outbox's end follow from the thread's end."""

        def leave_engine() -> None:
            engine.in_use -= 1

        def on_end(thread: Future[None]) -> None:
            self._cancels.computed(ticket)
            if ticket.is_cancelled:
                # On the clock that all processes of the machine share: `began_at` of the web worker's `speech_aborted`.
                log.info(
                    "synthesis.stopped",
                    call_control_id=_call_of(order),
                    synthesis_id=order.synthesis_id,
                    at=round(monotonic(), 4),
                )
            try:
                loop.call_soon_threadsafe(leave_engine)
            except RuntimeError:
                pass  # the loop is closed: the process ends
            outbox.close(None if thread.cancelled() else thread.exception())

        try:
            thread = self._threads.submit(self._compute, order, engine, ticket, outbox)
        except RuntimeError:  # the pool is shut, or the system gives no more threads
            self._cancels.computed(ticket)
            leave_engine()
            raise
        thread.add_done_callback(on_end)

    def _compute(self, order: Order, engine: Engine, ticket: Ticket, outbox: Outbox) -> None:
        """In a thread: write out, speak, level, resample, cut."""
        adapter = engine.adapter
        loudness = Loudness(adapter.native_sample_rate, self._levels.level(adapter.name, order.voice))
        with self._resamplers.lend(adapter.native_sample_rate, order.sample_rate) as resampler:
            try:
                self._speak_through(loudness, resampler, order, adapter, ticket, outbox)
            finally:
                self._levels.learn(adapter.name, order.voice, loudness.measured)

    def _speak_through(
        self,
        loudness: Loudness,
        resampler: Resampler,
        order: Order,
        adapter: Adapter,
        ticket: Ticket,
        outbox: Outbox,
    ) -> None:
        spent_s: list[float] = []  # added to by the engine's threads too: append is one step
        cutter = FrameCutter(order.sample_rate, order.frame_duration_ms, order.first_frame_duration_ms)
        text = normalise(order.text, _language(adapter, order.voice), reads_numbers=adapter.name in READS_NUMBERS)
        # A text without a word is not the engine's business: some babble at it, some refuse.
        words = WordTimes(order.text, text, order.sample_rate)
        for made in adapter.synthesize(text, order.voice, ticket.should_stop, spent_s.append) if text else ():
            if isinstance(made, WordAt):
                words.begins(made.number, made.at_s)
                continue
            began = thread_time()
            frames = words.placed(cutter.push(resampler.process(loudness.process(made))), cutter.dropped)
            spent_s.append(thread_time() - began)
            if ticket.is_cancelled or not all(outbox.put(frame) for frame in frames):
                return
        if ticket.is_cancelled:
            return
        frames = cutter.push(resampler.process(loudness.flush())) + cutter.push(resampler.flush())
        if not all(outbox.put(frame) for frame in words.placed([*frames, cutter.flush()], cutter.dropped)):
            return
        if text:
            self._rtf.append(sum(spent_s) / (cutter.samples_cut / order.sample_rate))

    async def _send(
        self, order: Order, ticket: Ticket, outbox: Outbox, context: Context, asked_at: float
    ) -> Frame | str:
        """Send what the outbox gives. The final frame, not yet sent; or "cancelled", or what went wrong."""
        while True:
            try:
                item = await outbox.get(self._engine_timeout_s)
                # The thread's end is waited for before the final frame is sent: the slot is free by then.
                is_final = not isinstance(item, Ended) and item.is_final
                end = await outbox.get(self._engine_timeout_s) if is_final else item
            except TimeoutError:
                return f"the engine gave nothing for {self._engine_timeout_s:g} s"
            if ticket.is_cancelled:
                return "cancelled"
            if isinstance(item, Ended):
                return self._why(order, item)
            if isinstance(end, Ended) and end.error is not None:
                return self._why(order, end)
            if item.sequence_number == 0:
                self._first_frame_ms.append(1000 * (perf_counter() - asked_at))
            if item.is_final:
                return item
            await self._write(order, item, context)

    async def _write(self, order: Order, frame: Frame, context: Context) -> None:
        await context.write(
            voice_pb2.AudioFrame(
                session_id=order.session_id,
                audio_data=frame.pcm,
                sample_rate=order.sample_rate,
                frame_duration_ms=frame.duration_ms,
                sequence_number=frame.sequence_number,
                is_final=frame.is_final,
                words=[voice_pb2.WordStart(word=number, offset_ms=offset_ms) for number, offset_ms in frame.words],
            )
        )

    def _why(self, order: Order, ended: Ended) -> str:
        log.error(
            "synthesis.failed",
            call_control_id=_call_of(order),
            synthesis_id=order.synthesis_id,
            voice=order.voice,
            error=type(ended.error).__name__,
            exc_info=ended.error,
        )
        return f"the engine failed: {type(ended.error).__name__}" if ended.error else "the engine ended without a frame"

    async def Cancel(self, request: voice_pb2.CancelRequest, context: Context) -> voice_pb2.CancelResponse:
        return voice_pb2.CancelResponse(was_running=self._cancels.cancel(request.synthesis_id, self._clock()))

    # Models

    async def ListModels(self, request: voice_pb2.ListModelsRequest, context: Context) -> voice_pb2.ListModelsResponse:
        return voice_pb2.ListModelsResponse(models=[_describe(name, each) for name, each in self._engines.items()])

    async def LoadModel(self, request: voice_pb2.LoadModelRequest, context: Context) -> voice_pb2.LoadModelResponse:
        try:
            engine = await self._engines.load(request.model)
        except UnknownModel as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except Exception as error:  # an engine's loader may raise anything: it is other people's code
            log.error("model.load_failed", model=request.model, exc_info=error)
            await context.abort(
                grpc.StatusCode.INTERNAL, f"model {request.model!r} did not load: {type(error).__name__}"
            )
        return voice_pb2.LoadModelResponse(model=_describe(request.model, engine))

    async def UnloadModel(
        self, request: voice_pb2.UnloadModelRequest, context: Context
    ) -> voice_pb2.UnloadModelResponse:
        try:
            engine = await self._engines.unload(request.model)
        except UnknownModel as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except ModelInUse as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return voice_pb2.UnloadModelResponse(model=_describe(request.model, engine))

    # Standing

    async def Health(self, request: voice_pb2.HealthRequest, context: Context) -> voice_pb2.HealthResponse:
        status = voice_pb2.HealthResponse.SERVING
        if self._is_draining:
            status = voice_pb2.HealthResponse.DRAINING
        elif not self._engines.resident:
            status = voice_pb2.HealthResponse.NO_MODEL
        return voice_pb2.HealthResponse(
            status=status,
            running=self._cancels.slots_used,
            max_sessions=self._cancels.slots,
            resident_models=self._engines.resident,
            first_frame_p50_ms=_median(self._first_frame_ms),
            rtf_p50=_median(self._rtf),
        )

    async def drain(self, within_s: float) -> bool:
        """Take nothing new; wait for what runs, then stop it. False: a thread did not even stop when told to."""
        self._is_draining = True
        await self._wait_until(lambda: not self._open_streams and not self._cancels.slots_used, within_s)
        self._cancels.cancel_all()
        # Streams whose clients do not read stay open here; whoever stops the server closes them.
        has_stopped = await self._wait_until(lambda: not self._cancels.slots_used, STOP_WITHIN_S)
        self._threads.shutdown(wait=False, cancel_futures=True)
        return has_stopped

    async def _wait_until(self, is_so: Callable[[], bool], within_s: float) -> bool:
        # Not `self._clock`: that one tests stand still.
        give_up_at = monotonic() + within_s
        while not is_so():
            if monotonic() >= give_up_at:
                return False
            await asyncio.sleep(0.02)
        return True


def _language(adapter: Adapter, voice: str) -> str:
    """The language of a voice; a composed name ("en-us+f3") has that of the voice it begins with."""
    languages = {info.name: info.language for info in adapter.voices()}
    return languages.get(voice) or languages.get(voice.partition("+")[0].partition("#")[0], "")


def _describe(name: str, engine: Engine) -> voice_pb2.ModelDescription:
    return voice_pb2.ModelDescription(
        name=name,
        is_resident=engine.is_resident,
        native_sample_rate=engine.adapter.native_sample_rate if engine.is_resident else 0,
        voices=[
            voice_pb2.VoiceDescription(name=voice.name, language=voice.language, description=voice.description)
            for voice in engine.voices
        ],
    )


def _call_of(order: Order) -> str:
    """The call that an id of ours begins with (`call:playback:attempt`, made in session/speaker.py)."""
    return order.synthesis_id.rsplit(":", 2)[0]


def _median(figures: deque[float]) -> float:
    return float(statistics.median(list(figures))) if figures else 0.0
