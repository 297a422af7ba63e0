"""OpenAI's transcription, an utterance at a time: what the caller said goes up as a WAV file when the voice falls silent.

Works with any server that has `audio/transcriptions` of that protocol. The text comes as a stream where the model has one
(all but whisper-1): its pieces are interim words. Decides: what an utterance is (from the voice's beginning to its end, at
most `LONGEST_S`: a longer one is cut and goes on as the next), and the order (one upload at a time per call, so that
texts come in the order in which they were said). Does not decide what follows a failure: the stream ends with an
EngineError, `call/hearing_loss.py` opens the next, which is fed the utterance again.

| what happens                                       | the stream ends with | retryable |
|----------------------------------------------------|----------------------|-----------|
| no answer in time                                  | EngineTimedOut       | yes       |
| 429                                                | EngineBusy           | yes       |
| 401, 403, 404: wrong key, wrong model              | EngineFailed         | no        |
| more than `MOST_WAITING` utterances wait           | EngineTimedOut       | yes       |
| anything else                                      | EngineFailed         | yes       |

One greenlet per stream. `close` ends an upload under way, at the server too. Costs nothing while nobody speaks.
"""

import logging
from typing import Any

import gevent
import httpx2
import openai
from gevent import Greenlet
from gevent.queue import Queue

from backend.audio.wav import build_wav
from backend.engines.base import SttListener, Transcript
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut

NAME = "openai"
CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 6.0
LONGEST_S = 30.0
SHORTEST_S = 0.1
"""The server refuses less."""
MOST_WAITING = 4
_NOT_RETRYABLE = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)
"""What the SDK lets through when the server answers something else than the protocol: it checks nothing."""
_NOT_STREAMING = "whisper-1"

log = logging.getLogger(__name__)


class _Closed(BaseException):
    """Thrown into the greenlet that waits for the server; BaseException, so that the SDK cannot eat it."""


class OpenAiStt:
    """Implements `Stt`. Make it after the fork."""

    tells_progress = False

    def __init__(
        self, *, api_key: str, base_url: str | None, model: str, answer_timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        timeout = httpx2.Timeout(answer_timeout_s, connect=CONNECT_TIMEOUT_S)
        self._client = openai.OpenAI(
            api_key=api_key or "none",
            base_url=base_url or None,
            max_retries=0,
            timeout=timeout,
            http_client=httpx2.Client(timeout=timeout, limits=httpx2.Limits(max_connections=200)),
        )
        self._model = model

    def open(self, listener: SttListener, *, sample_rate: int, language: str, call: str = "") -> "OpenAiStream":
        return OpenAiStream(self._client, self._model, listener, sample_rate, language)


class OpenAiStream:
    """Implements `SttStream`."""

    def __init__(
        self, client: openai.OpenAI, model: str, listener: SttListener, sample_rate: int, language: str
    ) -> None:
        self._client = client
        self._model = model
        self._listener: SttListener | None = listener
        self._sample_rate = sample_rate
        self._language = language.partition("-")[0]
        self._fed_bytes = 0
        self._utterance = bytearray()
        self._is_voiced = False
        self._waiting: Queue[tuple[bytes, float]] = Queue()
        self._greenlet: Greenlet = gevent.spawn(self._run)

    # --- SttStream ---

    def feed(self, pcm: bytes) -> None:
        if self._listener is None:
            return
        self._fed_bytes += len(pcm)
        if not self._is_voiced:
            # The voice is noticed late: a little of what came before it belongs to it.
            self._utterance += pcm
            del self._utterance[: max(0, len(self._utterance) - self._bytes(0.5))]
            return
        self._utterance += pcm
        if len(self._utterance) >= self._bytes(LONGEST_S):
            self._hand_over()

    def speech_started(self) -> None:
        self._is_voiced = True

    def speech_ended(self) -> None:
        if self._is_voiced:
            self._is_voiced = False
            self._hand_over()

    def close(self) -> None:
        self._listener = None
        self._utterance.clear()
        self._greenlet.kill(_Closed, block=False)

    # --- inside ---

    def _bytes(self, seconds: float) -> int:
        return 2 * round(seconds * self._sample_rate)

    def _hand_over(self) -> None:
        audio, self._utterance = bytes(self._utterance), bytearray()
        if self._listener is None or len(audio) < self._bytes(SHORTEST_S):
            return
        ended_s = self._fed_bytes / 2 / self._sample_rate
        self._waiting.put((audio[: len(audio) & ~1], ended_s))

    def _run(self) -> None:
        try:
            if self._listener is not None:
                self._listener.on_ready()
            while self._listener is not None:
                audio, ended_s = self._waiting.get()
                if self._waiting.qsize() >= MOST_WAITING:
                    raise EngineTimedOut("the transcription does not keep up", engine=NAME)
                self._transcribe(audio, ended_s)
        except _Closed:
            return
        except EngineError as error:
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.on_closed(error)

    def _transcribe(self, audio: bytes, ended_s: float) -> None:
        """One utterance. Raises EngineError."""
        try:
            text = self._ask(audio)
        except openai.APITimeoutError as error:
            raise EngineTimedOut("the transcription did not answer in time", engine=NAME) from error
        except openai.RateLimitError as error:
            raise EngineBusy("the transcription is at capacity", engine=NAME) from error
        except (openai.OpenAIError, httpx2.HTTPError, *_UNREADABLE) as error:
            # The class only: the message may quote what the caller said.
            failed = EngineFailed(f"the transcription failed: {type(error).__name__}", engine=NAME)
            failed.retryable = not isinstance(error, _NOT_RETRYABLE)
            raise failed from error
        started_s = max(0.0, ended_s - len(audio) / 2 / self._sample_rate)
        if self._listener is not None and text.strip():
            self._listener.on_transcript(Transcript(text, True, start_s=started_s, end_s=ended_s))

    def _ask(self, audio: bytes) -> str:
        parameters: dict[str, Any] = {
            "file": ("utterance.wav", build_wav(audio, self._sample_rate), "audio/wav"),
            "model": self._model,
            "language": self._language,
        }
        if self._model == _NOT_STREAMING:
            return _text(self._client.audio.transcriptions.create(**parameters))
        text = ""
        with self._client.audio.transcriptions.create(**parameters, stream=True) as stream:
            for event in stream:
                if event.type == "transcript.text.delta":
                    text += event.delta
                    if self._listener is not None and text.strip():
                        self._listener.on_transcript(Transcript(text, False))
                elif event.type == "transcript.text.done":
                    return _text(event)
        raise EngineFailed("the transcription broke off", engine=NAME)


def _text(answer: Any) -> str:
    if not isinstance(answer.text, str):
        raise ValueError("no text in the answer")
    return answer.text
