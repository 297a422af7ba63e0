"""The REST side over real sockets: codes, repetition, lookups, faults."""

import asyncio
import base64
import io
import wave

import pytest
from telnyx import Telnyx

from backend.rehearsal.carrier.faults import Faults

from .product import API_KEY, CALLED, CALLER, CONNECTION, call, running, tone, until


def wav(seconds, rate=16000):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(tone(seconds * rate / 8000).astype("<i2").tobytes())
    return file.getvalue()


def test_a_stranger_gets_401():
    """No request passes without the key."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            path = f"/calls/{leg.call_control_id}"

            replies = [
                await product.post(path + "/actions/answer", key="KEY-of-another"),
                await product.get(path, key="KEY-of-another"),
                await product.get(f"/connections/{CONNECTION}/active_calls", key=""),
                await product.post("/calls", key=""),
            ]

            assert [(status, reply["errors"][0]["code"]) for status, reply in replies] == [(401, "10009")] * 4
            assert not leg.is_answered

    call(body)


def test_commands_need_a_leg_in_the_right_state():
    """Unknown 90015, before the answer 90034, answered twice 10027, after the end 90018."""

    async def body():
        async with running() as (product, carrier):
            status, reply = await product.post("/calls/v3:nobody/actions/hangup")
            assert (
                status,
                reply["errors"][0]["code"],
                reply["errors"][0]["source"]["pointer"],
            ) == (422, "90015", "/call_control_id")
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            assert await product.error(leg, "speak", payload="Hello", voice="v") == (422, "90034")
            assert await product.command(leg, "answer") == 200
            assert await product.error(leg, "answer") == (422, "10027")
            assert await product.command(leg, "hangup") == 200
            assert await product.error(leg, "hangup") == (422, "90018")
            assert await product.error(leg, "streaming_start", stream_url="ws://127.0.0.1:1/") == (422, "90018")
            codes = [entry.data["error_code"] for entry in carrier.log.of("command")]
            assert codes == ["90015", "90034", "", "10027", "", "90018", "90018"]

    call(body)


def test_a_repeated_command_id_has_one_effect():
    """The second gets 200 and is logged as a duplicate; a refused command may be repeated under its id."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            assert await product.error(leg, "send_dtmf", digits="1", command_id="d") == (422, "90034")
            assert await product.command(leg, "answer", command_id="a") == 200
            assert await product.command(leg, "answer", command_id="a") == 200
            assert await product.command(leg, "send_dtmf", digits="1", command_id="d") == 200
            assert await product.command(leg, "send_dtmf", digits="1", command_id="d") == 200

            assert leg.heard_dtmf == "1"
            duplicates = [entry.data["duplicate"] for entry in carrier.log.of("command")]
            assert duplicates == [False, False, True, False, True]
            await until(lambda: len(product.events("call.answered")) == 1)

    call(body)


def test_a_dial_is_repeated_without_a_second_call():
    """The same command_id gives the same leg."""

    async def body():
        async with running() as (product, carrier):
            wanted = {"connection_id": CONNECTION, "from": CALLED, "to": CALLER, "command_id": "once"}
            _, first = await product.post("/calls", **wanted)
            _, second = await product.post("/calls", **wanted)

            assert first["data"]["call_control_id"] == second["data"]["call_control_id"]
            assert first["data"]["is_alive"] is False
            assert len(carrier.legs) == 1

    call(body)


@pytest.mark.parametrize(
    ("change", "code"), [({"connection_id": "1"}, "10015"), ({"to": "12"}, "10016"), ({"from": None}, "10004")]
)
def test_a_bad_dial_is_refused(change, code):
    """And no leg comes of it."""

    async def body():
        async with running() as (product, carrier):
            wanted = {"connection_id": CONNECTION, "from": CALLED, "to": CALLER, **change}
            status, reply = await product.post("/calls", **wanted)

            assert (422, code) == (status, reply["errors"][0]["code"])
            assert carrier.legs == {}

    call(body)


def test_client_state_comes_back_in_every_later_webhook():
    """The last one given wins; PUT client_state_update changes it too."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            first, second = (base64.b64encode(text).decode() for text in (b"one", b"two"))
            assert await product.error(leg, "answer", client_state="*") == (422, "90017")
            await product.command(leg, "answer", client_state=first)
            await until(lambda: product.events("call.answered"))
            headers = {"Authorization": f"Bearer {API_KEY}"}
            url = f"{carrier.base_url}/calls/{leg.call_control_id}/actions/client_state_update"
            async with product.session.put(url, json={"client_state": second}, headers=headers) as response:
                assert response.status == 200
            await leg.hang_up()
            await until(lambda: product.events("call.hangup"))

            assert product.events("call.initiated")[0]["payload"]["client_state"] is None
            assert first == product.events("call.answered")[0]["payload"]["client_state"]
            assert second == product.events("call.hangup")[0]["payload"]["client_state"]

    call(body)


def test_the_vendors_own_sdk_understands_the_replies():
    """Commands, errors, status and the paged list of live calls, through telnyx 4.189."""

    async def body():
        async with running() as (product, carrier):
            legs = [await carrier.ring(from_number=CALLER, to_number=CALLED) for _ in range(5)]
            client = Telnyx(api_key=API_KEY, base_url=carrier.base_url, max_retries=0)

            def ask():
                gone = legs[0].call_control_id
                client.calls.actions.answer(gone)
                client.calls.actions.hangup(gone)
                listed = [
                    item.call_control_id for item in client.connections.list_active_calls(CONNECTION, page_size=2)
                ]
                dialled = client.calls.dial(connection_id=CONNECTION, from_=CALLED, to=CALLER)
                alive = [client.calls.retrieve_status(leg.call_control_id).data.is_alive for leg in legs[:2]]
                client.close()
                return listed, dialled.data.call_control_id, alive

            listed, dialled, alive = await asyncio.to_thread(ask)

            assert [leg.call_control_id for leg in legs[1:]] == listed
            assert dialled in carrier.legs
            assert alive == [False, True]

    call(body)


def test_an_unknown_call_or_connection_is_not_found():
    """Lookups give 404 10005."""

    async def body():
        async with running() as (product, _carrier):
            for path in ("/calls/v3:nobody", "/connections/1/active_calls"):
                status, reply = await product.get(path)
                assert (status, reply["errors"][0]["code"]) == (404, "10005")

    call(body)


def test_the_carrier_refuses_commands_on_request():
    """422, 429 and 5xx as often as asked; then all is well."""

    async def body():
        faults = Faults(command_status={"answer": (503, "10007", 2), "speak": (429, "10011", 1)})
        async with running(faults=faults) as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            answers = [await product.command(leg, "answer", command_id="a") for _ in range(3)]

            assert answers == [503, 503, 200]
            assert await product.error(leg, "speak", payload="Hello", voice="v") == (429, "10011")
            assert len(carrier.log.of("fault")) == 3

    call(body)


def test_a_command_may_take_effect_and_yet_seem_to_fail():
    """The retry under the same command_id is then a duplicate."""

    async def body():
        faults = Faults(command_status={"send_dtmf": {"status": 500, "takes_effect": True}})
        async with running(faults=faults) as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")

            assert await product.command(leg, "send_dtmf", digits="5", command_id="d") == 500
            assert await product.command(leg, "send_dtmf", digits="5", command_id="d") == 200
            assert leg.heard_dtmf == "5"

    call(body)


def test_playbacks_are_fetched_and_heard_in_order():
    """Two files over HTTP, started and ended in turn, with the right sound at the right time."""

    async def body():
        async with running() as (product, carrier):
            product.files = {"a.wav": wav(0.2), "b.wav": wav(0.1, rate=24000)}
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            for name in ("a.wav", "b.wav"):
                await product.command(leg, "playback_start", audio_url=f"{product.url}/files/{name}", audio_type="wav")
            await until(lambda: len(product.events("call.playback.ended")) == 2)

            started, ended = carrier.log.of("playback_started"), carrier.log.of("playback_ended")
            assert [entry.data["media_url"].split("/")[-1] for entry in started] == ["a.wav", "b.wav"]
            assert [entry.data["status"] for entry in ended] == ["completed", "completed"]
            assert pytest.approx(ended[0].at - started[0].at, abs=0.001) == 0.2
            assert started[1].at >= ended[0].at
            (segment,) = leg.agent_segments
            assert started[0].at == pytest.approx(segment.started_at, abs=0.02)
            assert {"a.wav", "b.wav"} == {
                event["payload"]["media_url"].split("/")[-1] for event in product.events("call.playback.started")
            }

    call(body)


def test_a_playback_ends_as_it_must():
    """Cancelled by a stop, by the end of the call, or because there is no such file."""

    async def body():
        async with running() as (product, carrier):
            product.files = {"long.wav": wav(5)}
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            url = product.url + "/files/"
            ends = lambda: [entry.data["status"] for entry in carrier.log.of("playback_ended")]  # noqa: E731 - read twice

            await product.command(leg, "playback_start", audio_url=url + "none.wav")
            await until(lambda: len(ends()) == 1)
            await product.command(leg, "playback_start", audio_url=url + "long.wav")
            await until(lambda: carrier.log.of("playback_started"))
            await product.command(leg, "playback_stop")
            await product.command(leg, "playback_start", audio_url=url + "long.wav")
            await until(lambda: len(carrier.log.of("playback_started")) == 2)
            await leg.hang_up()

            assert ends() == ["file_not_found", "cancelled", "call_hangup"]
            assert product.fetches.count("long.wav") == 1, "the carrier caches audio by its address"

    call(body)


def test_mp3_is_the_default_type_of_inline_audio():
    """A wav without audio_type fails, as the reference says it should; with it, it is heard."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            content = base64.b64encode(wav(0.1)).decode()
            await product.command(leg, "playback_start", playback_content=content)
            await product.command(leg, "playback_start", playback_content=content, audio_type="wav")
            await until(lambda: len(carrier.log.of("playback_ended")) == 2)

            assert [entry.data["status"] for entry in carrier.log.of("playback_ended")] == ["failed", "completed"]
            logged = carrier.log.of("command")[-1].data["body"]["playback_content"]
            assert logged == f"<{len(content)} characters>"

    call(body)


def test_the_carrier_speaks_when_asked():
    """speak is heard as speech and reported."""

    async def body():
        async with running() as (product, carrier):
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            await product.command(leg, "speak", payload="Hi", voice="AWS.Polly.Joanna-Neural")
            await until(lambda: product.events("call.speak.ended"))

            assert product.events("call.speak.ended")[0]["payload"]["status"] == "completed"
            assert len(product.events("call.speak.started")) == 1
            assert leg.agent_segments[0].ended_at - leg.agent_segments[0].started_at > 0.1

    call(body)


def test_a_lost_end_of_playback_is_lost():
    """The fault drops the webhook and nothing else."""

    async def body():
        async with running(faults=Faults(drop_playback_ended=True)) as (product, carrier):
            product.files = {"a.wav": wav(0.04)}
            leg = await carrier.ring(from_number=CALLER, to_number=CALLED)
            await product.command(leg, "answer")
            await product.command(leg, "playback_start", audio_url=f"{product.url}/files/a.wav")
            await until(lambda: carrier.log.of("playback_ended"))
            await carrier.webhooks.drain(1)

            assert len(product.events("call.playback.started")) == 1
            assert product.events("call.playback.ended") == []

    call(body)
