"""The answer under way: the table of answering.py, and the latency report."""

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.answering import ASK_AGAIN_AFTER_S, MAX_TOOL_ROUNDS, Answer, Answering
from backend.call.commands import ReportTurn, StopThinking, Think
from backend.call.events import AnswerFailed, AnswerFinished, SentenceWritten, ToolCalled
from backend.call.history import History


def test_latencies_count_from_the_caller_falling_silent() -> None:
    """What did not happen is None."""
    answer = Answer("t1", began_at=10.5, caller_ended_at=10.0, first_sentence_at=11.0)

    assert answer.report() == ReportTurn("t1", 0.5, 1.0, None)


def test_without_a_voice_nothing_can_be_measured() -> None:
    """Keys, or a failed transfer, began the turn."""
    assert Answer("t1", began_at=10.5, caller_ended_at=None, first_audio_at=12.0).report() == ReportTurn(
        "t1", None, None, None
    )


def test_an_adopted_answer_counts_from_now() -> None:
    """It was asked for ahead of time, under an id of this call; nobody is asked again."""
    answering = Answering(AgentConfig(name="Test"), History(), "key")
    turn_id = answering.new_turn_id()
    answering.adopt(turn_id, 9.5, 10.0)

    assert answering.is_current(turn_id) and answering.is_unheard
    assert answering.became_audible(10.2) == [ReportTurn(turn_id, 0.5, None, 0.7)]
    assert answering.new_turn_id() != turn_id


class Model:
    """One answer under way, begun at 10.0."""

    def __init__(self) -> None:
        self.answering = Answering(AgentConfig(name="Test"), History(), "key")
        self.answering.begin(9.5, 10.0)

    def take(
        self,
        event: type,
        *fields: object,
        is_closing: bool = False,
        is_transfer_wanted: bool = False,
        now: float = 11.0,
    ) -> list[str]:
        """The names of the commands that follow."""
        assert self.answering.answer is not None
        report = event(self.answering.answer.turn_id, *fields)
        commands = self.answering.take(report, now, is_closing, is_transfer_wanted)
        return [type(command).__name__ for command in commands]


def test_an_answer_that_said_something_is_over_when_it_is_finished() -> None:
    """Nobody is asked again, whatever tools it used."""
    model = Model()
    model.take(SentenceWritten, "Hello.")
    model.take(ToolCalled, "1", "hold")

    assert (model.answering.has_spoken, model.answering.is_unheard) == (True, True)
    assert model.take(AnswerFinished) == []
    assert (model.answering.is_under_way, model.answering.idle_from) == (False, 11.0)


@pytest.mark.parametrize("is_refused", [False, True])
def test_after_tools_the_model_goes_on_a_bounded_number_of_times(is_refused: bool) -> None:
    """With their results; a refusal it must learn of even after words."""
    model = Model()
    rounds = 0
    while model.answering.is_under_way:
        if is_refused:
            model.take(SentenceWritten, "I try.")
        model.take(ToolCalled, "1", "send_dtmf")
        if is_refused:
            model.answering.tool_refused()
        rounds += model.take(AnswerFinished) == ["StopThinking", "Think"]

    assert rounds == MAX_TOOL_ROUNDS


@pytest.mark.parametrize("report", [AnswerFinished, AnswerFailed])
def test_nothing_said_is_a_failure_and_is_tried_again_later_and_later(report: type) -> None:
    """At once, then after 1, 2, 4, 4 … seconds; when enough is enough is told by no_progress.py."""
    model = Model()
    fields = ["EngineFailed"] if report is AnswerFailed else []
    pauses, now = [], 11.0
    for _ in range(6):
        found = model.take(report, *fields, now=now)
        due_at = model.answering.deadline()
        pauses.append(0.0 if due_at is None else due_at - now)
        if due_at is not None:
            assert model.answering.due(due_at - 0.01) == []
            found = [type(command).__name__ for command in model.answering.due(due_at)]
            now = due_at
        assert found == ["StopThinking", "Think"] and model.answering.deadline() is None

    assert pauses == [*ASK_AGAIN_AFTER_S, ASK_AGAIN_AFTER_S[-1], ASK_AGAIN_AFTER_S[-1]]


@pytest.mark.parametrize("settled", ["is_closing", "is_transfer_wanted"])
def test_an_answer_that_led_somewhere_is_over_without_words(settled: str) -> None:
    """To the end of the call, or to somebody else."""
    model = Model()
    model.take(ToolCalled, "1", "hang_up")

    assert model.take(AnswerFinished, **{settled: True}) == []  # type: ignore[arg-type]
    assert not model.answering.is_under_way


def test_a_failure_after_words_ends_the_answer() -> None:
    """What was said stays said; it is the caller's turn."""
    model = Model()
    model.take(SentenceWritten, "Hello.")

    assert model.take(AnswerFailed, "EngineFailed") == []
    assert not model.answering.is_under_way and model.answering.deadline() is None


def test_each_request_has_an_id_of_its_own_and_older_ones_are_stale() -> None:
    """A late sentence of the slow model must not be said after the other one's."""
    model = Model()
    stop, think = model.answering.ask_elsewhere()

    assert isinstance(stop, StopThinking) and isinstance(think, Think)
    assert (stop.turn_id, think.turn_id, think.use_fallback_model) == ("key-t1", "key-t2", True)
    assert [model.answering.is_current(turn_id) for turn_id in ("key-t1", "key-t2", "")] == [False, True, False]


def test_dropping_closes_the_models_stream_once() -> None:
    """And nothing of it is current any more."""
    model = Model()

    assert model.answering.drop(12.0) == [StopThinking("key-t1")]
    assert (model.answering.drop(13.0), model.answering.idle_from) == ([], 12.0)
    assert not model.answering.is_current("key-t1") and model.answering.ask_elsewhere() == []


def test_latencies_are_reported_once_also_after_the_answer_was_written() -> None:
    """Its first audio comes later than its last word."""
    model = Model()
    model.take(SentenceWritten, "Hello.")
    model.take(AnswerFinished)

    assert model.answering.became_audible(11.5) == [ReportTurn("key-t1", 0.5, 1.5, 2.0)]
    assert model.answering.became_audible(12.0) == []
