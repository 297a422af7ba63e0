"""A barge-in at any moment around the registration of a synthesis: nothing of it is ever sent after the chain (F4, D8).

A real voice worker over gRPC, a real speaker and abort chain in a child that is patched like a web worker, the store's own
rule of generations. Each try asks for a sentence and silences the agent after a random 0 to 40 ms: before the piece was
registered in the store, before the worker knew it, before its first frame, and in the middle of it.
"""

from typing import Any

import pytest

from tests.workers.tts.processes import run_client, voice_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
TRIES = 1000

SCRIPT = """
import random, tempfile, time
import gevent
from backend.call.barge_in import AbortLeg
from backend.call.commands import AbortSpeech, Speak
from backend.call.events import SynthesisStarted
from backend.clock import SystemClock
from backend.engines.tts_grpc import GrpcTts
from backend.session.abort_chain import AbortChain, Leg
from backend.session.speaker import Speaker
from backend.session.stream_delivery import StreamDelivery
from dataclasses import replace
from tests.fakes.fake_stream import FakeStream
from tests.session.rig import CALL, Rig, make_agent
address, tries = arguments[0], int(arguments[1])
dice = random.Random(4)
clock = SystemClock()
rig = Rig(None, real_time=clock)
rig.services = replace(rig.services, tts=GrpcTts(address))
rig.ring()
stream, posted, reports = FakeStream(clock), [], []
delivery = StreamDelivery(stream, clock, posted.append)
speaker = Speaker(rig.services, make_agent(voice="en-us", fallback_voice=""), CALL, delivery, posted.append)
chain = AbortChain({
    AbortLeg.REFUSE_PENDING: Leg(lambda command: speaker.refuse(command.generation)),
    AbortLeg.STOP_SENDER: Leg(lambda command: speaker.stop_sending(command.generation)),
    AbortLeg.CLEAR_CARRIER: Leg(lambda command: speaker.clear_carrier(command.generation)),
    AbortLeg.CANCEL_VOICE: Leg(lambda command: speaker.cancel_voice(), blocks=True),
    AbortLeg.VOID_IN_STORE: Leg(lambda command: speaker.void_in_store(command.generation), blocks=True),
}, CALL, clock, reports.append)
late = had_audio = 0
for number in range(1, tries + 1):
    before = len(stream.sent)
    speaker.say(Speak(f"{number}-{number}", number, number, "This must not be heard any more after that.", "answer"))
    gevent.sleep(dice.choice([0, dice.uniform(0, 0.004), dice.uniform(0, 0.04)]))
    chain.run(AbortSpeech(number + 1, "", True))
    cleared = len(stream.sent)
    had_audio += any(kind == "audio" for kind, _ in stream.sent[before:cleared])
    gevent.sleep(0.01)
    late += len(stream.sent) - cleared
until = time.monotonic() + 10
while len(reports) < tries and time.monotonic() < until:
    gevent.sleep(0.01)
gevent.sleep(0.5)
late += sum(kind == "audio" for kind, _ in stream.sent[cleared:])
health = GrpcTts(address).health()
result.update({
    "late": late, "had_audio": had_audio, "chains": len(reports), "running": health.running,
    "not_done": [time.leg.value for report in reports for time in report.legs if time.outcome in ("failed", "timed_out")],
    "outstanding": len(rig.stores.playbacks.outstanding(CALL)),
})
speaker.close()
"""


@pytest.fixture(scope="module")
def raced() -> dict[str, Any]:
    with voice_server() as server:
        return run_client(SCRIPT, server.address, str(TRIES), timeout_s=200)


def test_nothing_is_sent_after_the_chain(raced: dict[str, Any]) -> None:
    """Neither audio nor a mark; and the tries met all moments, not only those before the first frame."""
    assert raced["late"] == 0
    assert TRIES * 0.02 < raced["had_audio"] < TRIES * 0.98


def test_everything_is_given_back(raced: dict[str, Any]) -> None:
    """No playback counts, no slot of the voice worker is taken, every chain was whole."""
    assert (raced["outstanding"], raced["running"]) == (0, 0)
    assert (raced["chains"], raced["not_done"]) == (TRIES, [])
