"""`python -m backend smoke`: every TTS worker says a sentence, and its bytes are checked (`rehearsal/voice_check.py`).

A health page says that a process answers; this says that it speaks. For after an installation, a deployment, a change of
models, and for a cron job: exit code 0 when every worker passed every check, else 1.
"""

import asyncio

import click

from backend.cli.terminal import console
from backend.cli.voice_commands import NOBODY, reachable_workers, told_errors, where
from backend.engines.voice_routing import VoiceWorker
from backend.rehearsal.report import print_verdict
from backend.rehearsal.verdict import Verdict
from backend.rehearsal.voice_check import TEXT, check_voice
from backend.workers.tts.asking import VoicesError


@click.command()
@where
@click.option("--voice", default="", help="A name from `voices --all`. Default: the best of the language.")
@click.option("--language", default="en", show_default=True, help="Only read without --voice.")
@click.option("--text", default=TEXT, help="What is said. Default: a sentence of its own.")
def smoke(address: str | None, redis_url: str | None, voice: str, language: str, text: str) -> None:
    """Make every TTS worker speak, and check the bytes."""
    if not any(character.isalnum() for character in text):
        raise click.UsageError("--text: there is nothing to say in it")
    with told_errors():
        workers = reachable_workers(address, redis_url)
        if not workers:
            raise VoicesError(NOBODY)
        verdicts = asyncio.run(_ask_all(workers, voice, language, text))
    for worker, verdict in zip(workers, verdicts, strict=True):
        print_verdict(console, f"{worker.name} at {worker.address}", verdict)
    raise SystemExit(0 if all(verdict.passed for verdict in verdicts) else 1)


async def _ask_all(workers: list[VoiceWorker], voice: str, language: str, text: str) -> list[Verdict]:
    answers = await asyncio.gather(*(check_voice(worker.address, voice, language, text) for worker in workers))
    return [Verdict(all(check.passed for check in checks), checks) for checks in answers]
