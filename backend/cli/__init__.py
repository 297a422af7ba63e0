"""The command line, `python -m backend …`: one file for each family of commands.

    rehearsal_commands.py  demo, up, ring, rehearse, load, bench-timeline
    agent_commands.py      call, agents
    voice_commands.py      voices, say
    user_commands.py       users
    talk_command.py        talk
    livekit_command.py     livekit-join
    smoke_command.py       smoke
    terminal.py            where commands print, how they run and end

A command parses arguments, calls what does the work, prints and sets the exit code: 0 all is well, 1 something failed,
2 wrong usage. It decides nothing else. A new one is a function with `@click.command` and its name in `COMMANDS`.
"""

import os
import sys

import click

from backend.cli.agent_commands import agents, call
from backend.cli.livekit_command import livekit_join
from backend.cli.rehearsal_commands import bench_timeline, demo, load, rehearse, ring_up, up
from backend.cli.smoke_command import smoke
from backend.cli.talk_command import talk
from backend.cli.terminal import console
from backend.cli.user_commands import users
from backend.cli.voice_commands import say, voices
from backend.doctor import examine


@click.command()
def doctor() -> None:
    """Check settings, Redis, database, voices, web and the carrier's public key."""
    signs = {"ok": "[green]✓[/]", "wrong": "[bold red]✗[/]", "skipped": "[yellow]–[/]"}
    findings = examine(os.environ)
    for finding in findings:
        console.print(signs[finding.state], f"{finding.part}: ", end="")
        console.print(finding.detail, markup=False)
    sys.exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


COMMANDS = (
    demo,
    up,
    ring_up,
    rehearse,
    load,
    bench_timeline,
    call,
    agents,
    talk,
    livekit_join,
    voices,
    say,
    users,
    smoke,
    doctor,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Offhook: an AI phone agent that you host yourself."""


for command in COMMANDS:
    main.add_command(command)
