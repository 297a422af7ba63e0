"""A model that answers from a script: one list of pieces per request, in the order of the requests.

llm.script.append([TextDelta("Hello. "), WAIT, TextDelta("Late.")])     # waits until it is cancelled
llm.script.append([TextDelta("I "), EngineFailed("broken", engine="fake")])
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from gevent.event import Event

from backend.engines.base import AnswerRequest, TextDelta, ToolCall
from backend.errors import EngineError


class _Wait:
    """In a script: nothing comes until the answer is cancelled."""


WAIT: Final = _Wait()
Piece = TextDelta | ToolCall | EngineError | _Wait


class FakeLlm:
    """An `Llm`. Without a script left it says `otherwise`."""

    def __init__(self, otherwise: str = "I see.") -> None:
        self.script: deque[Sequence[Piece]] = deque()
        self.otherwise = otherwise
        self.requests: list[AnswerRequest] = []
        self.cancelled: list[str] = []
        self.running: dict[str, Event] = {}
        """Answers under way; a call that is over leaves none."""

    def answer(self, request: AnswerRequest) -> Iterator[TextDelta | ToolCall]:
        self.requests.append(request)
        pieces = self.script.popleft() if self.script else [TextDelta(self.otherwise)]
        cancelled = self.running[request.turn_id] = Event()
        try:
            for piece in pieces:
                if isinstance(piece, EngineError):
                    raise piece
                if isinstance(piece, _Wait):
                    cancelled.wait()
                if cancelled.is_set():
                    return
                if not isinstance(piece, _Wait):
                    yield piece
        finally:
            self.running.pop(request.turn_id, None)

    def cancel(self, turn_id: str) -> None:
        self.cancelled.append(turn_id)
        cancelled = self.running.get(turn_id)
        if cancelled is not None:
            cancelled.set()
