"""A voice in a TTS worker process, spoken to over gRPC from inside a gevent worker.

Decides what the frames of the wire mean (the table in voice.proto) and turns every way of failing into an EngineError.
Not decided here: which worker is used, what is spoken, when.

The rules this file keeps, each learned the hard way (server-facts Q3):
- `prepare_gevent` runs after monkey patching and before the first channel; the worker class calls it.
- A channel is made on first use, in the process that uses it, one per address: one made before a fork hangs the child.
- This module is imported before any other that imports grpc: it turns gRPC's fork support off, see below.
- Every wait has a gevent.Timeout of its own: keepalive alone notices a hung worker late or never.
- Whatever way a stream is left, it is cancelled: a killed greenlet alone leaves it running.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

# Read once, when grpc is imported. With it on, gRPC restarts its own threads in every forked child, also in one that is
# about to become another program and closes their descriptors first: one in ten subprocesses of a worker with a channel
# was aborted before it began. Nothing needs it: channels are only made after gunicorn's fork.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import gevent  # noqa: E402 - after the line above
import grpc  # noqa: E402
from gevent import monkey  # noqa: E402
from grpc.experimental import gevent as grpc_gevent  # noqa: E402

from backend.engines.base import AudioFrame, SynthesisRequest  # noqa: E402
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut  # noqa: E402
from backend.workers.tts.cancels import AlreadyRunning, CancelledBefore, Cancels, Ticket  # noqa: E402
from backend.workers.tts.checks import LONGEST_TEXT  # noqa: E402
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc  # noqa: E402

ENGINE = "tts"
FIRST_FRAME_DURATION_MS = 20
"""The first frame is short, so that the caller hears something early."""
LEAST_POOL_THREADS = 32
"""Each channel that waits holds a thread of gevent's pool, ten by default and shared with name resolution."""
REMEMBER_CANCEL_S = 60.0
"""How long a cancel waits for its synthesis. Longer than in the worker: a message may wait here for its turn."""
MOST_SYNTHESES = 100_000
"""Not a limit of ours: how many run is the worker's business."""
MOST_INVALID_IN_A_ROW = 100
"""A worker that sends only invalid frames has failed, however fast it sends them."""
RPC_TIMEOUT_S = 1.0
"""For the calls that are not a synthesis."""

CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    # Without this one a stopped worker went unnoticed for a minute. Longer than the wait for a frame, which comes first.
    ("grpc.http2.ping_timeout_ms", 1_500),
    ("grpc.http2.max_pings_without_data", 0),
    # A worker that comes back is used again within a second, not after gRPC's two minutes. The second figure is also how
    # long connecting may take.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two workers on one address must not share a socket through gRPC's global pool after a restart.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy of the environment is for the world outside.
    ("grpc.enable_http_proxy", 0),
)

_channels: dict[tuple[int, str], grpc.Channel] = {}
_is_prepared = False


def prepare_gevent() -> None:
    """Make gRPC and gevent work together in this process. After monkey patching, before any channel; once is enough."""
    global _is_prepared
    if not monkey.is_module_patched("threading"):
        raise RuntimeError("prepare_gevent: gevent.monkey.patch_all() must have run first")
    if not _is_prepared:
        grpc_gevent.init_gevent()
        _is_prepared = True
    pool = gevent.get_hub().threadpool
    pool.maxsize = max(pool.maxsize, LEAST_POOL_THREADS)


@dataclass(frozen=True, slots=True)
class VoiceHealth:
    """How a TTS worker is. Figures are medians of its last syntheses, 0 before the first."""

    is_serving: bool
    is_draining: bool
    running: int
    max_sessions: int
    resident_models: tuple[str, ...]
    first_frame_p50_ms: float
    rtf_p50: float


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A voice that can be asked for now."""

    name: str
    language: str
    description: str
    model: str


class GrpcTts:
    """The voices of one TTS worker. See base.Tts. Cheap to build: nothing is opened before it is used."""

    def __init__(self, address: str, *, first_frame_timeout_s: float = 2.0, frame_timeout_s: float = 1.0) -> None:
        self.address = address
        self.invalid_frames = 0
        """Frames without audio that were not final, over all syntheses: skipped, and a fault of the worker."""
        self._first_frame_timeout_s = first_frame_timeout_s
        self._frame_timeout_s = frame_timeout_s
        self._cancels = Cancels(MOST_SYNTHESES, REMEMBER_CANCEL_S)
        self._calls: dict[str, Any] = {}
        self._cancel_rpcs: set[Any] = set()

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """Begins with the first pull."""
        try:
            ticket = self._cancels.begin(request.synthesis_id, monotonic())
        except CancelledBefore:
            return
        except AlreadyRunning:
            raise EngineFailed("synthesis_id is being spoken now; ids must be unique", engine=ENGINE) from None
        call = None
        try:
            call = self._calls[request.synthesis_id] = self._open(request)
            yield from self._frames(call, request, ticket)
        finally:
            self._cancels.computed(ticket)
            self._cancels.end(ticket)
            self._calls.pop(request.synthesis_id, None)
            if call is not None:
                call.cancel()

    def cancel(self, synthesis_id: str) -> None:
        """Ends the stream here, and asks the worker by id too: the stream may not have reached it yet."""
        self._cancels.cancel(synthesis_id, monotonic())
        call = self._calls.get(synthesis_id)
        if call is not None:
            call.cancel()
        try:
            rpc = self._stub().Cancel.future(
                voice_pb2.CancelRequest(synthesis_id=synthesis_id), timeout=RPC_TIMEOUT_S, wait_for_ready=False
            )
            # Nobody waits for the answer, yet somebody must hold the call until it is over.
            self._cancel_rpcs.add(rpc)
            rpc.add_done_callback(self._cancel_rpcs.discard)
        except (grpc.RpcError, ValueError, TypeError):
            pass  # cancel never raises; an id that cannot be sent cannot have been sent before either

    def health(self) -> VoiceHealth:
        """Asks the worker. Raises EngineError."""
        answer = self._ask(self._stub().Health, voice_pb2.HealthRequest())
        return VoiceHealth(
            is_serving=answer.status == voice_pb2.HealthResponse.SERVING,
            is_draining=answer.status == voice_pb2.HealthResponse.DRAINING,
            running=answer.running,
            max_sessions=answer.max_sessions,
            resident_models=tuple(answer.resident_models),
            first_frame_p50_ms=answer.first_frame_p50_ms,
            rtf_p50=answer.rtf_p50,
        )

    def voices(self) -> list[VoiceName]:
        """Every voice of the worker's resident models. Raises EngineError."""
        answer = self._ask(self._stub().ListModels, voice_pb2.ListModelsRequest())
        return [
            VoiceName(voice.name, voice.language, voice.description, model.name)
            for model in answer.models
            for voice in model.voices
        ]

    def close(self) -> None:
        """Give the connection back; what runs over it fails. The next use opens another."""
        channel = _channels.pop((os.getpid(), self.address), None)
        if channel is not None:
            channel.close()

    def _stub(self) -> voice_pb2_grpc.VoiceStub:
        key = (os.getpid(), self.address)
        channel = _channels.get(key)
        if channel is None:
            channel = _channels[key] = grpc.insecure_channel(self.address, CHANNEL_OPTIONS)
        return voice_pb2_grpc.VoiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    def _open(self, request: SynthesisRequest) -> Any:
        if len(request.text) > LONGEST_TEXT:
            # Far too long a message would come back as RESOURCE_EXHAUSTED, which elsewhere means: try again.
            raise _never_again(f"text: {len(request.text)} characters; allowed are at most {LONGEST_TEXT}")
        try:
            message = voice_pb2.SynthesizeRequest(
                synthesis_id=request.synthesis_id,
                session_id=request.synthesis_id,
                text=request.text,
                voice=request.voice,
                language=request.language,
                sample_rate=request.sample_rate,
                frame_duration_ms=request.frame_duration_ms,
                first_frame_duration_ms=FIRST_FRAME_DURATION_MS,
            )
            return self._stub().Synthesize(message)
        except (ValueError, TypeError) as error:
            # A lone surrogate in the text, a negative number: nothing that the wire could carry.
            raise _never_again(f"the request cannot be sent: {type(error).__name__}") from None

    def _frames(self, call: Any, request: SynthesisRequest, ticket: Ticket) -> Iterator[AudioFrame]:
        """The stream's frames, exactly one of them final; none final when it was cancelled."""
        held: AudioFrame | None = None
        ends_with_data = False
        timeout_s = self._first_frame_timeout_s
        sequence_number = 0
        while not ticket.is_cancelled:
            message = self._next(call, ticket, timeout_s)
            if message is None:
                return
            if sequence_number == 0:
                ends_with_data = ("final-frame", "data") in [tuple(pair) for pair in call.initial_metadata()]
            timeout_s = self._frame_timeout_s
            frame = _parse_frame(message, request, sequence_number)
            sequence_number += 1
            if frame is None:  # an end marker: what came before it was the final frame
                if held is None:
                    raise EngineFailed("the voice ended without any audio", engine=ENGINE)
                yield AudioFrame(held.pcm, held.sample_rate, held.sequence_number, is_final=True)
                return
            if held is not None:
                yield held
                held = None
                if ticket.is_cancelled:
                    return
            if frame.is_final or ends_with_data:
                yield frame
                if frame.is_final:
                    return
            else:
                held = frame  # an older worker's: only the next message tells whether this one is the last

    def _next(self, call: Any, ticket: Ticket, timeout_s: float) -> voice_pb2.AudioFrame | None:
        """The next message that means something; None when the synthesis was cancelled. One timeout for all of it."""
        try:
            with _limit(timeout_s, "no audio"):
                for _ in range(MOST_INVALID_IN_A_ROW):
                    message: voice_pb2.AudioFrame = next(call)
                    if message.audio_data or message.is_final:
                        return message
                    self.invalid_frames += 1
        except StopIteration:
            reason: EngineError = EngineFailed("the voice ended without its final frame", engine=ENGINE)
        except grpc.RpcError as error:
            reason = _engine_error(error)
        except EngineTimedOut as error:
            reason = error
        else:
            reason = EngineFailed("the voice sends nothing but invalid frames", engine=ENGINE)
        if ticket.is_cancelled:
            return None
        raise reason from None

    def _ask(self, method: Any, message: Any) -> Any:
        try:
            with _limit(RPC_TIMEOUT_S + 0.1, "no answer"):
                return method(message, timeout=RPC_TIMEOUT_S)
        except grpc.RpcError as error:
            raise _engine_error(error) from None


@contextmanager
def _limit(timeout_s: float, what: str) -> Iterator[None]:
    """Raises EngineTimedOut in this greenlet when the block takes longer."""
    timeout = gevent.Timeout(timeout_s)
    timeout.start()
    try:
        yield
    except gevent.Timeout as error:
        if error is not timeout:
            raise  # somebody else's, further out
        raise EngineTimedOut(f"{what} from the voice within {timeout_s:g} s", engine=ENGINE) from None
    finally:
        timeout.close()


def _parse_frame(message: voice_pb2.AudioFrame, request: SynthesisRequest, sequence_number: int) -> AudioFrame | None:
    """None for an end marker. Raises EngineFailed for audio that cannot be what was asked for."""
    pcm = message.audio_data
    if not pcm:
        return None
    if len(pcm) % 2:
        raise EngineFailed(f"a frame of {len(pcm)} bytes is not 16-bit audio", engine=ENGINE)
    if message.sample_rate != request.sample_rate:
        raise EngineFailed(f"a frame of {message.sample_rate} Hz, asked were {request.sample_rate}", engine=ENGINE)
    return AudioFrame(pcm, message.sample_rate, sequence_number, message.is_final)


def _engine_error(error: grpc.RpcError) -> EngineError:
    """The worker's status as one of ours."""
    code, details = error.code(), error.details() or ""
    message = f"{code.name}: {details}"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return EngineBusy(message, engine=ENGINE)
    # A connection that gRPC gave up because nothing answered on it has no status of its own, only these words.
    has_stalled = code is grpc.StatusCode.UNAVAILABLE and ("timeout" in details or "timed out" in details)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED or has_stalled:
        return EngineTimedOut(message, engine=ENGINE)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
        return _never_again(message)
    return EngineFailed(message, engine=ENGINE)


def _never_again(message: str) -> EngineFailed:
    """An error that the same request would only meet again."""
    failed = EngineFailed(message, engine=ENGINE)
    failed.retryable = False
    return failed
