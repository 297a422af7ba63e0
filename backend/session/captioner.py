"""Lets somebody read a call along: a SessionWatcher around `call/captions.py`. Decides nothing."""

from collections.abc import Callable

from backend.call.captions import Caption, Captions
from backend.call.commands import FinishCall
from backend.call.conversation import Conversation
from backend.call.events import Event


class Captioner:
    """Of one call. `tell` gets each line, `end` the call's outcome, once; neither may block."""

    def __init__(self, tell: Callable[[Caption], None], end: Callable[[str], None]) -> None:
        self._tell = tell
        self._end = end
        self._captions: Captions | None = None

    def began(self, conversation: Conversation) -> None:
        self._captions = Captions(conversation.ledger)

    def stepped(self, event: Event | None, now: float) -> None:
        if self._captions is not None:
            for line in self._captions.take(event, now):
                self._tell(line)

    def finished(self, command: FinishCall) -> None:
        self._end(command.outcome)
