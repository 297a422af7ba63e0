"""gRPC without grpcio, against a peer that says on HTTP/2 what a test wants. The real worker: test_tts_grpc.py."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import h2.config
import h2.connection
import h2.events
import pytest
from gevent import socket
from gevent.server import StreamServer
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.engines.grpc_call import MOST_MESSAGE, Call, RpcFailed, Status
from backend.engines.grpc_channel import Channel

OK = [("grpc-status", "0")]
HEADERS = [(":status", "200"), ("content-type", "application/grpc"), ("final-frame", "data")]


class Peer:
    """A server whose connections are handed to the test: `play` runs for each call, with the stream's number."""

    def __init__(self, play: Callable[["Conversation", int], None]) -> None:
        self.play = play
        self.conversations: list[Conversation] = []
        self.server = StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()
        self.address = f"127.0.0.1:{self.server.server_port}"

    def _serve(self, connection: Any, _address: Any) -> None:
        conversation = Conversation(connection, self.play)
        self.conversations.append(conversation)
        conversation.run()


class Conversation:
    """One connection, seen from the server."""

    def __init__(self, connection: Any, play: Callable[["Conversation", int], None]) -> None:
        self.socket = connection
        self.play = play
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.requests: dict[int, bytes] = {}
        self.headers: dict[int, dict[bytes, bytes]] = {}
        self.resets: list[int] = []

    def run(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        try:
            while data := self.socket.recv(65536):
                for event in self.h2.receive_data(data):
                    self._take(event)
                self.flush()
        except OSError:
            pass  # the test has closed it

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = b""
            self.headers[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.resets.append(event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.flush()
            self.play(self, event.stream_id)

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def answer(self, number: int, *messages: bytes, cut_at: int | None = None, padding: int | None = None) -> None:
        """Headers, the messages cut into pieces of `cut_at` bytes, status OK."""
        self.h2.send_headers(number, HEADERS)
        data = b"".join(map(framed, messages))
        for start in range(0, len(data), cut_at or len(data)):
            self.h2.send_data(number, data[start : start + (cut_at or len(data))], pad_length=padding)
        self.h2.send_headers(number, OK, end_stream=True)
        self.flush()


def framed(message: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(message)) + message


@contextmanager
def peer(play: Callable[[Conversation, int], None]) -> Iterator[tuple[Peer, Channel]]:
    it = Peer(play)
    channel = Channel(it.address)
    try:
        yield it, channel
    finally:
        channel.close()
        it.server.stop()


def listen(call: Call) -> list[bytes]:
    """All messages; raises what the call ends with. A test that would hang fails instead."""
    with gevent.Timeout(5):
        messages = []
        while (message := call.receive()) is not None:
            messages.append(message)
        return messages


def failure(call: Call) -> RpcFailed:
    with pytest.raises(RpcFailed) as error:
        listen(call)
    return error.value


@settings(max_examples=30, deadline=None)
@given(
    messages=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    cut_at=st.integers(1, 60),
    padding=st.sampled_from([None, 0, 200]),
)
def test_messages_arrive_whole_however_they_are_cut(messages: list[bytes], cut_at: int, padding: int | None) -> None:
    """HTTP/2 frames know nothing of messages; an empty one is a message too."""
    with peer(lambda it, number: it.answer(number, *messages, cut_at=cut_at, padding=padding)) as (_, channel):
        call = channel.open("/a/B", b"question")

        assert listen(call) == messages
        assert ("final-frame", "data") in call.initial_metadata


def test_a_request_is_what_grpc_expects() -> None:
    """Path, trailers, content type, deadline; the message behind its length."""
    with peer(lambda it, number: it.answer(number, b"yes")) as (it, channel):
        listen(channel.open("/offhook.voice.v1.Voice/Health", b"question", timeout_s=1.5))
        (conversation,) = it.conversations

        assert conversation.requests == {1: framed(b"question")}
        assert conversation.headers[1] == {
            b":method": b"POST",
            b":scheme": b"http",
            b":path": b"/offhook.voice.v1.Voice/Health",
            b":authority": it.address.encode(),
            b"te": b"trailers",
            b"content-type": b"application/grpc",
            b"grpc-timeout": b"1500m",
        }


def test_all_calls_share_one_connection() -> None:
    """Also those that were opened before it was there."""
    with peer(lambda it, number: it.answer(number, str(number).encode())) as (it, channel):
        calls = [channel.open("/a/B", b"") for _ in range(20)]

        assert [listen(call) for call in calls] == [[str(2 * n + 1).encode()] for n in range(20)]
        assert len(it.conversations) == 1


STATUSES = [
    ([("grpc-status", "8"), ("grpc-message", "all%20taken %C3%BC")], Status.RESOURCE_EXHAUSTED, "all taken ü"),
    ([("grpc-status", "99")], Status.UNKNOWN, ""),
    ([("grpc-status", "many")], Status.UNKNOWN, ""),
    ([("something", "else")], Status.UNKNOWN, ""),
]


@pytest.mark.parametrize(("trailers", "status", "details"), STATUSES)
@pytest.mark.parametrize("has_message", [True, False])
def test_a_status_is_read_from_wherever_it_stands(
    trailers: list[tuple[str, str]], status: Status, details: str, has_message: bool
) -> None:
    """In trailers behind messages, or in the only headers there are."""

    def play(it: Conversation, number: int) -> None:
        if has_message:
            it.h2.send_headers(number, HEADERS)
            it.h2.send_data(number, framed(b"one"))
            it.h2.send_headers(number, trailers, end_stream=True)
        else:
            it.h2.send_headers(number, [*HEADERS, *trailers], end_stream=True)

    with peer(play) as (_, channel):
        call = channel.open("/a/B", b"")
        if has_message:
            assert call.receive() == b"one"
        error = failure(call)

        assert error.status is status
        assert details in error.details


def test_what_a_proxy_answers_is_a_status_too() -> None:
    """503 without a word of gRPC."""
    with peer(lambda it, number: it.h2.send_headers(number, [(":status", "503")], end_stream=True)) as (_, channel):
        error = failure(channel.open("/a/B", b""))

        assert (error.status, error.details) == (Status.UNAVAILABLE, "HTTP status 503")


@pytest.mark.parametrize("code", [0x7, 0x8, 0xB, 0x2, 0x1234])
def test_a_reset_ends_the_call(code: int) -> None:
    """Whatever number it carries."""
    with peer(lambda it, number: it.h2.reset_stream(number, code)) as (_, channel):
        error = failure(channel.open("/a/B", b""))

        expected = {0x7: Status.UNAVAILABLE, 0x8: Status.CANCELLED, 0xB: Status.RESOURCE_EXHAUSTED}
        assert error.status is expected.get(code, Status.INTERNAL)


@pytest.mark.parametrize(
    "data", [b"\1" + struct.pack(">I", 3) + b"abc", b"\0" + struct.pack(">I", MOST_MESSAGE + 1), b"\0\0\0\0\5ab"]
)
def test_a_message_that_cannot_be_read_fails_the_call(data: bytes) -> None:
    """Compressed, too long, or only half there at the end; the others on the connection notice nothing."""

    def play(it: Conversation, number: int) -> None:
        if number > 1:
            it.answer(number, b"fine")
            return
        it.h2.send_headers(number, HEADERS)
        it.h2.send_data(number, data)
        it.h2.send_headers(number, OK, end_stream=True)

    with peer(play) as (it, channel):
        assert failure(channel.open("/a/B", b"")).status is Status.INTERNAL
        assert listen(channel.open("/a/B", b"")) == [b"fine"]
        assert len(it.conversations) == 1


def test_a_listener_who_is_slow_holds_back_only_its_own_stream() -> None:
    """The peer fills the window of the first call; the second gets all it wants."""
    message = bytes(10_000)

    def pour(it: Conversation, number: int, count: int) -> None:
        it.h2.send_headers(number, HEADERS)
        data = framed(message) * count
        while data:
            room = min(it.h2.local_flow_control_window(number), 16384)
            it.h2.send_data(number, data[:room]) if room else gevent.sleep(0.001)
            data = data[room:]
            it.flush()
        it.h2.send_headers(number, OK, end_stream=True)
        it.flush()

    with peer(lambda it, number: void(gevent.spawn(pour, it, number, 30 if number == 1 else 200))) as (_, channel):
        slow, quick = channel.open("/a/B", b""), channel.open("/a/B", b"")
        assert slow.receive() == message

        assert listen(quick) == [message] * 200
        assert sum(map(len, slow._chunks)) + len(slow._buffer) <= 65535 + 5
        assert listen(slow) == [message] * 29


def test_a_long_request_waits_for_room_and_arrives_whole() -> None:
    """Two of 60 kB: more than the window of a connection that nobody has read from yet."""
    texts = [b"a" * 60_000, b"b" * 60_000]

    def play(it: Conversation, number: int) -> None:
        it.answer(number, it.requests[number][-1:])

    with peer(play) as (it, channel):
        calls = [channel.open("/a/B", text) for text in texts]

        assert [listen(call) for call in calls] == [[b"a"], [b"b"]]
        assert list(it.conversations[0].requests.values()) == [framed(text) for text in texts]


def test_going_away_lets_calls_under_way_finish_and_sends_new_ones_elsewhere() -> None:
    """GOAWAY, then the rest of an answer in the same breath; the next call finds another connection."""

    def play(it: Conversation, number: int) -> None:
        if len(opened.conversations) > 1:
            it.answer(number, b"second")
            return
        it.h2.send_headers(number, HEADERS)
        it.h2.send_data(number, framed(b"one"))
        before = it.h2.data_to_send()
        it.h2.send_data(number, framed(b"two"))
        it.h2.send_headers(number, OK, end_stream=True)
        after = it.h2.data_to_send()
        going_away = b"\0\0\x08\7\0\0\0\0\0" + struct.pack(">II", 1, 0)
        it.socket.sendall(before + going_away + after)

    with peer(play) as (opened, channel):
        assert listen(channel.open("/a/B", b"")) == [b"one", b"two"]
        assert listen(channel.open("/a/B", b"")) == [b"second"]
        assert len(opened.conversations) == 2


def test_calls_that_a_leaving_peer_will_not_answer_end_at_once() -> None:
    """They lie above the last number it names."""
    going_away = b"\0\0\x08\7\0\0\0\0\0" + struct.pack(">II", 1, 0)
    with peer(lambda it, number: it.socket.sendall(going_away) if number == 3 else None) as (_, channel):
        kept, refused = channel.open("/a/B", b""), channel.open("/a/B", b"")

        assert failure(refused).status is Status.UNAVAILABLE
        assert not kept.has_ended


def test_a_cancelled_call_ends_here_and_there() -> None:
    """RST_STREAM; whoever waits is woken; what was there already is gone."""

    def play(it: Conversation, number: int) -> None:
        it.h2.send_headers(number, HEADERS)
        it.h2.send_data(number, framed(b"one") + framed(b"two"))

    with peer(play) as (it, channel):
        call = channel.open("/a/B", b"")
        assert call.receive() == b"one"
        waiting = channel.open("/a/B", b"")
        waiting.receive(), waiting.receive()
        listener = gevent.spawn(failure, waiting)
        gevent.sleep(0)
        call.cancel()
        call.cancel()
        waiting.cancel()

        assert listener.get(timeout=5).status is Status.CANCELLED
        assert failure(call).status is Status.CANCELLED
        with gevent.Timeout(5):
            while len(it.conversations[0].resets) < 2:
                gevent.sleep(0)
        assert it.conversations[0].resets == [1, 3]


def test_a_call_cancelled_before_the_connection_is_there_is_never_sent() -> None:
    """The other one is."""
    with peer(lambda it, number: it.answer(number, b"yes")) as (it, channel):
        early, other = channel.open("/a/B", b"early"), channel.open("/a/B", b"other")
        early.cancel()

        assert listen(other) == [b"yes"]
        assert list(it.conversations[0].requests.values()) == [framed(b"other")]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:99999", ":::"])
def test_an_address_where_nobody_is_fails_every_call(address: str) -> None:
    """With a word about why, again and again, and nothing else."""
    channel = Channel(address)
    for _ in range(2):
        error = failure(channel.open("/a/B", b""))
        assert (error.status, error.details[:14]) == (Status.UNAVAILABLE, "cannot connect")


@pytest.mark.parametrize("ending", [b"", b"\0\0\1\0\0\0\0\0\0x", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 700])
def test_a_lost_connection_fails_its_calls_and_the_next_one_gets_another(ending: bytes) -> None:
    """Closed, or spoken to in what is not HTTP/2."""

    def play(it: Conversation, number: int) -> None:
        if len(opened.conversations) == 1:
            it.socket.sendall(ending)
            it.socket.close()
        else:
            it.answer(number, b"yes")

    with peer(play) as (opened, channel):
        error = failure(channel.open("/a/B", b""))

        assert error.status is Status.UNAVAILABLE
        assert listen(channel.open("/a/B", b"")) == [b"yes"]


def test_a_closed_channel_fails_what_runs_and_can_be_used_again() -> None:
    """A worker that left the list and came back."""

    def play(it: Conversation, number: int) -> None:
        if len(opened.conversations) > 1:
            it.answer(number, b"yes")

    with peer(play) as (opened, channel):
        running = channel.open("/a/B", b"")
        with gevent.Timeout(5):
            while not (opened.conversations and opened.conversations[0].requests):
                gevent.sleep(0)
        channel.close()

        assert failure(running).details == "closed here"
        assert listen(channel.open("/a/B", b"")) == [b"yes"]


def test_no_frame_is_written_out_for_a_log_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """h2 does so with every frame, 3 kB of audio in hexadecimal; it cost a web worker a quarter of a stream's CPU."""
    written: list[object] = []
    monkeypatch.setattr("hyperframe.frame.Frame.__repr__", lambda frame: written.append(frame) or "")

    def play(it: Conversation, number: int) -> None:
        it.answer(number, bytes(3200), bytes(3200))

    with peer(play) as (_, channel):
        assert [len(message) for message in listen(channel.open("/a/B", b""))] == [3200, 3200]
    assert written == []


def test_a_peer_that_reads_nothing_stops_nobody_here() -> None:
    """Opening and cancelling never wait, however much lies unsent; when it reads again, all of it comes."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    channel = Channel(f"127.0.0.1:{server.getsockname()[1]}")
    calls = [channel.open("/a/B", bytes(1000)) for _ in range(40)]
    gevent.sleep(0.01)
    with gevent.Timeout(5):
        for _ in range(2000):
            channel.open("/a/B", bytes(1000)).cancel()
    connection, _ = server.accept()

    def play(it: Conversation, number: int) -> None:
        if number < 2 * len(calls):  # the others are cancelled
            it.answer(number, b"yes")

    answering = gevent.spawn(Conversation(connection, play).run)

    assert [listen(call) for call in calls] == [[b"yes"]] * 40
    channel.close()
    answering.kill()
    connection.close()
    server.close()


def void(_: object) -> None:
    """A play that goes on by itself."""
