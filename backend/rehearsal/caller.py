"""Plays the caller's part of a scenario on one leg, in real time.

Decides when each step begins, from what the caller hears (`agent_segments`, `is_agent_audible`), never from anything the
product says about itself. A step that cannot happen (the agent never speaks) ends the script with a `problem`; a call
that ends ends the script quietly, except when the step waited for something.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from backend.rehearsal.ear import JOIN_GAP_S, Segment
from backend.rehearsal.scenario import CalledParty, Step
from backend.rehearsal.sounds import make_sound
from backend.rehearsal.verdict import Speech

_LOOK_S = 0.02
QUIET_S = 0.6
"""The agent counts as silent after so long."""


class CallerLeg(Protocol):
    """What a caller needs of a leg of the rehearsal carrier."""

    @property
    def agent_segments(self) -> Sequence[Segment]: ...
    @property
    def ended(self) -> bool: ...
    def now(self) -> float: ...
    def is_agent_audible(self, now: float) -> bool: ...
    async def say(self, text: str, *, voice: str, rate_wpm: int) -> tuple[float, float]: ...
    async def play(self, pcm: bytes, *, transcript: str | None) -> tuple[float, float]: ...
    async def press(self, digits: str) -> None: ...
    async def beep(self) -> None: ...
    async def hang_up(self) -> None: ...
    async def wait_ended(self, timeout_s: float) -> bool: ...


class StepFailed(Exception):
    """The caller waited in vain."""


class Caller:
    """One caller and the script in hand. `said` fills while it plays."""

    def __init__(self, leg: CallerLeg, steps: list[Step]) -> None:
        self._leg = leg
        self._steps = steps
        self._last_own_sound_at = leg.now()
        self.said: list[Speech] = []
        self.problem = ""

    async def pick_up(self, party: CalledParty) -> None:
        """What a called person or machine says on answering."""
        if party.says:
            await self._speak(Step(say=party.says), interrupts=False)
        if party.as_ == "machine" and not self._leg.ended:
            await self._leg.beep()

    async def play(self) -> None:
        """All steps, until the end of the script or of the call."""
        for number, step in enumerate(self._steps, 1):
            try:
                await self._do(step)
            except StepFailed as failure:
                self.problem = f"step {number}: {failure}"
                return
            if self._leg.ended and number < len(self._steps):
                left = self._steps[number]
                if not (left.hang_up or left.stay_silent):
                    self.problem = f"the call ended before step {number + 1}"
                return

    async def _do(self, step: Step) -> None:
        if step.interrupt_after_s is not None:
            await self._wait("agent_speaking", step)
            await asyncio.sleep(step.interrupt_after_s)
        if step.say is not None or step.play is not None:
            await self._speak(step, interrupts=step.interrupt_after_s is not None)
        elif step.press is not None:
            await self._leg.press(step.press)
            self._last_own_sound_at = self._leg.now()
        elif step.wait_s is not None:
            await self._leg.wait_ended(step.wait_s)
        elif step.wait_until is not None:
            await self._wait(step.wait_until, step)
        elif step.hang_up:
            await self._leg.hang_up()
        else:
            while not await self._leg.wait_ended(3600):
                pass

    async def _speak(self, step: Step, *, interrupts: bool) -> None:
        if step.play is not None:
            sound = make_sound(step.play, step.for_s or 1.0, step.level_dbfs, seed=step.take)
            span = await self._leg.play(sound, transcript=None)
        else:
            span = await self._leg.say(step.say or "", voice=step.voice, rate_wpm=step.rate_wpm)
        self.said.append(Speech(*span, text=step.say or "", interrupts=interrupts))
        self._last_own_sound_at = span[1]

    async def _wait(self, what: str, step: Step) -> None:
        until = self._leg.now() + step.timeout_s
        while not self._is(what, step):
            if self._leg.ended:
                raise StepFailed(f"the call ended while the caller waited until {what}")
            if self._leg.now() >= until:
                raise StepFailed(f"waited {step.timeout_s:g} s until {what}")
            await asyncio.sleep(_LOOK_S)

    def _is(self, what: str, step: Step) -> bool:
        now, segments = self._leg.now(), self._leg.agent_segments
        if what == "call_ended":
            return self._leg.ended
        if what == "agent_speaking":
            return self._leg.is_agent_audible(now)
        quiet_s = now - segments[-1].ended_at if segments else float("inf")
        is_quiet = quiet_s >= (step.for_s or QUIET_S) and not self._leg.is_agent_audible(now)
        if what == "agent_silent":
            return is_quiet
        if what == "agent_answered":
            # A short answer may be over before the caller listens again, an interrupted one must not count.
            return (
                is_quiet
                and bool(segments)
                and segments[-1].ended_at > self._last_own_sound_at
                and quiet_s >= JOIN_GAP_S
            )
        wanted = int(what.rpartition("_")[2])
        return is_quiet and count_utterances(segments) >= wanted


def count_utterances(segments: Sequence[Segment]) -> int:
    """How many things the agent said, as `ear.listen` will join them."""
    ends = [0.0, *(segment.ended_at for segment in segments)]
    return sum(
        1 for index, segment in enumerate(segments) if index == 0 or segment.started_at - ends[index] >= JOIN_GAP_S
    )
