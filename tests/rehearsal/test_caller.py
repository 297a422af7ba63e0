"""The caller's part, played on a leg that is only a clock and a list of sounds."""

import asyncio

from backend.rehearsal.caller import Caller, count_utterances
from backend.rehearsal.carrier.hearing import AudibleSegment
from backend.rehearsal.scenario import CalledParty, Step


class ScriptedLeg:
    """A leg whose clock runs a hundred times faster; the agent speaks where the test says."""

    def __init__(self, *agent: tuple[float, float], ends_at: float = 1000.0) -> None:
        self._agent = agent
        self._ends_at = ends_at
        self._begun = asyncio.get_running_loop().time()
        self.done: list[tuple[str, float]] = []

    def now(self) -> float:
        return (asyncio.get_running_loop().time() - self._begun) * 100

    @property
    def ended(self) -> bool:
        return self.now() >= self._ends_at

    @property
    def agent_segments(self) -> list[AudibleSegment]:
        now = self.now()
        return [AudibleSegment(begin, min(end, now), b"") for begin, end in self._agent if begin <= now]

    def is_agent_audible(self, now: float) -> bool:
        return any(begin <= now <= end + 0.3 for begin, end in self._agent)

    async def say(self, text: str, *, voice: str, rate_wpm: int) -> tuple[float, float]:
        self.done.append((text, self.now()))
        return self.now(), self.now() + 1

    async def play(self, pcm: bytes, *, transcript: str | None) -> tuple[float, float]:
        self.done.append((f"{len(pcm) // 16} ms", self.now()))
        return self.now(), self.now() + 1

    async def press(self, digits: str) -> None:
        self.done.append((digits, self.now()))

    async def beep(self) -> None:
        self.done.append(("beep", self.now()))

    async def hang_up(self) -> None:
        self.done.append(("hang up", self.now()))
        self._ends_at = 0

    async def wait_ended(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s / 100):
                while not self.ended:
                    await asyncio.sleep(0.001)
        except TimeoutError:
            return False
        return True


def play(
    steps: list[dict[str, object]], *agent: tuple[float, float], ends_at: float = 1000.0
) -> tuple[ScriptedLeg, Caller]:
    async def run() -> tuple[ScriptedLeg, Caller]:
        leg = ScriptedLeg(*agent, ends_at=ends_at)
        caller = Caller(leg, [Step.model_validate(step) for step in steps])
        await caller.play()
        return leg, caller

    return asyncio.run(run())


def test_the_caller_waits_for_the_greeting_before_speaking() -> None:
    """`agent_answered`: the agent has spoken since the caller's last sound, and is silent again."""
    leg, caller = play([{"wait_until": "agent_answered"}, {"say": "Hello"}, {"hang_up": True}], (10, 20))

    assert [what for what, _ in leg.done] == ["Hello", "hang up"]
    assert leg.done[0][1] >= 20.6
    assert caller.problem == ""
    assert caller.said[0].text == "Hello"


def test_the_caller_interrupts_some_time_after_the_agent_began() -> None:
    """And the speech is marked, so that the verdict knows what to time."""
    leg, caller = play([{"say": "Stop", "interrupt_after_s": 0.1}, {"hang_up": True}], (10, 400))

    assert leg.done[0][1] >= 10
    assert caller.said[0].interrupts


def test_counting_what_the_agent_said_joins_the_sentences_of_one_answer() -> None:
    """`agent_said_2` needs two things said, not two pieces of sound."""
    assert count_utterances([]) == 0
    pieces = [AudibleSegment(begin, end, b"") for begin, end in ((1, 2), (2.5, 3), (5, 6))]
    assert count_utterances(pieces) == 2


def test_waiting_in_vain_is_a_problem_with_the_number_of_the_step() -> None:
    """The script stops there."""
    leg, caller = play([{"press": "1"}, {"wait_until": "agent_speaking", "timeout_s": 5}, {"say": "never"}])

    assert leg.done[0][0] == "1"
    assert caller.problem == "step 2: waited 5 s until agent_speaking"
    assert caller.said == []


def test_a_call_that_ends_while_the_caller_waits_is_a_problem() -> None:
    """The caller wanted to hear something and did not."""
    assert "the call ended" in play([{"wait_until": "agent_speaking"}], ends_at=5)[1].problem


def test_a_call_that_ends_before_the_caller_could_speak_is_a_problem() -> None:
    """A step was left over."""
    assert play([{"wait_s": 10}, {"say": "late"}], ends_at=5)[1].problem == "the call ended before step 2"


def test_staying_silent_ends_with_the_call_and_is_no_problem() -> None:
    """So does waiting for the end."""
    assert play([{"stay_silent": True}], ends_at=5)[1].problem == ""
    assert play([{"wait_until": "call_ended"}], ends_at=5)[1].problem == ""


def test_a_machine_says_its_greeting_and_beeps() -> None:
    """What the called party does on picking up."""

    async def run() -> list[str]:
        leg = ScriptedLeg()
        caller = Caller(leg, [])
        await caller.pick_up(CalledParty.model_validate({"as": "machine", "says": "Leave a message."}))
        return [what for what, _ in leg.done]

    assert asyncio.run(run()) == ["Leave a message.", "beep"]
