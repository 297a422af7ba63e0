"""A whole call in virtual time: a caller, a model, a voice and a carrier around one real `Conversation`.

    sim = CallSim()                                  # media starts at 0.0
    sim.caller_says("When are you open?", at=3.0)
    sim.run_until_over()
    sim.agent_said(2).starts_at, sim.hung_up_at, sim.outcome

Nothing sleeps: the simulator jumps to whatever is due next, an event or the conversation's own deadline. What the caller
hears is what the simulated carrier played. Faults are asked for by setting a field (`sim.carrier.loses_ends = 3`).
`call_referee.py` sees every step and fails the call when a rule of the design is broken.

Times in the public interface are seconds since the media started; inside, the clock starts at `EPOCH`, so that nothing
can rest on a clock that happens to begin at zero.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.call.agent_config import AgentConfig
from backend.call.commands import (
    AbortSpeech,
    CancelPlayback,
    Command,
    FinishCall,
    HangUp,
    ReportDraft,
    ReportTurn,
    SendDtmf,
    Speak,
    SpeakByCarrier,
    StartTranscription,
    StopThinking,
    StopTranscription,
    Think,
    Transfer,
)
from backend.call.conversation import Conversation
from backend.call.events import (
    AgentDoneSpeaking,
    AnswerFailed,
    AnswerFinished,
    CallBridged,
    CallHungUp,
    CarrierCommandFailed,
    CarrierSpeechEnded,
    DtmfReceived,
    Event,
    HangUpAccepted,
    HangUpRefused,
    MediaStarted,
    MediaStopped,
    PlaybackEnded,
    PlaybackStarted,
    SentenceWritten,
    SpeechEnded,
    SpeechLasted,
    SpeechStarted,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    TransferFailed,
)
from backend.store.stores import Stores, memory_stores
from tests.fakes.call_referee import Referee

EPOCH = 5000.0
CALL = "v3:simulated"
AHEAD_S = 1.0
"""Delivery `stream` sends this much ahead of what is being played."""


class SimClock:
    """The simulator's time as the stores' clock."""

    def __init__(self) -> None:
        self.now = EPOCH

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


@dataclass(frozen=True)
class Reply:
    """What the model does with one request. `then` is how it ends."""

    sentences: tuple[str, ...] = ("Certainly, I can do that.",)
    first_after_s: float = 0.5
    between_s: float = 0.2
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    then: Literal["finishes", "fails", "stalls"] = "finishes"


@dataclass
class Voice:
    """Our synthesis. `fails` and `hangs` hold for the next so many pieces; `dies_after_s` for the next piece."""

    first_audio_after_s: float = 0.1
    s_per_character: float = 0.06
    fails: int = 0
    hangs: int = 0
    dies_after_s: float | None = None

    def length_s(self, text: str) -> float:
        return 0.3 + len(text) * self.s_per_character


@dataclass
class Carrier:
    """How the carrier behaves. The numbers are how many of its next reports are treated that way."""

    line_s: float = 0.02
    report_s: float = 0.02
    fetch_s: float = 0.15
    loses_ends: int = 0
    doubles_ends: int = 0
    delays_ends: int = 0
    delay_s: float = 1.0
    loses_starts: int = 0
    delays_starts: int = 0
    refuses_playbacks: int = 0
    speaks: bool = True
    """Whether the carrier's own voice works."""
    s_per_character: float = 0.08
    """How slowly its own voice speaks."""
    refuses_transcriptions: int = 0
    """Until one is granted, the caller's words do not reach the conversation."""
    hang_ups: Literal["confirmed", "report_lost", "ignored", "refused"] = "confirmed"
    transfers: Literal["bridged", "failed", "silent"] = "bridged"
    transfer_takes_s: float = 4.0


@dataclass
class Heard:
    """One piece as the caller heard it."""

    text: str
    kind: str
    starts_at: float
    ends_at: float
    was_cut: bool = False
    by_carrier: bool = False


@dataclass
class _Play:
    """A piece that lies at the carrier, in its absolute time."""

    playback_id: str
    generation: int
    number: int
    starts_at: float
    ends_at: float
    heard: Heard = field(repr=False)
    is_over: bool = False


class CallSim:
    """One call. `agent` fields may be given as keywords; `replies` are used in order, then `usual_reply`."""

    def __init__(
        self,
        agent: AgentConfig | None = None,
        *,
        delivery: Literal["stream", "playback"] = "stream",
        webhooks_reach: Literal["owner", "another_worker"] = "owner",
        may_barge_in: bool = False,
        direction: str = "incoming",
        replies: tuple[Reply, ...] = (),
        usual_reply: Reply | None = None,
        starts: bool = True,
        wake_ups: bool = True,
        recogniser: str = "carrier",
    ) -> None:
        self.agent = agent or AgentConfig(name="Test")
        self.delivery = delivery
        self.webhooks_reach = webhooks_reach
        self.wake_ups = wake_ups
        self.voice = Voice()
        self.carrier = Carrier()
        self.conversation = Conversation(
            self.agent, call_key="sim", direction=direction, may_barge_in=may_barge_in, recogniser=recogniser
        )
        self.clock = SimClock()
        self.stores: Stores = memory_stores(self.clock)
        dead_air = self.agent.settings.dead_air_settings
        self.referee = Referee(
            shortest_silence_s=min(dead_air.silence_timeout_normal, dead_air.silence_timeout_hold_on),
            check_ins_allowed=dead_air.max_checkins_before_disconnect,
            audio_over_at=EPOCH,
        )
        self.replies = deque(replies)
        self.usual_reply = usual_reply or Reply()
        self.heard: list[Heard] = []
        self.thoughts: list[Think] = []
        self.dtmf: list[str] = []
        self.transfers: list[Transfer] = []
        self.turns: list[ReportTurn] = []
        self.drafts: list[ReportDraft] = []
        """What became of the answers that were asked for ahead of time."""
        self.finish: FinishCall | None = None
        self.reports: list[Event] = []
        """Every end that was reported so far, for stories in which the carrier repeats itself."""
        self.is_leg_over = False
        self.is_transcribing = False
        self._ended_at: float | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._queue: deque[Speak] = deque()
        self._making: Speak | None = None
        self._making_mark = 0
        self._plays: list[_Play] = []
        self._line_free_at = EPOCH
        self._open_turns: set[str] = set()
        self._tool_ids = itertools.count(1)
        if webhooks_reach == "another_worker":
            self._look_regularly()
        if starts:
            self.post(MediaStarted())
            self.run_until(0.0)

    # --- what a story asks ---

    @property
    def now(self) -> float:
        return self.clock.now - EPOCH

    def agent_said(self, number: int) -> Heard:
        """The piece that the caller heard as the `number`-th, from 1."""
        return self.heard[number - 1]

    def said(self, kind: str) -> list[Heard]:
        """What the caller heard of that kind."""
        return [heard for heard in self.heard if heard.kind == kind]

    @property
    def hung_up_at(self) -> float | None:
        """When we first asked the carrier to end the leg."""
        asked = [at for at, command in self.referee.commands if isinstance(command, HangUp)]
        return asked[0] - EPOCH if asked else None

    def asked(self, kind: type[Command]) -> list[tuple[float, Command]]:
        """All commands of that kind with their times."""
        return [(at - EPOCH, command) for at, command in self.referee.commands if isinstance(command, kind)]

    @property
    def outcome(self) -> str | None:
        return self.finish.outcome if self.finish is not None else None

    @property
    def ended_at(self) -> float | None:
        """When the conversation was over."""
        return self._ended_at

    # --- what a story scripts ---

    def post(self, event: Event, after: float = 0.0) -> None:
        """Any event, `after` seconds from now."""
        self._later(after, lambda: self._handle(event))

    def do(self, action: Callable[[], None], at: float) -> None:
        """Anything at a time of the call."""
        self._later(at - self.now, action)

    def caller_says(
        self,
        text: str,
        at: float | None = None,
        *,
        after: float = 0.0,
        duration_s: float | None = None,
        words_after_s: float = 0.3,
        is_final: bool = True,
        interim: bool = False,
    ) -> None:
        """Speech with words: voice activity (seen 0.1 s late), and what the recogniser made of it `words_after_s` after
        its end; with `interim` also half of it on the way."""
        begins = after if at is None else at - self.now
        duration_s = 0.3 + 0.06 * len(text) if duration_s is None else duration_s
        self._sound(begins, duration_s)
        if interim:
            words = text.split()
            self._words(begins + duration_s / 2, " ".join(words[: (len(words) + 1) // 2]), False)
        self._words(begins + duration_s + words_after_s, text, is_final)

    def caller_makes_noise(self, duration_s: float, at: float | None = None, *, after: float = 0.0) -> None:
        self._sound(after if at is None else at - self.now, duration_s)

    def words(self, text: str, is_final: bool = True, after: float = 0.0) -> None:
        """The recogniser says so, without voice activity."""
        self._words(after, text, is_final)

    def press(self, digits: str, at: float | None = None, *, after: float = 0.0) -> None:
        begins = after if at is None else at - self.now
        for index, digit in enumerate(digits):
            self._later(begins + 0.3 * index, lambda digit=digit: self._press(digit))  # type: ignore[misc]

    def caller_hangs_up(self, at: float | None = None, *, after: float = 0.0) -> None:
        begins = after if at is None else at - self.now
        self._later(begins, lambda: self._end_leg(CallHungUp("normal_clearing", "caller"), report_s=0.05))

    def lose_media(self, at: float | None = None, *, after: float = 0.0) -> None:
        begins = after if at is None else at - self.now
        self._later(begins, self._lose_media)

    # --- time ---

    def run_until(self, at: float) -> None:
        """Everything up to and including that time of the call."""
        until = EPOCH + at
        while self._step(until):
            pass
        self.clock.now = max(self.clock.now, until)

    def run_for(self, seconds: float) -> None:
        self.run_until(self.now + seconds)

    def run_until_over(self, at_most_s: float = 600.0) -> None:
        """Until the call has ended; fails when it does not within that time."""
        until = self.clock.now + at_most_s
        while not self.conversation.is_over:
            assert self._step(until), f"still alive after {at_most_s} s: {self.conversation.turn.state}"

    def run_until_said(self, number: int, at_most_s: float = 120.0) -> Heard:
        """Until the caller has heard the `number`-th piece to its end."""
        until = self.clock.now + at_most_s
        while len(self.heard) < number or self.now < self.heard[number - 1].ends_at:
            assert self._step(until), f"the agent said only {[heard.text for heard in self.heard]}"
        return self.heard[number - 1]

    def _step(self, until: float) -> bool:
        """To the next thing that is due by then; False when there is none."""
        deadline = self.conversation.deadline()
        next_at = self._due[0][0] if self._due else None
        if next_at is not None and next_at <= until and (deadline is None or next_at <= deadline):
            at, _, action = heapq.heappop(self._due)
            self.clock.now = max(self.clock.now, at)
            action()
            return True
        if deadline is not None and deadline <= until:
            self.clock.now = max(self.clock.now, deadline)
            self._handle(None)
            return True
        return False

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.clock.now + max(0.0, seconds), next(self._order), action))

    # --- the conversation ---

    def _handle(self, event: Event | None) -> None:
        now = self.clock.now
        if isinstance(event, TranscriptReceived | DtmfReceived):
            self.referee.caller_spoke()
        was_over = self.conversation.is_over
        commands = self.conversation.handle(event, now)
        self.referee.step(self.conversation, commands, now, event is not None)
        if self.conversation.is_over and not was_over:
            self._ended_at = self.now
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Speak():
                self._queue.append(command)
                self._make_next()
            case SpeakByCarrier():
                self._speak_by_carrier(command)
            case AbortSpeech():
                self._open_turns.discard(command.turn_id)
                self._stop_speaking(command.generation)
            case CancelPlayback():
                self._queue = deque(piece for piece in self._queue if piece.playback_id != command.playback_id)
                if self._making is not None and self._making.playback_id == command.playback_id:
                    self._stop_making()
            case Think():
                self._think(command)
            case StopThinking():
                self._open_turns.discard(command.turn_id)
            case HangUp():
                self._hang_up()
            case Transfer():
                self._transfer(command)
            case SendDtmf():
                self.dtmf.append(command.digits)
            case ReportTurn():
                self.turns.append(command)
            case ReportDraft():
                self.drafts.append(command)
            case FinishCall():
                self.finish = command
            case StartTranscription() if command.recogniser != "carrier":
                pass  # the story posts what becomes of it
            case StopTranscription():
                self.is_transcribing = False
            case StartTranscription():
                if self._spent("refuses_transcriptions"):
                    self.post(CarrierCommandFailed("start_transcription", "simulated"), after=0.05)
                else:
                    self.is_transcribing = True
            case _:
                raise AssertionError(f"nobody carries out {command}")

    # --- the caller ---

    def _sound(self, begins: float, duration_s: float) -> None:
        at = self.clock.now + max(0.0, begins)
        self._later(begins + 0.1, lambda: self._handle(SpeechStarted(at)))
        lasts_s = self.agent.settings.turn_taking.interruption_by_sound_s
        if duration_s >= lasts_s:
            self._later(begins + max(0.1, lasts_s + 0.05), lambda: self._handle(SpeechLasted(at)))
        self._later(begins + duration_s + 0.1, lambda: self._handle(SpeechEnded(at + duration_s)))

    def _words(self, begins: float, text: str, is_final: bool) -> None:
        def recognised() -> None:
            if self.is_transcribing:
                self._handle(TranscriptReceived(text, is_final))

        self._later(begins, recognised)

    def _press(self, digit: str) -> None:
        self._handle(DtmfReceived(digit))

    # --- the model ---

    def _think(self, command: Think) -> None:
        self.thoughts.append(command)
        self._open_turns.add(command.turn_id)
        reply = self.replies.popleft() if self.replies else self.usual_reply
        turn_id, at = command.turn_id, reply.first_after_s
        for sentence in reply.sentences:
            self._from_model(at, turn_id, SentenceWritten(turn_id, sentence))
            at += reply.between_s
        for name, arguments in reply.tools:
            self._from_model(at, turn_id, ToolCalled(turn_id, f"tool-{next(self._tool_ids)}", name, arguments))
        if reply.then == "finishes":
            self._from_model(at, turn_id, AnswerFinished(turn_id))
        elif reply.then == "fails":
            self._from_model(at, turn_id, AnswerFailed(turn_id, "EngineFailed"))

    def _from_model(self, after: float, turn_id: str, event: Event) -> None:
        def arrive() -> None:
            if turn_id in self._open_turns:
                if isinstance(event, AnswerFinished | AnswerFailed):
                    self._open_turns.discard(turn_id)
                    self.referee.turn_was_finished(turn_id)
                self._handle(event)

        self._later(after, arrive)

    # --- the voice, one piece after the other ---

    def _make_next(self) -> None:
        if self._making is not None or not self._queue or self.is_leg_over:
            return
        command = self._making = self._queue.popleft()
        self._making_mark += 1
        if self.voice.hangs > 0:
            self.voice.hangs -= 1
        elif self.voice.fails > 0:
            self.voice.fails -= 1
            self._while_making(self.voice.first_audio_after_s, lambda: self._made_nothing(command, 0.0))
        else:
            self._while_making(self.voice.first_audio_after_s, lambda: self._first_audio(command))

    def _while_making(self, after: float, action: Callable[[], None]) -> None:
        mark = self._making_mark

        def act() -> None:
            if self._making is not None and self._making_mark == mark:
                action()

        self._later(after, act)

    def _stop_making(self) -> None:
        self._making = None
        self._make_next()

    def _first_audio(self, command: Speak) -> None:
        length_s = self.voice.length_s(command.text)
        died = self.voice.dies_after_s
        if died is not None:
            self.voice.dies_after_s = None
            length_s = min(length_s, died)
        lead_s = self.carrier.line_s if self.delivery == "stream" else self.carrier.fetch_s
        if self.delivery == "playback" and self.carrier.refuses_playbacks > 0:
            self.carrier.refuses_playbacks -= 1
            self.referee.audio_over_at = max(self.referee.audio_over_at, self.clock.now)
            self._handle(SynthesisStarted(command.playback_id, command.generation))
            self._made_nothing(command, 0.0)
            return
        play = self._put_on_line(command, length_s, lead_s)
        self._handle(SynthesisStarted(command.playback_id, command.generation))
        if self._making is not command:
            return
        sent_after = max(0.0, play.ends_at - AHEAD_S - self.clock.now) if self.delivery == "stream" else 0.0
        if died is not None:
            self._while_making(sent_after, lambda: self._made_nothing(command, length_s))
        else:
            self._while_making(sent_after, lambda: self._made_all(command, play, length_s))

    def _made_all(self, command: Speak, play: _Play, length_s: float) -> None:
        self._making = None
        self._handle(SynthesisFinished(command.playback_id, command.generation, length_s))
        self._report_play(play)
        self._make_next()

    def _made_nothing(self, command: Speak, sent_s: float) -> None:
        self._making = None
        self._handle(SynthesisFailed(command.playback_id, command.generation, "EngineFailed", sent_s))
        self._make_next()

    # --- the carrier ---

    def _put_on_line(self, command: Speak | SpeakByCarrier, length_s: float, lead_s: float) -> _Play:
        self.referee.played(command.generation)
        starts_at = max(self._line_free_at, self.clock.now + lead_s)
        kind = command.kind if isinstance(command, Speak) else "carrier"
        heard = Heard(command.text, kind, starts_at - EPOCH, starts_at + length_s - EPOCH)
        heard.by_carrier = isinstance(command, SpeakByCarrier)
        play = _Play(command.playback_id, command.generation, command.number, starts_at, starts_at + length_s, heard)
        self._plays = [*(other for other in self._plays[-20:] if not other.is_over), play]
        self._line_free_at = self.referee.audio_over_at = play.ends_at
        self.heard.append(heard)
        if kind != "carrier":
            self.stores.playbacks.register(CALL, play.playback_id, play.generation, play.number, 120.0)
        if self.delivery == "playback" and kind != "carrier" and not self._spent("loses_starts"):
            delay_s = self.carrier.report_s + (self.carrier.delay_s if self._spent("delays_starts") else 0.0)
            self._later(starts_at - self.clock.now + delay_s, lambda: self._report_start(play))
        return play

    def _report_start(self, play: _Play) -> None:
        report = PlaybackStarted(play.playback_id, play.generation)
        self.reports.append(report)
        self._handle(report)

    def _report_play(self, play: _Play) -> None:
        """Its mark, or its `playback.ended`, once it is played to its end."""

        def ended() -> None:
            if play.is_over or self.is_leg_over:
                return
            play.is_over = True
            if self._spent("loses_ends"):
                return
            delay_s = self.carrier.report_s + (self.carrier.delay_s if self._spent("delays_ends") else 0.0)
            # A repeated report that names no text is told apart by its webhook's id before it gets here.
            is_doubled = not play.heard.by_carrier and self._spent("doubles_ends")
            for _ in range(2 if is_doubled else 1):
                self._later(delay_s, lambda: self._report_end(play))

        self._later(play.ends_at - self.clock.now, ended)

    def _report_end(self, play: _Play, status: Literal["completed", "cancelled"] = "completed") -> None:
        if play.heard.by_carrier:
            self._handle(CarrierSpeechEnded())
            return
        report = PlaybackEnded(play.playback_id, play.generation, status)
        self.reports.append(report)
        if self.webhooks_reach == "owner" or self.delivery == "stream":
            self._handle(report)  # the fast path; the flag is raised all the same (A4)
        end = self.stores.playbacks.end(CALL, play.playback_id, play.generation, play.number)
        if end.flag_raised and self.wake_ups:
            self._later(0.003, self._look)

    def _look_regularly(self) -> None:
        self._look()
        if not self.conversation.is_over:
            self._later(0.5, self._look_regularly)

    def _look(self) -> None:
        flag = self.stores.flags.take_agent_done_speaking(CALL)
        if flag is not None:
            done = AgentDoneSpeaking(generation=flag[0], up_to=flag[1])
            self.reports.append(done)
            self._handle(done)

    def _spent(self, fault: str) -> bool:
        left = getattr(self.carrier, fault)
        if left > 0:
            setattr(self.carrier, fault, left - 1)
        return bool(left > 0)

    def _stop_speaking(self, generation: int) -> None:
        self._queue.clear()
        self._making = None
        self.stores.playbacks.clear(CALL, generation)
        self._cut_line()

    def _cut_line(self) -> None:
        status: Literal["completed", "cancelled"] = "completed" if self.delivery == "stream" else "cancelled"
        for play in self._plays:
            if play.is_over:
                continue
            play.is_over = True
            if play.starts_at >= self.clock.now:
                self.heard.remove(play.heard)
            elif play.ends_at > self.clock.now:
                play.heard.ends_at = self.now
                play.heard.was_cut = True
            self._later(self.carrier.report_s, lambda play=play: self._report_end(play, status))  # type: ignore[misc]
        self._plays = []
        self._line_free_at = min(self._line_free_at, self.clock.now)
        self.referee.audio_over_at = min(self.referee.audio_over_at, self.clock.now)

    def _speak_by_carrier(self, command: SpeakByCarrier) -> None:
        if self.carrier.speaks:
            # The conversation is not told its length, only that one of its texts ended.
            self._report_play(self._put_on_line(command, 1.0 + self.carrier.s_per_character * len(command.text), 0.0))
        else:
            self.referee.audio_over_at = max(self.referee.audio_over_at, self.clock.now)
            self.post(SynthesisFailed(command.playback_id, command.generation, "carrier_voice"), after=0.2)

    def _hang_up(self) -> None:
        if self.is_leg_over:
            self.post(CallHungUp("already_ended"), after=0.05)
        elif self.carrier.hang_ups == "refused":
            self.post(HangUpRefused(), after=0.05)
        else:
            self.post(HangUpAccepted(), after=0.05)
            if self.carrier.hang_ups != "ignored":
                event = CallHungUp("normal_clearing", "unknown")
                self._later(0.1, lambda: self._end_leg(event, 0.05, self.carrier.hang_ups == "report_lost"))

    def _end_leg(self, event: CallHungUp, report_s: float, is_lost: bool = False) -> None:
        if self.is_leg_over:
            return
        self.is_leg_over = True
        self._cut_line()
        if not is_lost:
            self.post(event, after=report_s)

    def _lose_media(self) -> None:
        if self.delivery == "stream":
            self._queue.clear()
            self._making = None
            for play in self._plays:
                play.is_over = True
        self._handle(MediaStopped("reset"))

    def _transfer(self, command: Transfer) -> None:
        self.transfers.append(command)
        if self.carrier.transfers == "bridged":
            self.post(CallBridged(), after=self.carrier.transfer_takes_s)
        elif self.carrier.transfers == "failed":
            self.post(TransferFailed(command.name), after=self.carrier.transfer_takes_s)
