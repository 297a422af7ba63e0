"""backend/records/disk.py: without gevent here; in a patched process it runs in tests/live, with every recorded call."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.records.disk import on_disk

ROOT = Path(__file__).parents[2]

PATCHED = """
from gevent import monkey; monkey.patch_all()
import gevent, threading
from backend.records.disk import on_disk
own = monkey.get_original("_thread", "get_ident")
ticks = []
ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.01)) for _ in range(10)])
sleep = monkey.get_original("time", "sleep")
there = on_disk(lambda: (sleep(0.5), own())[1])
assert there != own() and len(ticks) == 10, (there, len(ticks))
try:
    on_disk(lambda: open("/nowhere/at/all"))
except FileNotFoundError as error:
    print("carried", error.filename)
"""


def test_without_gevent_it_simply_calls() -> None:
    """Results and errors come through."""
    assert on_disk(lambda: 3) == 3
    with pytest.raises(FileNotFoundError):
        on_disk(lambda: open("/nowhere/at/all"))  # noqa: SIM115  # it is never opened


def test_under_gevent_others_run_meanwhile_and_errors_come_back() -> None:
    """In a thread of its own; nothing is printed about the error."""
    done = subprocess.run([sys.executable, "-c", PATCHED], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "carried /nowhere/at/all\n", "")
