"""backend/transports/outgoing_socket.py against real servers on loopback."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from backend.transports.outgoing_socket import OutgoingSocket
from backend.transports.wire_socket import live_sockets
from tests.session.rig import wait_until


@contextmanager
def server(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A WebSocket server in threads of its own."""
    connections: list[ServerConnection] = []

    def guarded(connection: ServerConnection) -> None:
        connections.append(connection)
        try:
            handle(connection)
        except (ConnectionClosed, OSError):
            pass  # the test is over

    running = serve(guarded, "127.0.0.1", 0, compression=None, ping_interval=None)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/"
    finally:
        for connection in connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already
        running.shutdown()
        thread.join(5)


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_what_is_sent_comes_back_whatever_its_length(length: int) -> None:
    """Masked in each of the three forms of a frame's head; text stays text."""
    with server(echo) as url:
        heard: list[tuple[bytes, bool]] = []
        wire = OutgoingSocket.connect(url, within_s=2.0)
        running = gevent.spawn(wire.run, lambda message, is_text: heard.append((message, is_text)))
        wire.send(b"a" * length)
        wire.send("é" * (length // 2))
        wait_until(lambda: len(heard) == 2)
        wire.close()
        running.join(5)

    assert heard == [(b"a" * length, False), (("é" * (length // 2)).encode(), True)]
    assert wire.close_code == 1000 and wire.is_closed


def test_what_the_server_says_right_behind_its_upgrade_is_heard() -> None:
    """In the same packet, before anybody listens."""

    def greet(connection: ServerConnection) -> None:
        connection.send("first")
        connection.send("second")
        echo(connection)

    with server(greet) as url:
        heard: list[bytes] = []
        wire = OutgoingSocket.connect(url, within_s=2.0)
        time.sleep(0.05)
        running = gevent.spawn(wire.run, lambda message, is_text: heard.append(message))
        wait_until(lambda: len(heard) == 2)
        wire.close()
        running.join(5)

    assert heard == [b"first", b"second"]


def test_a_drain_of_the_worker_does_not_close_it() -> None:
    """It ends with the call that it serves."""
    with server(echo) as url:
        wire = OutgoingSocket.connect(url, within_s=2.0)
        running = gevent.spawn(wire.run, lambda message, is_text: None)
        gevent.sleep(0.01)
        assert wire not in live_sockets()
        wire.close()
        running.join(5)


def test_aborting_needs_no_answer_and_gives_the_descriptor_back() -> None:
    """For a peer that is stopped."""

    def be_silent(connection: ServerConnection) -> None:
        time.sleep(0.3)
        echo(connection)

    with server(be_silent) as url:
        wire = OutgoingSocket.connect(url, within_s=2.0)
        running = gevent.spawn(wire.run, lambda message, is_text: None)
        gevent.sleep(0.01)
        began_at = time.perf_counter()
        wire.abort()
        wire.abort()
        running.join(5)

        assert time.perf_counter() - began_at < 0.2
    assert wire.was_aborted and wire.close_code == 1006 and wire._our_end.fileno() == -1


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1/", "wss://127.0.0.1:1/", "http://127.0.0.1:1/", "nonsense", "ws://no.such.host.invalid/"]
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_a_connection_error(url: str) -> None:
    """Never another exception."""
    with pytest.raises(ConnectionError):
        OutgoingSocket.connect(url, within_s=2.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 5000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_is_no_upgrade_is_a_connection_error(answer: bytes) -> None:
    """Another server listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve_once, daemon=True)
        thread.start()
        with pytest.raises(ConnectionError):
            OutgoingSocket.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", within_s=2.0)
        thread.join(5)


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    """The kernel takes the connection for a process that is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began_at = time.perf_counter()
        with pytest.raises(ConnectionError, match="no answer within") as caught:
            OutgoingSocket.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", within_s=0.2)

    assert time.perf_counter() - began_at < 1.0 and isinstance(caught.value.__cause__, TimeoutError)
