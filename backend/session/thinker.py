"""Asks the model, one answer at a time, and posts what it writes: whole sentences, tool calls, the end.

Decides nothing; a late result carries its `turn_id` and is dropped by the conversation. One greenlet per answer.
"""

from collections.abc import Callable

import gevent
import structlog
from gevent import Greenlet

from backend.call.agent_config import AgentConfig
from backend.call.commands import Think
from backend.call.events import AnswerFailed, AnswerFinished, Event, SentenceWritten, ToolCalled
from backend.call.tools import tool_specs
from backend.engines.base import AnswerRequest, Llm, TextDelta, ToolSpec
from backend.engines.sentences import SentenceSplitter
from backend.errors import EngineError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Thinker:
    """The model of one call."""

    def __init__(self, llm: Llm, agent: AgentConfig, call_control_id: str, post: Callable[[Event], None]) -> None:
        self._llm = llm
        self._agent = agent
        self._call_control_id = call_control_id
        self._post = post
        self._tools = tuple(ToolSpec(**spec) for spec in tool_specs(agent))
        self._greenlets: dict[str, Greenlet] = {}

    def think(self, command: Think) -> None:
        self._greenlets[command.turn_id] = gevent.spawn(self._in_call, command)

    def stop(self, turn_id: str) -> None:
        """Close that answer's connection. What it already posted is stale by its id."""
        greenlet = self._greenlets.pop(turn_id, None)
        if greenlet is not None:
            self._llm.cancel(turn_id)
            greenlet.kill(block=False)

    def abort(self, turn_id: str) -> None:
        """As `stop`, and returns when that answer's connection is closed."""
        greenlet = self._greenlets.get(turn_id)
        self.stop(turn_id)
        if greenlet is not None:
            greenlet.join()

    def close(self) -> None:
        for turn_id in list(self._greenlets):
            self.stop(turn_id)

    def _in_call(self, command: Think) -> None:
        """What was bound for the log is lost at every spawn."""
        with structlog.contextvars.bound_contextvars(call_control_id=self._call_control_id):
            self._answer(command)

    def _answer(self, command: Think) -> None:
        agent = self._agent
        request = AnswerRequest(
            turn_id=command.turn_id,
            messages=command.messages,
            tools=self._tools,
            model=(agent.fallback_model if command.use_fallback_model else "") or agent.model,
            temperature=agent.temperature,
        )
        splitter = SentenceSplitter()
        try:
            for piece in self._llm.answer(request):
                if isinstance(piece, TextDelta):
                    self._post_sentences(command.turn_id, splitter.push(piece.text))
                else:
                    self._post_sentences(command.turn_id, splitter.flush())
                    self._post(ToolCalled(command.turn_id, piece.tool_call_id, piece.name, piece.arguments))
            self._post_sentences(command.turn_id, splitter.flush())
            self._post(AnswerFinished(command.turn_id))
        except EngineError as error:
            log.warning("answer_failed", turn_id=command.turn_id, error=str(error))
            self._post_sentences(command.turn_id, splitter.flush())
            self._post(AnswerFailed(command.turn_id, type(error).__name__))
        finally:
            self._greenlets.pop(command.turn_id, None)

    def _post_sentences(self, turn_id: str, sentences: list[str]) -> None:
        for sentence in sentences:
            self._post(SentenceWritten(turn_id, sentence))
