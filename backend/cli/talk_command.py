"""`talk`: type or speak to an agent of a product that runs, over the client WebSocket, and read or keep what it says.

Without `--wav` each line of standard input is said; its end (Ctrl-D) hangs up once the agent has finished. With `--wav` a
recording is spoken in its place. `--out` keeps the agent as it was heard, from the beginning of the call. The exit code is 0
when a session took place and was ended by either side in the ordinary way.
"""

import asyncio
import sys
import threading
import time
from pathlib import Path

import click
import numpy as np

from backend.audio.resample import Resampler
from backend.audio.wav import Wav, build_wav, parse_wav
from backend.cli.agent_commands import api_options
from backend.cli.terminal import console, finish
from backend.errors import MalformedMessage
from backend.rehearsal.talk_client import Message, TalkClient
from backend.transports.client_protocol import CLIENT_RATES, LONGEST_TEXT

QUIET_S = 2.0
"""The agent has finished when nothing of it was heard for so long. Longer than a pause between two of its sentences."""
_BAD_ENDS = ("failed", "")
_SPEAKING_RATE = 8000
"""What recordings of rates that the WebSocket does not take are changed to."""


@click.command()
@click.argument("agent_id", metavar="AGENT")
@click.option(
    "--wav", "wav_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Say this instead."
)
@click.option("--out", "out_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the agent's voice here.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0, 600), default=15.0, show_default=True,
    help="Seconds in which the agent must begin to answer the last words.",
)  # fmt: skip
@api_options
def talk(
    agent_id: str, wav_file: Path | None, out_file: Path | None, wait_s: float, base_url: str, api_key: str
) -> None:
    """Talk to AGENT (its id): type lines, or let a recording speak."""
    wav = _read_wav(wav_file) if wav_file else None

    async def work() -> bool:
        async with TalkClient(base_url, api_key, agent_id, on_message=_show) as client:
            if client.start:
                await (_type_lines(client, wait_s) if wav is None else _speak(client, wav, wait_s))
                await client.hang_up()
            await client.ended(10.0)
            if out_file is not None and client.start:
                out_file.write_bytes(build_wav(client.recording(), 8000))
                console.print(f"the agent's voice: {out_file}", markup=False)
        return bool(client.start) and client.end_reason not in _BAD_ENDS

    finish(work())


async def _type_lines(client: TalkClient, wait_s: float) -> None:
    """Until the input or the call is over."""
    lines = _lines_of_stdin()
    over = asyncio.create_task(client.ended())
    was_said_at = client.started_at
    while True:
        line = asyncio.create_task(lines.get())
        await asyncio.wait((line, over), return_when=asyncio.FIRST_COMPLETED)
        if not line.done() or (text := line.result()) is None:
            break
        if text.strip():
            was_said_at = time.monotonic()
            await client.type(text.strip()[:LONGEST_TEXT])
    line.cancel()
    over.cancel()
    await _until_answered(client, was_said_at, wait_s)


async def _speak(client: TalkClient, wav: Wav, wait_s: float) -> None:
    if not client.start["hears_audio"]:
        console.print("this agent understands typed words only: no recogniser is set up", style="bold red")
        return
    await _until_answered(client, client.started_at, wait_s)  # the greeting: nobody speaks into it
    await _until_answered(client, await client.speak(wav.samples.tobytes(), wav.sample_rate), wait_s)


async def _until_answered(client: TalkClient, since: float, wait_s: float) -> None:
    """Until the agent was heard after `since` and has been quiet since, or did not begin within `wait_s`."""
    while not client.is_over:
        now = time.monotonic()
        has_spoken = client.loudspeaker.first_after(since) is not None
        if has_spoken and now > client.loudspeaker.busy_until + QUIET_S:
            return
        if not has_spoken and now > since + wait_s:
            return
        await asyncio.sleep(0.05)


def _lines_of_stdin() -> "asyncio.Queue[str | None]":
    """As they are typed, then None. A daemon thread: nobody can be kept from leaving by a read that waits."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)
        except RuntimeError:
            pass  # the loop is closed: the call is over

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines


def _show(message: Message) -> None:
    match message["type"]:
        case "session_start":
            hint = "" if message["hears_audio"] else "; it understands typed words only"
            console.print(f"talking to {message['agent']} ({message['session_id']}){hint}", style="dim", markup=False)
        case "transcript" if message["is_final"]:
            cut = " …" if message["heard"] == "partly" else ""
            console.print(f"{message['speaker']:>6}: {message['text']}{cut}", markup=False)
        case "error":
            console.print(f"{message['code']}: {message['message']}", style="bold red", markup=False)
        case "session_end":
            console.print(f"over: {message['reason']}", style="dim", markup=False)


def _read_wav(path: Path) -> Wav:
    """Mono, at a rate that the WebSocket takes."""
    try:
        wav = parse_wav(path.read_bytes())
        samples = wav.samples if wav.samples.ndim == 1 else wav.samples.mean(axis=1).astype(np.int16)
        if wav.sample_rate in CLIENT_RATES:
            return Wav(wav.sample_rate, samples)
        resampler = Resampler(wav.sample_rate, _SPEAKING_RATE)
    except (MalformedMessage, ValueError) as error:
        raise click.UsageError(f"{path}: {error}") from None
    return Wav(_SPEAKING_RATE, np.concatenate((resampler.process(samples), resampler.flush())))
