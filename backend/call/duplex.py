"""Half-duplex and full-duplex: two strategies behind one protocol, chosen once, when the call starts.

Decides: whether what the caller does while the agent speaks may stop the agent at all. Does not decide which sounds do
(`barge_in.py`), nor what follows (`conversation.py`). `hearing.py` runs it; nobody else knows which of the two it is.

|                                          | half-duplex               | full-duplex                        |
|------------------------------------------|---------------------------|------------------------------------|
| chosen when                              | the installation or the   | both allow it                      |
|                                          | agent does not allow it   |                                    |
| a sound while the agent speaks           | changes nothing           | may stop the agent (barge_in.py)   |
| words while the agent speaks             | are answered afterwards   | stop the agent, unless ignorable   |
"""

from collections.abc import Set
from typing import Protocol

from backend.call.agent_config import TurnTakingSettings
from backend.call.barge_in import BargeIn, Cause
from backend.call.commands import SpeechKind


class Duplex(Protocol):
    """Who may speak while the agent does. Instants are the owner's monotonic seconds; `kinds` as for `BargeIn`."""

    name: str

    def speech_started(self, at: float) -> None: ...

    def speech_lasted(self, now: float) -> None: ...

    def speech_ended(self) -> None: ...

    def words_heard(self, text: str) -> None: ...

    def quiet(self) -> None:
        """The agent is not audible."""
        ...

    def deadline(self, kinds: Set[SpeechKind]) -> float | None:
        """When `interrupts` may change its answer if nothing happens until then."""
        ...

    def interrupts(self, now: float, kinds: Set[SpeechKind]) -> Cause | None: ...


class HalfDuplex:
    """The agent always finishes."""

    name = "half"

    def speech_started(self, at: float) -> None: ...

    def speech_lasted(self, now: float) -> None: ...

    def speech_ended(self) -> None: ...

    def words_heard(self, text: str) -> None: ...

    def quiet(self) -> None: ...

    def deadline(self, kinds: Set[SpeechKind]) -> float | None:
        return None

    def interrupts(self, now: float, kinds: Set[SpeechKind]) -> Cause | None:
        return None


class FullDuplex(BargeIn):
    """The caller may interrupt."""

    name = "full"


def choose_duplex(settings: TurnTakingSettings, may_barge_in: bool) -> Duplex:
    """`may_barge_in`: the installation's ENABLE_BARGE_IN, read when the process started."""
    return FullDuplex(settings) if may_barge_in and settings.barge_in else HalfDuplex()
