"""The model asked for a tool: it is used, and the history says what came of it.

Decides: nothing about what may be asked for (`tools.py` reads it, and refuses) nor when a transfer or a hang-up takes
place (`transfer.py`, `closing.py`). `conversation.py` runs it.
"""

from backend.call.agent_config import AgentConfig
from backend.call.answering import Answering
from backend.call.closing import Closing
from backend.call.commands import Command, SendDtmf
from backend.call.dead_air import DeadAir
from backend.call.events import ToolCalled
from backend.call.history import History
from backend.call.tools import ConnectTo, EndCall, Hold, PressKeys, Refused, parse_tool_use
from backend.call.transfer import Transferring


class ToolUse:
    """Of one call."""

    def __init__(
        self,
        agent: AgentConfig,
        history: History,
        dead_air: DeadAir,
        answering: Answering,
        transfer: Transferring,
        closing: Closing,
    ) -> None:
        self._agent = agent
        self._history = history
        self._dead_air = dead_air
        self._answering = answering
        self._transfer = transfer
        self._closing = closing
        self._dtmf_count = 0

    def use(self, event: ToolCalled, now: float) -> list[Command]:
        """What follows at once. A refused one is told to the model, which is asked again."""
        commands: list[Command] = []
        use = parse_tool_use(self._agent, event.name, event.arguments)
        match use:
            case Hold():
                self._dead_air.hold_asked()
            case EndCall():
                close = self._closing.close_silently if self._answering.has_spoken else self._closing.close_politely
                commands += close("agent_hung_up", now, keep_answer=True)
            case ConnectTo(target=target):
                self._transfer.want(target)
            case PressKeys(digits=digits):
                self._dtmf_count += 1
                commands.append(SendDtmf(digits, self._dtmf_count))
        result = use.reason if isinstance(use, Refused) else "ok"
        self._history.tool_used(event.tool_call_id, event.name, event.arguments, result, now)
        if isinstance(use, Refused):
            self._answering.tool_refused()
        return commands
