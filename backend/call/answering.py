"""The agent's answer under way: asking the model, asking it again, and when the answer is complete.

Decides: whether and when the model is asked again (after tools, after a failure, elsewhere). Does not decide when it is the
agent's turn, what its sentences sound like, what a tool does, or how long the caller is left waiting (`no_progress.py`
says the filler, asks elsewhere, and gives up). `conversation.py` runs it.

| the model                             | so far in this answer                       | then                               |
|---------------------------------------|---------------------------------------------|------------------------------------|
| finished, after tools only            | fewer than `MAX_TOOL_ROUNDS` rounds         | ask again, with the results        |
| finished, a tool was refused          | the same                                    | ask again, with the reason         |
| finished, said nothing, used no tool  | –                                           | as if it had failed                |
| finished otherwise                    | –                                           | the answer is over                 |
| failed                                | sentences, or the call is closing           | the answer is over                 |
| failed                                | no sentence yet                             | ask again after a pause, elsewhere |

Once the answer has led to a transfer or to the end of the call the model is not asked again.
Instants are the owner's monotonic seconds.
"""

from dataclasses import dataclass

from backend.call.agent_config import AgentConfig
from backend.call.commands import Command, ReportTurn, StopThinking, Think
from backend.call.events import AnswerFailed, AnswerFinished, SentenceWritten, ToolCalled
from backend.call.history import History

MAX_TOOL_ROUNDS = 4
ASK_AGAIN_AFTER_S = (0.0, 1.0, 2.0, 4.0)
"""Pauses before the model is asked again, the last one repeats: a provider's hiccup of seconds must not cost the call."""

AnswerReport = SentenceWritten | ToolCalled | AnswerFinished | AnswerFailed


@dataclass(slots=True)
class Answer:
    """One turn of the model. A turn may take several requests (after tools, or with the fallback model); each request
    has its own `turn_id`, so that a late sentence of an older one is recognised."""

    turn_id: str
    began_at: float
    """When the caller's turn was taken as ended."""
    caller_ended_at: float | None
    """When the caller's voice fell silent; None if no voice came before this turn."""
    sentences: int = 0
    tool_calls: int = 0
    refused_tool_calls: int = 0
    """Tools whose result the model must learn of, even if it has said something already."""
    tool_rounds: int = 0
    failures: int = 0
    ask_again_at: float | None = None
    """When the model is asked again after a failure; None while it is being asked."""
    first_sentence_at: float | None = None
    first_audio_at: float | None = None

    def report(self) -> ReportTurn:
        """Latencies since the caller fell silent."""

        def since(at: float | None) -> float | None:
            return None if at is None or self.caller_ended_at is None else round(at - self.caller_ended_at, 4)

        return ReportTurn(self.turn_id, since(self.began_at), since(self.first_sentence_at), since(self.first_audio_at))


class Answering:
    """One call's answers, one after the other. `history` is only read."""

    def __init__(self, agent: AgentConfig, history: History, call_key: str) -> None:
        self.answer: Answer | None = None
        """The one under way."""
        self.idle_from = 0.0
        """When the last one was over, or dropped."""
        self._agent = agent
        self._history = history
        self._call_key = call_key
        self._turn_count = 0
        self._unreported: Answer | None = None

    @property
    def is_under_way(self) -> bool:
        return self.answer is not None

    @property
    def is_unheard(self) -> bool:
        """An answer is being made and nothing of it was on its way to the caller yet."""
        return self.answer is not None and self.answer.first_audio_at is None

    @property
    def has_spoken(self) -> bool:
        """The answer under way has sentences already."""
        return self.answer is not None and self.answer.sentences > 0

    def is_current(self, turn_id: str) -> bool:
        """False: it belongs to a request that was given up."""
        return self.answer is not None and self.answer.turn_id == turn_id

    # --- asking ---

    def begin(self, caller_ended_at: float | None, now: float) -> list[Command]:
        self.answer = self._unreported = Answer(self.new_turn_id(), now, caller_ended_at)
        return [Think(self.answer.turn_id, self._history.messages(self._agent))]

    def adopt(self, turn_id: str, caller_ended_at: float | None, now: float) -> None:
        """The answer was asked for ahead of time (`speculation.py`), with that id."""
        self.answer = self._unreported = Answer(turn_id, now, caller_ended_at)

    def ask_elsewhere(self) -> list[Command]:
        """The same question to the fallback model; what the first one still says is stale from here on."""
        return self._ask_again(use_fallback_model=True)

    def deadline(self) -> float | None:
        """When the model is asked again after a failure."""
        return self.answer.ask_again_at if self.answer is not None else None

    def due(self, now: float) -> list[Command]:
        due_at = self.deadline()
        return [] if due_at is None or now < due_at else self._ask_again(use_fallback_model=True)

    def drop(self, now: float) -> list[StopThinking]:
        """Nobody wants it any more."""
        if self.answer is None:
            return []
        stopped = StopThinking(self.answer.turn_id)
        self._is_over(now)
        return [stopped]

    # --- what the model did ---

    def take(self, event: AnswerReport, now: float, is_closing: bool, is_transfer_wanted: bool) -> list[Command]:
        """A report of the current request."""
        answer = self.answer
        if answer is None:
            return []
        match event:
            case SentenceWritten():
                answer.sentences += 1
                answer.first_sentence_at = answer.first_sentence_at or now
            case ToolCalled():
                answer.tool_calls += 1
            case AnswerFinished():
                return self._finished(answer, now, is_closing, is_closing or is_transfer_wanted)
            case AnswerFailed():
                return self._failed(answer, now, is_closing)
        return []

    def tool_refused(self) -> None:
        """The tool that the model asked for last could not be used."""
        if self.answer is not None:
            self.answer.refused_tool_calls += 1

    def _finished(self, answer: Answer, now: float, is_closing: bool, is_settled: bool) -> list[Command]:
        may_go_on = not is_settled and answer.tool_rounds < MAX_TOOL_ROUNDS
        if may_go_on and (answer.refused_tool_calls or (answer.tool_calls and answer.sentences == 0)):
            answer.tool_rounds += 1
            return self._ask_again(use_fallback_model=False)
        if answer.sentences == 0 and answer.tool_rounds == 0 and not is_settled:
            return self._failed(answer, now, is_closing)
        self._is_over(now)
        return []

    def _failed(self, answer: Answer, now: float, is_closing: bool) -> list[Command]:
        answer.failures += 1
        if answer.sentences or is_closing:
            self._is_over(now)
            return []
        pause_s = ASK_AGAIN_AFTER_S[min(answer.failures, len(ASK_AGAIN_AFTER_S)) - 1]
        answer.ask_again_at = now + pause_s
        return self.due(now)

    def became_audible(self, now: float) -> list[Command]:
        """The first audio of an answer is on its way. Reports the turn's latencies, once."""
        if self._unreported is None:
            return []
        self._unreported.first_audio_at = now
        report, self._unreported = self._unreported.report(), None
        return [report]

    def _ask_again(self, use_fallback_model: bool) -> list[Command]:
        answer = self.answer
        if answer is None:
            return []
        given_up, answer.turn_id, answer.ask_again_at = answer.turn_id, self.new_turn_id(), None
        answer.tool_calls = answer.refused_tool_calls = 0
        messages = self._history.messages(self._agent)
        return [StopThinking(given_up), Think(answer.turn_id, messages, use_fallback_model)]

    def _is_over(self, now: float) -> None:
        self.answer = None
        self.idle_from = now

    def new_turn_id(self) -> str:
        """Unlike any other of this call."""
        self._turn_count += 1
        return f"{self._call_key}-t{self._turn_count}"
