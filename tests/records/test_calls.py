"""backend/records/calls.py"""

import threading
from dataclasses import replace

import pytest

from backend.call.agent_config import AgentConfig
from backend.records.agents import Agents
from backend.records.calls import (
    CallFilter,
    CallFinish,
    Calls,
    CallStart,
    Latency,
    TimelineEvent,
    Turn,
)
from backend.records.errors import UnknownRecord, UnstorableText

START = CallStart(
    call_control_id="v3:abc", direction="incoming", agent_id="a", agent_version=3, from_number="+13125550100",
    to_number="+13125550101", started_at=1000.0,
)  # fmt: skip
FINISH = CallFinish(
    ended_at=1060.0, outcome="completed", who_hung_up="caller", hangup_cause="normal_clearing", answered_at=1002.5,
    check_ins=1,
    turns=[Turn("agent", "Hello", 1003.0), Turn("caller", "Grüße 🙂", 1005.0), Turn("agent", "How", 1007.0, "partly")],
    latencies=[Latency("t1", 0.4, 0.7, 0.9), Latency("t2", 0.5)],
    events=[TimelineEvent(1003.0, "playback_ended", {"number": 1}), TimelineEvent(1060.0, "call_hung_up")],
)  # fmt: skip


def start(number: int, **fields: object) -> CallStart:
    return replace(START, call_control_id=f"v3:{number:03}", started_at=1000.0 + number, **fields)


def test_a_running_call_has_a_beginning_and_no_end(calls: Calls) -> None:
    """It is in the list from its first moment."""
    assert calls.start(START) is True
    found = calls.get("v3:abc")

    assert (found.summary.started_at, found.summary.ended_at, found.summary.outcome, found.turns) == (
        1000,
        None,
        "",
        [],
    )


def test_a_finished_call_comes_back_whole(calls: Calls) -> None:
    """Transcript, latencies and timeline in their order."""
    calls.start(START)
    assert calls.finish(START, FINISH) is True
    found = calls.get("v3:abc")

    assert (found.turns, found.latencies, found.events) == (FINISH.turns, FINISH.latencies, FINISH.events)
    for name in ("ended_at", "outcome", "who_hung_up", "hangup_cause", "answered_at", "check_ins"):
        assert getattr(found.summary, name) == getattr(FINISH, name)


def test_a_second_finish_changes_nothing(calls: Calls) -> None:
    """Nor does a late start."""
    calls.start(START)
    calls.finish(START, FINISH)
    before = calls.get("v3:abc")

    assert calls.finish(START, CallFinish(9999.0, "failed", "carrier", turns=[Turn("caller", "x", 1.0)])) is False
    assert calls.start(replace(START, agent_id="other")) is False
    assert calls.get("v3:abc") == before


def test_a_finish_without_a_start_is_kept(calls: Calls) -> None:
    """The start may have been lost while the database was away."""
    assert calls.finish(START, FINISH) is True
    assert calls.get("v3:abc").summary.from_number == "+13125550100"


def test_of_many_finishes_at_once_exactly_one_is_kept_whole(calls: Calls) -> None:
    """Eight threads, each with a transcript of its own length."""
    results: list[tuple[int, bool]] = []

    def finish(number: int) -> None:
        turns = [Turn("caller", f"of {number}", 1.0)] * number
        results.append((number, calls.finish(START, replace(FINISH, turns=turns))))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = [number for number, won in results if won]
    assert [turn.text for turn in calls.get("v3:abc").turns] == [f"of {winner}"] * winner


def test_the_list_is_newest_first_and_pages_meet_without_gap_or_overlap(calls: Calls) -> None:
    """Also when a new call comes in between, and when two began in the same instant."""
    for number in range(7):
        calls.start(start(number))
    calls.start(replace(START, call_control_id="v3:same", started_at=1003.0))
    seen: list[str] = []
    cursor = ""
    while True:
        page = calls.list(limit=3, cursor=cursor)
        seen += [call.call_control_id for call in page.calls]
        calls.start(start(100 + len(seen)))
        cursor = page.next_cursor
        if not cursor:
            break

    assert seen == ["v3:006", "v3:005", "v3:004", "v3:same", "v3:003", "v3:002", "v3:001", "v3:000"]


def test_the_last_page_has_no_cursor(calls: Calls) -> None:
    """Exactly full is still the last."""
    for number in range(3):
        calls.start(start(number))

    assert calls.list(limit=3).next_cursor == "" and calls.list(limit=2).next_cursor != ""


def test_each_filter_narrows_the_list(calls: Calls) -> None:
    """One call matches each of them."""
    for number in range(3):
        calls.start(start(number))
    wanted = start(10, agent_id="b", direction="outgoing", from_number="+13125550177")
    calls.start(wanted)
    calls.finish(wanted, replace(FINISH, outcome="machine"))

    for which in (
        CallFilter(agent_id="b"), CallFilter(direction="outgoing"), CallFilter(outcome="machine"),
        CallFilter(number="+13125550177"), CallFilter(is_running=False), CallFilter(started_from=1010.0),
        CallFilter(agent_id="b", started_before=1010.5),
    ):  # fmt: skip
        assert [call.call_control_id for call in calls.list(which).calls] == ["v3:010"]
    assert len(calls.list(CallFilter(is_running=True)).calls) == 3
    assert len(calls.list(CallFilter(started_before=1010.0)).calls) == 3
    assert calls.list(CallFilter(agent_id="b", direction="incoming")).calls == []


@pytest.mark.parametrize("cursor", ["x", "AAAA", "bmFuIGE=", "é", "MS4w", "MS4wIAA="])
def test_a_broken_cursor_is_refused(calls: Calls, cursor: str) -> None:
    """Whatever a client made up."""
    with pytest.raises(ValueError, match="not a cursor"):
        calls.list(cursor=cursor)


def test_a_finished_call_can_be_removed_with_everything_said(calls: Calls) -> None:
    """A running one cannot."""
    calls.start(START)
    with pytest.raises(UnknownRecord):
        calls.delete("v3:abc")
    calls.finish(START, FINISH)
    calls.delete("v3:abc")

    with pytest.raises(UnknownRecord):
        calls.get("v3:abc")
    calls.start(START)
    assert calls.get("v3:abc").turns == []


def test_text_that_cannot_be_stored_is_refused_and_nothing_is_kept(calls: Calls) -> None:
    """NUL or half a surrogate pair, in the transcript, the timeline or the numbers."""
    for broken in (
        replace(FINISH, turns=[Turn("caller", "a\x00", 1.0)]),
        replace(FINISH, events=[TimelineEvent(1.0, "x", {"a": ["\ud800"]})]),
        replace(FINISH, outcome="\x00"),
    ):
        with pytest.raises(UnstorableText):
            calls.finish(START, broken)
    with pytest.raises(UnstorableText):
        calls.start(replace(START, from_number="\x00"))
    assert calls.list().calls == []


def test_a_caller_id_of_any_length_is_kept_cut(calls: Calls) -> None:
    """SIP addresses are not numbers."""
    calls.start(replace(START, from_number="sip:" + "x" * 500))

    assert len(calls.get("v3:abc").summary.from_number) == 64


def test_the_agent_of_an_incoming_call_is_known_as_soon_as_it_is_chosen(calls: Calls) -> None:
    """The leg begins before the called number has picked its agent; a chosen one is never replaced."""
    calls.start(replace(START, agent_id="", agent_version=0))
    calls.agent_chosen("v3:abc", "a", 3)
    calls.agent_chosen("v3:abc", "b", 1)
    calls.agent_chosen("v3:never-heard-of", "a", 3)

    assert (calls.get("v3:abc").summary.agent_id, calls.get("v3:abc").summary.agent_version) == ("a", 3)
    assert [call.call_control_id for call in calls.list(CallFilter(agent_id="a")).calls] == ["v3:abc"]


def test_a_finish_knows_the_agent_that_the_start_did_not(calls: Calls) -> None:
    """Whatever was lost in between."""
    calls.start(replace(START, agent_id="", agent_version=0))
    calls.finish(START, FINISH)

    assert (calls.get("v3:abc").summary.agent_id, calls.get("v3:abc").summary.agent_version) == ("a", 3)


def test_calls_are_searched_in_what_was_said_in_numbers_and_in_the_agents_name(calls: Calls, agents: Agents) -> None:
    """In upper or lower case; signs that mean something to SQL mean themselves."""
    agent = agents.create(AgentConfig(name="Ada Lovelace"))
    for number, (agent_id, text) in enumerate(
        [(agent.id, "100% sure"), ("gone", "Grüße_an alle"), ("gone", "nothing")]
    ):
        start = CallStart(f"v3:{number}", "incoming", agent_id, 1, f"+1312555010{number}", "+49301234", 1000.0 + number)
        calls.finish(start, CallFinish(1060.0, "completed", "caller", turns=[Turn("caller", text, 1001.0)]))

    found = {
        words: [call.call_control_id for call in calls.list(CallFilter(search=words)).calls]
        for words in ("LOVELACE", "0% S", "e_a", "5550102", "%", "4930", "no such words")
    }

    assert found == {
        "LOVELACE": ["v3:0"], "0% S": ["v3:0"], "e_a": ["v3:1"], "5550102": ["v3:2"], "%": ["v3:0"],
        "4930": ["v3:2", "v3:1", "v3:0"], "no such words": [],
    }  # fmt: skip
