"""What every command has in common: where it prints, how it runs and how it ends.

Exit codes: 0 all is well, 1 something failed, 2 wrong usage (click's own), 130 interrupted.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from backend.rehearsal.bell import NobodyThere
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.runner import CannotRun
from backend.rehearsal.scenario import ScenarioError
from backend.rehearsal.stack import StackError

WIDTH_ELSEWHERE = 120
"""Columns of a table that goes into a pipe or a file: nobody's window decides there, and no line is folded."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE)


def say(line: str) -> None:
    """A progress line."""
    console.print(line, style="dim", markup=False)


def finish(work: Coroutine[Any, Any, bool]) -> NoReturn:
    """Runs `work` and exits: 0 when it says True."""
    # A script's background job begins with SIGINT ignored; asyncio takes over what is there now, and only a handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        passed = asyncio.run(work)
    except (ScenarioError, CannotRun, ApiError, StackError, NobodyThere) as error:
        console.print(str(error), style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("interrupted", style="bold")
        sys.exit(130)
    sys.exit(0 if passed else 1)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends like Ctrl-C: everything that was started is stopped."""
    signal.raise_signal(signal.SIGINT)
