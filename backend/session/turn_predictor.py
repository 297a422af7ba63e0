"""Has the caller's voice judged, once per pause, while the silence is still short.

Decides: when the turn model is asked (each time the voice activity detector reports an end of speech: by then the caller
was silent for about 200 ms) and with what (the last seconds of the caller's audio, that silence included). What the verdict
does to the turn is `call/endpointing.py`. One per call, `session.py` makes it; `feed` is called in the hub fifty times a
second and keeps only a reference.

| meanwhile                        | the verdict is                                                        |
|----------------------------------|-----------------------------------------------------------------------|
| the pause goes on                | posted as `TurnEndPredicted`, with the end of speech it belongs to    |
| the caller has spoken again      | dropped and counted: it judged another pause                          |
| the call is over                 | dropped                                                               |
| the model failed or was too busy | none: counted; the words and the silence decide, as without it        |
"""

from collections import deque
from collections.abc import Callable

import gevent
import structlog
from gevent import Greenlet

from backend.call.endpointing import COMPLETE_FROM, INCOMPLETE_UP_TO
from backend.call.events import Event, SpeechEnded, SpeechStarted, TurnEndPredicted
from backend.clock import Clock
from backend.engines.base import TurnModel
from backend.errors import EngineError
from backend.metrics import TURN_PREDICTION_SECONDS, TURN_PREDICTIONS

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class TurnPredictor:
    """One caller's voice. `post` takes the verdicts."""

    def __init__(
        self, model: TurnModel, sample_rate: int, call_control_id: str, clock: Clock, post: Callable[[Event], None]
    ) -> None:
        self._model = model
        self._sample_rate = sample_rate
        self._call_control_id = call_control_id
        self._clock = clock
        self._post = post
        self._most_bytes = 2 * int(model.window_s * sample_rate)
        self._frames: deque[bytes] = deque()
        self._kept_bytes = 0
        self._pause: float | None = None
        """The end of speech whose pause is going on; None while the caller speaks."""
        self._greenlets: set[Greenlet] = set()

    def feed(self, pcm: bytes) -> None:
        """Caller audio, mono s16le."""
        self._frames.append(pcm)
        self._kept_bytes += len(pcm)
        while self._kept_bytes - len(self._frames[0]) >= self._most_bytes:
            self._kept_bytes -= len(self._frames.popleft())

    def noticed(self, event: Event) -> None:
        """What the voice activity detector found, and any other event, which is ignored."""
        match event:
            case SpeechStarted():
                self._pause = None
            case SpeechEnded(at=at):
                self._pause = at
                greenlet = gevent.spawn(self._judge, b"".join(self._frames)[-self._most_bytes :], at)
                self._greenlets.add(greenlet)
                greenlet.link(self._greenlets.discard)

    def close(self) -> None:
        self._pause = None
        gevent.killall(list(self._greenlets), block=False)

    def _judge(self, pcm: bytes, ended_at: float) -> None:
        began_at = self._clock.monotonic()
        try:
            probability = self._model.judge(pcm, self._sample_rate)
        except EngineError as error:
            TURN_PREDICTIONS.count(result="failed")
            log.warning("turn_not_judged", call_control_id=self._call_control_id, error=str(error))
            return
        TURN_PREDICTION_SECONDS.observe(self._clock.monotonic() - began_at)
        if self._pause != ended_at:
            TURN_PREDICTIONS.count(result="stale")
            return
        TURN_PREDICTIONS.count(result=_in_words(probability))
        self._post(TurnEndPredicted(round(probability, 4), ended_at))


def _in_words(probability: float) -> str:
    if probability >= COMPLETE_FROM:
        return "complete"
    return "incomplete" if probability <= INCOMPLETE_UP_TO else "unsure"
