"""What was said and heard, as the model is told it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backend.call.agent_config import AgentConfig
from backend.call.history import ABOUT_TONES, History
from backend.call.playback import Ledger, Piece

AGENT = AgentConfig(name="Test", instructions="Be kind.")
SYSTEM = {"role": "system", "content": "Be kind."}


class Spoken:
    """A history with its ledger."""

    def __init__(self) -> None:
        self.history = History()
        self.ledger = Ledger()

    def say(self, text: str, from_s: float = 0.0, length_s: float | None = None) -> Piece:
        piece = self.ledger.ask("answer", text, from_s)
        self.history.agent_asked_to_say(piece, from_s)
        if length_s is not None:
            self.ledger.started(piece.playback_id, from_s)
            self.ledger.handed_over(piece.playback_id, length_s, from_s)
        return piece

    def messages(self) -> list[dict[str, Any]]:
        return list(self.history.messages(AGENT))


def check_form(messages: list[dict[str, Any]]) -> None:
    """Every tool message follows at once the assistant message with its call, and nothing else is without content."""
    assert messages[0] == SYSTEM
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            calls = messages[index - 1].get("tool_calls", [])
            assert [call["id"] for call in calls] == [message["tool_call_id"]]
        if "tool_calls" in message:
            assert messages[index + 1]["role"] == "tool"
        else:
            assert message["content"]


def test_sentences_of_one_answer_become_one_message() -> None:
    """The model wrote one answer."""
    spoken = Spoken()
    spoken.history.caller_said("When are you open?", 0.0)
    spoken.say("From nine.", 0.0, 1.0)
    spoken.say("To five.", 1.0, 1.0)

    assert spoken.messages() == [
        SYSTEM,
        {"role": "user", "content": "When are you open?"},
        {"role": "assistant", "content": "From nine. To five."},
    ]


def test_a_cut_answer_ends_at_the_last_word_heard() -> None:
    """Half of the audio: half of the words; what was only queued does not appear."""
    spoken = Spoken()
    spoken.say("one two three four", 0.0, 4.0)
    spoken.say("five six", 0.0, 2.0)
    spoken.ledger.clear(2.0)

    assert spoken.messages() == [SYSTEM, {"role": "assistant", "content": "one two"}]


def test_what_failed_was_not_said() -> None:
    """Its second try appears once."""
    spoken = Spoken()
    failed = spoken.say("Hello there.")
    spoken.ledger.failed(failed.playback_id, 0.0, 1.0)
    spoken.say("Hello there.", 1.0, 1.0)

    assert spoken.messages() == [SYSTEM, {"role": "assistant", "content": "Hello there."}]


def test_what_is_about_to_be_said_counts_as_said() -> None:
    """A model that is asked again while its sentence waits for the voice must not repeat it."""
    spoken = Spoken()
    spoken.say("I will look.")

    assert spoken.messages()[-1] == {"role": "assistant", "content": "I will look."}


def test_a_tool_follows_its_call() -> None:
    """Two tools of one answer, with text before and after."""
    spoken = Spoken()
    spoken.say("One moment.", 0.0, 1.0)
    spoken.history.tool_used("a", "hold", {}, "ok", 1.0)
    spoken.history.tool_used("b", "send_dtmf", {"digits": "1"}, "ok", 1.0)
    spoken.say("Done.", 2.0, 1.0)

    messages = spoken.messages()

    check_form(messages)
    assert [message["role"] for message in messages] == [
        "system", "assistant", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert messages[4]["tool_calls"][0]["function"] == {"name": "send_dtmf", "arguments": '{"digits": "1"}'}


ENTRIES = st.lists(st.sampled_from(["caller", "say", "unheard", "fail", "cut", "tool", "note"]), max_size=12)


@given(ENTRIES)
def test_any_history_has_the_form_of_the_api(entries: list[str]) -> None:
    """Whatever happened in whatever order."""
    spoken = Spoken()
    for now, entry in enumerate(entries):
        match entry:
            case "caller":
                spoken.history.caller_said("Yes.", now)
            case "note":
                spoken.history.note("One minute is left.", now)
            case "tool":
                spoken.history.tool_used(f"t{now}", "hold", {"a": now}, "ok", now)
            case "cut":
                spoken.ledger.clear(now)
            case _:
                piece = spoken.say("Three little words.", now, None if entry == "unheard" else 0.5)
                if entry == "fail":
                    spoken.ledger.failed(piece.playback_id, 0.0, now)

    check_form(spoken.messages())


def test_a_line_of_the_caller_says_how_it_sounded_where_the_agent_wants_that() -> None:
    """Most of its seconds; labels of other analysers as they are; old seconds belong to nothing."""
    history = History()
    for label, at in (("calm", 0.0), ("tense", 20.0), ("calm", 21.0), ("tense", 22.0)):
        history.tone_heard(label, at)
    history.caller_said("I want my money back.", 23.0)
    history.caller_said("Now.", 24.0)
    history.tone_heard("very cross", 25.0)
    history.caller_said("Please.", 25.0)
    annotated = history.messages(AgentConfig(name="Ada", tone_annotation=True))
    plain = history.messages(AgentConfig(name="Ada"))

    assert [message["content"] for message in annotated[1:]] == [
        "(in a tense voice) I want my money back.", "Now.", "(sounding very cross) Please.",
    ]  # fmt: skip
    assert annotated[0]["content"].endswith(ABOUT_TONES) and ABOUT_TONES not in plain[0]["content"]
    assert [message["content"] for message in plain[1:]] == ["I want my money back.", "Now.", "Please."]
