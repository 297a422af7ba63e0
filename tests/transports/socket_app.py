"""The application that the socket tests run under gunicorn: one view per behaviour."""

import time
from typing import Any

import flask
import gevent

from backend.clock import SystemClock
from backend.transports.ticker import Ticker
from backend.transports.wire_socket import UpgradeRefused, WireSocket, raw_response

app = flask.Flask(__name__)
sockets: list[WireSocket] = []
heard: list[str] = []
worst_lag_s = 0.0


def check(headers: Any) -> None:
    if headers.get("x-token") != "good":
        raise UpgradeRefused(403, "wrong token")


@app.route("/echo", websocket=True)
def echo() -> flask.Response:
    socket = WireSocket.accept(flask.request.environ)
    socket.run(lambda message, is_text: socket.send(message, is_text=is_text) and None)
    return raw_response()


@app.route("/listen", websocket=True)
def listen() -> flask.Response:
    WireSocket.accept(flask.request.environ).run(lambda message, is_text: heard.append(message.decode()))
    return raw_response()


@app.get("/heard")
def what_was_heard() -> dict[str, str]:
    return {"last": heard[-1]}


@app.route("/iterate", websocket=True)
def iterate() -> flask.Response:
    with WireSocket.accept(flask.request.environ) as socket:
        for message in socket.messages():
            gevent.sleep(0.001)
            socket.send(message)
    return raw_response()


@app.route("/guarded", websocket=True)
def guarded() -> flask.Response:
    socket = WireSocket.accept(flask.request.environ, check=check)
    socket.run(lambda message, is_text: socket.close(4000, "bye"))
    return raw_response()


@app.route("/broken", websocket=True)
def broken() -> flask.Response:
    def fail(message: bytes, is_text: bool) -> None:
        raise KeyError("a bug")

    WireSocket.accept(flask.request.environ).run(fail)
    return raw_response()


@app.route("/pinged", websocket=True)
def pinged() -> flask.Response:
    WireSocket.accept(flask.request.environ, ping_after_s=0.2).run(lambda message, is_text: None)
    return raw_response()


@app.route("/pour", websocket=True)
def pour() -> flask.Response:
    """Sends without end: a ticker's callback, as a call's writer is."""
    socket = WireSocket.accept(flask.request.environ)
    sockets.append(socket)
    ticker = Ticker(SystemClock())
    ticker.start()
    ticker.add(lambda now: [socket.send(b"x" * 60000) for _ in range(5)] and None)
    socket.run(lambda message, is_text: None)
    ticker.stop()
    return raw_response()


@app.get("/last")
def last() -> dict[str, Any]:
    socket = sockets[-1]
    return {"is_closed": socket.is_closed, "close_code": socket.close_code, "outbox_bytes": socket.outbox_bytes}


@app.get("/lag")
def lag() -> dict[str, float]:
    """The longest that the hub kept anyone waiting since the last question."""
    global worst_lag_s
    worst, worst_lag_s = worst_lag_s, 0.0
    return {"worst_lag_s": worst}


def watch_lag() -> None:
    """In seconds of this thread on the processor: what other processes take away is not our unfairness."""
    global worst_lag_s
    while True:
        asked_at = time.thread_time()
        gevent.sleep(0.002)
        worst_lag_s = max(worst_lag_s, time.thread_time() - asked_at)


@app.before_request
def start_watching() -> None:
    app.before_request_funcs[None].clear()
    gevent.spawn(watch_lag)
