"""The WebSocket under a real gunicorn worker, spoken to by a real client over loopback."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """A gunicorn with one gevent worker."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def worker_pid(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


def start_server() -> Server:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "--graceful-timeout", "1", "--log-level", "warning"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "tests.transports.socket_app:app"], cwd="/", env=env)  # no gunicorn.conf.py
    server = Server(port, process)
    for _ in range(200):
        try:
            server.get("/lag")
            return server
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError("gunicorn did not start")


def stop_server(server: Server) -> None:
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(10)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start_server()
    yield server
    stop_server(server)


def closed_with(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            client.recv(timeout=5)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def raw_upgrade(server: Server, path: str, receive_buffer: int | None = None) -> socket.socket:
    """A client that reads only when told to."""
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(5)
    client.connect(("127.0.0.1", server.port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += client.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return client


def test_text_and_bytes_come_back_as_they_went(server: Server) -> None:
    """Small, large (just under the limit) and fragmented messages; the close is answered."""
    with connect(server.url("/echo")) as client:
        for message in ("hello ü", b"\x00\xff", "", "x" * 65536, b"y" * 65536):
            client.send(message)
            assert message == client.recv(timeout=5)
        client.send(["frag", "men", "ted"])
        assert client.recv(timeout=5) == "fragmented"
        assert client.ping().wait(5)
        client.close(4001, "done")

    assert client.close_code == 4001


def test_no_compression_is_agreed_on(server: Server) -> None:
    """The client offers it by default; it would cost a fifth more and a quarter megabyte per call."""
    with connect(server.url("/echo"), compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


def test_a_handler_may_iterate_and_take_its_time(server: Server) -> None:
    """Reading pauses while the handler is behind, and no message is lost."""
    with connect(server.url("/iterate")) as client:
        for number in range(500):
            client.send(str(number))

        assert [str(number) for number in range(500)] == [client.recv(timeout=5) for _ in range(500)]


def test_what_was_said_just_before_a_close_is_still_heard(server: Server) -> None:
    """Message and close in one packet."""
    client = raw_upgrade(server, "/listen")
    mask = bytes(4)
    client.sendall(b"\x81\x82" + mask + b"hi" + b"\x88\x82" + mask + b"\x03\xe8")

    answer = b""
    while data := client.recv(100):
        answer += data

    client.close()
    assert server.get("/heard") == {"last": "hi"}
    assert answer == b"\x88\x02\x03\xe8"


def test_a_refused_upgrade_is_an_ordinary_http_answer(server: Server) -> None:
    """The check speaks before anything is upgraded; a bare GET and an old version are refused too."""
    with pytest.raises(InvalidStatus) as caught:
        connect(server.url("/guarded"), additional_headers={"x-token": "bad"})
    assert caught.value.response.status_code == 403

    with pytest.raises(urllib.error.HTTPError) as plain:
        server.get("/echo")
    assert plain.value.code in (400, 426)
    plain.value.close()


def test_a_good_token_is_let_in_and_codes_and_reasons_arrive(server: Server) -> None:
    """4000 with its reason, as the handler said."""
    with connect(server.url("/guarded"), additional_headers={"x-token": "good"}) as client:
        client.send("x")

        assert closed_with(client) == (4000, "bye")


def test_a_message_beyond_the_limit_closes_with_1009(server: Server) -> None:
    """In one frame, and in fragments that add up."""
    with connect(server.url("/echo")) as client:
        client.send("x" * 65537)
        assert closed_with(client)[0] == 1009
    with connect(server.url("/echo")) as client:
        try:
            client.send("x" * 1000 for _ in range(70))
        except ConnectionClosed:
            pass  # it may notice while still sending
        assert closed_with(client)[0] == 1009


def test_a_failing_handler_costs_one_connection(server: Server) -> None:
    """1011 for that one; the worker lives."""
    with connect(server.url("/broken")) as client:
        client.send("x")
        assert closed_with(client)[0] == 1011

    assert "worst_lag_s" in server.get("/lag")


def test_junk_instead_of_frames_closes_with_1002(server: Server) -> None:
    """An unmasked frame, as no client may send."""
    client = raw_upgrade(server, "/echo")
    client.sendall(b"\x81\x02hi" * 1000)

    answer = client.recv(100)
    client.close()

    assert answer[:1] == b"\x88"
    assert answer[2:4] == (1002).to_bytes(2)


def test_a_peer_that_does_not_answer_pings_is_given_up(server: Server) -> None:
    """One ping, then a close; one that answers stays."""
    silent = raw_upgrade(server, "/pinged")
    began_at = time.monotonic()
    received = b""
    while data := silent.recv(100):
        received += data
    silent.close()
    assert received.startswith(b"\x89\x00")
    assert b"\x03\xf0" in received
    assert 0.35 < time.monotonic() - began_at < 3

    with connect(server.url("/pinged"), ping_interval=None) as client:
        with pytest.raises(TimeoutError):
            client.recv(timeout=1)
        client.close()


def test_a_slow_reader_is_closed_and_the_outbox_stays_bounded(server: Server) -> None:
    """The server pours 15 MB a second; the reader takes nothing. Others do not wait. What arrived is whole frames."""
    client = raw_upgrade(server, "/pour", receive_buffer=4096)
    server.get("/lag")
    deadline = time.monotonic() + 10
    while not server.get("/last")["is_closed"]:
        assert server.get("/last")["outbox_bytes"] <= (1 << 20) + 60020
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert server.get("/lag")["worst_lag_s"] < 0.1

    stream = bytearray()
    while data := client.recv(1 << 16):
        stream += data
    client.close()
    frames = 0
    while stream[:2] == b"\x82\x7f":
        assert int.from_bytes(stream[2:10]) == 60000
        del stream[:60010]
        frames += 1
    while stream[:2] == b"\x82\x7e":
        assert stream[4:60004] == b"x" * 60000
        del stream[:60004]
        frames += 1
    assert frames >= 1
    assert stream[:1] == b"\x88"
    assert stream[2:4] == (1013).to_bytes(2)


def test_a_flooding_client_does_not_keep_others_waiting(server: Server) -> None:
    """Tiny frames as fast as the kernel takes them, for a second: nobody waits for more than a few milliseconds."""
    flooder = raw_upgrade(server, "/echo")
    flooder.setblocking(False)
    blast = (b"\x82\x81" + bytes(4) + b"x") * 5000
    with connect(server.url("/echo")) as client:
        server.get("/lag")
        end, waits = time.monotonic() + 1.0, []
        while time.monotonic() < end:
            try:
                flooder.send(blast)
            except BlockingIOError:
                pass
            try:
                flooder.recv(1 << 20)
            except BlockingIOError:
                pass
            began_at = time.monotonic()
            client.send("x" * 320)
            client.recv(timeout=5)
            waits.append(time.monotonic() - began_at)
        worst_lag_s = server.get("/lag")["worst_lag_s"]
    flooder.close()

    waits.sort()
    assert waits[len(waits) // 2] < 0.1  # wall time, so other processes count; a frozen worker would mean seconds
    assert worst_lag_s < 0.03


@pytest.mark.parametrize("path", ["/echo", "/iterate"])
def test_a_worker_that_is_stopped_says_1012(path: str) -> None:
    """Not an error page inside the WebSocket, and not a bare reset."""
    server = start_server()
    try:
        with connect(server.url(path)) as client:
            client.send("x")
            assert client.recv(timeout=5) == "x"
            os.kill(server.worker_pid(), signal.SIGTERM)

            assert closed_with(client)[0] == 1012
    finally:
        stop_server(server)


def test_ended_connections_leave_nothing_behind(server: Server) -> None:
    """After a hundred connections the worker has no more open descriptors than before."""
    descriptors = Path(f"/proc/{server.worker_pid()}/fd")
    before = len(list(descriptors.iterdir()))
    for number in range(100):
        with connect(server.url("/echo"), close_timeout=1) as client:
            client.send("x")
            if number % 2:
                client.socket.shutdown(socket.SHUT_RDWR)

    time.sleep(0.2)
    assert len(list(descriptors.iterdir())) <= before + 2
