"""The worker class: gunicorn's gevent worker, plus an orderly stop.

On SIGTERM gunicorn stops accepting and, when its patience is over, throws GreenletExit into what still runs. Before
that, calls are drained (`web/worker.py`): they may finish, then they end politely.
"""

import gevent
from gunicorn.workers.ggevent import GeventWorker

from backend.settings import Settings
from backend.web.worker import Worker


class OffhookWorker(GeventWorker):  # type: ignore[misc]
    """Started by gunicorn.conf.py."""

    offhook: Worker | None = None

    def start_offhook(self) -> None:
        """After the fork and after patching: make what must not cross a fork."""
        from backend.app import SETTINGS, start_worker

        self._settings: Settings = self.wsgi.extensions[SETTINGS]
        self.offhook = start_worker(self.wsgi)

    def handle_exit(self, sig: int, frame: object) -> None:
        if self.offhook is not None and not self.offhook.is_draining:
            self.offhook.is_draining = True
            gevent.spawn(self.offhook.drain, float(self._settings.graceful_timeout_s))
        super().handle_exit(sig, frame)
