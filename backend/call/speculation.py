"""Thinking ahead: the model is asked before the caller's turn has certainly ended, and its answer is kept back until then.

Decides: when a draft is begun, thrown away, or becomes the answer. Does not decide when the turn ends or what its words are
(`endpointing.py`), nor what becomes of an answer (`answering.py`). Off unless the agent's `turn_taking.speculation` says
otherwise: each draft that is thrown away was paid for. `conversation.py` runs it and asks `follow` anew after every event;
there is no latch that could be forgotten.

| the caller                                             | no draft                    | a draft is under way             |
|--------------------------------------------------------|-----------------------------|----------------------------------|
| silent for `SPECULATE_AFTER_S`, with words, interim or | begun, `MOST_DRAFTS` times  | kept                             |
| final, that do not sound unfinished                    | a turn, once for each text  |                                  |
| the words change by marks and capitals only            | –                           | kept                             |
| the words change otherwise                             | as in the first row         | thrown away; another may begin   |
| makes a sound or presses a key; the agent speaks       | –                           | thrown away                      |
| the turn ends with the draft's words                   | the model is asked          | it is the answer, as it stands   |
| the turn ends with others, or something else was said  | the model is asked          | thrown away, the model is asked  |
| or noted since the draft began                         |                             |                                  |

| the model, in a draft           | then                                                                     |
|---------------------------------|--------------------------------------------------------------------------|
| writes a sentence, has finished | kept back, in order                                                      |
| asks for a tool                 | kept back: no tool is used before the turn has ended                     |
| fails                           | thrown away; the same words are not tried again ahead of time            |

Nothing of a draft is in the history, and nothing of it is said, before it is the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from backend.call.agent_config import AgentConfig
from backend.call.answering import Answering, AnswerReport
from backend.call.commands import Command, ReportDraft, StopThinking, Think
from backend.call.endpointing import Guess
from backend.call.events import AnswerFailed
from backend.call.history import History
from backend.call.wording import same_words

MOST_DRAFTS = 3
"""Per turn of the caller: a slow speaker must not cost a request per pause without end."""


@dataclass(slots=True)
class Draft:
    """An answer to words that may not be the caller's last."""

    turn_id: str
    text: str
    history_length: int
    """Entries that the model knew of."""
    reports: list[AnswerReport] = field(default_factory=list)
    """What it has said so far."""


class Speculation:
    """One call's drafts, at most one at a time. `history` is only read."""

    def __init__(self, agent: AgentConfig, history: History, new_turn_id: Callable[[], str]) -> None:
        self._is_enabled = agent.settings.turn_taking.speculation
        self._agent = agent
        self._history = history
        self._new_turn_id = new_turn_id
        self._draft: Draft | None = None
        self._tried: list[str] = []
        """The texts of this turn's drafts."""

    def follow(self, guess: Guess | None, now: float) -> list[Command]:
        """`guess`: what the caller's turn will be if nothing more comes; None while that cannot be said, or while the agent
        could not answer."""
        commands: list[Command] = []
        if self._draft is not None and (guess is None or not same_words(guess.text, self._draft.text)):
            commands += self.drop()
        begins_at = self.deadline(guess)
        if guess is not None and begins_at is not None and now >= begins_at:
            self._tried.append(guess.text)
            self._draft = Draft(self._new_turn_id(), guess.text, len(self._history.entries))
            messages = self._history.messages(self._agent, self._history.callers_line(guess.text, now))
            commands.append(Think(self._draft.turn_id, messages, is_draft=True))
        return commands

    def deadline(self, guess: Guess | None) -> float | None:
        """When a draft is begun."""
        if not self._is_enabled or guess is None or self._draft is not None or len(self._tried) >= MOST_DRAFTS:
            return None
        return None if any(same_words(guess.text, text) for text in self._tried) else guess.from_at

    def take(self, event: AnswerReport) -> list[Command] | None:
        """A report of the draft's request; None if it belongs to another one."""
        if self._draft is None or event.turn_id != self._draft.turn_id:
            return None
        if isinstance(event, AnswerFailed):
            return self.drop()
        self._draft.reports.append(event)
        return []

    def turn_ended(
        self, answering: Answering, caller_ended_at: float | None, now: float
    ) -> tuple[list[Command], list[AnswerReport]]:
        """The caller's turn stands in the history now, as its last entry: begin the answer. The reports are those that were
        kept back, and count from now on."""
        *before, turn = self._history.entries
        draft = self._draft
        self._tried.clear()
        if draft is None or draft.history_length != len(before) or not same_words(turn.text, draft.text):
            return [*self.drop(), *answering.begin(caller_ended_at, now)], []
        self._draft = None
        answering.adopt(draft.turn_id, caller_ended_at, now)
        return [ReportDraft(draft.turn_id, was_used=True)], draft.reports

    def drop(self) -> list[Command]:
        """Throw the draft away."""
        if self._draft is None:
            return []
        turn_id, self._draft = self._draft.turn_id, None
        return [StopThinking(turn_id), ReportDraft(turn_id, was_used=False)]
