"""Whole calls over real sockets: incoming, outgoing, transferred; what is reported when."""

import asyncio

import pytest

from backend.rehearsal.carrier.log import CarrierLog

from .product import CALLED, CALLER, CONNECTION, call, running, tone, until


def types(product):
    return [event["event_type"] for event in product.events()]


def test_an_incoming_call_goes_through_its_stages():
    """initiated, answered, streaming, media, hang-up; the socket gets stop and then closes."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call(
                stream_auth_token="secret", custom_parameters=[{"name": "k", "value": "v"}]
            )
            await until(lambda: len(product.media) > 2 and product.events("streaming.started"))
            await leg.hang_up()
            await until(lambda: product.sockets[0].closed and len(types(product)) == 5)

            first = product.events("call.initiated")[0]["payload"]
            assert (
                first["direction"],
                first["state"],
                first["from"],
                first["to"],
            ) == ("incoming", "parked", CALLER, CALLED)
            assert types(product)[:3] == ["call.initiated", "call.answered", "streaming.started"]
            assert {"call.hangup", "streaming.stopped"} == set(types(product)[3:])
            hangup = product.events("call.hangup")[0]["payload"]
            assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("normal_clearing", "caller")
            assert [frame["event"] for frame in product.messages] == ["connected", "start", "stop"]
            assert product.messages[0]["connected"]["x-telnyx-streaming-auth-token"] == "secret"
            assert product.upgrades[0]["x-telnyx-streaming-auth-token"] == "secret"
            start = product.messages[1]
            assert start["start"]["custom_parameters"] == {"k": "v"}
            assert start["start"]["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
            assert leg.call_control_id == start["start"]["call_control_id"]
            assert (leg.ended, leg.hangup_cause, leg.hangup_source) == (True, "normal_clearing", "caller")
            assert "secret" not in str([entry.data for entry in carrier.log.entries])

    call(body)


def test_a_caller_who_gives_up_before_the_answer_is_reported():
    """originator_cancel, and no stream events."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await leg.hang_up()
            await until(lambda: product.events("call.hangup"))

            assert product.events("call.hangup")[0]["payload"]["hangup_cause"] == "originator_cancel"
            assert product.events("streaming.stopped") == []

    call(body)


@pytest.mark.parametrize(
    ("name", "body", "cause"),
    [
        ("reject", {"cause": "USER_BUSY"}, "user_busy"),
        ("reject", {"cause": "CALL_REJECTED"}, "call_rejected"),
        ("hangup", {}, "normal_clearing"),
    ],
)
def test_the_product_can_refuse_a_call(name, body, cause):
    """The far end hears of it at once; the source is the product's side."""

    async def run():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            assert await product.command(leg, name, **body) == 200

            assert await leg.wait_ended(0)
            assert (cause, "callee") == (leg.hangup_cause, leg.hangup_source)

    call(run)


def test_a_leg_that_gets_no_command_is_hung_up():
    """first_command_timeout."""

    async def body():
        async with running(first_command_timeout_s=0.05) as (product, carrier):
            ignored = await carrier.ring(from_number=CALLER, to_number=CALLED)
            taken = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(taken, "answer")

            assert await ignored.wait_ended(1)
            assert not await taken.wait_ended(0.05)

    call(body)


def test_an_outgoing_call_is_answered_by_the_rehearsal():
    """initiated(outgoing), answered, the machine's verdict, then the agent's audio is heard."""

    async def body():
        async with running(amd_delay_s=0.02) as (product, carrier):
            dialled = []

            async def pick_up(leg):
                dialled.append(leg)
                assert not leg.is_answered
                await leg.answer(amd_result="machine")

            carrier.on_dialled = pick_up
            await product.post(
                "/calls",
                connection_id=CONNECTION,
                to=CALLER,
                answering_machine_detection="premium",
                stream_url=product.url.replace("http", "ws") + "/media",
                stream_bidirectional_mode="rtp",
                **{"from": CALLED},
            )
            await until(lambda: product.events("call.machine.premium.detection.ended") and product.frames("start"))
            await product.send_audio(b"\x00" * 1600)
            await until(lambda: dialled[0].agent_segments)

            initiated = product.events("call.initiated")[0]["payload"]
            assert (initiated["direction"], initiated["state"]) == ("outgoing", "bridging")
            result = product.events("call.machine.premium.detection.ended")[0]["payload"]["result"]
            assert result == "machine"
            await dialled[0].hang_up()
            assert dialled[0].hangup_source == "callee"

    call(body)


def test_a_declined_call_opens_no_conversation():
    """The socket that was opened early closes without start and without stop."""

    async def body():
        async with running() as (product, carrier):

            async def decline(leg):
                await until(lambda: product.frames("connected"))
                await leg.hang_up()

            carrier.on_dialled = decline
            url = product.url.replace("http", "ws") + "/media"
            await product.post("/calls", connection_id=CONNECTION, to=CALLER, stream_url=url, **{"from": CALLED})
            await until(lambda: product.events("call.hangup") and product.sockets[0].closed)

            assert product.events("call.hangup")[0]["payload"]["hangup_cause"] == "user_busy"
            assert [frame["event"] for frame in product.messages] == ["connected"]

    call(body)


def test_a_transfer_joins_a_second_leg():
    """The new leg shares the session; when one hangs up, both end."""

    async def body():
        async with running(transfer_answer_delay_s=0.01) as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            await product.command(leg, "transfer", to="+15550100009")
            await until(lambda: len(product.events("call.bridged")) == 2)

            (other,) = [one for one in carrier.legs.values() if one is not leg]
            assert leg.call_session_id == other.call_session_id
            assert product.events("call.initiated")[1]["payload"]["direction"] == "outgoing"
            await other.hang_up()
            assert leg.ended

    call(body)


def test_a_transfer_to_nobody_leaves_the_first_leg_up():
    """The second leg is hung up, the caller is still there."""

    async def body():
        async with running(transfer_answer_delay_s=0.01, unreachable_numbers=["+15550100009"]) as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            await product.command(leg, "transfer", to="+15550100009")
            await until(lambda: product.events("call.hangup"))

            assert product.events("call.hangup")[0]["payload"]["hangup_cause"] == "no_answer"
            assert not leg.ended
            assert product.events("call.bridged") == []

    call(body)


def test_the_caller_is_transcribed_when_the_product_asked_for_it():
    """Interim results on the way (only if wanted), the whole sentence after the end of the speech."""

    async def body():
        async with running(transcript_delay_s=0.05) as (product, carrier):
            leg = await product.answered_call()
            await leg.say("Nobody listens.", rate_wpm=300)
            config = {"language": "en", "interim_results": True}
            await product.command(leg, "transcription_start", transcription_engine_config=config)
            assert await product.error(leg, "transcription_start") == (422, "90054")
            started_at, ended_at = await leg.say("I would like a table for two", rate_wpm=300)
            await until(lambda: [entry for entry in carrier.log.of("transcript_sent") if entry.data["is_final"]])

            final = carrier.log.of("transcript_sent")[-1]
            assert final.data["text"] == "I would like a table for two"
            assert 0.05 <= final.at - ended_at < 0.15
            assert ended_at - started_at > 0.6
            assert not carrier.log.of("transcript_sent")[0].data["is_final"]
            await until(lambda: len(product.events("call.transcription")) == len(carrier.log.of("transcript_sent")))
            data = product.events("call.transcription")[-1]["payload"]["transcription_data"]
            assert data["is_final"] is True

    call(body)


def test_keys_are_reported_on_both_ways():
    """A webhook per digit and a frame on the stream."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            await leg.press("1#")
            await until(lambda: len(product.events("call.dtmf.received")) == 2)

            assert [frame["dtmf"]["digit"] for frame in product.frames("dtmf")] == ["1", "#"]
            assert {"1", "#"} == {event["payload"]["digit"] for event in product.events("call.dtmf.received")}

    call(body)


def test_hanging_up_in_the_middle_of_a_sentence_ends_the_speech():
    """say returns at once, with the time when it was cut."""

    async def body():
        async with running() as (product, carrier):
            leg = await product.answered_call()
            talking = asyncio.create_task(leg.play(tone(5).tobytes(), transcript="never finished"))
            await asyncio.sleep(0.1)
            await product.command(leg, "hangup")
            started_at, ended_at = await talking

            assert 0.05 < ended_at - started_at < 0.5
            assert carrier.log.of("transcript_sent") == []
            spoken = len(leg.caller_audio()) / 16000
            assert len(leg.caller_audio()) == len(leg.agent_audio())
            assert spoken == pytest.approx(carrier.log.of("hangup")[0].at - leg.rung_at, abs=0.05)

    call(body)


def test_nobody_answers_for_ever():
    """A dialled leg that rings too long ends with timeout, one that talks too long with time_limit."""

    async def body():
        async with running() as (product, carrier):
            dialled = []

            async def remember(leg):
                dialled.append(leg)

            carrier.on_dialled = remember
            for _ in range(2):
                await product.post("/calls", connection_id=CONNECTION, to=CALLER, **{"from": CALLED})
            await until(lambda: len(dialled) == 2)
            ringing, talking = dialled
            await talking.answer()
            carrier.on_dialled = None
            carrier.ring_out(ringing, 0.02, 1000)
            carrier.ring_out(talking, 0.02, 0.05)

            assert await ringing.wait_ended(1)
            assert await talking.wait_ended(1)
            assert (ringing.hangup_cause, talking.hangup_cause) == ("timeout", "time_limit")

    call(body)


def test_the_product_can_give_up_a_dialled_call():
    """Before the answer it is the originator who cancels, and nothing else is legal."""

    async def body():
        async with running() as (product, carrier):
            await product.post("/calls", connection_id=CONNECTION, to=CALLER, **{"from": CALLED})
            (leg,) = carrier.legs.values()

            assert await product.error(leg, "streaming_start", stream_url="ws://127.0.0.1:1/") == (422, "90034")
            assert await product.command(leg, "hangup") == 200
            assert (leg.hangup_cause, leg.hangup_source) == ("originator_cancel", "caller")

    call(body)


def test_a_voicemail_beeps_after_its_greeting():
    """The tone is audible in the stream and reported when the product asked to detect it."""

    async def body():
        async with running(amd_delay_s=0.01) as (product, carrier):
            asked = {"answering_machine_detection": "detect_beep", "from": CALLED}
            await product.post("/calls", connection_id=CONNECTION, to=CALLER, **asked)
            (leg,) = carrier.legs.values()
            await leg.answer(amd_result="machine")
            await leg.beep()
            await until(lambda: product.events("call.machine.greeting.ended"))

            assert product.events("call.machine.detection.ended")[0]["payload"]["result"] == "machine"
            assert product.events("call.machine.greeting.ended")[0]["payload"]["result"] == "beep_detected"
            spoken = carrier.log.of("caller_speech_ended")[0]
            assert spoken.at - spoken.data["started_at"] == pytest.approx(0.3)

    call(body)


def test_the_log_is_written_and_heard(tmp_path):
    """Subscribers hear each entry; the file has one line per entry; an unknown kind is refused."""
    log = CarrierLog()
    heard = []
    log.subscribe(heard.append)
    log.add(0.5, "v3:x", "hangup", {"cause": "normal_clearing"})
    log.add(0.1, "", "fault")
    log.write_jsonl(tmp_path / "log.jsonl")

    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [entry.kind for entry in heard] == ["hangup", "fault"]
    assert [line[1:10] for line in lines] == ['"at": 0.1', '"at": 0.5']
    with pytest.raises(ValueError, match="kind"):
        log.add(0, "", "hung up")
