"""The stores as the web workers run them: in a patched process of its own."""

import subprocess
import sys

from tests.fakes.redis_server import RedisServer

SCRIPT = """
from gevent import monkey; monkey.patch_all()
import gevent, sys, time
from backend.call.events import DtmfReceived
from backend.store.listener import Listener
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.stores import stores_over
# Not the product's 250 ms: on a busy machine 360 greenlets may have to wait longer for one of the 32 connections.
stores = stores_over(RedisDatabase(connect(sys.argv[1], timeout_s=10)))
heard, ticks, resyncs = [], [0], []
listener = Listener(stores.database, "w1", heard.append, lambda: resyncs.append(1))
listener.start()
def tick():
    while True:
        gevent.sleep(0.005); ticks[0] += 1
ticker = gevent.spawn(tick)
while not resyncs: gevent.sleep(0.01)
flags = []
def play(call):
    stores.owners.claim(call, "w1")
    for number in (1, 2, 3): stores.playbacks.register(call, f"1-{number}", 1, number, 60)
    ends = [gevent.spawn(stores.playbacks.end, call, f"1-{number}", 1, number) for number in (1, 2, 3) * 3]
    gevent.joinall(ends, raise_error=True)
    flags.append(sum(end.value.flag_raised for end in ends))
jobs = [gevent.spawn(play, f"v3:{n}") for n in range(40)]
gevent.joinall(jobs, raise_error=True)
# Greenlets killed in the middle of a command must leave the pool whole and no answer to the wrong question.
for n in range(200):
    job = gevent.spawn(stores.mailbox.post, "v3:kill", DtmfReceived("1")); gevent.sleep(0); job.kill(block=False)
for n in range(100):
    assert stores.owners.owner(f"v3:{n % 40}") == "w1"
gevent.sleep(0.2)
listener.stop()
assert flags == [1] * 40, flags
assert sorted(heard) .count("v3:7") == 1 and set(heard) == {f"v3:{n}" for n in range(40)}, heard
assert ticks[0] > 10
print("fine")
"""


def test_greenlets_share_a_worker(redis_server: RedisServer, redis_client: object) -> None:
    """Forty calls at once: one flag and one wake-up each, the hub never blocked, killed greenlets leave no trace."""
    root = __file__.rsplit("/tests/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, redis_server.url], capture_output=True, text=True, timeout=60, cwd=root
    )

    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr
