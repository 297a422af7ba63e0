"""backend/live/story.py: recorded calls (tests/fixtures/core) told again, and what no recording has."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.conversation import Conversation
from backend.call.core_log import read_log
from backend.call.events import (
    AnswerFinished,
    CallBridged,
    CallHungUp,
    DtmfReceived,
    Event,
    MediaStarted,
    PlaybackEnded,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    TransferFailed,
)
from backend.call.replay import replay
from backend.live.story import LiveEvent, Story
from tests.session.rig import make_agent

FOLDER = Path(__file__).parents[1] / "fixtures" / "core"
RECORDINGS = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
BEGAN = 1_700_000_000.0
"""When the recorded calls began, as the story is told here."""


def told_of(name: str) -> list[LiveEvent]:
    start, steps = read_log((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    conversation = start.conversation()
    story = Story(conversation, BEGAN - steps[0].at)
    told: list[LiveEvent] = []
    for step in steps:
        commands = conversation.handle(step.event, step.at)
        told += story.tell(step.event, commands, step.at)
    return told


def of(told: list[LiveEvent], name: str, **wanted: Any) -> list[dict[str, Any]]:
    found = [data for told_name, data in told if told_name == name]
    return [data for data in found if wanted.items() <= data.items()]


class Telling:
    """A call that is played by hand."""

    def __init__(self, agent: AgentConfig | None = None) -> None:
        self.conversation = Conversation(agent or make_agent(), call_key="k", may_barge_in=True)
        self.story = Story(self.conversation, BEGAN)

    def step(self, at: float, *events: Event) -> list[LiveEvent]:
        told: list[LiveEvent] = []
        for event in events or (None,):
            told += self.story.tell(event, self.conversation.handle(event, at), at)
        return told

    def greet(self) -> None:
        self.step(0.0, MediaStarted())
        self.step(0.1, SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, 0.5))
        self.step(0.7, PlaybackEnded("1-1", 1))


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_call_has_a_whole_story(name: str) -> None:
    """It begins with a state, ends with `ended`, tells each line of the agent to its end, and JSON can hold it."""
    told = told_of(name)

    assert told[0][0] == "state" and [event for event, _ in told].count("ended") == 1 and told[-1][0] == "ended"
    ats = [data["at"] for _, data in told]
    assert ats == sorted(ats) and ats[0] == BEGAN
    begun = [data["playback_id"] for data in of(told, "transcript", speaker="agent", is_final=False)]
    over = [data["playback_id"] for data in of(told, "transcript", speaker="agent", is_final=True)]
    assert begun and set(begun) <= set(over) and len(over) == len(set(over))
    for _, data in told:
        json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("name", RECORDINGS)
def test_telling_changes_nothing_in_the_call(name: str) -> None:
    """The call goes as it was recorded, told or not: the story only looks."""
    start, steps = read_log((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    conversation = start.conversation()
    story = Story(conversation, 0.0)
    for step in steps:
        commands = conversation.handle(step.event, step.at)
        story.tell(step.event, commands, step.at)
        assert (tuple(commands), conversation.deadline()) == (step.commands, step.deadline)
    assert replay(start, steps) is None


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_state_and_no_speaker_is_told_twice(name: str) -> None:
    """Only what changed."""
    told = told_of(name)
    for event, field in (("state", "state"), ("speaker", "speaker")):
        values = [data[field] for data in of(told, event)]
        assert all(one != two for one, two in zip(values, values[1:], strict=False))


def test_a_question_and_its_answer() -> None:
    """Interim words, the whole, the pause, the answer with its latencies."""
    told = told_of("question_and_answer")
    caller = of(told, "transcript", speaker="caller")
    assert [line["is_final"] for line in caller][-1] is True and not caller[0]["is_final"]
    answers = of(told, "transcript", kind="answer", is_final=True)
    assert answers and all(line["heard"] == "heard" and "unheard_text" not in line for line in answers)
    latency = of(told, "latency")[0]
    assert 0 < latency["end_of_turn_s"] < latency["first_sentence_s"] < latency["first_audio_s"]
    states = [data["state"] for data in of(told, "state")]
    assert states[:5] == ["thinking", "speaking", "listening", "thinking", "speaking"] and states[-1] == "ending"


def test_the_countdown_of_a_silent_caller() -> None:
    """It starts when the agent was heard, stands while somebody speaks, and says what comes at its end."""
    told = told_of("default_dead_air")
    countdowns = of(told, "silence", counting=True)
    assert [data["next"] for data in countdowns] == ["check_in", "check_in", "hang_up"]
    assert [round(data["due_at"] - data["at"]) for data in countdowns] == [7, 7, 5]
    assert [(data["number"], data["of"]) for data in of(told, "check_in")] == [(1, 2), (2, 2)]
    check_ins = [data["at"] for data in of(told, "check_in")]
    for due, given in zip(countdowns, check_ins, strict=False):
        assert given == pytest.approx(due["due_at"], abs=0.2)
    last = of(told, "silence")[-1]
    assert (last["counting"], last["next"], last["due_at"]) == (False, None, None)
    assert told[-1][1]["outcome"] == "caller_silent" and told[-1][1]["who_hung_up"] == "agent"


def test_a_caller_who_interrupts() -> None:
    """What was heard, what was not, and that the agent was stopped."""
    told = told_of("barge_in")
    (interruption,) = of(told, "interruption")
    cut, unheard = of(told, "transcript", at=interruption["at"], speaker="agent")
    assert interruption["playback_ids"] == [cut["playback_id"], unheard["playback_id"]]
    assert cut["heard"] == "partly" and cut["text"] and cut["unheard_text"]
    whole = of(told, "transcript", playback_id=cut["playback_id"], is_final=False)[0]["text"]
    assert f"{cut['text']} {cut['unheard_text']}" == whole
    assert unheard["heard"] == "unheard" and unheard["text"]


def test_a_caller_who_asks_to_hold() -> None:
    """The tool, the state, and the longer countdown."""
    told = told_of("hold_on")
    assert [(data["name"], data["result"]) for data in of(told, "tool")] == [("hold", "ok")]
    assert "on_hold" in [data["state"] for data in of(told, "state")]


def test_keys_and_what_the_carrier_ignores() -> None:
    """A key is told once; words that the core does not take are not told."""
    assert of(told_of("dtmf"), "key")
    call = Telling()
    assert of(call.step(0.0, TranscriptReceived("too early", is_final=True)), "transcript") == []
    call.greet()
    assert of(call.step(1.0, DtmfReceived("5")), "key") == [{"at": BEGAN + 1.0, "digit": "5"}]
    assert of(call.step(1.1, TranscriptReceived("  ", is_final=True)), "transcript") == []


def test_a_voice_that_fails_is_told_once_it_is_said_otherwise() -> None:
    """Not as two lines of which one was never heard."""
    call = Telling()
    call.step(0.0, MediaStarted())
    told = call.step(0.2, SynthesisFailed("1-1", 1, "x"))
    (line,) = of(told, "transcript")
    assert line["playback_id"] == "1-2" and not line["is_final"]


def test_a_transfer_and_what_becomes_of_it() -> None:
    """Ringing, failed, ringing again, joined; a report that nobody waits for is not told."""
    agent = make_agent(tools=["transfer"], transfer_targets=[{"name": "sales", "number": "+13125550199"}])
    call = Telling(agent)
    call.greet()
    assert of(call.step(0.8, TransferFailed("sales")), "transfer") == []
    call.step(1.0, TranscriptReceived("A person.", is_final=True))
    call.step(2.0)
    told = call.step(
        2.1, ToolCalled("k-t1", "x", "transfer", {"target": "sales"}), AnswerFinished("k-t1"), TransferFailed("sales")
    )
    assert [data["state"] for data in of(told, "transfer", target="sales")] == ["ringing", "failed"]
    told = call.step(
        2.2, ToolCalled("k-t2", "x", "transfer", {"target": "sales"}), AnswerFinished("k-t2"), CallBridged()
    )
    assert [data["state"] for data in of(told, "transfer")] == ["ringing", "bridged"]
    assert call.story.state == "ending"
    told = call.step(9.0, CallHungUp())
    assert told[-1][0] == "ended" and told[-1][1]["outcome"] == "transferred"


def test_a_call_that_ends_in_the_middle_of_a_sentence() -> None:
    """What is open is closed, the countdown stops, nothing follows."""
    call = Telling()
    call.step(0.0, MediaStarted())
    call.step(0.1, SynthesisStarted("1-1", 1))
    told = call.step(0.2, CallHungUp())
    assert [name for name, _ in told] == ["transcript", "state", "speaker", "ended"]
    assert call.step(0.3, CallHungUp()) == []


def test_hostile_text_is_passed_on_as_it_is() -> None:
    """Whoever shows it must escape it; here nothing is cut, doubled or interpreted."""
    call = Telling()
    call.greet()
    text = "<script>alert(1)</script>\n\ndata: x\r\nid: 5 \u2028 \ud83d\ude00"
    (line,) = of(call.step(1.0, TranscriptReceived(text, is_final=True)), "transcript")
    assert line["text"] == text
