"""backend/transports/watched_socket.py. What follows from it for a client stands in test_client_socket.py."""

import gevent
from gevent import socket
from websockets.protocol import CLIENT, SERVER, Protocol

from backend.transports.watched_socket import SEND_BUFFER_BYTES, WatchedSocket


class Line:
    """A socket under test and a sans-IO client."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.client = Protocol(CLIENT, max_size=None)
        self.wire = WatchedSocket(self.ours, Protocol(SERVER, max_size=65536))
        self.got: list[bytes] = []
        self.pongs = 0
        self.wire.on_pong = self._count
        self.run = gevent.spawn(self.wire.run, lambda message, is_text: self.got.append(message))

    def _count(self) -> None:
        self.pongs += 1

    def says(self, *messages: bytes) -> None:
        for message in messages:
            self.client.send_text(message)
        self.theirs.sendall(b"".join(self.client.data_to_send()))

    def reads(self) -> list[tuple[int, bytes]]:
        """One read of what our side has sent: opcodes and contents; answers pings and closes."""
        self.client.receive_data(self.theirs.recv(1 << 16))
        self.theirs.sendall(b"".join(self.client.data_to_send()))
        return [(int(frame.opcode), bytes(frame.data)) for frame in self.client.events_received()]  # type: ignore[union-attr]

    def until(self, condition: object) -> None:
        with gevent.Timeout(5):
            while not condition():  # type: ignore[operator]
                gevent.sleep(0.001)

    def leaves(self) -> None:
        self.theirs.close()
        self.run.join(5)
        self.ours.close()


def test_an_answer_to_a_ping_is_told_also_while_the_peer_talks() -> None:
    """A peer that is never quiet is asked too."""
    line = Line()
    line.says(b"one")
    line.wire.ask()
    assert line.reads() == [(9, b"")]
    line.says(b"two")
    line.until(lambda: line.pongs == 1 and len(line.got) == 2)
    line.leaves()
    line.wire.ask()

    assert line.got == [b"one", b"two"] and line.wire.is_closed


def test_while_reading_is_paused_nothing_is_lost() -> None:
    """What was said meanwhile comes afterwards, in order."""
    line = Line()
    line.says(b"before")
    line.until(lambda: line.got)
    line.wire.pause_reading()
    line.says(*(b"%d" % number for number in range(50)))
    line.wire.ask()
    line.reads()
    assert (line.got, line.pongs) == ([b"before"], 0)
    line.wire.resume_reading()
    line.wire.resume_reading()
    line.until(lambda: line.pongs)
    line.leaves()
    line.wire.resume_reading()

    assert line.got == [b"before", *(b"%d" % number for number in range(50))]


def test_the_last_words_come_before_the_close_for_a_fault_of_the_peer() -> None:
    """Once, with the code; a peer that just goes gets none."""
    line = Line()
    codes: list[int] = []

    def words(code: int) -> bytes:
        codes.append(code)
        return b"too large"

    line.wire.last_words = words
    line.says(b"x" * 70_000)
    heard: list[tuple[int, bytes]] = []
    while not any(opcode == 8 for opcode, _ in heard):
        heard += line.reads()
    line.leaves()
    gone = Line()
    gone.wire.last_words = words
    gone.leaves()

    assert [opcode for opcode, _ in heard] == [1, 8] and heard[0][1] == b"too large"
    assert codes == [1009]


def test_the_kernel_holds_little_of_what_is_not_read() -> None:
    """So that we notice; the kernel doubles what it is asked for."""
    line = Line()
    size = line.ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    line.leaves()

    assert size <= 2 * SEND_BUFFER_BYTES
