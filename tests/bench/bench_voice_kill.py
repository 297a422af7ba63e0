"""TTS workers killed in the middle of a sentence: `python -m tests.bench.bench_voice_kill [kills]` (200).

Five real workers (own processes, found through a real Redis) speak to real sessions in this process, patched like a web
worker: three calls at a time, one after the other. In each a greeting of three sentences is under way when the worker
that speaks it is killed with SIGKILL; another worker is started in its place. The voice says each word as a tone of its
own (spelling_voice.py), so what the caller heard can be read back word by word and held against the text:

  silence    the longest hole in what the caller heard of the piece; target p95 ≤ 1.5 s
  next audio from the kill to the first audio of the other worker, which the caller's buffer covers
  repeated   sentences of which most was said twice; missing: of which most was not said; phantom: in the history and not
             said; target 0 of each
  ahead      most audio that lay at the carrier unplayed: the pace of sending is the same across a seam
  words off  words said twice or left out where the audio was taken up again: a word or two is in the nature of estimating

Exits 1 when the silence is too long, 2 when a sentence is repeated, missing or made up. The last line is the result as JSON.
"""

from gevent import monkey

monkey.patch_all()

import contextlib  # noqa: E402 - nothing may be imported before the patching
import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from dataclasses import dataclass, field, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from backend.call.agent_config import AgentConfig  # noqa: E402
from backend.call.events import CallHungUp  # noqa: E402
from backend.clock import SystemClock  # noqa: E402
from backend.engines.base import AudioFrame, SynthesisRequest  # noqa: E402
from backend.engines.tts_grpc import GrpcTts  # noqa: E402
from backend.engines.voices import RoutedTts  # noqa: E402
from backend.records.database import Database  # noqa: E402
from backend.records.migrate import migrate  # noqa: E402
from backend.store.connection import connect  # noqa: E402
from backend.store.database import RedisDatabase  # noqa: E402
from backend.store.voice_workers import VoiceWorkers  # noqa: E402
from tests.fakes.redis_server import RedisServer  # noqa: E402
from tests.session.rig import Rig, wait_until  # noqa: E402
from tests.workers.tts.processes import Server, voice_server  # noqa: E402
from tests.workers.tts.spelling_voice import WORDS, words_heard  # noqa: E402

WORKERS = 5
LANES = 3
SENTENCES, WORDS_PER_SENTENCE = 3, 5
TARGET_P95_S = 1.5


class NotedTts(GrpcTts):
    """Remembers which worker was asked last, so that the right one is killed."""

    asked: list[tuple[str, str]] = []

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        NotedTts.asked.append((request.synthesis_id, self.address))
        return super().synthesize(request)


@dataclass
class Round:
    """What became of one call whose worker was killed."""

    was_broken: bool
    silence_s: float = 0.0
    to_next_audio_s: float = 0.0
    ahead_s: float = 0.0
    words_off: int = 0
    repeated_sentences: int = 0
    missing_sentences: int = 0
    phantoms: int = 0


@dataclass
class Pool:
    """The workers that are up. `kill` starts the next one while the others go on."""

    redis_url: str
    open: contextlib.ExitStack
    up: dict[str, Server] = field(default_factory=dict)
    started: int = 0

    def start_one(self) -> None:
        self.started += 1
        server = self.open.enter_context(
            voice_server(
                "tests.workers.tts.spelling_voice",
                TTS_ENGINES="spelling",
                REDIS_URL=self.redis_url,
                TTS_NAME=f"worker-{self.started}",
            )
        )
        self.up[server.address] = server

    def kill(self, address: str) -> bool:
        """False: somebody else's call has killed it already."""
        server = self.up.pop(address, None)
        if server is not None:
            os.kill(server.process.pid, signal.SIGKILL)
            gevent.spawn(self.start_one)
        return server is not None


def one_round(rig: Rig, pool: Pool, number: int, rng: random.Random) -> Round:
    """One call, one kill."""
    words = rng.sample(WORDS, SENTENCES * WORDS_PER_SENTENCE)
    sentences = [words[start : start + WORDS_PER_SENTENCE] for start in range(0, len(words), WORDS_PER_SENTENCE)]
    greeting = " ".join(" ".join(sentence) + "." for sentence in sentences)
    agent = AgentConfig(name="Ada", greeting=greeting, voice="speller")
    call = f"v3:killed-{number}"
    session = rig.open(agent, call, real_time=True)
    stream = rig.streams[call]
    sent: list[tuple[float, float]] = []
    send = stream.send_audio

    def note(encoded: bytes) -> None:
        sent.append((time.monotonic(), len(encoded) / 8000))
        send(encoded)

    def asked() -> list[str]:
        return [address for synthesis_id, address in NotedTts.asked if synthesis_id.startswith(call + ":")]

    stream.send_audio = note  # type: ignore[method-assign]  # notes the time, then does the same
    wait_until(lambda: sent)
    gevent.sleep(rng.uniform(0.1, 1.2))
    asked_before, killed_at = len(asked()), time.monotonic()
    was_killed = pool.kill(asked()[-1])
    wait_until(lambda: session._conversation.ledger.pieces[0].ended_at, 20)
    was_broken = was_killed and len(asked()) > asked_before
    history = session._conversation.history.messages(agent)
    session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: session in rig.over)
    said = str(history[1]["content"]) if len(history) > 1 else ""
    return judge(sentences, words_heard(stream.audio), said, sent, killed_at) if was_broken else Round(False)


def judge(
    sentences: list[list[str]], heard: list[str], said: str, sent: list[tuple[float, float]], killed_at: float
) -> Round:
    result = Round(True)
    for sentence in sentences:
        counts = [heard.count(word) for word in sentence]
        half = len(sentence) / 2
        is_missing = sum(count == 0 for count in counts) > half
        result.words_off += sum(abs(count - 1) for count in counts)
        result.repeated_sentences += sum(count > 1 for count in counts) > half
        result.missing_sentences += is_missing
        result.phantoms += is_missing and sum(word in said.replace(".", "").split() for word in sentence) > half
    playing_until = sent[0][0]
    for at, seconds in sent:
        result.silence_s = max(result.silence_s, at - playing_until)
        if at > killed_at and not result.to_next_audio_s and seconds < 0.03:
            result.to_next_audio_s = at - killed_at  # each synthesis begins with a short frame
        playing_until = max(playing_until, at) + seconds
        result.ahead_s = max(result.ahead_s, playing_until - at)
    return result


def run(kills: int, seed: int = 1) -> dict[str, Any]:
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="voice-kill-"))
    rounds: list[Round] = []
    with contextlib.ExitStack() as open_until_the_end:
        open_until_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
        redis = open_until_the_end.enter_context(RedisServer(folder))
        registry = VoiceWorkers(RedisDatabase(connect(redis.url, timeout_s=2)))
        pool = Pool(redis.url, open_until_the_end)
        for starting in [gevent.spawn(pool.start_one) for _ in range(WORKERS)]:
            starting.get()
        migrate(f"sqlite:///{folder / 'records.sqlite3'}")
        records = Database(f"sqlite:///{folder / 'records.sqlite3'}")
        open_until_the_end.callback(records.close)
        rig = Rig(records, real_time=SystemClock())
        tts = RoutedTts(registry.list, client=NotedTts, refresh_s=0.5)
        tts.start()
        rig.services = replace(rig.services, tts=tts)
        learn_the_pace(tts, rig)
        numbers = itertools.count()

        def lane() -> None:
            while sum(one.was_broken for one in rounds) < kills:
                # The list may still name the dead, and not yet the newest.
                wait_until(lambda: len(pool.up.keys() & {worker.address for worker in tts.workers}) > LANES, 30)
                rounds.append(one_round(rig, pool, next(numbers), rng))
                if len(rounds) % 20 == 0:
                    print(f"{len(rounds)} calls", file=sys.stderr, flush=True)

        gevent.joinall([gevent.spawn(lane) for _ in range(LANES)], raise_error=True)
        tts.stop()
    broken = [one for one in rounds if one.was_broken]
    silences = sorted(one.silence_s for one in broken)
    waits = sorted(one.to_next_audio_s for one in broken)
    words_off = sorted(one.words_off for one in broken)
    return {
        "kills": len(broken),
        "killed_too_late": len(rounds) - len(broken),
        "silence_p50_s": round(at(silences, 0.5), 4),
        "silence_p95_s": round(at(silences, 0.95), 4),
        "silence_max_s": round(silences[-1], 4),
        "next_audio_p50_s": round(at(waits, 0.5), 4),
        "next_audio_p95_s": round(at(waits, 0.95), 4),
        "next_audio_max_s": round(waits[-1], 4),
        "ahead_max_s": round(max(one.ahead_s for one in broken), 3),
        "repeated_sentences": sum(one.repeated_sentences for one in broken),
        "missing_sentences": sum(one.missing_sentences for one in broken),
        "phantoms": sum(one.phantoms for one in broken),
        "words_off_p50": at(words_off, 0.5),
        "words_off_p95": at(words_off, 0.95),
        "words_off_max": words_off[-1],
    }


def learn_the_pace(tts: RoutedTts, rig: Rig) -> None:
    """Let the process learn the voice's pace, as earlier calls would have done."""
    wait_until(lambda: tts.workers, 20)
    for number in range(4):
        text = " ".join(WORDS[number : number + 12]) + "."
        frames = list(tts.synthesize(SynthesisRequest(f"pace-{number}", text, "speller")))
        rig.services.paces.learn("speller", text, sum(len(frame.pcm) for frame in frames) / 16000)


def at(values: Sequence[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))]


def main(kills: int) -> int:
    result = run(kills)
    for name, value in result.items():
        print(f"{name:<26} {value}")
    is_violated = any(result[name] for name in ("repeated_sentences", "missing_sentences", "phantoms"))
    is_met = result["silence_p95_s"] <= TARGET_P95_S
    verdict = "VIOLATED" if is_violated else "met" if is_met else "MISSED"
    print(f"target p95 {TARGET_P95_S:g} s, 0 repeated, 0 phantom: {verdict}")
    print(json.dumps(result))
    return 2 if is_violated else 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
