"""Two hundred messages in one session: `python -m tests.bench.bench_messages [messages]` (200).

A real TTS worker (espeak-ng), a real Redis, and in this process, patched like a web worker, one session of the product's
own code. The caller says something, the model answers in two words, the voice speaks them, the caller hears them; then the
next. Every third synthesis goes wrong, in each of the ways of the list of bad input in turn (tests/engines/tts_stand_in.py
plays the worker then), and now and then the answer is one that cannot be spoken. Held after every message:

  - the session is back in LISTENING, and nothing of the message is open in the ledger
  - what was to be heard was spoken by the voice or by the fallback voice, never by the carrier

and between message 50 and the last one, session still open, with nothing under way:

  - greenlets, sockets and threads of both processes and keys in Redis: as many as then
  - streams, tickets and slots: none
  - memory of both processes and objects here: as `growth.py` allows

Exits 2 when any of it is not so. The last line is the result as JSON.
"""

from gevent import monkey

monkey.patch_all()

import contextlib  # noqa: E402 - nothing may be imported before the patching
import gc  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import structlog  # noqa: E402

from backend.call.agent_config import AgentConfig  # noqa: E402
from backend.call.events import CallHungUp, SpeechEnded, SpeechStarted, TranscriptReceived  # noqa: E402
from backend.call.playback import PieceState  # noqa: E402
from backend.call.turn import TurnState  # noqa: E402
from backend.clock import SystemClock  # noqa: E402
from backend.engines import tts_grpc  # noqa: E402
from backend.engines.base import AudioFrame, SynthesisRequest, TextDelta  # noqa: E402
from backend.engines.tts_grpc import GrpcTts  # noqa: E402
from backend.engines.voice_routing import Voice, VoiceWorker  # noqa: E402
from backend.engines.voices import RoutedTts  # noqa: E402
from backend.live.feed import Feed  # noqa: E402
from backend.records.database import Database  # noqa: E402
from backend.records.migrate import migrate  # noqa: E402
from backend.session.session import Session  # noqa: E402
from backend.store.connection import connect  # noqa: E402
from backend.store.database import RedisDatabase  # noqa: E402
from backend.store.stores import stores_over  # noqa: E402
from tests.bench.growth import Violated, check, judge, resident_kb  # noqa: E402
from tests.fakes.redis_server import RedisServer  # noqa: E402
from tests.session.rig import Rig  # noqa: E402
from tests.workers.tts.processes import Server, voice_server  # noqa: E402

MESSAGES, WARM = 200, 50
FAIL_EVERY = 3
FAULTS = (
    "new odd", "new rate", "end", "marker", "new data end", "flood", "hang", "new data hang", "new data fail-INTERNAL",
    "fail-INTERNAL", "fail-RESOURCE_EXHAUSTED", "fail-INVALID_ARGUMENT", "nobody",
)  # fmt: skip
"""Voices of the stand-in; the last one no worker has."""
UNSPEAKABLE = ("\U0001f642\U0001f44d", "... !!", "I\x01 do.\x07")
UNSPEAKABLE_EVERY = 20
ANSWER = "I do."
CALL = "v3:many-messages"
WITHIN_S = 15.0
OURS = ("backend.", "gevent", "h2.", "hyperframe")
"""Whose objects are counted: the product's and those that it makes for each message. All others come and go with imports."""
_OPEN = (PieceState.REQUESTED, PieceState.SENDING, PieceState.SENT)


class FaultyTts(RoutedTts):
    """Every third synthesis in the agent's own voice goes to the worker that breaks the protocol."""

    asked = 0
    faults: Counter[str] = Counter()

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        if request.voice == "en-us":
            FaultyTts.asked += 1
            if FaultyTts.asked % FAIL_EVERY == 0:
                fault = FAULTS[FaultyTts.asked // FAIL_EVERY % len(FAULTS)]
                FaultyTts.faults[fault] += 1
                request = replace(request, voice=fault)
        return super().synthesize(request)


def hasty(address: str) -> GrpcTts:
    """Gives up sooner than the product, so that the bench is not all waiting."""
    return GrpcTts(address, first_frame_timeout_s=1.0, frame_timeout_s=0.5)


def speak_with(session: Session, rig: Rig, answer: str) -> float:
    """One message; how long it took until the session listened again."""
    machine = session._conversation
    pieces, began = len(machine.ledger.pieces), time.monotonic()
    rig.llm.script.append([TextDelta(answer)])
    now = rig.time.monotonic()
    session.post(SpeechStarted(now))
    session.post(SpeechEnded(now))
    session.post(TranscriptReceived("Do you?", is_final=True))

    def is_over() -> bool:
        ledger = machine.ledger.pieces
        return len(ledger) > pieces and ledger[-1].state not in _OPEN and machine.turn.state == TurnState.LISTENING

    while not is_over():
        if time.monotonic() > began + WITHIN_S:
            states = [piece.state.value for piece in machine.ledger.pieces[pieces:]]
            raise Violated(f"message {pieces}: {machine.turn.state.value} after {WITHIN_S:g} s, pieces {states}")
        gevent.sleep(0.005)
    check(not any(piece.state in _OPEN for piece in machine.ledger.pieces), "a piece is left open")
    check(not rig.carrier.of("speak"), "the carrier had to speak")
    # What the fakes remember is theirs, not the product's.
    rig.llm.requests.clear()
    stream = rig.streams[CALL]
    stream.audio = b""
    stream.sent.clear()
    return time.monotonic() - began


def standing(rig: Rig, voices: RoutedTts, servers: dict[str, Server], redis: Any) -> dict[str, int]:
    """What there is now, by name."""
    clients = voices._clients.values()
    until = time.monotonic() + 5
    while any(client._cancel_rpcs for client in clients) and time.monotonic() < until:
        gevent.sleep(0.02)
    gevent.sleep(0.3)
    gc.collect()
    everything = gc.get_objects()
    worker = servers["worker"].process.pid
    channels = [channel for channel in tts_grpc._channels.values() if channel._connection is not None]
    return {
        "objects": sum(str(type(thing).__module__).startswith(OURS) for thing in everything),
        "greenlets": sum(isinstance(thing, gevent.Greenlet) and not thing.dead for thing in everything),
        "sockets": sockets(os.getpid()),
        "threads": threads(os.getpid()),
        "worker_sockets": sockets(worker),
        "redis_keys": redis.dbsize(),
        "streams": sum(len(client._calls) + len(client._cancel_rpcs) for client in clients)
        + sum(len(channel._connection._calls) for channel in channels if channel._connection)
        + len(voices._speaking),
        "tickets": sum(client._cancels.slots_used for client in clients) + voices._cancels.slots_used,
        "worker_slots": hasty(servers["worker"].address).health().running,
        "memory_kb": resident_kb(os.getpid()),
        "worker_memory_kb": resident_kb(worker),
    }


def sockets(pid: int) -> int:
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # the listing's own
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return found


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def run(messages: int) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="messages-")))
        redis = stack.enter_context(RedisServer(folder))
        servers = {
            "worker": stack.enter_context(voice_server()),
            "stand-in": stack.enter_context(voice_server("tests.engines.tts_stand_in")),
        }
        migrate(f"sqlite:///{folder / 'records.sqlite3'}")
        records = Database(f"sqlite:///{folder / 'records.sqlite3'}")
        stack.callback(records.close)
        known = (Voice("en-us", "en-us", "espeak-ng"), Voice("en-gb", "en-gb", "espeak-ng"))
        workers = [
            VoiceWorker(
                "bad", servers["stand-in"].address, 9, voices=tuple(Voice(name, "en", "m") for name in FAULTS[:-1])
            ),
            VoiceWorker("fine", servers["worker"].address, 9, voices=known),
        ]
        voices = FaultyTts(lambda: workers, client=hasty)
        voices.start()
        client = connect(redis.url, timeout_s=2)
        rig = Rig(records, real_time=SystemClock())
        rig.stores = stores_over(RedisDatabase(client), rig.time)
        # What nobody writes waits in the call, and looks like something left behind. Over a connection of its own: one
        # that is opened because two ask at once looks so, too.
        writing = stores_over(RedisDatabase(connect(redis.url, timeout_s=2)), rig.time)
        rig.feed = Feed(writing.live, rig.time)
        rig.feed.start()
        stack.callback(rig.feed.stop)
        rig.services = replace(rig.services, tts=voices, stores=rig.stores, feed=rig.feed)
        agent = AgentConfig.model_validate({
            "name": "Ada", "greeting": "Hi.", "voice": "en-us", "fallback_voice": "en-gb",
            "settings": {"turn_taking": {"min_endpointing_delay_s": 0.1}},
        })  # fmt: skip
        session = rig.open(agent, CALL, real_time=True)
        give_up_at = time.monotonic() + WITHIN_S
        while (
            session._conversation.turn.state != TurnState.LISTENING
            or not session._conversation.ledger.pieces[0].ended_at
        ):
            check(time.monotonic() < give_up_at, "the greeting is not over")
            gevent.sleep(0.01)
        took, warm = [], {}
        unspeakable = itertools.cycle(UNSPEAKABLE)
        for number in range(1, messages + 1):
            took.append(speak_with(session, rig, ANSWER if number % UNSPEAKABLE_EVERY else next(unspeakable)))
            if number == min(WARM, messages // 2):
                warm = standing(rig, voices, servers, client)
            if number % 50 == 0:
                print(f"{number} messages", file=sys.stderr, flush=True)
        end = standing(rig, voices, servers, client)
        session.post(CallHungUp("normal_clearing", "caller"))
        while session not in rig.over:
            gevent.sleep(0.01)
        voices.stop()
    counted = messages - min(WARM, messages // 2)
    return judge(warm, end, counted) | {
        "messages": messages,
        "failures": sum(FaultyTts.faults.values()),
        "ways": len(FaultyTts.faults),
        "longest_message_s": round(max(took), 2),
    }


def main(messages: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        result = run(messages)
    except Violated as violation:
        print(f"VIOLATED: {violation}")
        return 2
    for name, value in result.items():
        print(f"{name:<26} {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
