"""`livekit-join`: an agent joins a LiveKit room, in a process of its own (`backend/workers/livekit_caller.py`)."""

import os
import sys
from importlib.util import find_spec

import click

from backend.cli.terminal import console


@click.command("livekit-join")
@click.argument("agent_id", metavar="AGENT")
@click.option("--url", envvar="LIVEKIT_URL", required=True, help="The LiveKit server, wss://…; default: LIVEKIT_URL.")
@click.option(
    "--token", envvar="LIVEKIT_TOKEN", required=True, help="Of the agent for this room; default: LIVEKIT_TOKEN."
)
def livekit_join(agent_id: str, url: str, token: str) -> None:
    """Let AGENT (its id) take part in a LiveKit room until everybody it hears has left. Takes the installation's settings
    from the environment, like the web processes."""
    if not url.startswith(("ws://", "wss://")):
        raise click.BadParameter("must begin with ws:// or wss://", param_hint="--url")
    if find_spec("livekit") is None:
        console.print("the LiveKit SDK is missing: pip install -r requirements-livekit.txt", style="bold red")
        sys.exit(1)
    environment = {**os.environ, "LIVEKIT_URL": url, "LIVEKIT_TOKEN": token}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "backend.workers.livekit_caller", agent_id], environment)
