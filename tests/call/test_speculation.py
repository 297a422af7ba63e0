"""Thinking ahead: each cell of the tables."""

import pytest

from backend.call.agent_config import AgentConfig, AgentSettings, TurnTakingSettings
from backend.call.answering import Answering, AnswerReport
from backend.call.commands import Command, ReportDraft, StopThinking, Think
from backend.call.endpointing import Guess
from backend.call.events import AnswerFailed, AnswerFinished, SentenceWritten, ToolCalled
from backend.call.history import History
from backend.call.speculation import MOST_DRAFTS, Speculation

THANKS = Guess("I need a table.", 10.2)


class Ahead:
    """One call's drafts, with the history and the answering beside them."""

    def __init__(self, is_enabled: bool = True) -> None:
        settings = AgentSettings(turn_taking=TurnTakingSettings(speculation=is_enabled))
        agent = AgentConfig(name="Test", tone_annotation=True, settings=settings)
        self.history = History()
        self.history.caller_said("Hello.", 1.0)
        self.answering = Answering(agent, self.history, "key")
        self.speculation = Speculation(agent, self.history, self.answering.new_turn_id)

    def follow(self, guess: Guess | None = THANKS, now: float = 10.3) -> list[Command]:
        return self.speculation.follow(guess, now)

    def turn_ends(self, text: str) -> tuple[list[Command], list[AnswerReport]]:
        self.history.caller_said(text, 10.5)
        return self.speculation.turn_ended(self.answering, 10.0, 10.5)


def names(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


def test_a_draft_is_asked_for_with_the_guess_behind_the_history() -> None:
    """The history itself learns nothing of it."""
    ahead = Ahead()
    (think,) = ahead.follow()

    assert isinstance(think, Think) and think.is_draft
    assert [message["content"] for message in think.messages[1:]] == ["Hello.", "I need a table."]
    assert len(ahead.history.entries) == 1 and not ahead.answering.is_under_way


def test_a_draft_is_told_how_the_guess_sounded_like_the_answer_itself() -> None:
    """As far as is known by then; the words that follow keep the tone too."""
    ahead = Ahead()
    ahead.history.tone_heard("tense", 9.5)
    (think,) = ahead.follow()
    ahead.history.caller_said("I need a table.", 10.5)

    assert isinstance(think, Think) and think.messages[-1]["content"] == "(in a tense voice) I need a table."
    assert ahead.history.entries[-1].tone == "tense"


def test_it_begins_neither_early_nor_where_it_is_off_nor_without_a_guess() -> None:
    """And then there is no deadline, or the guess's own."""
    off, early = Ahead(is_enabled=False), Ahead()

    assert (off.follow(), off.speculation.deadline(THANKS)) == ([], None)
    assert (early.follow(now=10.1), early.speculation.deadline(THANKS)) == ([], 10.2)
    assert (early.follow(None), early.speculation.deadline(None)) == ([], None)
    assert AgentConfig(name="Test").settings.turn_taking.speculation is False


def test_a_draft_is_kept_while_the_words_mean_the_same() -> None:
    """The final text has the marks that the interim one had not."""
    ahead = Ahead()
    ahead.follow(Guess("i need a table", 10.2))

    assert (ahead.follow(), ahead.speculation.deadline(THANKS)) == ([], None)


def test_other_words_throw_it_away_and_begin_another() -> None:
    """In that order."""
    ahead = Ahead()
    (first,) = ahead.follow(Guess("I need", 10.2))

    commands = ahead.follow()

    assert names(commands) == ["StopThinking", "ReportDraft", "Think"]
    assert commands[:2] == [StopThinking(first.turn_id), ReportDraft(first.turn_id, was_used=False)]  # type: ignore[attr-defined]
    assert commands[2].turn_id != first.turn_id  # type: ignore[attr-defined]


def test_a_caller_who_goes_on_throws_it_away() -> None:
    """Words that were tried are not tried again in this turn, whoever coughs."""
    ahead = Ahead()
    ahead.follow()

    assert names(ahead.follow(None)) == ["StopThinking", "ReportDraft"]
    assert ahead.follow(None) == []
    assert (ahead.follow(), ahead.speculation.deadline(THANKS)) == ([], None)


def test_a_turn_costs_a_bounded_number_of_drafts() -> None:
    """However often the words change; the next turn has its own."""
    ahead = Ahead()
    asked = 0
    for number in range(2 * MOST_DRAFTS):
        guess = Guess("one more " * (number + 1), 10.2)
        asked += "Think" in names(ahead.follow(guess))
        last = guess
    assert asked == MOST_DRAFTS
    assert ahead.speculation.deadline(last) is None

    ahead.turn_ends("one more")
    assert names(ahead.follow()) == ["Think"]


def test_the_turn_ends_with_the_drafts_words() -> None:
    """It is the answer, with everything it has said so far, in order; what it says from now on is no draft's any more."""
    ahead = Ahead()
    (think,) = ahead.follow(Guess("i need a table", 10.2))
    assert isinstance(think, Think)
    said: list[AnswerReport] = [
        SentenceWritten(think.turn_id, "Certainly."),
        ToolCalled(think.turn_id, "1", "hold"),
        AnswerFinished(think.turn_id),
    ]
    assert [ahead.speculation.take(report) for report in said] == [[], [], []]

    commands, kept_back = ahead.turn_ends("I need a table.")

    assert commands == [ReportDraft(think.turn_id, was_used=True)]
    assert kept_back == said
    assert ahead.answering.is_current(think.turn_id)
    assert ahead.speculation.take(said[0]) is None
    assert ahead.follow(None) == []


@pytest.mark.parametrize("turn", ["I need a table for two.", "I need the table."])
def test_the_turn_ends_with_other_words(turn: str) -> None:
    """The draft is stopped before the model is asked the real question."""
    ahead = Ahead()
    (draft,) = ahead.follow()
    commands, kept_back = ahead.turn_ends(turn)

    assert names(commands) == ["StopThinking", "ReportDraft", "Think"] and kept_back == []
    assert commands[2].messages[-1]["content"] == turn  # type: ignore[attr-defined]
    assert not ahead.answering.is_current(draft.turn_id)  # type: ignore[attr-defined]


def test_something_was_noted_since_the_draft_began() -> None:
    """The model did not know of it: it is asked again."""
    ahead = Ahead()
    ahead.follow()
    ahead.history.note("One minute is left.", 10.4)

    commands, _ = ahead.turn_ends("I need a table.")

    assert names(commands) == ["StopThinking", "ReportDraft", "Think"]


def test_without_a_draft_the_model_is_asked_as_ever() -> None:
    """Also where thinking ahead is off."""
    commands, kept_back = Ahead(is_enabled=False).turn_ends("I need a table.")

    assert (names(commands), kept_back) == (["Think"], [])


def test_a_draft_that_fails_is_over_and_not_tried_again() -> None:
    """The real question comes soon enough, and has its own second tries."""
    ahead = Ahead()
    (think,) = ahead.follow()
    assert isinstance(think, Think)
    commands = ahead.speculation.take(AnswerFailed(think.turn_id, "EngineFailed"))

    assert commands == [StopThinking(think.turn_id), ReportDraft(think.turn_id, was_used=False)]
    assert ahead.follow() == []
    assert names(ahead.turn_ends("I need a table.")[0]) == ["Think"]


def test_reports_of_others_are_not_taken() -> None:
    """Of an answer, or of a draft that was thrown away."""
    ahead = Ahead()
    (think,) = ahead.follow()
    assert isinstance(think, Think)

    assert ahead.speculation.take(SentenceWritten("key-t99", "Hello.")) is None
    ahead.follow(None)
    assert ahead.speculation.take(SentenceWritten(think.turn_id, "Hello.")) is None
