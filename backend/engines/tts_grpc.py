"""A voice in a TTS worker process, spoken to over gRPC from inside a gevent worker.

Decides what the frames of the wire mean (the table in voice.proto) and turns every way of failing into an EngineError.
Not decided here: how messages travel (`grpc_channel.py`), which worker is used, what is spoken, when.

The rules this file keeps:
- A channel is made on first use, in the process that uses it, one per address.
- Every wait has a gevent.Timeout of its own: nothing else notices a hung worker. A message that is there needs none.
- Whatever way a stream is left, it is cancelled: a killed greenlet alone leaves it running.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

import gevent
from google.protobuf.message import DecodeError, Message

from backend.engines.base import AudioFrame, SynthesisRequest, WordStart
from backend.engines.grpc_call import Call, RpcFailed, Status
from backend.engines.grpc_channel import Channel
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut
from backend.workers.tts.cancels import AlreadyRunning, CancelledBefore, Cancels, Ticket
from backend.workers.tts.checks import LONGEST_TEXT
from backend.workers.tts.proto import voice_pb2

ENGINE = "tts"
FIRST_FRAME_DURATION_MS = 20
"""The first frame is short, so that the caller hears something early."""
REMEMBER_CANCEL_S = 60.0
"""How long a cancel waits for its synthesis. Longer than in the worker: a message may wait here for its turn."""
MOST_SYNTHESES = 100_000
"""Not a limit of ours: how many run is the worker's business."""
MOST_INVALID_IN_A_ROW = 100
"""A worker that sends only invalid frames has failed, however fast it sends them."""
RPC_TIMEOUT_S = 1.0
"""For the calls that are not a synthesis."""

SERVICE = "/offhook.voice.v1.Voice/"
ENDS_WITH_DATA = ("final-frame", "data")

_channels: dict[tuple[int, str], Channel] = {}


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
        self._calls: dict[str, Call] = {}
        self._cancel_rpcs: set[gevent.Greenlet] = set()

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
            message = voice_pb2.CancelRequest(synthesis_id=synthesis_id).SerializeToString()
        except (ValueError, TypeError):
            return  # an id that cannot be sent cannot have been sent before either
        # It is on its way when this returns; nobody waits for the answer, yet somebody must end the call.
        rpc = gevent.spawn(self._settle, self._channel().open(SERVICE + "Cancel", message, RPC_TIMEOUT_S))
        self._cancel_rpcs.add(rpc)
        rpc.link(self._cancel_rpcs.discard)

    def health(self) -> VoiceHealth:
        """Asks the worker. Raises EngineError."""
        answer = voice_pb2.HealthResponse.FromString(self._ask("Health", voice_pb2.HealthRequest()))
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
        answer = voice_pb2.ListModelsResponse.FromString(self._ask("ListModels", voice_pb2.ListModelsRequest()))
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

    def _channel(self) -> Channel:
        key = (os.getpid(), self.address)
        channel = _channels.get(key)
        if channel is None:
            channel = _channels[key] = Channel(self.address)
        return channel

    def _open(self, request: SynthesisRequest) -> Call:
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
            return self._channel().open(SERVICE + "Synthesize", message.SerializeToString())
        except (ValueError, TypeError) as error:
            # A lone surrogate in the text, a negative number: nothing that the wire could carry.
            raise _never_again(f"the request cannot be sent: {type(error).__name__}") from None

    def _frames(self, call: Call, request: SynthesisRequest, ticket: Ticket) -> Iterator[AudioFrame]:
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
                ends_with_data = ENDS_WITH_DATA in call.initial_metadata
            timeout_s = self._frame_timeout_s
            frame = _parse_frame(message, request, sequence_number)
            sequence_number += 1
            if frame is None:  # an end marker: what came before it was the final frame
                if held is None:
                    raise EngineFailed("the voice ended without any audio", engine=ENGINE)
                yield replace(held, is_final=True)
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

    def _next(self, call: Call, ticket: Ticket, timeout_s: float) -> voice_pb2.AudioFrame | None:
        """The next message that means something; None when the synthesis was cancelled. One timeout for all of it."""
        give_up_at = 0.0
        try:
            for _ in range(MOST_INVALID_IN_A_ROW):
                data = call.take()
                if data is None:
                    give_up_at = give_up_at or monotonic() + timeout_s
                    with _limit(give_up_at - monotonic(), f"no audio from the voice within {timeout_s:g} s"):
                        data = call.receive()
                if data is None:
                    reason: EngineError = EngineFailed("the voice ended without its final frame", engine=ENGINE)
                    break
                message: voice_pb2.AudioFrame = voice_pb2.AudioFrame.FromString(data)
                if message.audio_data or message.is_final:
                    return message
                self.invalid_frames += 1
            else:
                reason = EngineFailed("the voice sends nothing but invalid frames", engine=ENGINE)
        except RpcFailed as error:
            reason = _engine_error(error)
        except DecodeError:
            reason = EngineFailed("the voice sends what is no frame", engine=ENGINE)
        except EngineTimedOut as error:
            reason = error
        if ticket.is_cancelled:
            return None
        raise reason from None

    def _ask(self, method: str, message: Message) -> bytes:
        """The one message that answers. Raises EngineError."""
        call = self._channel().open(SERVICE + method, message.SerializeToString(), RPC_TIMEOUT_S)
        try:
            with _limit(RPC_TIMEOUT_S + 0.1, f"no answer from the voice within {RPC_TIMEOUT_S:g} s"):
                answer = call.receive()
        except RpcFailed as error:
            raise _engine_error(error) from None
        finally:
            call.cancel()
        if answer is None:
            raise EngineFailed("the voice answered nothing", engine=ENGINE)
        return answer

    def _settle(self, call: Call) -> None:
        """Wait for an answer that nobody needs."""
        try:
            with _limit(RPC_TIMEOUT_S, "no answer"):
                call.receive()
        except (RpcFailed, EngineTimedOut):
            pass  # a cancel never fails
        finally:
            call.cancel()


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
        raise EngineTimedOut(what, engine=ENGINE) from None
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
    words = tuple(WordStart(word.word, word.offset_ms / 1000) for word in message.words)
    return AudioFrame(pcm, message.sample_rate, sequence_number, message.is_final, words)


def _engine_error(error: RpcFailed) -> EngineError:
    """The worker's status as one of ours."""
    message = str(error)
    match error.status:
        case Status.RESOURCE_EXHAUSTED:
            return EngineBusy(message, engine=ENGINE)
        case Status.DEADLINE_EXCEEDED:
            return EngineTimedOut(message, engine=ENGINE)
        case Status.UNAVAILABLE if "timed out" in error.details:  # the connection was given up: nothing answered on it
            return EngineTimedOut(message, engine=ENGINE)
        case Status.INVALID_ARGUMENT | Status.UNIMPLEMENTED:
            return _never_again(message)
    return EngineFailed(message, engine=ENGINE)


def _never_again(message: str) -> EngineFailed:
    """An error that the same request would only meet again."""
    failed = EngineFailed(message, engine=ENGINE)
    failed.retryable = False
    return failed
