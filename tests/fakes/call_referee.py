"""Watches a simulated call and fails it the moment a rule of the design is broken.

Judges by what the simulated carrier really played and by the commands, never by what the conversation believes of
itself (apart from its claim to be speaking, which is the thing under test). `call_sim.py` shows it every step.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.call.commands import (
    AbortSpeech,
    Command,
    FinishCall,
    HangUp,
    ReportDraft,
    Speak,
    SpeakByCarrier,
    StopThinking,
    Think,
    Transfer,
)
from backend.call.conversation import Conversation

SPEAKING_AT_MOST_S = 2.0
"""Invariant 3: how much longer than its audio the agent may count as speaking."""
MOST_STEPS_AT_ONE_INSTANT = 25
EARLY_CHECK_IN_S = 0.5
"""How much of a silence may be missing because an end was reported by estimate."""


class RuleBroken(AssertionError):
    """The conversation did what it must never do."""


@dataclass
class Referee:
    """What was seen so far, as far as the rules need it."""

    shortest_silence_s: float
    check_ins_allowed: int
    audio_over_at: float = 0.0
    """When all audio that the carrier has, or that a voice is still making, is over. Set by the simulator."""
    check_ins: int = 0
    hang_ups: int = 0
    generation: int = 1
    is_finished: bool = False
    commands: list[tuple[float, Command]] = field(default_factory=list)
    _numbers: int = 0
    _turn_ids: set[str] = field(default_factory=set)
    _open_turn: str | None = None
    _last_think: Think | None = None
    _used_drafts: set[str] = field(default_factory=set)
    _instant: float = -1.0
    _steps: int = 0

    def caller_spoke(self) -> None:
        """Words of the caller reached the conversation: the check-ins count from zero."""
        self.check_ins = 0

    def turn_was_finished(self, turn_id: str) -> None:
        if self._open_turn == turn_id:
            self._open_turn = None

    def played(self, generation: int) -> None:
        """The carrier takes audio of that generation."""
        if generation != self.generation:
            raise RuleBroken(f"audio of generation {generation} after the abort that began {self.generation}")

    def _judge_history(self, conversation: Conversation) -> None:
        """What was taken up again: once per interruption, and exactly the words that were not heard."""
        for entry in conversation.history.entries[-8:]:
            for cut, rest in zip(entry.pieces, entry.pieces[1:], strict=False):
                if rest.generation <= cut.generation:
                    raise RuleBroken(f"{cut.playback_id} was taken up again twice after one interruption")
                if rest.text.split() != cut.text.split()[cut.heard_words :]:
                    raise RuleBroken(f"{rest.playback_id} does not say the rest of {cut.playback_id}")

    def step(self, conversation: Conversation, commands: Sequence[Command], now: float, was_event: bool) -> None:
        """One `handle` is done."""
        if now == self._instant:
            self._steps += not was_event
            if self._steps > MOST_STEPS_AT_ONE_INSTANT:
                raise RuleBroken(f"busy loop: deadline() stays at {conversation.deadline()} at {now}")
        else:
            self._instant, self._steps = now, int(not was_event)
        for command in commands:
            self._judge(command, now)
        self._judge_history(conversation)
        self._judge_draft(conversation, commands)
        if conversation.is_over:
            if not self.is_finished:
                raise RuleBroken("over without FinishCall")
        else:
            if conversation.turn.state.name != "IDLE" and conversation.deadline() is None:
                raise RuleBroken(f"alive without a deadline at {now}")
            if conversation.is_agent_speaking and now > self.audio_over_at + SPEAKING_AT_MOST_S + 1e-6:
                raise RuleBroken(f"speaking at {now}, all audio was over at {self.audio_over_at}")

    def _judge(self, command: Command, now: float) -> None:
        self.commands.append((now, command))
        if self.is_finished:
            raise RuleBroken(f"{command} after FinishCall")
        match command:
            case FinishCall():
                self.is_finished = True
            case HangUp():
                self.hang_ups += 1
                if command.attempt != self.hang_ups or self.hang_ups > 4:
                    raise RuleBroken(f"hang-up attempt {command.attempt} is the {self.hang_ups}. in order")
            case AbortSpeech():
                if command.generation <= self.generation:
                    raise RuleBroken(f"generation {self.generation} followed by {command.generation}")
                self.generation = command.generation
                self.turn_was_finished(command.turn_id)
            case Speak() | SpeakByCarrier():
                if command.generation != self.generation:
                    raise RuleBroken(
                        f"{command.playback_id} is of generation {command.generation}, now {self.generation}"
                    )
                if command.number <= self._numbers:
                    raise RuleBroken(f"number {command.number} after {self._numbers}")
                self._numbers = command.number
                if isinstance(command, SpeakByCarrier):
                    self.audio_over_at = max(self.audio_over_at, now)  # on its way from now on
                if self.hang_ups:
                    raise RuleBroken("speaks after the hang-up was asked for")
                if isinstance(command, Speak) and command.kind == "check_in" and not command.use_fallback_voice:
                    self._judge_check_in(now)
            case Think():
                if command.turn_id in self._turn_ids:
                    raise RuleBroken(f"turn {command.turn_id} twice")
                if self._open_turn is not None:
                    raise RuleBroken(f"thinks {command.turn_id} while {self._open_turn} is open")
                self._turn_ids.add(command.turn_id)
                self._last_think = command
                self._open_turn = command.turn_id
            case StopThinking():
                self.turn_was_finished(command.turn_id)
            case Transfer():
                if self.hang_ups:
                    raise RuleBroken("transfers after the hang-up was asked for")

    def _judge_draft(self, conversation: Conversation, commands: Sequence[Command]) -> None:
        """An answer that was asked for ahead of time is said only after a turn of those very words."""
        think = self._last_think
        if think is None or not think.is_draft:
            return
        if ReportDraft(think.turn_id, was_used=True) in commands:
            turn = [entry.text for entry in conversation.history.entries if entry.speaker == "caller"][-1]
            asked = str(think.messages[-1]["content"])
            if re.sub(r"\W+", "", turn).lower() != re.sub(r"\W+", "", asked).lower():
                raise RuleBroken(f"a draft for {asked!r} answers {turn!r}")
            self._used_drafts.add(think.turn_id)
        is_said = any(isinstance(command, Speak) and command.kind == "answer" for command in commands)
        if is_said and think.turn_id not in self._used_drafts:
            raise RuleBroken(f"says {think.turn_id} before the turn has ended")

    def _judge_check_in(self, now: float) -> None:
        self.check_ins += 1
        if self.check_ins > self.check_ins_allowed:
            raise RuleBroken(f"check-in {self.check_ins} of {self.check_ins_allowed} in one silence")
        silent_s = now - self.audio_over_at
        if silent_s < self.shortest_silence_s - EARLY_CHECK_IN_S:
            raise RuleBroken(f"check-in after {silent_s:.2f} s of silence")
