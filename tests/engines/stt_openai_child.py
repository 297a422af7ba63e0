"""Everything that tests/engines/test_stt_openai.py asks of the engine, in one patched process as the web workers are:
`python -m tests.engines.stt_openai_child URL` prints what was heard as JSON."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 (patching comes first)
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from backend.engines.base import Transcript  # noqa: E402
from backend.engines.stt_openai import LONGEST_S, OpenAiStream, OpenAiStt  # noqa: E402
from backend.errors import EngineError  # noqa: E402
from tests.engines.transcription_stand_in import STALL_S  # noqa: E402

SECOND = bytes(16000)


class Notes:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.errors: list[Any] = []
        self.is_ready = False

    def on_ready(self) -> None:
        self.is_ready = True

    def on_transcript(self, transcript: Transcript) -> None:
        self.events.append([transcript.text, transcript.is_final, transcript.start_s, transcript.end_s])

    def on_progress(self, audio_s: float) -> None:
        raise AssertionError("it tells no progress")

    def on_closed(self, error: EngineError) -> None:
        self.errors.append([type(error).__name__, error.retryable, str(error)])


def wait(condition: Any) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def open_stream(url: str, model: str) -> tuple[OpenAiStream, Notes]:
    notes = Notes()
    stt = OpenAiStt(api_key="k", base_url=url, model=model, answer_timeout_s=STALL_S)
    stream = stt.open(notes, sample_rate=8000, language="de-DE")
    assert not notes.is_ready
    wait(lambda: notes.is_ready)
    return stream, notes


def say(stream: OpenAiStream, seconds: int) -> None:
    stream.speech_started()
    for _ in range(seconds):
        stream.feed(SECOND)
    stream.speech_ended()


def main(url: str) -> None:
    heard: dict[str, Any] = {}
    for model in ("ok", "whisper-1"):
        stream, notes = open_stream(url, model)
        stream.feed(SECOND)
        say(stream, 2)
        wait(lambda notes=notes: any(event[1] for event in notes.events))
        stream.close()
        heard[model] = notes.events
    for model in ("status-401", "status-404", "status-429", "status-500", "stall", "cut", "rubbish"):
        stream, notes = open_stream(url, model)
        say(stream, 1)
        wait(lambda notes=notes: notes.errors)
        heard[model] = notes.errors[0]

    stream, notes = open_stream(url, "ok")
    stream.speech_started()
    for _ in range(int(2 * LONGEST_S) + 5):
        stream.feed(SECOND)
    stream.speech_ended()
    wait(lambda: sum(event[1] for event in notes.events) == 3)
    heard["long"] = [event for event in notes.events if event[1]]
    stream.close()

    stream, notes = open_stream(url, "stall")
    say(stream, 1)
    gevent.sleep(0.1)
    began_at = time.perf_counter()
    stream.close()
    heard["close_s"] = time.perf_counter() - began_at
    heard["closed_at"] = time.monotonic()
    gevent.sleep(STALL_S + 0.2)
    heard["after_close"] = [notes.events, notes.errors]

    stream, notes = open_stream(url, "stall")
    for _ in range(7):
        say(stream, 1)
    wait(lambda: notes.errors)
    heard["too_many"] = notes.errors[0]

    stream, notes = open_stream(url, "ok")
    for _ in range(60):
        stream.feed(SECOND)
    say(stream, 0)
    wait(lambda: any(event[1] for event in notes.events))
    heard["silence_before"] = notes.events[-1]
    stream.close()
    print(json.dumps(heard))


main(sys.argv[1])
