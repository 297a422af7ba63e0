"""backend/session/thinker.py"""

from collections.abc import Callable
from typing import Any

import pytest

from backend.call.commands import Think
from backend.call.events import AnswerFailed, AnswerFinished, Event, SentenceWritten, ToolCalled
from backend.engines.base import TextDelta, ToolCall
from backend.errors import EngineFailed, EngineTimedOut
from backend.session.thinker import Thinker
from tests.fakes.fake_llm import WAIT, FakeLlm
from tests.session.rig import CALL, make_agent, settle

MESSAGES = ({"role": "user", "content": "Hello?"},)


class Mind:
    def __init__(self, **agent: object) -> None:
        self.llm = FakeLlm()
        self.posted: list[Event] = []
        self.thinker = Thinker(self.llm, make_agent(**agent), CALL, self.posted.append)

    def think(self, turn_id: str = "t1", *, fallback: bool = False) -> None:
        self.thinker.think(Think(turn_id, MESSAGES, fallback))
        settle()


def test_sentences_come_one_by_one_while_the_rest_is_written() -> None:
    """The first can be spoken before the second is known."""
    mind = Mind()
    mind.llm.script.append([TextDelta("We are open. "), TextDelta("From nine"), WAIT])
    mind.think()

    assert mind.posted == [SentenceWritten("t1", "We are open.")]


def test_an_answer_ends_with_its_last_sentence_and_the_end() -> None:
    """Also without a full stop."""
    mind = Mind()
    mind.llm.script.append([TextDelta("Yes. "), TextDelta("Until five")])
    mind.think()

    assert mind.posted == [SentenceWritten("t1", "Yes."), SentenceWritten("t1", "Until five"), AnswerFinished("t1")]
    assert mind.llm.running == {}


def test_what_was_said_before_a_tool_call_is_posted_before_it() -> None:
    """A goodbye is spoken before the hang-up."""
    mind = Mind()
    mind.llm.script.append([TextDelta("Goodbye"), ToolCall("c1", "hang_up", {"x": 1})])
    mind.think()

    assert mind.posted == [
        SentenceWritten("t1", "Goodbye"), ToolCalled("t1", "c1", "hang_up", {"x": 1}), AnswerFinished("t1"),
    ]  # fmt: skip


@pytest.mark.parametrize("error", [EngineFailed("broken", engine="f"), EngineTimedOut("slow", engine="f")])
def test_a_model_that_fails_loses_nothing_it_has_written(error: EngineFailed) -> None:
    """Then the failure is told by name."""
    mind = Mind()
    mind.llm.script.append([TextDelta("Half a"), error])
    mind.think()

    assert mind.posted == [SentenceWritten("t1", "Half a"), AnswerFailed("t1", type(error).__name__)]


def test_a_failure_is_logged_with_its_call_its_turn_and_its_reason(logged: Callable[[], list[dict[str, Any]]]) -> None:
    """A greenlet knows nothing of what was bound in the one that started it."""
    mind = Mind()
    mind.llm.script.append([EngineFailed("the server is full", engine="f")])
    mind.think()
    (line,) = [line for line in logged() if line["event"] == "answer_failed"]

    assert (line["call_control_id"], line["turn_id"], line["error"]) == (CALL, "t1", "the server is full")


def test_stopping_closes_the_models_stream_and_nothing_is_posted_afterwards() -> None:
    """But the end, perhaps, whose turn is stale by then. Stopping twice, or a stranger, is harmless."""
    mind = Mind()
    mind.llm.script.append([TextDelta("One. "), WAIT, TextDelta("Two. ")])
    mind.think()
    for turn_id in ("t1", "t1", "never"):
        mind.thinker.stop(turn_id)
    settle()

    assert mind.llm.cancelled == ["t1"] and mind.llm.running == {}
    assert [event for event in mind.posted if isinstance(event, SentenceWritten)] == [SentenceWritten("t1", "One.")]


def test_close_stops_every_answer() -> None:
    """The call is over."""
    mind = Mind()
    mind.llm.script.extend([[WAIT], [WAIT]])
    mind.think("t1")
    mind.think("t2")
    mind.thinker.close()
    settle()

    assert mind.llm.running == {} and sorted(mind.llm.cancelled) == ["t1", "t2"]


@pytest.mark.parametrize(
    ("fallback_model", "use_fallback", "expected"),
    [("", False, "big"), ("small", False, "big"), ("small", True, "small"), ("", True, "big")],
)
def test_the_fallback_model_is_asked_only_when_wanted_and_known(
    fallback_model: str, use_fallback: bool, expected: str
) -> None:
    """An agent without one asks its own model again."""
    mind = Mind(model="big", fallback_model=fallback_model, temperature=0.3)
    mind.think(fallback=use_fallback)
    (request,) = mind.llm.requests

    assert (request.model, request.temperature, request.messages) == (expected, 0.3, MESSAGES)


def test_the_model_is_offered_the_agents_tools_and_no_others() -> None:
    """A transfer without targets is not offered."""
    mind = Mind(tools=["hold", "transfer"])
    mind.think()

    assert [tool.name for tool in mind.llm.requests[0].tools] == ["hold"]
