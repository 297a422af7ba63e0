"""The worker class: gunicorn's gevent worker, plus an orderly stop.

On SIGTERM gunicorn stops accepting and, when its patience is over, throws GreenletExit into what still runs. Before
that, calls are drained (`web/worker.py`): they may finish, then they end politely.
"""

import gevent
from gevent import Greenlet
from gunicorn.workers.ggevent import GeventWorker

from backend.settings import Settings
from backend.web.worker import Worker


class OffhookWorker(GeventWorker):  # type: ignore[misc]
    """Started by gunicorn.conf.py."""

    offhook: Worker | None = None
    _draining: Greenlet | None = None

    def start_offhook(self) -> None:
        """After the fork and after patching: make what must not cross a fork."""
        from backend.app import SETTINGS, start_worker

        self._settings: Settings = self.wsgi.extensions[SETTINGS]
        self.offhook = start_worker(self.wsgi)

    def run(self) -> None:
        """Until told to stop. gunicorn only waits for open sockets; a call outlives its own by the moment in which its
        hang-up is confirmed and its record stored."""
        super().run()
        while self._draining is not None and not self._draining.dead:  # `drain` bounds itself
            self.notify()
            gevent.sleep(0.05)

    def handle_exit(self, sig: int, frame: object) -> None:
        if self.offhook is not None and not self.offhook.is_draining:
            self.offhook.is_draining = True
            self._draining = gevent.spawn(self.offhook.drain, float(self._settings.graceful_timeout_s))
        super().handle_exit(sig, frame)
