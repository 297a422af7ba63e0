"""How commands run, print and end."""

import signal
import subprocess
import sys
from pathlib import Path

from backend.rehearsal.stack import session_members

ROOT = Path(__file__).parents[2]


SLEEPER = """
import asyncio
from backend.cli.terminal import finish

async def work():
    try:
        print("begun", flush=True)
        await asyncio.sleep(60)
    finally:
        print("stopped", flush=True)

finish(work())
"""


def test_a_kill_ends_what_a_script_started_in_the_background() -> None:
    """A shell that is not interactive starts background jobs with SIGINT ignored; TERM must still stop everything."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        process.terminate()
        rest, _ = process.communicate(timeout=10)
    finally:
        process.kill()

    assert (process.returncode, rest) == (130, "stopped\ninterrupted\n")
    assert session_members(process.pid) == []


def test_a_table_in_a_pipe_is_not_folded() -> None:
    """Whatever the width of a window that nobody looks at."""
    script = (
        "from backend.cli.terminal import console; from backend.rehearsal.report import print_verdict; "
        "from backend.rehearsal.verdict import Check, Verdict; "
        "print_verdict(console, 'x', Verdict(True, [Check('check-in 2 begins', True, 'e' * 40, 'm' * 40)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line for line in done.stdout.splitlines() if "e" * 40 in line and "m" * 40 in line]
