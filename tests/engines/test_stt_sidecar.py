"""backend/engines/stt_sidecar.py against a real WebSocket server that behaves as told (`tests/fakes/fake_sidecar.py`)."""

import socket
import time
from dataclasses import dataclass, field

import gevent
import pytest

from backend.engines.base import SttStream, Transcript
from backend.engines.stt_protocol import FAILED, GOING_AWAY, TOO_BIG, UNSUPPORTED
from backend.engines.stt_sidecar import SidecarStt
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut
from backend.metrics import TRANSCRIPTS_SKIPPED
from tests.fakes.fake_sidecar import GARBAGE, TOKEN, FakeSidecar
from tests.session.rig import wait_until

FRAME = bytes(range(160)) * 2
"""20 ms at 8 kHz."""
NOBODY = "ws://127.0.0.1:1/"


@dataclass
class Notes:
    """A listener that writes down."""

    ready: int = 0
    transcripts: list[Transcript] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    errors: list[EngineError] = field(default_factory=list)

    def on_ready(self) -> None:
        self.ready += 1

    def on_transcript(self, transcript: Transcript) -> None:
        self.transcripts.append(transcript)

    def on_progress(self, audio_s: float) -> None:
        self.progress.append(audio_s)

    def on_closed(self, error: EngineError) -> None:
        self.errors.append(error)

    @property
    def texts(self) -> list[str]:
        return [transcript.text for transcript in self.transcripts]


def open_stream(*urls: str, token: str = TOKEN, within_s: float = 1.0) -> tuple[SttStream, Notes]:
    notes = Notes()
    stt = SidecarStt(urls, token, connect_s=within_s, open_s=within_s)
    return stt.open(notes, sample_rate=8000, language="en-US"), notes


def open_ready(sidecar: FakeSidecar) -> tuple[SttStream, Notes]:
    stream, notes = open_stream(sidecar.url)
    wait_until(lambda: notes.ready)
    return stream, notes


def skipped(reason: str) -> float:
    return TRANSCRIPTS_SKIPPED._counter.labels(recogniser="sidecar", reason=reason)._value.get()


def test_audio_goes_in_bundles_and_words_come_back_with_their_positions() -> None:
    """The whole way once: 20 ms frames become 100 ms messages; the rest goes with the end of speech."""
    with FakeSidecar() as sidecar:
        stream, notes = open_ready(sidecar)
        for _ in range(13):
            stream.feed(FRAME)
        wait_until(lambda: len(sidecar.session.sizes) == 2)
        stream.speech_ended()
        wait_until(lambda: sidecar.session.controls)
        assert sidecar.session.start == {"type": "start", "sample_rate": 8000, "language": "en-US", "call": ""}
        assert sidecar.session.sizes == [1600, 1600, 960] and bytes(sidecar.session.audio) == FRAME * 13
        assert sidecar.session.controls == [{"type": "flush", "id": 1}]

        sidecar.session.say("two pizz")
        sidecar.session.alive()
        sidecar.session.say("two pizzas", is_final=True, start_s=0.1, end_s=0.2)
        wait_until(lambda: len(notes.transcripts) == 2)
        stream.close()

        assert notes.transcripts[0].text == "two pizz" and not notes.transcripts[0].is_final
        assert notes.transcripts[1] == Transcript("two pizzas", True, start_s=0.1, end_s=0.2)
        assert notes.progress == [0.26]


def test_close_tells_the_sidecar_and_the_listener_nothing() -> None:
    """Returns at once; closed with 1000, so that the seat is free."""
    with FakeSidecar() as sidecar:
        stream, notes = open_ready(sidecar)
        began_at = time.perf_counter()
        stream.close()
        assert time.perf_counter() - began_at < 0.01
        stream.close()
        stream.feed(FRAME * 10)
        stream.speech_ended()
        wait_until(sidecar.session.is_over.is_set)

        assert (sidecar.session.close_code, notes.errors, sidecar.session.sizes) == (1000, [], [])


def test_closing_while_it_still_connects_leaves_nothing_behind() -> None:
    """A listener that never answers: the greenlet ends, and with it the connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stream, notes = open_stream(f"ws://127.0.0.1:{silent.getsockname()[1]}/", within_s=30.0)
        gevent.sleep(0.05)  # it connects to the backlog, and sends its upgrade
        connection, _ = silent.accept()
        stream.close()
        gevent.sleep(0.05)
        connection.settimeout(5)
        with connection:
            while connection.recv(4096):
                pass

    assert notes.errors == []


@pytest.mark.parametrize(
    ("behaviour", "kind"), [("busy", EngineBusy), ("mute", EngineTimedOut), ("no_upgrade", EngineFailed)]
)  # fmt: skip
def test_a_sidecar_that_does_not_serve_is_passed_over_for_the_next(behaviour: str, kind: type[EngineError]) -> None:
    """Full, silent or no sidecar at all; alone it is the reason for the end, and may be asked again."""
    with FakeSidecar(behaviour) as bad, FakeSidecar() as good:
        stream, notes = open_stream(bad.url, good.url, within_s=0.2)
        wait_until(lambda: notes.ready)
        stream.close()
        assert (bad.connections, good.connections, notes.errors) == (1, 1, [])
        _, notes = open_stream(bad.url, within_s=0.2)
        wait_until(lambda: notes.errors)

    assert [type(error) for error in notes.errors] == [kind] and notes.errors[0].retryable and not notes.ready


def test_streams_take_the_sidecars_in_turn() -> None:
    """Four calls over two addresses."""
    with FakeSidecar() as one, FakeSidecar() as other:
        stt, notes = SidecarStt([one.url, other.url], TOKEN), Notes()
        streams = []
        for number in range(4):
            streams.append(stt.open(notes, sample_rate=8000, language="en"))
            wait_until(lambda number=number: notes.ready == number + 1)
        for stream in streams:
            stream.close()

    assert (len(one.sessions), len(other.sessions)) == (2, 2)


def test_nobody_there_is_known_at_once_and_a_silent_address_within_the_time_out() -> None:
    """Refused connections cost nothing."""
    began_at = time.perf_counter()
    _, notes = open_stream(NOBODY)
    wait_until(lambda: notes.errors)
    assert time.perf_counter() - began_at < 0.5 and isinstance(notes.errors[0], EngineFailed)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_at = time.perf_counter()
        _, notes = open_stream(f"ws://127.0.0.1:{silent.getsockname()[1]}/", within_s=0.3)
        wait_until(lambda: notes.errors)

    assert 0.25 < time.perf_counter() - began_at < 1.5
    assert isinstance(notes.errors[0], EngineTimedOut)


def test_a_wrong_token_is_told_once_and_not_worth_another_try() -> None:
    """Nor is another sidecar asked: it has the same token."""
    with FakeSidecar() as sidecar, FakeSidecar() as other:
        _, notes = open_stream(sidecar.url, other.url, token="wrong")
        wait_until(lambda: notes.errors)

    assert [error.retryable for error in notes.errors] == [False] and other.connections == 0


@pytest.mark.parametrize(
    ("code", "is_retryable"), [(FAILED, True), (GOING_AWAY, True), (UNSUPPORTED, False), (TOO_BIG, False)]
)  # fmt: skip
def test_the_close_code_says_whether_another_stream_can_help(code: int, is_retryable: bool) -> None:
    """The table of the protocol."""
    with FakeSidecar() as sidecar:
        _, notes = open_ready(sidecar)
        sidecar.session.close(code)
        wait_until(lambda: notes.errors)

    assert [error.retryable for error in notes.errors] == [is_retryable]


def test_a_connection_that_breaks_is_told_once() -> None:
    """No closing handshake: the process was killed."""
    with FakeSidecar() as sidecar:
        _, notes = open_ready(sidecar)
        sidecar.session.cut()
        wait_until(lambda: notes.errors)
        gevent.sleep(0.05)

    assert [(type(error), error.retryable) for error in notes.errors] == [(EngineFailed, True)]


def test_what_is_no_message_is_skipped_and_counted_and_the_words_go_on() -> None:
    """Binary, no JSON, no object, wrong types, numbers that are none."""
    before = skipped("malformed")
    with FakeSidecar("garbage") as sidecar:
        stream, notes = open_ready(sidecar)
        sidecar.session.say("still here", is_final=True)
        wait_until(lambda: notes.transcripts)
        stream.close()

    assert (notes.texts, notes.progress, notes.errors) == (["still here"], [], [])
    assert skipped("malformed") - before == len(GARBAGE)


def test_interim_words_after_their_final_form_and_a_second_final_form_are_skipped() -> None:
    """Each counted."""
    before = skipped("after_its_final")
    with FakeSidecar() as sidecar:
        stream, notes = open_ready(sidecar)
        sidecar.session.say("two pizzas", is_final=True)
        sidecar.session.say("two pizz", utterance=1)
        sidecar.session.say("two pizzas", is_final=True, utterance=1)
        sidecar.session.say("and")
        wait_until(lambda: len(notes.transcripts) == 2)
        stream.close()

    assert notes.texts == ["two pizzas", "and"] and skipped("after_its_final") - before == 2


def test_a_message_of_megabytes_ends_the_stream_and_nothing_else() -> None:
    """The socket refuses it; another stream of the same worker does not notice."""
    with FakeSidecar() as sidecar:
        _, hit = open_ready(sidecar)
        victim = sidecar.session
        stream, notes = open_ready(sidecar)
        victim.say("x" * 2_000_000)
        wait_until(lambda: hit.errors)
        sidecar.session.say("fine", is_final=True)
        wait_until(lambda: notes.transcripts)
        stream.close()

    assert (hit.texts, notes.texts, notes.errors) == ([], ["fine"], [])


def test_a_sidecar_that_stops_reading_blocks_nobody() -> None:
    """Ten seconds of audio at once, unread: each `feed` returns, and `close` too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stream, notes = open_stream(f"ws://127.0.0.1:{silent.getsockname()[1]}/", within_s=5.0)
        stream.feed(FRAME * 500)
        stream.close()
    with FakeSidecar() as sidecar:
        stream, notes = open_ready(sidecar)
        began_at = time.perf_counter()
        for _ in range(500):
            stream.feed(FRAME)
        assert time.perf_counter() - began_at < 0.5
        wait_until(lambda: sidecar.session.audio_s >= 9.9)
        stream.close()

    assert notes.errors == []
