"""`python -m backend voices` and `python -m backend say`: who can speak, and a sentence into a file.

Where the workers are found: --address, else TTS_ADDRESS, else the registry in Redis (--redis-url, else REDIS_URL of the
settings). Speaks plain blocking gRPC with a deadline on every call: this process has no gevent. Exit codes: 0 all is
well, 1 nobody there or the voice failed; click makes 2 of a wrong usage.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import grpc
from rich.console import Console
from rich.table import Table

from backend.audio.wav import build_wav
from backend.engines.tts_grpc import CHANNEL_OPTIONS
from backend.engines.voice_routing import Voice, VoiceRouter, VoiceWorker, Wanted
from backend.errors import BackendError
from backend.settings import Settings, load_settings
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from backend.workers.tts.checks import SAMPLE_RATES
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc

ASK_TIMEOUT_S = 3.0
SPEAK_TIMEOUT_S = 120.0
NOBODY = "no TTS worker is registered; is one running with the same REDIS_URL?"

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
"""Into a file or a pipe a table is as wide as it needs."""


class VoicesError(BackendError):
    """What the person at the terminal is told."""

    whose_fault = "operator"


def where(command: Callable[..., None]) -> Callable[..., None]:
    address = click.option("--address", help="host:port of one TTS worker, instead of the registry.")
    redis_url = click.option("--redis-url", help="The registry. Default: REDIS_URL of the settings.")
    return address(redis_url(command))


@click.command()
@where
@click.option("--all", "all_voices", is_flag=True, help="List every voice by name.")
def voices(address: str | None, redis_url: str | None, all_voices: bool) -> None:
    """TTS workers: models, voices, load."""
    with told_errors():
        workers = reachable_workers(address, redis_url)
        if not workers:
            raise VoicesError(NOBODY)
        console.print(_table(workers))
        if all_voices:
            for name, language, model in sorted({_row(voice) for worker in workers for voice in worker.voices or ()}):
                console.print(f"{name}  {language}  {model}", markup=False)


@click.command()
@click.argument("text")
@click.option("--voice", default="", help="A name from `voices --all`. Default: the best of the language.")
@click.option("--language", default="en", show_default=True, help="Only read without --voice.")
@click.option("--rate", type=click.Choice([str(rate) for rate in SAMPLE_RATES]), default="24000", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The WAV file to write.")
@where
def say(text: str, voice: str, language: str, rate: str, out: Path, address: str | None, redis_url: str | None) -> None:
    """Speak TEXT into a WAV file."""
    with told_errors():
        wanted = Wanted(voice, language)
        workers = reachable_workers(address, redis_url)
        router, tried, refusals = VoiceRouter(), list[str](), list[str]()
        while (worker := router.choose(workers, wanted, time.monotonic(), tried)) is not None:
            tried.append(worker.name)
            try:
                pcm, first_ms = _speak(worker, wanted, text, int(rate))
                break
            except grpc.RpcError as error:
                refusals.append(f"{worker.name}: {_plainly(error)}")
                if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    raise VoicesError(refusals[-1]) from None  # the next worker would say the same
        else:
            known = f"{len(workers)} workers are known" if workers else "no TTS worker is registered"
            raise VoicesError("\n".join(refusals) or f"no voice available for {wanted}; {known}")
        try:
            out.write_bytes(build_wav(pcm, int(rate)))
        except OSError as error:
            raise VoicesError(f"{out}: {error.strerror}") from None
        seconds = len(pcm) / 2 / int(rate)
        console.print(
            f"{out}: {seconds:.2f} s at {rate} Hz by {worker.name}, first audio after {first_ms:.0f} ms", markup=False
        )


def _speak(worker: VoiceWorker, wanted: Wanted, text: str, rate: int) -> tuple[bytes, float]:
    """All samples, and milliseconds to the first. Raises grpc.RpcError."""
    request = voice_pb2.SynthesizeRequest(
        synthesis_id=f"say:{secrets.token_hex(8)}",
        session_id="say",
        text=text,
        voice=wanted.voice,
        language=wanted.language,
        sample_rate=rate,
    )
    pcm, first_ms, began = bytearray(), 0.0, time.perf_counter()
    with grpc.insecure_channel(worker.address, CHANNEL_OPTIONS) as channel:
        stream = voice_pb2_grpc.VoiceStub(channel).Synthesize(request, timeout=SPEAK_TIMEOUT_S)  # type: ignore[no-untyped-call]  # generated
        for frame in stream:
            first_ms = first_ms or 1000 * (time.perf_counter() - began)
            pcm += frame.audio_data
            if frame.is_final:
                stream.cancel()
                return bytes(pcm), first_ms
    raise VoicesError(f"{worker.name}: the voice ended without its final frame")


def reachable_workers(address: str | None, redis_url: str | None) -> list[VoiceWorker]:
    """Who is there. What is said on the command line counts more than the settings."""
    settings = Settings() if address or redis_url else load_settings(os.environ)
    fixed = address or ("" if redis_url else settings.tts_address)
    if fixed:
        return [_ask(fixed)]
    redis = connect(redis_url or settings.redis_url, timeout_s=ASK_TIMEOUT_S)
    try:
        return VoiceWorkers(RedisDatabase(redis)).list()
    finally:
        redis.close()


def _ask(address: str) -> VoiceWorker:
    """What the worker at this address says of itself."""
    try:
        with grpc.insecure_channel(address, CHANNEL_OPTIONS) as channel:
            stub = voice_pb2_grpc.VoiceStub(channel)  # type: ignore[no-untyped-call]  # generated
            health = stub.Health(voice_pb2.HealthRequest(), timeout=ASK_TIMEOUT_S)
            models = stub.ListModels(voice_pb2.ListModelsRequest(), timeout=ASK_TIMEOUT_S).models
    except grpc.RpcError as error:
        raise VoicesError(f"{address}: {_plainly(error)}") from None
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


def _table(workers: list[VoiceWorker]) -> Table:
    table = Table(show_edge=False)
    for title in ("worker", "address", "state", "models", "voices", "languages", "load", "first audio p50", "rtf"):
        table.add_column(title)
    for worker in workers:
        languages = ", ".join(worker.languages[:6]) + (" …" if len(worker.languages) > 6 else "")
        table.add_row(
            worker.name,
            worker.address,
            "draining" if worker.is_draining else "serving",
            ", ".join(worker.resident_models) or "none",
            str(len(worker.voices or ())),
            languages,
            f"{worker.queue_depth}/{worker.max_concurrent_sessions}",
            f"{worker.p50_latency_ms:.0f} ms",
            f"{worker.rtf:.3f}",
        )
    return table


def _row(voice: Voice) -> tuple[str, str, str]:
    return voice.name, voice.language, voice.model


def _plainly(error: Any) -> str:
    """A gRPC error in the words of whoever raised it."""
    details = str(error.details() or "")
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f"does not answer ({details.splitlines()[0][:160] if details else 'no reason given'})"
    return f"{error.code().name}: {details}"


@contextmanager
def told_errors() -> Iterator[None]:
    try:
        yield
    except BackendError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    console.print(message, style="bold red", markup=False)
    sys.exit(1)
