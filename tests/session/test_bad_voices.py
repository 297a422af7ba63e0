"""Whatever a voice worker does wrong, the caller hears the fallback voice and the session listens again (D4, F26).

Real sessions in a child that is patched like a web worker, with the product's own time-outs: a worker that breaks the
protocol as its voice's name says (tests/engines/tts_stand_in.py) beside a real one with the fallback voice. What each
fault is to the client stands in tests/engines/test_tts_grpc.py, what the worker refuses in
tests/workers/tts/test_bad_input.py.
"""

import json
from typing import Any

import pytest

from tests.workers.tts.processes import run_client, voice_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

FAULTS = {
    "new odd": "a frame of half a sample",
    "new rate": "frames of another rate than was asked for",
    "end": "no frame at all",
    "marker": "an end without any audio",
    "new data end": "no final frame",
    "flood": "nothing but empty non-final frames",
    "hang": "no first frame within two seconds",
    "new data hang": "no next frame within one second",
    "new data fail-INTERNAL": "a failure in the middle",
    "fail-INTERNAL": "a failure before the first frame",
    "fail-RESOURCE_EXHAUSTED": "no free slot",
    "fail-INVALID_ARGUMENT": "a refusal of the request",
    "nobody": "a voice that no worker has",
}
TEXTS = {
    "emoji": "\U0001f642\U0001f44d\U0001f3fd",
    "signs": "... !!",
    "emoji in words": "Hello \U0001f642 there, this is Ada.",
    "control characters in words": "Hello\x01 there,\x07 this is\x1b Ada.",
    "too long": "a " * 5001,
}

SCRIPT = """
import itertools, json, pathlib
from dataclasses import replace
from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp
from backend.call.turn import TurnState
from backend.clock import SystemClock
from backend.engines.voice_routing import Voice, VoiceWorker
from backend.engines.voices import RoutedTts
from backend.records.database import Database
from backend.records.migrate import migrate
from tests.session.rig import Rig, wait_until
stand_in, good, folder = arguments[:3]
faults, texts = map(json.loads, arguments[3:])
url = f"sqlite:///{pathlib.Path(folder) / 'records.sqlite3'}"
migrate(url)
database = Database(url)
rig = Rig(database, real_time=SystemClock())
bad = VoiceWorker("bad", stand_in, 9, voices=tuple(Voice(name, "en", "m") for name in faults if name != "nobody"))
fine = VoiceWorker("fine", good, 9, voices=(Voice("en-us", "en-us", "espeak-ng"),))

class Noted(RoutedTts):
    asked = []
    def synthesize(self, request):
        Noted.asked.append((request.synthesis_id, request.voice))
        return super().synthesize(request)

voices = Noted(lambda: [bad, fine])
rig.services = replace(rig.services, tts=voices)
voices.start()
wait_until(lambda: voices.workers)

def said_by_carrier(call):
    return len([command for command in rig.carrier.of("speak") if command.call_control_id == call])

def hear(number, agent, within_s=15.0):
    call = f"v3:bad-{number}"
    began = clock()
    session = rig.open(agent, call, real_time=True)
    stream = rig.streams[call]
    machine = session._conversation
    wait_until(lambda: said_by_carrier(call) or machine.ledger.pieces and machine.ledger.pieces[0].ended_at, within_s)
    heard = {
        "voices": [voice for synthesis_id, voice in Noted.asked if synthesis_id.startswith(call + ":")],
        "seconds": stream.seconds_sent,
        "took_s": clock() - began,
        "carrier_spoke": said_by_carrier(call),
    }
    wait_until(lambda: said_by_carrier(call) or machine.turn.state != TurnState.SPEAKING)
    heard["state"] = machine.turn.state.value
    session.post(CallHungUp("caller", "normal_clearing"))
    wait_until(lambda: session in rig.over)
    heard["left"] = len(voices._speaking) + voices._cancels.slots_used
    return heard

for number, name in enumerate(faults):
    greeting = "Hello there, this is Ada."
    result[name] = hear(number, AgentConfig(name="Ada", greeting=greeting, voice=name, fallback_voice="en-us"))
for number, (name, text) in enumerate(texts.items(), 100):
    # Not as an operator may set it, but as a model may write it.
    result[name] = hear(number, AgentConfig(name="Ada", voice="en-us").model_copy(update={"greeting": text}))
result["invalid"] = voices._client_of(bad).invalid_frames
voices.stop()
"""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the caller of each row heard, one call after the other through the same channels."""
    with voice_server("tests.engines.tts_stand_in") as stand_in, voice_server() as good:
        folder = tmp_path_factory.mktemp("bad-voices")
        arguments = (stand_in.address, good.address, str(folder), json.dumps(list(FAULTS)), json.dumps(TEXTS))
        return run_client(SCRIPT, *arguments, timeout_s=170)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: FAULTS[fault])
def test_the_caller_hears_the_fallback_voice_and_the_session_listens(heard: dict[str, Any], fault: str) -> None:
    """The whole greeting in the other voice, not the carrier's; nothing of it stays behind."""
    call = heard[fault]

    assert call["voices"][-1] == "en-us"
    assert set(call["voices"][:-1]) == {fault}
    assert 1.0 < call["seconds"] < 4.0
    assert call["state"] == "listening"
    assert (call["carrier_spoke"], call["left"]) == (0, 0)


@pytest.mark.parametrize("text", [text for text in TEXTS if text != "too long"])
def test_odd_texts_are_spoken_or_silent_and_the_session_listens(heard: dict[str, Any], text: str) -> None:
    """A text without a word is over at once; in a text with words the signs are left out."""
    call = heard[text]

    assert call["voices"] == ["en-us"]
    assert (call["seconds"] < 0.1) == (text in ("emoji", "signs"))
    assert call["state"] == "listening"
    assert (call["carrier_spoke"], call["left"]) == (0, 0)


def test_a_text_that_no_worker_takes_is_said_by_the_carrier(heard: dict[str, Any]) -> None:
    """10,002 characters: refused before anything is computed, by every voice alike; not silence."""
    call = heard["too long"]

    assert (call["voices"], call["carrier_spoke"], call["seconds"]) == (["en-us", "en-us"], 1, 0)
    assert call["left"] == 0


def test_a_worker_that_stalls_costs_the_caller_two_seconds_or_one(heard: dict[str, Any]) -> None:
    """Before the first frame two, between two frames one; the second is asked twice, for the rest may be elsewhere."""
    spoken_s = heard["end"]["took_s"]

    assert 1.9 < heard["hang"]["took_s"] - spoken_s < 4.0
    assert 0.9 < heard["new data hang"]["took_s"] - spoken_s < 4.0


def test_empty_frames_are_counted(heard: dict[str, Any]) -> None:
    """Each one; a flood of them is a failure."""
    assert heard["invalid"] >= 100
