"""backend/web/event_stream.py: over a real connection."""

import socket
from collections.abc import Iterator

import pytest
from gevent import socket as gevent_socket

from backend.web.event_stream import HEADERS, Line, event_response
from tests.session.rig import settle, wait_until


@pytest.fixture
def pair() -> Iterator[tuple[gevent_socket.socket, socket.socket]]:
    """Our end and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    ours = gevent_socket.socket(fileno=accepted.detach())
    yield ours, client
    ours.close()
    client.close()


def test_a_client_that_leaves_is_noticed_without_a_write(pair: tuple[gevent_socket.socket, socket.socket]) -> None:
    ours, client = pair
    gone: list[str] = []
    line = Line({"gunicorn.socket": ours})
    line.watch(lambda: gone.append("gone"))
    settle()
    assert gone == []
    client.close()
    wait_until(lambda: gone == ["gone"])
    line.close()


def test_a_client_that_sends_its_next_request_is_still_there(pair: tuple[gevent_socket.socket, socket.socket]) -> None:
    """What it sends is left to the server."""
    ours, client = pair
    gone: list[str] = []
    line = Line({"gunicorn.socket": ours})
    line.watch(lambda: gone.append("gone"))
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: line._watch is None)

    assert gone == [] and ours.recv(100).startswith(b"GET")


def test_a_cut_ends_a_writer_that_waits_for_the_client(pair: tuple[gevent_socket.socket, socket.socket]) -> None:
    """Its greenlet would hang for as long as the client does not read."""
    import gevent

    ours, _ = pair
    line = Line({"gunicorn.socket": ours})
    writer = gevent.spawn(ours.sendall, b"x" * 50_000_000)
    settle()
    gevent.sleep(0.05)
    assert not writer.dead
    line.cut()
    writer.join(5)

    assert isinstance(writer.exception, OSError)
    line.cut()


def test_the_response_closes_what_it_opened(pair: tuple[gevent_socket.socket, socket.socket]) -> None:
    """However it ends; twice does no harm."""
    ours, _ = pair
    closed: list[str] = []
    line = Line({"gunicorn.socket": ours})
    response = event_response(iter([b"data: x\n\n"]), line, lambda: None, lambda: closed.append("closed"))
    assert HEADERS.items() <= dict(response.headers).items() and response.mimetype == "text/event-stream"
    response.close()

    assert closed == ["closed"] and line._watch is None


def test_a_server_without_a_connection_of_its_own_is_no_obstacle() -> None:
    line = Line({})
    line.watch(lambda: None)
    line.cut()
    line.close()
