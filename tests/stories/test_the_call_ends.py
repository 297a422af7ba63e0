"""Hanging up, being hung up on, and being cut off."""

import pytest

from backend.call.commands import FinishCall, HangUp
from backend.call.events import CallHungUp, DrainRequested, MediaStarted, MediaStopped, ToolCalled
from tests.fakes.call_sim import CallSim, Reply
from tests.stories.conftest import Begin, dead_air


def attempts(sim: CallSim) -> list[float]:
    return [at for at, _ in sim.asked(HangUp)]


@pytest.mark.parametrize("behaviour", ["ignored", "refused"])
def test_an_unconfirmed_hang_up_is_asked_for_again_and_then_left(begin: Begin, behaviour: str) -> None:
    """B8: after 1, 2 and 4 s; then the reconciler has it."""
    sim = begin()
    sim.carrier.hang_ups = behaviour  # type: ignore[assignment]

    sim.run_until_over()

    times = attempts(sim)
    assert [round(after - before, 3) for before, after in zip(times, times[1:], strict=False)] == [1.0, 2.0, 4.0]
    assert sim.finish == FinishCall("caller_silent", "agent", "unconfirmed")


def test_already_ended_is_success(begin: Begin) -> None:
    """The report of the first hang-up got lost; the second request says that the call is over."""
    sim = begin()
    sim.carrier.hang_ups = "report_lost"

    sim.run_until_over()

    assert len(attempts(sim)) == 2
    assert sim.finish == FinishCall("caller_silent", "agent", "already_ended")


@pytest.mark.parametrize("at", [0.0, 0.05, 1.0, 3.5, 4.6, 5.2, 7.0, 9.5, 13.0, 19.0])
def test_the_caller_may_hang_up_at_any_moment(begin: Begin, at: float) -> None:
    """In the greeting, while we think, in mid-answer: one FinishCall, nothing after it, the model is told to stop."""
    sim = begin()
    sim.caller_says("When are you open?", at=3.0)
    sim.caller_hangs_up(at=at)

    sim.run_until(60.0)

    assert (sim.outcome, sim.finish and sim.finish.who_hung_up) == ("caller_hung_up", "caller")
    assert sim.ended_at == pytest.approx(at + 0.05)
    assert sim.conversation.deadline() is None
    assert attempts(sim) == []


def test_a_call_that_is_over_takes_nothing_more(begin: Begin) -> None:
    """ENDED absorbs everything."""
    sim = begin()
    sim.caller_hangs_up(at=1.0)
    sim.run_until(2.0)

    for event in (CallHungUp(), MediaStarted(), MediaStopped(), DrainRequested(5.0)):
        assert sim.conversation.handle(event, sim.clock.now) == []


def test_the_longest_call_ends_with_a_warning_and_a_goodbye(begin: Begin) -> None:
    """B5: the model is warned a minute before, and the last word is heard to its end."""
    sim = begin(
        settings=dead_air(
            max_call_duration=120, goodbye_message="Our time is over. Goodbye!", silence_timeout_normal=30
        )
    )
    for at in range(5, 119, 10):
        sim.caller_says("Tell me more about that.", at=float(at))
    sim.caller_says("And more.", at=118.5)

    sim.run_until_over()

    warned = [any("One minute" in str(message["content"]) for message in thought.messages) for thought in sim.thoughts]
    assert warned == sorted(warned) and warned[-1] and not warned[4]
    assert sim.heard[-1].kind == "goodbye" and not sim.heard[-1].was_cut
    assert sim.outcome == "max_duration"
    assert sim.hung_up_at is not None and 120.0 <= sim.hung_up_at < 127.0


def test_silence_does_not_stop_the_longest_call(begin: Begin) -> None:
    """It is independent of hold and check-ins."""
    sim = begin(settings=dead_air(max_call_duration=30, silence_timeout_normal=100))

    sim.run_until_over()

    assert sim.hung_up_at == pytest.approx(30.0, abs=0.1)


def test_a_model_that_never_stops_cannot_keep_a_closing_call_open(begin: Begin) -> None:
    """It used `hang_up` and goes on talking: ninety seconds are enough."""
    endless = Reply(tuple(f"Sentence number {number} of far too many." for number in range(200)), between_s=1.0)
    sim = begin(sim={"replies": (endless,)})
    sim.caller_says("Tell me everything.", at=3.0)
    sim.post(ToolCalled("sim-t1", "tool-1", "hang_up"), after=10.0)

    sim.run_until_over()

    assert sim.hung_up_at is not None and sim.hung_up_at == pytest.approx(10.0 + 90.0)


def test_the_media_stream_is_lost(begin: Begin) -> None:
    """The hang-up that explains it may be on its way; else we end the call."""
    sim = begin()
    sim.lose_media(at=5.0)

    sim.run_until_over()

    assert sim.hung_up_at == pytest.approx(7.0)
    assert sim.outcome == "media_lost"


def test_the_media_stream_is_lost_because_the_caller_hung_up(begin: Begin) -> None:
    """Then it is the caller who ended the call."""
    sim = begin()
    sim.lose_media(at=5.0)
    sim.caller_hangs_up(at=6.0)

    sim.run_until_over()

    assert (sim.outcome, attempts(sim)) == ("caller_hung_up", [])


def test_a_media_stream_that_never_began_ends_the_call() -> None:
    """The socket opened and closed without a start: nobody waits for ever."""
    sim = CallSim(starts=False)
    sim.post(MediaStopped("closed"))

    sim.run_until_over(at_most_s=20.0)

    assert sim.hung_up_at == pytest.approx(2.0)
    assert sim.outcome == "media_lost"


@pytest.mark.parametrize(("within_s", "at_most"), [(0.5, 1.0), (30.0, 9.0)])
def test_a_worker_that_stops_ends_its_calls_in_time(begin: Begin, within_s: float, at_most: float) -> None:
    """Politely if there is time for it."""
    sim = begin()
    sim.run_until_said(1)
    stopped_at = sim.now

    sim.post(DrainRequested(within_s))
    sim.run_until_over()

    assert sim.hung_up_at is not None and sim.hung_up_at - stopped_at <= at_most
    assert sim.heard[-1].kind == "apology" or within_s < 1.0 or sim.heard[-1].kind == "goodbye"


def test_the_models_hang_up_waits_for_its_last_words(begin: Begin) -> None:
    """“Goodbye!”, heard to the end, then the hang-up."""
    sim = begin(sim={"replies": (Reply(("It was nice to talk to you. Goodbye!",), tools=(("hang_up", {}),)),)})
    sim.caller_says("That was all.", at=3.0)

    sim.run_until_over()

    assert sim.hung_up_at == pytest.approx(sim.heard[-1].ends_at, abs=0.1)
    assert sim.outcome == "agent_hung_up"


def test_words_in_the_last_moment_do_not_swallow_the_goodbye(begin: Begin) -> None:
    """The model has hung up; its goodbye is not cut by the caller's “thanks”."""
    sim = begin(
        sim={"replies": (Reply((), tools=(("hang_up", {}),), then="stalls"),)},
        settings=dead_air(goodbye_message="Goodbye then!"),
    )
    sim.caller_says("That was all.", at=3.0, duration_s=1.0)
    sim.words("Thanks", after=5.05)

    sim.run_until_over()

    assert [heard.kind for heard in sim.heard] == ["greeting", "goodbye"]
