"""One client's connection, over real sockets: the door, the order of messages, every way out."""

import asyncio
import gc
import json
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backend.workers.stt import session as module
from tests.workers.stt.fake_recogniser import BREAKS, FIRST, SLOW
from tests.workers.stt.sidecars import TOKEN, Client, Running, audio, running

pytestmark = pytest.mark.live

Story = Callable[[Running], Coroutine[Any, Any, None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a story beside a sidecar, and sees that every seat and every state is given back."""

    def run(story: Story, **options: Any) -> None:
        async def whole() -> None:
            async with running(tmp_path, monkeypatch, **options) as sidecar:
                await story(sidecar)
                await sidecar.idle()
                assert sidecar.recogniser.closed == sidecar.recogniser.opened

        asyncio.run(asyncio.wait_for(whole(), 60))

    return run


def test_a_whole_conversation(play: Play) -> None:
    """Auth, ready, start, words while they are spoken, all of them at the flush, the last at the end, 1000."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start(language="en", call="v3:a")
            await client.send(audio(samples=FIRST))
            assert await client.hear("transcript") == {
                "type": "transcript", "text": "w1", "is_final": False, "utterance": 1, "start_s": 0.0, "end_s": 0.08,
            }  # fmt: skip
            await client.send(audio())
            await client.say("flush", id=5)
            assert await client.hear("flushed") == {"type": "flushed", "id": 5}
            assert client.texts(final=True) == ["w1 w2"]
            await client.send(audio(samples=FIRST))
            await client.hear("transcript")
            await client.say("reset")
            await client.send(audio(samples=100))
            await client.say("stop")
            assert await client.close_code() == 1000

        assert client.heard[0] == {"type": "ready", "recogniser": "fake"}
        assert client.heard[-1]["is_final"] is True
        assert client.heard[-1]["utterance"] == 3

    play(story)


def test_alive_comes_every_second_and_counts_what_was_recognised(play: Play) -> None:
    """From the seat on, also before `start`."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.say("auth", token=TOKEN)
            assert await client.hear("alive") == {"type": "alive", "audio_s": 0.0}
            await client.say("start", sample_rate=8000)
            await client.send(audio(samples=8000))
            assert 0.9 < (await client.hear("alive"))["audio_s"] <= 1.0

    play(story)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (json.dumps({"type": "auth", "token": "wrong"}), 1008),
        (json.dumps({"type": "auth", "token": TOKEN[:-1]}), 1008),
        (json.dumps({"type": "auth", "token": TOKEN + " "}), 1008),
        (json.dumps({"type": "auth", "token": ""}), 1008),
        (json.dumps({"type": "auth", "token": "\ud800"}), 1008),
        (json.dumps({"type": "auth", "token": ["x"]}), 1008),
        (json.dumps({"type": "auth"}), 1008),
        (json.dumps({"type": "start", "sample_rate": 8000}), 1008),
        (json.dumps({"type": "stop"}), 1008),
        ("", 1008),
        ("not JSON", 1008),
        (b"", 1008),
        (audio(), 1008),
        (json.dumps({"type": "auth", "token": "x" * 5000}), 1009),
        (json.dumps({"type": "auth", "token": "x" * 10_000_000}), 1009),
        (bytes(10_000_000), 1009),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_without_the_token_nobody_gets_in(play: Play, first: str | bytes, code: int) -> None:
    """Wrong, missing or huge auth, audio before it, anything before it."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            try:
                await client.send(first)
            except OSError:
                pass  # it closed while the ten megabytes were on their way
            assert await client.close_code() == code
        assert client.heard == []
        assert sidecar.recogniser.opened == 0

    play(story)


def test_auth_that_does_not_come_is_1008_after_two_seconds(play: Play) -> None:
    """And not much later."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            begun = asyncio.get_running_loop().time()
            assert await client.close_code() == 1008
            assert 1.9 < asyncio.get_running_loop().time() - begun < 4

    play(story)


def test_one_call_too_many_is_refused_until_a_seat_is_free(play: Play) -> None:
    """1013, and the ones that are seated notice nothing."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as first, sidecar.client() as third:
            await first.start()
            async with sidecar.client() as second:
                await second.start()
                await third.say("auth", token=TOKEN)
                assert await third.close_code() == 1013
                await second.say("stop")
                assert await second.close_code() == 1000
            async with asyncio.timeout(5):
                while (await sidecar.health())[1]["sessions"] > 1:
                    await asyncio.sleep(0.01)
            async with sidecar.client() as fourth:
                await fourth.start()
                await fourth.send(audio(samples=FIRST))
                await fourth.hear("transcript")
            await first.send(audio(samples=FIRST))
            await first.hear("transcript")

    play(story)


@pytest.mark.parametrize(
    "message",
    [
        "words where audio is due",
        json.dumps({"type": "transcript", "text": "hello"}),
        json.dumps({"type": "auth", "token": TOKEN}),
        json.dumps({"type": "start", "sample_rate": 16000}),
        json.dumps({"type": "flush"}),
        json.dumps([1]),
        "",
    ],
    ids=lambda value: value[:25],
)
def test_what_has_no_place_in_the_protocol_is_1003(play: Play, message: str) -> None:
    """Text where binary is due, an unknown type, a second auth or start."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            await client.send(audio(samples=FIRST))
            await client.send(message)
            assert await client.close_code() == 1003

    play(story)


@pytest.mark.parametrize(
    "message", [audio(), b"", *(json.dumps({"type": kind, "id": 1}) for kind in ("flush", "reset"))]
)
def test_nothing_may_come_before_start(play: Play, message: str | bytes) -> None:
    """Its rate is not known yet."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.say("auth", token=TOKEN)
            await client.send(message)
            assert await client.close_code() == 1003
        assert sidecar.recogniser.opened == 0

    play(story)


def test_stop_before_start_is_an_ordinary_end(play: Play) -> None:
    """The call was over before anybody spoke."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.say("auth", token=TOKEN)
            await client.say("stop")
            assert await client.close_code() == 1000

    play(story)


@pytest.mark.parametrize("rate", [0, 44100, "8000", None])
def test_an_unknown_rate_is_1003(play: Play, rate: object) -> None:
    """There are two."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.say("auth", token=TOKEN)
            await client.say("start", sample_rate=rate)
            assert await client.close_code() == 1003

    play(story)


def test_an_odd_number_of_bytes_is_counted_and_skipped(play: Play) -> None:
    """The session goes on, and what comes next is not shifted by a byte. No bytes at all are no fault."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            for odd in (b"\x01", audio()[:-1], b"", b"\x01\x02\x03"):
                await client.send(odd)
            await client.send(audio(samples=FIRST))
            assert (await client.hear("transcript"))["end_s"] == 0.08
            await client.say("stop")
            assert await client.close_code() == 1000
        page = sidecar.sidecar._figures.page().decode()
        assert "offhook_stt_odd_messages_total 3.0" in page

    play(story)


@pytest.mark.parametrize("size", [65538, 10_000_000])
def test_a_message_beyond_the_limit_is_1009(play: Play, size: int) -> None:
    """The largest that is allowed is heard."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            await client.send(audio(samples=32768))
            await client.hear("transcript")
            try:
                await client.send(bytes(size))
            except OSError:
                pass  # it closed while they were on their way
            assert await client.close_code() == 1009

    play(story)


def test_a_text_beyond_the_limit_is_1009(play: Play) -> None:
    """Before anybody tries to understand it."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            await client.send(json.dumps({"type": "reset", "more": "x" * 4096}))
            assert await client.close_code() == 1009

    play(story)


def test_a_recogniser_that_fails_says_so_and_ends_with_1011(play: Play) -> None:
    """In the middle of speech: what was heard before went out; and the other session goes on."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client, sidecar.client() as other:
            await client.start()
            await other.start()
            await client.send(audio(samples=FIRST) + audio(BREAKS))
            assert await client.close_code() == 1011
            assert client.heard[-1] == {"type": "error", "message": "fake: lost"}
            assert client.texts() == ["w1"]
            await other.send(audio(samples=FIRST))
            await other.hear("transcript")

    play(story)


def test_a_language_that_the_recogniser_refuses_is_1011(play: Play) -> None:
    """The seat is free again."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start(language="xx")
            assert await client.close_code() == 1011
        assert client.heard[-1] == {"type": "error", "message": "fake: does not know xx"}

    play(story, seats=1)


def test_a_client_that_vanishes_in_mid_audio_disturbs_nobody(play: Play) -> None:
    """No close frame, no FIN even: its connection is reset. The other one hears every word in time."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as lost, sidecar.client() as other:
            await lost.start()
            await other.start()
            await lost.send(audio(samples=FIRST))
            await other.send(audio(samples=FIRST))
            await other.hear("transcript")
            reset_connection(lost)
            for number in range(2, 12):
                await other.send(audio())
                assert (await other.hear("transcript"))["text"].endswith(f"w{number}")
            async with asyncio.timeout(5):
                while sidecar.recogniser.closed == 0:
                    await asyncio.sleep(0.01)

    play(story)


def reset_connection(client: Client) -> None:
    """As when the process dies with unread data: RST."""
    transport = client.connection.transport
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, "little") + bytes(4)
    )
    transport.abort()


def test_a_client_that_never_reads_is_sent_away(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on sending audio but takes no word: its pongs stay away. The seat is free again, the other one is heard."""
    monkeypatch.setattr(module, "READS_WITHIN_S", 1.5)

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as deaf, sidecar.client() as other:
            await deaf.start()
            await other.start()
            deaf.connection.transport.pause_reading()
            async with asyncio.timeout(20):
                while sidecar.recogniser.closed == 0:
                    await deaf.send(audio())
                    await other.send(audio())
                    await asyncio.sleep(0.02)
            assert other.connection.close_code is None
            await other.hear("transcript")
            deaf.connection.transport.resume_reading()
            assert await deaf.close_code() in (1013, 1006)

    play(story)


def test_unread_words_do_not_pile_up_without_end(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faster than any ping notices: the outbox is bounded."""
    monkeypatch.setattr(module, "MOST_UNSENT", 20)

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as deaf:
            await deaf.start()
            deaf.connection.transport.pause_reading()
            deaf.connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with asyncio.timeout(30):
                while sidecar.recogniser.closed == 0:
                    # Each flush and its answer is small, and they are many.
                    for number in range(200):
                        try:
                            await deaf.say("flush", id=number)
                        except Exception:  # it is closed already
                            break
                    await asyncio.sleep(0)

    play(story)


def test_who_sends_too_fast_is_made_to_wait_and_loses_nothing(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds of audio at once, recognised about as fast as they were spoken: every piece is heard, in order, little
    waits on our side, and the pong that stands behind all that audio is not missed."""
    monkeypatch.setattr(module, "MOST_WAITING_S", 0.5)
    monkeypatch.setattr(module, "READS_WITHIN_S", 0.3)
    monkeypatch.setattr(module.protocol, "ALIVE_EVERY_S", 0.1)

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            waiting: list[float] = []
            sending = asyncio.create_task(send_all(client))
            (session,) = sidecar.sidecar._sessions
            while not sending.done() or session._lane is None or session._lane.recognised_s < 3.1:
                await asyncio.sleep(0.02)
                waiting.append(session._lane.waiting_s if session._lane is not None else 0.0)
            await client.say("stop")
            assert await client.close_code() == 1000
            assert client.texts(final=True)[0].endswith("w79")
            assert 0.5 < max(waiting) <= 0.5 + 0.4

    async def send_all(client: Client) -> None:
        for _ in range(8):
            await client.send(audio(SLOW, 6400))

    play(story)


def test_what_comes_after_stop_is_not_heard(play: Play) -> None:
    """Audio that was on its way does no harm."""

    async def story(sidecar: Running) -> None:
        async with sidecar.client() as client:
            await client.start()
            await client.send(audio(samples=FIRST))
            await client.say("stop")
            await client.send(audio())
            assert await client.close_code() == 1000
        assert client.texts(final=True) == ["w1"]

    play(story)


def test_fifty_sessions_leave_nothing_behind(play: Play) -> None:
    """However they end: no task, no state, no session object."""

    async def story(sidecar: Running) -> None:
        before = len(asyncio.all_tasks())
        for number in range(50):
            async with sidecar.client() as client:
                await client.start()
                await client.send(audio(BREAKS if number % 5 == 0 else 2000, FIRST))
                if number % 5 == 1:
                    reset_connection(client)
                elif number % 5 == 2:
                    await client.say("stop")
                    await client.close_code()
                elif number % 5 == 3:
                    await client.send("nonsense")
            await sidecar.idle()
        async with asyncio.timeout(5):
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.01)
        gc.collect()
        assert not sidecar.sidecar._sessions
        assert not [thing for thing in gc.get_objects() if type(thing) is module.Session]
        assert sidecar.recogniser.opened == sidecar.recogniser.closed == 50

    play(story)
