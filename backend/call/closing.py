"""A call is brought to its end: politely, because nothing helped, or because the leg is gone.

Decides: what each of these takes over several machines. Does not decide when: `conversation.py` does, which runs it; the
waiting that follows is `ending.py`'s, the hang-up `hangup.py`'s.

| deed    | what is being said | the answer being made            | said then                | then                      |
|---------|--------------------|----------------------------------|--------------------------|---------------------------|
| close   | is heard out       | dropped, unless it is to be kept | the goodbye              | hang up, when it is quiet |
| give up | void               | dropped                          | an apology, in any voice | transfer, or hang up      |
| finish  | –                  | dropped, and so is a draft       | –                        | the call is over          |
"""

from backend.call.agent_config import AgentConfig
from backend.call.answering import Answering
from backend.call.commands import Command
from backend.call.ending import Ending
from backend.call.hearing import Hearing
from backend.call.playback import Ledger
from backend.call.saying import Saying
from backend.call.silencing import Silencing
from backend.call.speculation import Speculation
from backend.call.transfer import Transferring
from backend.call.turn import Turn, TurnState


class Closing:
    """Of one call."""

    def __init__(
        self,
        agent: AgentConfig,
        direction: str,
        turn: Turn,
        ledger: Ledger,
        hearing: Hearing,
        answering: Answering,
        speculation: Speculation,
        saying: Saying,
        silencing: Silencing,
        transfer: Transferring,
        ending: Ending,
    ) -> None:
        self._agent = agent
        self._direction = direction
        self._turn = turn
        self._ledger = ledger
        self._hearing = hearing
        self._answering = answering
        self._speculation = speculation
        self._saying = saying
        self._silencing = silencing
        self._transfer = transfer
        self._ending = ending

    def close(self, outcome: str, goodbye: str, now: float, *, keep_answer: bool = False) -> list[Command]:
        """End the call once what is being said, and the goodbye, was heard. Nothing, if it is ending already."""
        if not self._ending.close(outcome, now):
            return []
        self._hearing.forget()
        commands: list[Command] = [] if keep_answer else [*self._answering.drop(now)]
        if goodbye:
            commands += self._saying.say("goodbye", goodbye, now)
        return commands

    def close_politely(self, outcome: str, now: float, *, keep_answer: bool = False) -> list[Command]:
        """The same, with the agent's goodbye."""
        goodbye = self._agent.settings.dead_air_settings.goodbye_message
        return self.close(outcome, goodbye, now, keep_answer=keep_answer)

    def close_silently(self, outcome: str, now: float, *, keep_answer: bool = False) -> list[Command]:
        """The same, without one."""
        return self.close(outcome, "", now, keep_answer=keep_answer)

    def give_up(self, now: float) -> list[Command]:
        """Nothing helped: apologise, then hand the caller to a person or hang up."""
        # A voice that hangs is dead: its apology would hang too.
        say = self._saying.say_by_carrier if self._ledger.requested() else self._saying.say
        settings = self._agent.settings.no_progress
        commands: list[Command] = [*self._silencing.silence(now), *say("apology", settings.apology_message, now)]
        self._transfer.want(self._agent.target(settings.transfer_target) if settings.transfer_target else None)
        return commands + self.close("failed", "", now)

    def finish(self, cause: str, source: str) -> list[Command]:
        """The leg is gone."""
        self._turn.move(TurnState.TERMINATED)
        return [
            *self._speculation.drop(),
            *self._answering.drop(self._answering.idle_from),
            self._ending.finish(cause, source, self._direction, self._transfer.is_bridged),
        ]
