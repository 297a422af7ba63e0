"""`voices` and `say`: who can speak, and a sentence into a file; `voices load`, `voices unload`: the models of a running
worker; `voices make`: a voice from a recording.

Where the workers are found: --address, else TTS_ADDRESS, else the registry in Redis (--redis-url, else REDIS_URL of the
settings); they are asked through backend/workers/tts/asking.py. Exit codes: 0 all is well, 1 nobody there or the voice
failed; click makes 2 of a wrong usage.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import grpc
from rich.console import Console
from rich.table import Table

from backend.audio.wav import build_wav
from backend.engines.voice_routing import Voice, VoiceRouter, VoiceWorker, Wanted
from backend.errors import BackendError
from backend.settings import Settings, load_settings
from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.asking import VoicesError, ask, load_model, plainly, registered, stub_for, unload_model
from backend.workers.tts.checks import SAMPLE_RATES
from backend.workers.tts.pocket.recording import check_recording
from backend.workers.tts.proto import voice_pb2

SPEAK_TIMEOUT_S = 120.0
_Where = tuple[str | None, str | None]
"""--address and --redis-url, as they may stand before the name of a subcommand too."""
NOBODY = "no TTS worker is registered; is one running with the same REDIS_URL, and without TTS_ADDRESS?"

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
"""Into a file or a pipe a table is as wide as it needs."""


def where(command: Callable[..., None]) -> Callable[..., None]:
    address = click.option("--address", help="host:port of one TTS worker, instead of the registry.")
    redis_url = click.option("--redis-url", help="The registry. Default: REDIS_URL of the settings.")
    return address(redis_url(command))


@click.group(invoke_without_command=True)
@where
@click.option("--all", "all_voices", is_flag=True, help="List every voice by name.")
@click.pass_context
def voices(context: click.Context, address: str | None, redis_url: str | None, all_voices: bool) -> None:
    """TTS workers: models, voices, load. With a command: load or unload a model, make a voice."""
    context.obj = (address, redis_url)
    if context.invoked_subcommand is not None:
        return
    with told_errors():
        workers = reachable_workers(address, redis_url)
        if not workers:
            raise VoicesError(NOBODY)
        console.print(_table(workers))
        if all_voices:
            for name, language, model in sorted({_row(voice) for worker in workers for voice in worker.voices or ()}):
                console.print(f"{name}  {language}  {model}", markup=False)


def _model_of_a_worker(command: Callable[..., None]) -> Callable[..., None]:
    model = click.argument("model")
    worker = click.option("--worker", help="Its name in the registry; needed when there are several.")
    return model(worker(where(click.pass_obj(command))))


@voices.command("load")
@_model_of_a_worker
def load(found: _Where, model: str, worker: str | None, address: str | None, redis_url: str | None) -> None:
    """Make MODEL (an engine's name) resident in one worker, without a restart."""
    with told_errors():
        chosen = _the_worker(worker, address or found[0], redis_url or found[1])
        loaded = load_model(chosen.address, _engine_of(model))
        console.print(f"{loaded.name} is resident in {chosen.name}: {len(loaded.voices)} voices", markup=False)


@voices.command("unload")
@_model_of_a_worker
def unload(found: _Where, model: str, worker: str | None, address: str | None, redis_url: str | None) -> None:
    """Give back the memory of MODEL in one worker. Refused while it speaks."""
    with told_errors():
        chosen = _the_worker(worker, address or found[0], redis_url or found[1])
        unloaded = unload_model(chosen.address, _engine_of(model))
        console.print(f"{unloaded.name} is no longer resident in {chosen.name}", markup=False)


@voices.command("make")
@click.argument("name")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--models-dir", type=click.Path(path_type=Path), help="Default: TTS_MODELS_DIR of the settings.")
@click.option("--replace", is_flag=True, help="Overwrite a voice of that name.")
def make(name: str, recording: Path, models_dir: Path | None, replace: bool) -> None:
    """Make the pocket-tts voice NAME from RECORDING, a WAV file of 2 to 30 seconds. On the machine with the models."""
    with told_errors():
        directory = models_dir or load_settings(os.environ).tts_models_dir
        try:
            # Without torch a bad name or recording is still called by its name.
            check_recording(name, recording)
            from backend.workers.tts.pocket.make_voice import make_voice

            made = make_voice(directory / "pocket", name, recording, may_replace=replace)
        except ImportError as error:
            raise VoicesError(f"{error.name} is not installed here; requirements-gpu.txt has it") from None
        except EngineBroken as error:
            raise VoicesError(str(error)) from None
        console.print(f"{made}: {made.stat().st_size / 1e6:.1f} MB", markup=False)
        console.print(
            "a worker has it after its next start, or after: voices unload pocket-tts, voices load pocket-tts"
        )


def _engine_of(model: str) -> str:
    """The registry names a model with its version, "pocket-tts@2026-10"; a worker knows it by its engine."""
    return model.partition("@")[0]


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
                refusals.append(f"{worker.name}: {plainly(error)}")
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
    with stub_for(worker.address) as stub:
        stream = stub.Synthesize(request, timeout=SPEAK_TIMEOUT_S)
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
    return [ask(fixed)] if fixed else registered(redis_url or settings.redis_url)


def _the_worker(name: str | None, address: str | None, redis_url: str | None) -> VoiceWorker:
    """The one that is meant. Raises VoicesError when that is not clear."""
    workers = reachable_workers(address, redis_url)
    if not workers:
        raise VoicesError(NOBODY)
    names = ", ".join(worker.name for worker in workers)
    if name is None and len(workers) > 1:
        raise VoicesError(f"which worker? --worker names one of {names}")
    for worker in workers:
        if name in (None, worker.name):
            return worker
    raise VoicesError(f"no worker has the name {name!r}; there are {names}")


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


@contextmanager
def told_errors() -> Iterator[None]:
    try:
        yield
    except BackendError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    console.print(message, style="bold red", markup=False)
    sys.exit(1)
