"""backend/live/tone/off_hub.py"""

import subprocess
import sys
from pathlib import Path

from backend.live.tone.off_hub import apart

ROOT = Path(__file__).parents[3]

PATCHED = """
from gevent import monkey; monkey.patch_all()
import gevent
from backend.live.tone.off_hub import apart
own = monkey.get_original("_thread", "get_ident")
sleep = monkey.get_original("time", "sleep")
ticks = []
ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.01)) for _ in range(10)])
assert apart(lambda: (sleep(0.5), own())[1]) != own() and len(ticks) == 10
print("apart")
"""


def test_without_gevent_it_simply_computes() -> None:
    """As in every test here."""
    assert apart(lambda: 3) == 3


def test_under_gevent_other_calls_go_on_meanwhile() -> None:
    """In a thread of its own."""
    done = subprocess.run([sys.executable, "-c", PATCHED], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "apart\n", "")
