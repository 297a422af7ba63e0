"""backend/web/gunicorn_worker.py: what SIGTERM does, in this process and without a signal. The live layer sends one."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from backend.settings import Settings
from backend.web.gunicorn_worker import OffhookWorker

ROOT = Path(__file__).resolve().parents[2]


class Draining:
    """What the worker class needs of `web.worker.Worker`."""

    def __init__(self) -> None:
        self.is_draining = False
        self.drained_for: list[float] = []

    def drain(self, drain_s: float) -> None:
        self.drained_for.append(drain_s)


@pytest.fixture
def made() -> Iterator[OffhookWorker]:
    before = logging.getLogger("gunicorn.error").handlers[:], logging.getLogger("gunicorn.error").propagate
    config = Config()
    worker = OffhookWorker(1, 1, [], None, 30, config, Logger(config))
    worker._settings = Settings(offhook_env="test", graceful_timeout_s=7)
    logging.getLogger("gunicorn.error").handlers[:], logging.getLogger("gunicorn.error").propagate = before
    yield worker
    worker.tmp.close()


def test_a_termination_drains_for_the_configured_time(made: OffhookWorker) -> None:
    """From the very signal on nothing new is taken; gunicorn is told to stop as well."""
    made.offhook = offhook = Draining()  # type: ignore[assignment]  # has no calls
    made.handle_exit(signal.SIGTERM, None)
    assert offhook.is_draining and made.alive is False
    made.handle_exit(signal.SIGTERM, None)
    gevent.sleep(0)

    assert offhook.drained_for == [7.0]


def test_a_termination_before_the_worker_is_complete_just_stops(made: OffhookWorker) -> None:
    """There is nothing to drain yet."""
    made.handle_exit(signal.SIGTERM, None)

    assert made.alive is False


def test_what_the_master_loaded_is_none_of_the_garbage_collectors_business(tmp_path: Path) -> None:
    """A full collection in a worker would stop every call for 0.2 s and copy 74 MB of shared memory."""
    script = (
        "import gc, runpy; conf = runpy.run_path('gunicorn.conf.py'); before = gc.get_freeze_count(); "
        "conf['when_ready'](None); print(before, gc.get_freeze_count(), len(gc.get_objects()))"
    )
    environment = {**os.environ, "OFFHOOK_ENV": "development", "OFFHOOK_CONFIG": "", "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    before, frozen, watched = map(int, done.stdout.split())
    assert before == 0 and frozen > 10_000 and watched < frozen / 10
