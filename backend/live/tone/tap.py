"""The tap through which a running call's tone and surroundings reach its watchers.

Gathers windows in the hub and hands them to one greenlet, which has them judged: off the hub, one window at a time. Decides
nothing about tone, nor who speaks (`story.py`); what is told, and when:

| event                                                 | told                                                        |
|-------------------------------------------------------|-------------------------------------------------------------|
| `tone {speaker, label, confidence, is_shift, analyser, at_s}` | for each second in which the caller speaks          |
| `environment {kind, confidence, at_s}`                | when it changes; `kind` "": the caller or nothing special again |

Only the caller's tone is judged: ours is what the voice was made with. Falls behind by `MOST_WAITING` seconds at most, then
seconds are left out and counted. A bug here costs the watchers the rest of it, never the caller the call.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import structlog
from gevent import Greenlet
from gevent.event import Event as Signal

from backend.live.tone.analyser import Judged, ToneSession
from backend.live.tone.environment import Scene, Surroundings, look
from backend.live.tone.off_hub import apart
from backend.live.tone.windows import Window, Windows
from backend.metrics import TONE_ANALYSES

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST_WAITING = 3

Publish = Callable[[str, dict[str, Any]], None]


class ToneTap:
    """An `AudioTap`. `publish` tells the call's watchers, `heard` (if given) takes each judged second of the caller."""

    def __init__(
        self,
        session: ToneSession,
        publish: Publish,
        heard: Callable[[Judged], None] | None = None,
        *,
        call_control_id: str = "",
    ) -> None:
        self._session = session
        self._publish = publish
        self._heard = heard
        self._call_control_id = call_control_id
        self._caller = Windows()
        self._surroundings = Surroundings()
        self._waiting: deque[Window] = deque()
        self._news = Signal()
        self._is_over = False
        self._greenlet: Greenlet = gevent.spawn(self._run)

    # --- in the hub ---

    def caller(self, pcm: bytes, at_s: float) -> None:
        for window in self._caller.push(pcm, at_s):
            self._put(window)

    def agent(self, pcm: bytes, at_s: float) -> None:
        """Ours is not judged."""

    def agent_cleared(self, from_s: float) -> None:
        """Likewise."""

    def ended(self) -> None:
        for window in self._caller.flush():
            self._put(window)
        self._is_over = True
        self._news.set()

    def _put(self, window: Window) -> None:
        if self._is_over:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            TONE_ANALYSES.count(analyser="any", outcome="left_out")
        self._waiting.append(window)
        self._news.set()

    # --- in the greenlet ---

    def _run(self) -> None:
        with structlog.contextvars.bound_contextvars(call_control_id=self._call_control_id):
            try:
                while self._waiting or not self._is_over:
                    self._news.wait()
                    self._news.clear()
                    while self._waiting:
                        self._judge(self._waiting.popleft())
            except Exception as error:  # whatever it is, the caller must not notice that somebody listened
                log.exception("tone_failed", error=type(error).__name__)
                self._is_over = True
                self._waiting.clear()
            finally:
                self._session.close()

    def _judge(self, window: Window) -> None:
        scene: Scene = apart(lambda: look(window.samples))
        change = self._surroundings.hear(scene)
        if change is not None:
            data = {"kind": change.kind, "confidence": change.confidence, "at_s": window.at_s}
            self._publish("environment", data)
        if scene.kind:
            return  # nothing that could have a tone
        judged = self._session.analyse(window, "caller")
        if judged.tone is None:
            return
        self._publish(
            "tone",
            {
                "speaker": "caller",
                "label": judged.tone.label,
                "confidence": judged.tone.confidence,
                "is_shift": judged.tone.is_shift,
                "analyser": judged.analyser,
                "at_s": window.at_s,
            },
        )
        if self._heard is not None:
            self._heard(judged)
