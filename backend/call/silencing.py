"""The agent falls silent, for the caller or for the call, and goes on after a sound that meant nothing.

Decides: what silencing takes in the core (the speech, the answer being made, a transfer that nobody wants any more), and
what going on takes. Does not decide when: the caller's side is `hearing.py`, the call's own reasons are in
`conversation.py`, which runs it. What follows outside is the chain of `barge_in.py` (`AbortSpeech`).

| silenced                        | speech not heard | answer being made | wanted transfer        | may go on later       |
|---------------------------------|------------------|-------------------|------------------------|-----------------------|
| the caller's words              | void             | dropped           | off, the model is told | no                    |
| a control of the caller         | void             | dropped           | off, the model is told | no                    |
| a sound of the caller           | void             | dropped           | off, the model is told | false_interruption.py |
| the call, for another speech    | void             | dropped           | off, the model is told | no                    |
| the call, to end                | void             | dropped           | as it is               | no                    |
"""

from backend.call.answering import Answering
from backend.call.barge_in import ALWAYS_PROTECTED, Cause
from backend.call.commands import AbortSpeech, Command
from backend.call.hearing import Hearing
from backend.call.history import History
from backend.call.playback import Ledger, Piece
from backend.call.saying import Saying
from backend.call.transfer import Transferring
from backend.call.turn import Turn, TurnState


class Silencing:
    """Of one call."""

    def __init__(
        self,
        ledger: Ledger,
        history: History,
        hearing: Hearing,
        answering: Answering,
        saying: Saying,
        transfer: Transferring,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._hearing = hearing
        self._answering = answering
        self._saying = saying
        self._transfer = transfer

    def silence(self, now: float) -> list[Command]:
        """Something else comes first: void what was not heard yet, and the transfer that goes with it."""
        return self._silence(now, by_caller=False)[1]

    def void(self, now: float) -> list[Command]:
        """Void the answer under way and everything that was not heard yet."""
        return self._void(now, by_caller=False)[1]

    def barge_in(self, turn: Turn, now: float, may_interrupt: bool) -> list[Command]:
        """The caller's voice stops the agent, if it does by now."""
        cause = self._hearing.interrupts(now, may_interrupt)
        if cause is None:
            return []
        is_answer_unfinished = self._answering.is_under_way or self._transfer.is_wanted
        turn.follow(is_audible=True, is_answering=self._answering.is_under_way)
        cut, commands = self._silence(now, by_caller=True)
        turn.move(TurnState.BARGED_IN)
        if cause == Cause.SOUND:
            self._hearing.false_interruption.interrupted(cut, is_answer_unfinished, now)
        return commands

    def on_request(self, now: float) -> list[Command]:
        """The caller asked for silence by a control of theirs. It works where interrupting by voice is switched off, and
        for the kinds that an agent protects from it; what must be heard out is heard out."""
        is_nothing_said = self._ledger.is_quiet() and not self._answering.is_under_way
        if is_nothing_said or self._ledger.unfinished_kinds() & ALWAYS_PROTECTED:
            return []
        return self._silence(now, by_caller=True)[1]

    def go_on(self, now: float, may_speak: bool) -> list[Command]:
        """Take up again what a sound without words cut, once that is certain."""
        resumption = self._hearing.false_interruption.take(now)
        if resumption is None or not may_speak:
            return []
        commands = [command for piece in resumption.pieces for command in self._saying.take_up_again(piece, now)]
        if resumption.is_answer_unfinished:
            self._history.note("A sound cut you off; what you had written is said again. Go on from there.", now)
            commands += self._answering.begin(None, now)
        return commands

    def _silence(self, now: float, *, by_caller: bool) -> tuple[list[Piece], list[Command]]:
        if self._transfer.is_wanted:
            self._transfer.want(None)
            self._history.note("The transfer was not made: the caller spoke first.", now)
        return self._void(now, by_caller=by_caller)

    def _void(self, now: float, *, by_caller: bool) -> tuple[list[Piece], list[Command]]:
        self._hearing.false_interruption.forget()
        cut = self._saying.stop(now)
        turn_id = "".join(stopped.turn_id for stopped in self._answering.drop(now))
        return cut, [AbortSpeech(self._ledger.generation, turn_id, by_caller)]
