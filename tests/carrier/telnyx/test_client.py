"""Commands to Telnyx: what is asked, what the answers mean, and when it is asked again."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend.carrier.base import CarrierClient, DialledCall
from backend.carrier.telnyx.client import TRY_WITHIN_S, TelnyxClient, TelnyxOptions
from backend.carrier.telnyx.webhooks import decode_client_state, encode_client_state
from backend.errors import CallGone, CarrierError, Rejected, Unavailable
from tests.carrier.telnyx.telnyx_stub import Answer, TelnyxStub, error

CALL = "v3:abc"
DIALLED = Answer(body={"data": {"call_control_id": "v3:new", "call_session_id": "s-1", "is_alive": False}})


class FakeTime:
    """Sleeping moves the clock and nothing else."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def stub() -> Iterator[TelnyxStub]:
    with TelnyxStub() as stub:
        yield stub


@pytest.fixture
def client(stub: TelnyxStub, fake_time: FakeTime) -> Iterator[TelnyxClient]:
    options = TelnyxOptions(timeout_s=5, webhook_url="https://agent.example/hook")
    client = TelnyxClient(
        "KEY-secret", "conn-1", stub.url, options,
        rng=random.Random(7), sleep=fake_time.sleep, monotonic=fake_time.monotonic,
    )  # fmt: skip
    yield client
    client.close()


def dial(client: TelnyxClient, **change: Any) -> DialledCall:
    fields = {
        "command_id": "c-1", "from_number": "+13125550199", "to_number": "+13125550100", "client_state": {"a": 1},
        "detect_machine": True, "time_limit_s": 1560, "ring_timeout_s": 30,
    }  # fmt: skip
    return client.dial(**{**fields, **change})


# --- what is asked ---------------------------------------------------------------------------------------------------

COMMANDS: dict[str, tuple[Callable[[TelnyxClient], None], dict[str, Any]]] = {
    "answer": (
        lambda client: client.answer(CALL, command_id="c-1", client_state={"agent_id": "a"}),
        {"webhook_url": "https://agent.example/hook"},
    ),
    "reject": (lambda client: client.reject(CALL, command_id="c-1"), {"cause": "USER_BUSY"}),
    "streaming_start": (
        lambda client: client.start_stream(CALL, command_id="c-1", stream_url="wss://a.example/media", auth_token="t"),
        {
            "stream_url": "wss://a.example/media",
            "stream_auth_token": "t",
            "stream_track": "inbound_track",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
            "stream_bidirectional_target_legs": "self",
        },
    ),
    "transcription_stop": (lambda client: client.stop_transcription(CALL, command_id="c-1"), {}),
    "streaming_stop": (lambda client: client.stop_stream(CALL, command_id="c-1"), {}),
    "transcription_start": (
        lambda client: client.start_transcription(CALL, command_id="c-1", language="en-US"),
        {
            "transcription_engine": "Telnyx",
            "transcription_tracks": "inbound",
            "transcription_engine_config": {
                "transcription_engine": "Telnyx",
                "language": "en",
                "interim_results": True,
            },  # fmt: skip
        },
    ),
    "playback_start": (
        lambda client: client.start_playback(CALL, command_id="c-1", audio_url="https://a.example/audio/x.wav"),
        {"audio_url": "https://a.example/audio/x.wav", "audio_type": "wav", "cache_audio": False},
    ),
    "playback_stop": (lambda client: client.stop_playback(CALL, command_id="c-1"), {"stop": "all"}),
    "speak": (
        lambda client: client.speak(CALL, command_id="c-1", text="x" * 4000, language="de-DE"),
        {"payload": "x" * 3000, "voice": "AWS.Polly.Vicki-Neural"},
    ),
    "send_dtmf": (lambda client: client.send_dtmf(CALL, command_id="c-1", digits="1w2"), {"digits": "1w2"}),
    "transfer": (
        lambda client: client.transfer(
            CALL, command_id="c-1", to_number="+13125550111", timeout_s=25, time_limit_s=99_999
        ),
        {"to": "+13125550111", "timeout_secs": 25, "time_limit_secs": 14_400},
    ),
    "hangup": (lambda client: client.hang_up(CALL, command_id="c-1"), {}),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_reaches_the_wire(client: TelnyxClient, stub: TelnyxStub, command: str) -> None:
    """The whole body, so that a field left out or spelled wrong shows; always with its command_id."""
    ask, expected = COMMANDS[command]

    ask(client)

    assert len(stub.asked) == 1
    asked = stub.asked[0]
    body = dict(asked.body)
    if command == "answer":
        assert decode_client_state(body.pop("client_state")) == {"agent_id": "a"}
    assert (asked.method, asked.path) == ("POST", f"/v2/calls/{CALL}/actions/{command}")
    assert body == {"command_id": "c-1", **expected}
    assert asked.headers["authorization"] == "Bearer KEY-secret"


def test_a_dial_reaches_the_wire(client: TelnyxClient, stub: TelnyxStub) -> None:
    """With the limits that keep a forgotten call from costing four hours."""
    stub.answers.append(DIALLED)

    assert dial(client) == DialledCall("v3:new", "s-1")
    body = stub.asked[0].body
    assert decode_client_state(body.pop("client_state")) == {"a": 1}
    assert (stub.asked[0].path, body) == (
        "/v2/calls",
        {
            "connection_id": "conn-1",
            "from": "+13125550199",
            "to": "+13125550100",
            "command_id": "c-1",
            "answering_machine_detection": "premium",
            "time_limit_secs": 1560,
            "timeout_secs": 30,
            "webhook_url": "https://agent.example/hook",
        },
    )


def test_a_dial_without_detection_says_so(client: TelnyxClient, stub: TelnyxStub) -> None:
    """And values outside Telnyx' limits are brought inside."""
    stub.answers.append(DIALLED)

    dial(client, detect_machine=False, ring_timeout_s=1, time_limit_s=5)

    body = stub.asked[0].body
    assert body["answering_machine_detection"] == "disabled"
    assert (body["timeout_secs"], body["time_limit_secs"]) == (5, 30)


@pytest.mark.parametrize("body", [{}, [], {"data": None}, {"data": {"call_control_id": 5}}, b"<html>", b""])
def test_a_dial_that_names_no_call_is_unavailable(client: TelnyxClient, stub: TelnyxStub, body: Any) -> None:
    """A proxy's page or a duplicate's empty answer is no call of ours."""
    stub.answers.extend([Answer(body=body)] * 4)

    with pytest.raises(Unavailable):
        dial(client)


def test_it_is_a_carrier_client(client: TelnyxClient) -> None:
    """By type: mypy holds the signatures, this the sentence."""
    carrier: CarrierClient = client

    assert carrier is client


def test_a_command_without_its_ids_is_a_bug(client: TelnyxClient, stub: TelnyxStub) -> None:
    """Without a command_id, repeating it would not be harmless."""
    for call, command_id in (("", "c-1"), (CALL, "")):
        with pytest.raises(ValueError, match="command_id"):
            client.hang_up(call, command_id=command_id)

    assert stub.asked == []


# --- what the answers mean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (error(422, "90018"), CallGone, "90018"),
        (error(422, "90015"), CallGone, "90015"),
        (Answer(422, {"errors": [{"code": "10032"}, {"code": "90018"}]}), CallGone, "90018"),
        (error(422, "90034"), Rejected, "90034"),
        (error(422, "10011"), Rejected, "10011"),
        (error(429, "10011"), Unavailable, "10011"),
        (error(429, "90103"), Unavailable, "90103"),
        (error(400, "90018"), Rejected, "90018"),
        (error(401, "10009"), Rejected, "10009"),
        (error(403, "10010"), Rejected, "10010"),
        (error(404, "10005"), Rejected, "10005"),
        (error(408, ""), Unavailable, ""),
        (error(500, "10007"), Unavailable, "10007"),
        (error(503, "90018"), Unavailable, "90018"),
        (Answer(502, b"<html>bad gateway</html>"), Unavailable, ""),
        (Answer(422, b""), Rejected, ""),
        (Answer(422, {"errors": 5}), Rejected, ""),
        (Answer(422, {"errors": [None, {"title": "x"}]}), Rejected, ""),
        (Answer(0), Unavailable, ""),
    ],
)
def test_each_refusal_has_our_name(
    client: TelnyxClient, stub: TelnyxStub, answer: Answer, expected: type[CarrierError], code: str
) -> None:
    """The status decides before the code: 10011 with 429 and with 422 are two things."""
    stub.answers.extend([answer] * 4)

    with pytest.raises(expected) as raised:
        client.hang_up(CALL, command_id="c-1")

    assert (type(raised.value), raised.value.code, raised.value.status) == (expected, code, answer.status)
    assert len(stub.asked) == (4 if expected is Unavailable else 1)
    assert "KEY-secret" not in str(raised.value)


def test_a_stream_in_use_is_stopped_and_started_once(client: TelnyxClient, stub: TelnyxStub) -> None:
    """A dead owner's stream; each of the three commands with an id of its own."""
    stub.answers.extend([error(422, "90045"), error(422, "90048"), Answer()])

    client.start_stream(CALL, command_id="c-1", stream_url="wss://a.example/media", auth_token="t")

    assert [path.rsplit("/", 1)[1] for path in stub.paths] == ["streaming_start", "streaming_stop", "streaming_start"]
    assert len({asked.body["command_id"] for asked in stub.asked}) == 3


def test_a_stream_that_stays_in_use_is_rejected(client: TelnyxClient, stub: TelnyxStub) -> None:
    """Once is enough: who asks decides what then."""
    stub.answers.extend([error(422, "90045"), Answer(), error(422, "90045")])

    with pytest.raises(Rejected):
        client.start_stream(CALL, command_id="c-1", stream_url="wss://a.example/media", auth_token="t")
    assert len(stub.asked) == 3


def test_what_is_so_already_is_success(client: TelnyxClient, stub: TelnyxStub) -> None:
    """No stream to stop; transcription running."""
    stub.answers.extend([error(422, "90048"), error(422, "90054")])

    client.stop_stream(CALL, command_id="c-1")
    client.start_transcription(CALL, command_id="c-2", language="de")


@pytest.mark.parametrize(
    ("answer", "is_alive"),
    [
        (Answer(body={"data": {"is_alive": True}}), True),
        (Answer(body={"data": {"is_alive": False}}), False),
        (Answer(body={"data": {}}), False),
        (error(404, "10005"), False),
        (error(422, "90015"), False),
    ],
)
def test_a_leg_that_is_unknown_is_not_alive(
    client: TelnyxClient, stub: TelnyxStub, answer: Answer, is_alive: bool
) -> None:
    """Ten minutes after its end Telnyx forgets a leg."""
    stub.answers.append(answer)

    assert client.is_alive(CALL) is is_alive


def test_a_refused_question_is_no_answer(client: TelnyxClient, stub: TelnyxStub) -> None:
    """A wrong API key must not make every call look dead."""
    stub.answers.append(error(401, "10009"))

    with pytest.raises(Rejected):
        client.is_alive(CALL)


def test_live_calls_are_read_to_the_last_page(client: TelnyxClient, stub: TelnyxStub) -> None:
    """By cursor, as documented."""
    pages = [(["a", "b"], "x y"), (["b", "c"], "z"), (["d"], None)]
    for calls, after in pages:
        data = [{"call_control_id": call} for call in calls]
        stub.answers.append(Answer(body={"data": [*data, {}, None], "meta": {"cursors": {"after": after}}}))

    assert list(client.live_calls()) == ["a", "b", "c", "d"]
    assert stub.paths[0] == "/connections/conn-1/active_calls"
    assert stub.paths[1].endswith("?page%5Bafter%5D=x+y") or stub.paths[1].endswith("?page%5Bafter%5D=x%20y")


def test_live_calls_are_also_read_by_page_number(client: TelnyxClient, stub: TelnyxStub) -> None:
    """As the SDK has it."""
    for number in (1, 2):
        meta = {"page_number": number, "total_pages": 2}
        stub.answers.append(Answer(body={"data": [{"call_control_id": f"c{number}"}], "meta": meta}))

    assert list(client.live_calls()) == ["c1", "c2"]


def test_a_live_call_tells_whether_it_is_ours(client: TelnyxClient, stub: TelnyxStub) -> None:
    """By the client_state that we attached; what others attached does not count."""
    ours, theirs = encode_client_state({"agent_id": "demo"}), "eA=="
    data = [{"call_control_id": "a", "client_state": ours}, {"call_control_id": "b", "client_state": theirs}]
    stub.answers.append(Answer(body={"data": data}))

    assert client.live_calls() == {"a": {"agent_id": "demo"}, "b": {}}


def test_a_cursor_that_leads_nowhere_ends(client: TelnyxClient, stub: TelnyxStub) -> None:
    """A page that adds nothing is the last one."""
    page = Answer(body={"data": [{"call_control_id": "a"}], "meta": {"cursors": {"after": "same"}}})
    stub.answers.extend([page] * 9)

    assert client.live_calls() == {"a": {}}
    assert len(stub.asked) == 2


# --- when it is asked again ------------------------------------------------------------------------------------------


def test_a_command_is_repeated_with_the_same_id(client: TelnyxClient, stub: TelnyxStub, fake_time: FakeTime) -> None:
    """Only so is it harmless; the pauses are random and grow."""
    stub.answers.extend([error(503, "10007"), error(429, "10011"), Answer(0), Answer()])

    client.hang_up(CALL, command_id="c-1")

    assert [asked.body["command_id"] for asked in stub.asked] == ["c-1"] * 4
    assert len(set(fake_time.slept)) == 3
    assert all(0 <= slept <= limit for slept, limit in zip(fake_time.slept, (0.2, 0.4, 0.8), strict=True))


def test_telnyx_says_when_to_come_back(client: TelnyxClient, stub: TelnyxStub, fake_time: FakeTime) -> None:
    """Retry-After, or the reset of the rate limit; never earlier."""
    stub.answers.extend([error(503, "", Retry_After="1.5"), error(429, "", x_ratelimit_reset="2"), Answer()])

    client.hang_up(CALL, command_id="c-1")

    assert fake_time.slept == [1.5, 2.0]


def test_a_wait_that_is_too_long_is_not_begun(client: TelnyxClient, stub: TelnyxStub, fake_time: FakeTime) -> None:
    """The call cannot wait a minute for one command; the caller of this decides."""
    stub.answers.append(error(429, "10011", Retry_After="60"))

    with pytest.raises(Unavailable):
        client.hang_up(CALL, command_id="c-1")
    assert (len(stub.asked), fake_time.slept) == (1, [])


@pytest.mark.parametrize("text", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-5", "nan", "inf", ""])
def test_a_wait_that_says_nothing_is_ignored(client: TelnyxClient, stub: TelnyxStub, text: str) -> None:
    """Our own pause then."""
    stub.answers.append(error(503, "", Retry_After=text))

    client.hang_up(CALL, command_id="c-1")


def test_a_silent_telnyx_costs_five_seconds_at_most() -> None:
    """Real time: every try is cut off, the last one short."""
    with TelnyxStub(*[Answer(delay_s=30)] * 9) as stub:
        client = TelnyxClient("KEY", "conn-1", stub.url, TelnyxOptions(timeout_s=0.3))
        client.warm_up()
        started_at = time.monotonic()
        with pytest.raises(Unavailable):
            client.hang_up(CALL, command_id="c-1")
        client.close()

        assert time.monotonic() - started_at < TRY_WITHIN_S
        assert len(stub.asked) == 4


def test_a_dial_is_not_given_up_early() -> None:
    """A slow dial may already ring somewhere: it has a time-out of its own."""
    with TelnyxStub(Answer(delay_s=0.6, body=DIALLED.body)) as stub:
        client = TelnyxClient("KEY", "conn-1", stub.url, TelnyxOptions(timeout_s=0.2))

        assert dial(client) == DialledCall("v3:new", "s-1")
        client.close()


def test_nobody_listening_is_unavailable() -> None:
    """Connection refused."""
    client = TelnyxClient("KEY", "conn-1", "http://127.0.0.1:1/v2", sleep=lambda seconds: None)

    with pytest.raises(Unavailable):
        client.hang_up(CALL, command_id="c-1")
    client.close()


UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent, sys, time
sys.path.insert(0, {root!r})
from backend.carrier.telnyx.client import TelnyxClient
from tests.carrier.telnyx.telnyx_stub import Answer, TelnyxStub, error
assert "telnyx" not in sys.modules
with TelnyxStub(error(503, ""), *[Answer(delay_s=0.3)] * 40) as stub:
    client = TelnyxClient("KEY", "conn-1", stub.url)
    client.warm_up()
    asked_before = len(stub.asked)
    started_at = time.monotonic(); client.hang_up("v3:first", command_id="c"); first_s = time.monotonic() - started_at
    jobs = [gevent.spawn(client.hang_up, f"v3:{{n}}", command_id=f"c-{{n}}") for n in range(20)]
    gevent.joinall(jobs, raise_error=True)
    print(asked_before, stub.most_at_once, f"{{first_s:.2f}}")
    client.close()
"""


def test_commands_wait_side_by_side_under_gevent() -> None:
    """In a patched process of its own: retries and all, and nothing is sent by warming up."""
    root = __file__.rsplit("/tests/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT.format(root=root)], capture_output=True, text=True, timeout=60, cwd=root
    )

    assert done.returncode == 0, done.stderr
    asked_before, most_at_once, first_s = done.stdout.split()
    assert int(asked_before) == 0
    assert int(most_at_once) >= 10
    assert float(first_s) < 2.0
