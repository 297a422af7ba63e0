"""Server-sent events over gunicorn's own connection: the headers, and knowing at once when the client is gone.

A greenlet that writes events learns of a client that left only by writing, and one whose client does not read hangs in that
writing. So the connection itself is watched: `on_gone` is called when the client closes it, `cut` ends it under a writer.
The kernel gives up on a client whose acknowledgements stay away. Decides nothing about what is sent; nothing of the request
outlives its view but this connection.
"""

from collections.abc import Callable, Iterator, Mapping
from socket import IPPROTO_TCP, MSG_PEEK, SHUT_RDWR, TCP_NODELAY, TCP_USER_TIMEOUT
from typing import Any

import gevent
from flask import Response

GIVE_UP_AFTER_MS = 30_000
"""Bytes that the client has not acknowledged for so long end the connection."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would gather events until its buffer is full
}


class Line:
    """The connection under one response. In a server without one (tests of the views) it never reports anything."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        connection = environ.get("gunicorn.socket")
        self._connection = connection  # kept: the descriptor must not be reused while we watch it
        self._raw = getattr(connection, "_sock", None)
        self._watch: Any = None
        self._on_gone: Callable[[], None] | None = None

    def watch(self, on_gone: Callable[[], None]) -> None:
        """Call it, in the hub, when the client has closed the connection."""
        if self._raw is None:
            return
        self._on_gone = on_gone
        try:
            self._raw.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, GIVE_UP_AFTER_MS)
            self._raw.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        except OSError:
            pass  # not TCP (a Unix socket of a proxy on this machine): its client closes it, or is killed
        self._watch = gevent.get_hub().loop.io(self._raw.fileno(), 1)
        self._watch.start(self._look)

    def cut(self) -> None:
        """End the connection, also under a writer that waits for the client to read."""
        if self._raw is not None:
            try:
                self._raw.shutdown(SHUT_RDWR)
            except OSError:
                pass  # it is gone already

    def close(self) -> None:
        """Watch no longer; the connection itself belongs to the server. Idempotent."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
            watch.close()

    def _look(self) -> None:
        try:
            is_gone = not self._raw.recv(1, MSG_PEEK)  # type: ignore[union-attr]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            is_gone = True
        self.close()  # gone, or the client sends its next request already: that is the server's to read
        if is_gone and self._on_gone is not None:
            self._on_gone()


def event_response(
    frames: Iterator[bytes], line: Line, on_gone: Callable[[], None], on_close: Callable[[], None]
) -> Response:
    """The answer that sends `frames` until they end. `on_gone`: the client left; `on_close`: the response is over."""
    response = Response(frames, mimetype="text/event-stream", headers=HEADERS)

    def close() -> None:
        line.close()
        on_close()

    response.call_on_close(close)
    line.watch(on_gone)
    return response
