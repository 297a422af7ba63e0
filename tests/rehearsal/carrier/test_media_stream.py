"""The media socket over real TCP: frames, pacing, marks, clear, errors, one stream per leg, the ways it ends."""

import asyncio
import base64
import json
from collections import defaultdict

import numpy as np
import pytest

from backend.rehearsal.carrier.codec import decode, encode
from backend.rehearsal.carrier.faults import Faults

from .product import call, running, tone, until

SOUND = encode("PCMU", tone(0.1))


def test_caller_audio_comes_in_numbered_frames_of_20_ms():
    """Strings as numbers, 160 bytes each, speech where speech is, at the pace of time."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            started_at, ended_at = await leg.play(tone(0.3).tobytes(), transcript=None)
            await asyncio.sleep(0.06)
            frames = list(product.media)

            assert [str(n + 1) for n in range(len(frames))] == [frame["media"]["chunk"] for frame in frames]
            assert [str(20 * (n + 1)) for n in range(len(frames))] == [frame["media"]["timestamp"] for frame in frames]
            assert {"inbound"} == {frame["media"]["track"] for frame in frames}
            numbers = [int(frame["sequence_number"]) for frame in frames]
            assert sorted(set(numbers)) == numbers
            sound = [decode("PCMU", base64.b64decode(frame["media"]["payload"])) for frame in frames]
            assert {160} == {len(frame) for frame in sound}
            loud = [index for index, frame in enumerate(sound) if np.abs(frame.astype(int)).max() > 5000]
            assert list(range(loud[0], loud[0] + 15)) == loud
            assert pytest.approx(ended_at - started_at) == 0.3

    call(body)


def test_the_last_frame_of_speech_arrives_when_the_speech_ends():
    """Latency is measured from here: a frame is sent when its 20 ms are over, neither before nor much later."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            arrivals = []
            count = len(product.media)
            speaking = asyncio.create_task(leg.play(tone(0.2).tobytes(), transcript=None))
            while not speaking.done() or len(product.media) < count + 13:
                if len(product.media) > count + len(arrivals):
                    frame = product.media[count + len(arrivals)]
                    loud = np.abs(decode("PCMU", base64.b64decode(frame["media"]["payload"])).astype(int)).max() > 5000
                    arrivals.append((carrier.now(), loud))
                await asyncio.sleep(0.001)
            _, ended_at = await speaking

            last = max(at for at, loud in arrivals if loud)
            assert -0.002 <= last - ended_at < 0.02

    call(body)


def test_agent_audio_is_heard_in_real_time_and_to_the_frame():
    """One burst of 400 ms: heard from the next slot on, for 400 ms, sample for sample; the mark is its end."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            sent_at = carrier.now()
            sound = tone(0.4)
            await product.send_audio(encode("PCMU", np.concatenate([np.zeros(800, dtype=np.int16), sound])))
            await product.send_mark("end")
            await until(lambda: product.marks())
            await until(lambda: carrier.log.of("agent_audio_ended"))

            (segment,) = leg.agent_segments
            assert 0.1 <= segment.started_at - sent_at < 0.145
            assert pytest.approx(segment.ended_at - segment.started_at, abs=0.0005) == 0.4
            assert decode("PCMU", encode("PCMU", sound)).tobytes() == segment.pcm
            returned = carrier.log.of("mark_returned")[0]
            assert -0.005 < returned.at - segment.ended_at < 0.04
            assert returned.data == {"name": "end", "cleared": False}
            assert segment.starved_s == 0.0
            (ended,) = carrier.log.of("agent_audio_ended")
            assert (segment.started_at, segment.ended_at) == (ended.data["started_at"], ended.data["ended_at"])
            heard = np.frombuffer(leg.agent_audio(), dtype=np.int16)
            first = np.flatnonzero(heard)[0] / 8000
            assert first == pytest.approx(segment.started_at - leg.rung_at, abs=0.02)

    call(body)


def test_a_mark_on_an_idle_stream_comes_back_at_once():
    """Nothing is before it."""

    async def body():
        async with running() as (product, carrier):
            await product.answered_call()
            await product.send_mark("idle")
            await until(lambda: product.marks() == ["idle"])

            received, returned = carrier.log.of("mark_received")[0], carrier.log.of("mark_returned")[0]
            assert returned.at - received.at < 0.005

    call(body)


def test_clear_stops_the_agent_and_returns_its_marks():
    """Marks that come back with clear were not heard, and the log says so."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            for name in ("one", "two"):
                await product.send_audio(encode("PCMU", tone(3)))
                await product.send_mark(name)
            await until(lambda: leg.agent_segments)
            await product.send({"event": "clear"})
            await until(lambda: product.marks() == ["one", "two"])
            cleared_at = carrier.now()

            assert [entry.data["cleared"] for entry in carrier.log.of("mark_returned")] == [True, True]
            assert 5.0 < carrier.log.of("cleared")[0].data["dropped_s"] < 6.0
            await until(lambda: carrier.log.of("agent_audio_ended"))
            assert leg.agent_segments[0].ended_at < cleared_at + 0.03
            assert not leg.is_agent_audible(carrier.now())

    call(body)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", 100003),
        ("[]", 100003),
        ('{"event":"media"}', 100003),
        ('{"event":"sing"}', 100003),
        ('{"event":"media","media":{"payload":"***"}}', 100004),
        ('{"event":"media","media":{"payload":7}}', 100004),
        ('{"event":"media","media":{"payload":"' + base64.b64encode(b"x" * 159).decode() + '"}}', 100004),
        ('{"event":"media","media":{"payload":"' + base64.b64encode(b"x" * 240001).decode() + '"}}', 100004),
    ],
)
def test_what_is_not_understood_gets_an_error_frame(message, code):
    """The stream goes on."""

    async def body():
        async with running() as (product, carrier):
            await product.answered_call()
            await product.sockets[0].send_str(message)
            await product.send_mark("still here")
            await until(lambda: product.marks())

            assert [code] == [frame["payload"]["code"] for frame in product.frames("error")]
            assert "sequence_number" not in product.frames("error")[0]

    call(body)


def test_without_rtp_mode_the_agent_is_mute():
    """The default is mp3: raw audio disappears without a word, faster than once a second it is an error."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call(stream_bidirectional_mode=None)
            await product.send_audio(SOUND)
            await product.send_audio(SOUND)
            await until(lambda: product.frames("error"))

            assert [frame["payload"]["code"] for frame in product.frames("error")] == [100005]
            assert leg.agent_segments == []
            assert len(carrier.log.of("agent_audio_dropped")) == 1

    call(body)


def test_the_codec_of_the_agent_is_not_the_codec_of_the_call():
    """A PCMA call is announced as PCMA; the agent's audio is still PCMU unless it asked otherwise."""

    async def body():
        async with running(codec="PCMA") as (product, carrier):
            leg = await product.answered_call(stream_bidirectional_codec="PCMA")
            await product.send_audio(encode("PCMA", tone(0.1)))
            await until(lambda: carrier.log.of("agent_audio_ended"))

            assert product.frames("start")[0]["start"]["media_format"]["encoding"] == "PCMA"
            assert decode("PCMA", encode("PCMA", tone(0.1))).tobytes() == leg.agent_segments[0].pcm
            assert base64.b64decode(product.media[0]["media"]["payload"]) == b"\xd5" * 160

    call(body)


def test_a_leg_has_one_stream():
    """A second start is 90045, a stop without stream 90048, and after a stop it can start again."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            status, reply = await product.post(
                f"/calls/{leg.call_control_id}/actions/streaming_start", stream_url="ws://127.0.0.1:1/"
            )
            assert (status, reply["errors"][0]["code"]) == (422, "90045")
            assert await product.error(leg, "streaming_stop", stream_id="another") == (422, "90048")
            assert await product.command(leg, "streaming_stop") == 200
            assert await product.error(leg, "streaming_stop") == (422, "90048")
            await until(lambda: product.sockets[0].closed and product.events("streaming.stopped"))
            assert [frame["event"] for frame in product.messages[2:]] == ["stop"]
            assert await product.start_stream(leg) == 200
            await until(lambda: len(product.frames("start")) == 2)
            assert [entry.data["attempt"] for entry in carrier.log.of("stream_opened")] == [1, 2]
            assert carrier.log.of("stream_opened")[0].data["worker"] == "4712"

    call(body)


def test_a_soft_stop_waits_for_the_product_to_close():
    """Until then the stream is in use."""

    async def body():
        async with running(soft_close_on_stop=True) as (product, carrier):
            leg = await product.answered_call()
            holding = product.sockets[0]
            transport = holding._req.transport  # the test must keep the close frame from being read
            transport.pause_reading()
            assert await product.command(leg, "streaming_stop") == 200
            await asyncio.sleep(0.1)
            assert await product.start_stream(leg) == 422
            transport.resume_reading()
            await until(lambda: carrier.log.of("stream_closed"))
            assert await product.start_stream(leg) == 200

    call(body)


def test_a_hang_up_waits_politely_for_the_close_frame():
    """stop, then the close handshake: the product sees an orderly end, and streaming.stopped comes once."""

    async def body():
        async with running(soft_close_on_stop=True) as (product, carrier):
            leg = await product.answered_call()
            await product.command(leg, "streaming_stop")
            await leg.hang_up()
            await until(lambda: product.events("call.hangup") and carrier.log.of("stream_closed"))
            await carrier.webhooks.drain(1)

            assert product.sockets[0].close_code == 1000
            assert [frame["event"] for frame in product.messages] == ["connected", "start", "stop"]
            assert len(product.events("streaming.stopped")) == 1

    call(body)


@pytest.mark.parametrize("how", ["closed", "broken"])
def test_the_leg_survives_its_socket(how):
    """The product is told, nobody redials, a new stream can be asked for."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            await product.send_audio(encode("PCMU", tone(3)))
            if how == "closed":
                await product.sockets[0].close()
            else:
                product.sockets[0]._req.transport.abort()
            wanted = "streaming.stopped" if how == "closed" else "streaming.failed"
            await until(lambda: product.events(wanted))
            await asyncio.sleep(0.05)

            assert not leg.ended
            assert len(product.sockets) == 1
            assert carrier.log.of("stream_closed")[0].data["by"] == "product"
            assert await product.start_stream(leg) == 200
            await until(lambda: len(product.frames("start")) == 2)
            assert sum(one.ended_at - one.started_at for one in leg.agent_segments) < 0.3, "old audio is gone"

    call(body)


def test_a_refused_socket_is_reported():
    """streaming.failed, and the leg lives."""

    async def body():
        async with running() as (product, carrier):
            product.refuses_socket = True
            leg = await carrier.ring(from_number="+15550100001", to_number="+15550100002")
            await product.command(leg, "answer")
            await product.start_stream(leg)
            await until(lambda: product.events("streaming.failed"))

            failed = product.events("streaming.failed")[0]["payload"]
            assert (failed["failure_reason"], failed["stream_type"]) == ("connection_failed", "websocket")
            assert carrier.log.of("stream_refused")[0].data["status"] == 403
            product.refuses_socket = False
            assert await product.start_stream(leg) == 200

    call(body)


def test_the_carrier_cuts_the_socket_on_request():
    """Once per leg, without a stop; the stream that follows is left alone."""

    async def body():
        async with running(faults=Faults(drop_socket_at_s=0.05)) as (product, carrier):
            leg = await product.answered_call()
            await until(lambda: product.events("streaming.failed") and product.sockets[0].closed)
            assert product.frames("stop") == []
            await product.start_stream(leg)
            await asyncio.sleep(0.15)

            assert not product.sockets[1].closed

    call(body)


def test_marks_are_lost_and_frames_swapped_on_request():
    """Every second frame comes before its predecessor; no mark comes back."""

    async def body():
        async with running(faults=Faults(drop_marks=True, reorder_frames=1.0)) as (product, carrier):
            await product.answered_call()
            await product.send_mark("gone")
            await until(lambda: len(product.media) >= 6)

            assert [frame["media"]["chunk"] for frame in product.media[:6]] == ["2", "1", "4", "3", "6", "5"]
            assert product.marks() == []
            assert carrier.log.of("fault")[0].data["what"] == "mark dropped"

    call(body)


def test_both_tracks_carry_both_voices():
    """On request the agent's own audio is sent back as the outbound track."""

    async def body():
        async with running() as (product, carrier):
            await product.answered_call(stream_track="both_tracks")
            await product.send_audio(SOUND)
            await until(lambda: carrier.log.of("agent_audio_started"))
            await asyncio.sleep(0.1)

            outbound = [frame["media"]["payload"] for frame in product.media if frame["media"]["track"] == "outbound"]
            joined = b"".join(base64.b64decode(payload) for payload in outbound)
            assert SOUND[:400] in joined

    call(body)


def test_thirty_calls_are_served_by_one_ticker():
    """Every stream gets its frames, numbered without a gap, and none is left behind."""

    async def body():
        async with running(comfort_noise_dbfs=-50.0) as (product, carrier):
            await asyncio.gather(*[carrier_call(product, carrier) for _ in range(30)])

            def chunks() -> dict[str, list[int]]:
                found = defaultdict(list)
                for frame in product.media:
                    found[frame["stream_id"]].append(int(frame["media"]["chunk"]))
                return found

            await until(lambda: len(chunks()) == 30 and min(map(len, chunks().values())) >= 10)

            assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in chunks().values())

    async def carrier_call(product, carrier):
        leg = await carrier.ring(from_number="+15550100001", to_number="+15550100002")
        await product.command(leg, "answer")
        await product.start_stream(leg)

    call(body)


def test_the_error_frame_is_valid_json():
    """Whatever the product sent, the detail is escaped."""

    async def body():
        async with running() as (product, carrier):
            await product.answered_call()
            await product.sockets[0].send_str(json.dumps({"event": 'a "quoted" name\n'}))
            await until(lambda: product.frames("error"))

            assert "quoted" in product.frames("error")[0]["payload"]["detail"]

    call(body)
