"""backend/workers/safe_post.py: against real sockets on loopback, which has to be allowed for that."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from backend.workers import safe_post as module
from backend.workers.safe_post import PostFailed, PostRefused, is_public, safe_post

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def receiver(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """An address; `serve` gets each connection and need not close it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return  # closed: the test is over
            with connection:
                try:
                    serve(connection)
                except OSError:
                    pass  # the sender has left, which some tests are about

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def read_request(connection: socket.socket) -> bytes:
    """Head and body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def post(url: str, body: bytes = b"{}", **options: float) -> int:
    return safe_post(url, body, {"webhook-id": "call_1"}, allow_private=True, **options)


def test_the_body_arrives_with_its_headers_under_the_name_that_was_asked_for() -> None:
    """Path and query as they stand in the address."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    with receiver(serve) as url:
        port = url.rpartition(":")[2]
        status = post(f"http://localhost:{port}/calls?from=offhook", b'{"a": 1}')

    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert (status, body) == (204, b'{"a": 1}')
    assert head.startswith(b"POST /calls?from=offhook HTTP/1.1\r\n")
    assert f"Host: localhost:{port}".encode() in head and b"webhook-id: call_1" in head


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_any_status_is_the_answer_and_a_redirect_is_not_followed(status: int) -> None:
    """It would lead anywhere."""
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())

    with receiver(serve) as url:
        assert post(url) == status
    assert len(asked) == 1


def test_an_endless_answer_is_not_read() -> None:
    """Only the status counts."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with receiver(serve) as url:
        assert post(url) == 200


def test_an_answer_that_drips_is_broken_off() -> None:
    """A byte now and then keeps every single wait short: there is a limit for all of it."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        connection.settimeout(0.05)
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass

    with receiver(serve) as url, pytest.raises(PostFailed, match="took too long"):
        post(url, total_s=0.5)


@pytest.mark.parametrize(
    "answer", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000]
)
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    """Whatever it is, the message is short and quotes nothing."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with receiver(serve) as url, pytest.raises(PostFailed) as failed:
        post(url)
    assert len(str(failed.value)) < 80 and "no HTTP" not in str(failed.value)


def test_nobody_there_is_a_failure() -> None:
    with receiver(lambda connection: None) as url:
        pass

    with pytest.raises(PostFailed, match="refused the connection"):
        post(url)


def test_a_server_that_shows_no_valid_certificate_gets_nothing() -> None:
    """Not even the head: the handshake comes first."""
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        got.append(connection.recv(65536))
        connection.sendall(b"this is no TLS")

    with receiver(serve) as url, pytest.raises(PostFailed):
        post(url.replace("http:", "https:"))
    assert b"webhook-id" not in b"".join(got)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "2001:0:1::1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_side_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/",
        "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://169.254.169.254/latest/meta-data/",
        "https://0/",
    ],
)  # fmt: skip
def test_our_own_side_is_not_reached_in_any_notation(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is made."""
    monkeypatch.setattr(module, "_Connection", _must_not_be_made)

    with pytest.raises(PostRefused):
        safe_post(url, b"", {}, allow_private=False)


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them would be asked is not ours to hope for."""
    monkeypatch.setattr(module, "resolve", lambda host, port: ["93.184.216.34", "10.0.0.1"])
    monkeypatch.setattr(module, "_Connection", _must_not_be_made)

    with pytest.raises(PostRefused):
        safe_post("https://example.com/", b"", {}, allow_private=False)


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once: a second answer could be another one."""
    with receiver(lambda connection: (read_request(connection), connection.sendall(OK))[1]) as url:
        answers = [["127.0.0.1"], ["127.0.0.2"]]
        monkeypatch.setattr(module, "resolve", lambda host, port: answers.pop(0))

        assert post(url.replace("127.0.0.1", "receiver.invalid")) == 204
    assert answers == [["127.0.0.2"]]


def test_plain_http_goes_to_nobody_on_the_internet() -> None:
    """What callers said is not sent in the clear."""
    with pytest.raises(PostRefused, match="https"):
        safe_post("http://93.184.216.34/", b"", {}, allow_private=False)


def test_a_name_that_does_not_exist_is_a_failure() -> None:
    for name in ("nobody.invalid", "a" * 300):
        with pytest.raises(PostFailed, match="not found"):
            post(f"http://{name}/")


def test_certificates_are_checked_against_the_name() -> None:
    context = module.tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def _must_not_be_made(*arguments: object) -> None:
    raise AssertionError("a connection was made")
