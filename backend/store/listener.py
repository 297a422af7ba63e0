"""One ear per worker: hears that a call of ours has news (A5). Runs in a thread of its own, which is a greenlet in the
web workers (they are patched before anything is imported).

Pub/sub loses messages, so it is only the fast way: `on_resync` is called after every (re)subscription and every two
seconds, and the worker then looks at all its calls. Decides nothing; the callbacks must not block.
"""

import logging
import threading
import time
from collections.abc import Callable

from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Database

RESYNC_EVERY_S = 2.0
POLL_S = 1.0
DEAF_AFTER_S = 6.0
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0

log = logging.getLogger(__name__)


class Listener:
    """Listens on the worker's wake channel until stopped."""

    def __init__(
        self,
        database: Database,
        worker_id: str,
        on_wake: Callable[[str], None],
        on_resync: Callable[[], None],
        *,
        resync_every_s: float = RESYNC_EVERY_S,
        channel: str | None = None,
    ) -> None:
        """On another `channel` than the worker's own, if one is named; `on_wake` is given what was said there."""
        self._database = database
        self._channel = channel or keys.wake_channel(worker_id)
        self._on_wake = on_wake
        self._on_resync = on_resync
        self._resync_every_s = resync_every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="wake-listener", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Listen, reconnect, listen; returns after `stop`."""
        pause_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            heard_at = time.monotonic()
            try:
                self._listen()
            except StoreError as error:
                log.warning("wake listener: %s", error)
            if time.monotonic() - heard_at > DEAF_AFTER_S:
                pause_s = RETRY_FIRST_S  # it worked for a while
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)

    def _listen(self) -> None:
        subscription = self._database.subscribe(self._channel)
        heard_at = resynced_at = time.monotonic()
        try:
            while not self._stopping.is_set():
                heard = subscription.next(min(POLL_S, self._resync_every_s))
                now = time.monotonic()
                if heard is not None:
                    heard_at = now
                    kind, text = heard
                    if kind == "message":
                        self._call(lambda text=text: self._on_wake(text))  # type: ignore[misc]
                    elif kind == "subscribed":
                        resynced_at = now
                        self._call(self._on_resync)
                elif now - heard_at > DEAF_AFTER_S:
                    raise StoreError("Redis: nothing heard, not even an answer to a ping")
                if now - resynced_at >= self._resync_every_s:
                    resynced_at = now
                    subscription.ping()
                    self._call(self._on_resync)
        finally:
            subscription.close()

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:  # a bug of one call must not make the worker deaf for all others
            log.exception("wake listener: a callback failed")
