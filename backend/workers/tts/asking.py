"""What TTS workers say of themselves, asked by a process without gevent: the command line, the doctor.

Plain blocking gRPC with a deadline on every call. Who there is comes from the registry in Redis, or is one address. Every
refusal and every silence is a VoicesError whose message is a line for whoever operates the installation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from backend.engines.voice_routing import Voice, VoiceWorker
from backend.errors import BackendError
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from backend.workers.tts.client_options import CHANNEL_OPTIONS
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc

ASK_TIMEOUT_S = 3.0
LOAD_TIMEOUT_S = 300.0
"""A model of some gigabytes from a slow disk."""


class VoicesError(BackendError):
    """What the person at the terminal is told."""

    whose_fault = "operator"


@contextmanager
def stub_for(address: str) -> Iterator[Any]:
    """The worker's calls, while the block runs."""
    with grpc.insecure_channel(address, CHANNEL_OPTIONS) as channel:
        yield voice_pb2_grpc.VoiceStub(channel)  # type: ignore[no-untyped-call]  # generated


def registered(redis_url: str) -> list[VoiceWorker]:
    """The workers that Redis has heard of lately, by name. Raises StoreError."""
    redis = connect(redis_url, timeout_s=ASK_TIMEOUT_S)
    try:
        return VoiceWorkers(RedisDatabase(redis)).list()
    finally:
        redis.close()


def ask(address: str) -> VoiceWorker:
    """What the worker at this address says of itself. Raises VoicesError."""
    try:
        with stub_for(address) as stub:
            health = stub.Health(voice_pb2.HealthRequest(), timeout=ASK_TIMEOUT_S)
            models = stub.ListModels(voice_pb2.ListModelsRequest(), timeout=ASK_TIMEOUT_S).models
    except grpc.RpcError as error:
        raise VoicesError(f"{address}: {plainly(error)}") from None
    return VoiceWorker(
        name=address,
        address=address,
        max_concurrent_sessions=health.max_sessions,
        voices=tuple(Voice(voice.name, voice.language, model.name) for model in models for voice in model.voices),
        resident_models=tuple(health.resident_models),
        rtf=health.rtf_p50,
        queue_depth=health.running,
        p50_latency_ms=health.first_frame_p50_ms,
        is_draining=health.status == voice_pb2.HealthResponse.DRAINING,
    )


def load_model(address: str, model: str) -> voice_pb2.ModelDescription:
    """Make a model resident; at once if it is. Raises VoicesError."""
    return _change(address, "LoadModel", voice_pb2.LoadModelRequest(model=model))


def unload_model(address: str, model: str) -> voice_pb2.ModelDescription:
    """Give a model's memory back; refused while it speaks. Raises VoicesError."""
    return _change(address, "UnloadModel", voice_pb2.UnloadModelRequest(model=model))


def _change(address: str, call: str, request: Any) -> voice_pb2.ModelDescription:
    try:
        with stub_for(address) as stub:
            description: voice_pb2.ModelDescription = getattr(stub, call)(request, timeout=LOAD_TIMEOUT_S).model
    except grpc.RpcError as error:
        raise VoicesError(f"{address}: {plainly(error)}") from None
    return description


def plainly(error: Any) -> str:
    """A gRPC error in the words of whoever raised it."""
    details = str(error.details() or "")
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f"does not answer ({details.splitlines()[0][:160] if details else 'no reason given'})"
    return f"{error.code().name}: {details}"
