"""What somebody who watches a call may have its agent do: take an instruction, hand the caller over.

Decides: what each takes over several machines. Does not decide who may ask (the API) nor which targets there are (the
agent's settings). `conversation.py` runs it.

| asked for  | what is being said or made | then                                                                     |
|------------|----------------------------|--------------------------------------------------------------------------|
| a whisper  | goes on                    | the model reads it before its next answer; a draft without it is dropped |
| a transfer | is void                    | the transfer is asked for at once, so that nothing the caller says       |
|            |                            | meanwhile takes it back; if it fails, the model is told and goes on      |

A transfer to somebody who is not on the list, of a caller who is handed over already, or of a leg whose hang-up was asked
for, changes nothing.
"""

from collections.abc import Sequence

from backend.call.agent_config import AgentConfig
from backend.call.commands import Command
from backend.call.events import TransferRequested, WhisperRequested
from backend.call.hangup import HangUpConfirmation
from backend.call.history import History
from backend.call.silencing import Silencing
from backend.call.speculation import Speculation
from backend.call.transfer import Transferring

SupervisorEvent = TransferRequested | WhisperRequested
WHISPER = (
    "Somebody who listens in instructs you, for your next answer. The caller did not hear this; do not read it out: "
)


class Supervision:
    """Of one call."""

    def __init__(
        self,
        agent: AgentConfig,
        history: History,
        speculation: Speculation,
        silencing: Silencing,
        transfer: Transferring,
        hangup: HangUpConfirmation,
    ) -> None:
        self._agent = agent
        self._history = history
        self._speculation = speculation
        self._silencing = silencing
        self._transfer = transfer
        self._hangup = hangup

    def take(self, event: SupervisorEvent, now: float) -> Sequence[Command] | None:
        """What follows at once; None: nothing can."""
        if isinstance(event, WhisperRequested):
            self._history.note(WHISPER + event.text, now)
            return self._speculation.drop()
        target = self._agent.target(event.target)
        if target is None or self._transfer.is_handed_over or self._hangup.is_asked:
            return None
        silenced = self._silencing.silence(now)
        self._transfer.want(target)
        return [*silenced, self._transfer.ask(now)]
