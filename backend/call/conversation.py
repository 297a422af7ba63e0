"""One call's conversation: composes the machines, decides what is asked for next.

`handle(event, now) -> commands` takes one event (or None: time has passed) and returns what to do; `deadline()` says
when to call again if nothing happens. Pure: no clock, no I/O, never yields. `session.py` runs it on the call's owner.

Decides: what each fact means for which machine (`_take`), the order of things when several are due (`_advance`), and what
takes several machines at once (the deeds). The rules themselves stand in the machines, none of which knows another's
state or this class:

| question                                           | file              |
|----------------------------------------------------|-------------------|
| what do the caller's sounds, words and keys mean?  | `hearing.py`, with `endpointing.py` and `duplex.py` |
| how does the agent fall silent, and go on          | `silencing.py`, with `false_interruption.py` |
| can we hear the caller at all?                     | `listening.py`    |
| what does the model do, is it asked again?         | `answering.py`, `tool_use.py` with `tools.py` |
| is the model asked before the turn has ended?      | `speculation.py`  |
| how do words reach the caller, what was heard?     | `saying.py`, `playback.py` |
| whose silence is it, and what follows              | `clocks.py`, `dead_air.py`, `no_progress.py` |
| the caller is handed over; is a machine; is watched | `transfer.py`; `machine.py`; `supervision.py` |
| when is a call over, is the leg really gone?       | `closing.py`, with `ending.py` and `hangup.py` |
| whose turn is it, for the display and the record   | `turn.py`         |
"""

from backend.call.agent_config import AgentConfig
from backend.call.answering import Answering, AnswerReport
from backend.call.clocks import Clocks
from backend.call.closing import Closing
from backend.call.commands import Command, HangUp
from backend.call.dead_air import CheckIn, DeadAir, GiveUp
from backend.call.doing import Doing, doing
from backend.call.ending import Ending
from backend.call.endpointing import Endpointing, Guess
from backend.call.events import (
    AgentDoneSpeaking,
    CallBridged,
    CallHungUp,
    CarrierCommandFailed,
    CarrierSpeechEnded,
    DrainRequested,
    Event,
    HangUpAccepted,
    HangUpRefused,
    MachineDetected,
    MachineGreetingEnded,
    MediaStarted,
    MediaStopped,
    RecogniserReport,
    SentenceWritten,
    SilenceRequested,
    SpeechCutShort,
    SpeechEnded,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    TransferFailed,
)
from backend.call.hangup import HangUpConfirmation, HangUpStep
from backend.call.hearing import CallerEvent, Hearing
from backend.call.history import History
from backend.call.listening import CARRIER, Listening, ListeningStep
from backend.call.machine import AnsweringMachine
from backend.call.no_progress import NoProgress, Step
from backend.call.playback import Ledger
from backend.call.saying import Saying, SpeechReport
from backend.call.silencing import Silencing
from backend.call.speculation import Speculation
from backend.call.supervision import Supervision, SupervisorEvent
from backend.call.tool_use import ToolUse
from backend.call.transfer import Transferring, TransferStep
from backend.call.turn import Turn, TurnState


class Conversation:
    """What one call knows and decides. `call_key` makes turn ids unique over all calls."""

    def __init__(
        self,
        agent: AgentConfig,
        *,
        call_key: str,
        direction: str = "incoming",
        may_barge_in: bool = False,
        recogniser: str = CARRIER,
    ) -> None:
        settings = agent.settings
        self.agent = agent
        self.direction = direction
        self.turn = Turn()
        self.ledger = Ledger()
        self.history = History()
        self.hangup = HangUpConfirmation()
        self.dead_air = DeadAir(settings.dead_air_settings)
        self.ignored_events = 0
        self._no_progress = NoProgress(settings.no_progress)
        self._clocks = Clocks(self.dead_air, self._no_progress, self.ledger)
        self._endpointing = Endpointing(settings.turn_taking, agent.language)
        self._hearing = Hearing(agent, may_barge_in, self._endpointing, self.dead_air, self.ledger, self.history)
        self.recogniser = recogniser
        self._listening = Listening(recogniser)
        self._answering = Answering(agent, self.history, call_key)
        self._speculation = Speculation(agent, self.history, self._answering.new_turn_id)
        self._saying = Saying(self.ledger, self.history)
        self._transfer = Transferring()
        self._silencing = Silencing(
            self.ledger, self.history, self._hearing, self._answering, self._saying, self._transfer
        )
        self._machine = AnsweringMachine(agent.answering_machine, direction)
        self._ending = Ending(settings.dead_air_settings, self.ledger, self.hangup)
        self._closing = Closing(
            agent, direction, self.turn, self.ledger, self._hearing, self._answering, self._speculation,
            self._saying, self._silencing, self._transfer, self._ending,
        )  # fmt: skip
        self._tool_use = ToolUse(agent, self.history, self.dead_air, self._answering, self._transfer, self._closing)
        self._orders = Supervision(agent, self.history, self._speculation, self._silencing, self._transfer, self.hangup)
        self._started_at: float | None = None
        self._commands: list[Command] = []

    # --- the two questions ---

    def handle(self, event: Event | None, now: float) -> list[Command]:
        """Take one event, or None when a deadline has come. Returns what to do, in order."""
        self._commands = []
        if self.is_over:
            return []
        if event is not None:
            self._take(event, now)
        if not self.is_over and self._has_begun():
            self._advance(now)
        return self._commands

    def deadline(self) -> float | None:
        """When to call `handle(None, now)` if nothing happens before; None once the call is over."""
        if self.is_over or not self._has_begun():
            return None
        candidates = (
            self.ledger.deadline(),
            self.dead_air.deadline(),
            self._no_progress.deadline(),
            self._answering.deadline(),
            self._hearing.deadline(
                self._is_with_caller() and self._is_line_free(), may_interrupt=not self._ending.is_closing
            ),
            self._speculation.deadline(self._guess()),
            self._listening.deadline(may_speak=self._is_line_free()) if self._is_with_caller() else None,
            self._transfer.deadline(),
            self._machine.deadline(),
            self._ending.deadline(self._answering.is_under_way, self._transfer.is_handed_over),
        )
        return min((at for at in candidates if at is not None), default=None)

    @property
    def is_over(self) -> bool:
        return self.turn.state == TurnState.TERMINATED

    @property
    def is_agent_speaking(self) -> bool:
        """Agent audio is audible or on its way, as far as we know."""
        return bool(self.ledger.audible())

    @property
    def doing(self) -> Doing:
        return (
            "ending"
            if self.is_over
            else doing(self._ending, self._transfer, self.ledger, self._answering, self.dead_air)
        )

    # --- events ---

    def _take(self, event: Event, now: float) -> None:
        match event:
            case MediaStarted() if self._started_at is None:
                self._begin(now)
            case CallHungUp():
                self._ask(*self._closing.finish(event.cause, event.source))
            case MediaStopped():
                self._ending.media_lost(now)
            case _ if self._started_at is None:
                self.ignored_events += 1
            case _ if isinstance(event, CallerEvent):
                self._take_from_caller(event, now)
            case _ if isinstance(event, RecogniserReport):
                self._listening.take(event, now)
            case _ if isinstance(event, SpeechReport):
                self._take_playback(event, now)
            case SpeechCutShort():
                self.ledger.cut_short(event.playback_id, event.said_words)
            case AgentDoneSpeaking():
                self.ledger.ended_up_to(event.generation, event.up_to, now)
            case CarrierSpeechEnded():
                self.ledger.carrier_speech_ended(now)
            case _ if isinstance(event, AnswerReport):
                self._take_answer(event, now)
            case _ if isinstance(event, SupervisorEvent) and (asked := self._orders.take(event, now)) is not None:
                self._ask(*asked)
            case HangUpAccepted() | HangUpRefused() | MachineDetected(result="human" | "unsure"):
                pass  # `call.hangup` confirms a hang-up, hangup.py has its own clock; a human is what we expected
            case MachineDetected() if self._machine.is_awaited and not self._ending.is_closing:
                self._take_machine(now)
            case SilenceRequested() if not self._ending.is_closing:
                self._ask(*self._silencing.on_request(now))
            case MachineGreetingEnded():
                self._machine.greeting_ended(now)
            case CallBridged() if self._transfer.bridged(now):
                if not self._is_line_free():
                    self._ask(*self._silencing.silence(now))  # the caller talks to somebody else
            case TransferFailed() if self._transfer.failed(now):
                pass
            case CarrierCommandFailed(command="start_transcription") if self._listening.failed(now):
                pass
            case DrainRequested():
                apology = self.agent.settings.no_progress.apology_message
                self._ask(*self._closing.close("worker_stopped", apology, now))
                self._ending.must_end_by(now + event.within_s)
            case _:
                self.ignored_events += 1

    def _begin(self, now: float) -> None:
        self._started_at = now
        self._ending.begin(now)
        self.turn.move(TurnState.LISTENING)
        self._ask(self._listening.begin(now))
        if self.agent.notice:
            self._ask(*self._saying.say("notice", self.agent.notice, now))
        if self.agent.greeting:
            self._ask(*self._saying.say("greeting", self.agent.greeting, now))

    def _take_from_caller(self, event: CallerEvent, now: float) -> None:
        if isinstance(event, SpeechEnded) and self.turn.state == TurnState.BARGED_IN:
            self.turn.move(TurnState.LISTENING)
        if isinstance(event, TranscriptReceived) and not self._listening.accepts(event, now):
            self.ignored_events += 1
            return
        if self._hearing.take(event, now):
            self.dead_air.words_heard()
            self._ending.caller_is_back()
            if not self._ending.is_closing and self._answering.is_unheard and not self.ledger.audible():
                self._ask(*self._silencing.silence(now))  # the answer starts again, with what was added

    def _take_playback(self, event: SpeechReport, now: float) -> None:
        if event.generation != self.ledger.generation:
            self.ignored_events += 1
            return
        was_requested = {piece.playback_id for piece in self.ledger.requested() if piece.kind == "answer"}
        self._ask(*self._saying.take(event, now))
        if isinstance(event, SynthesisStarted) and event.playback_id in was_requested:
            self._ask(*self._answering.became_audible(now))

    def _take_answer(self, event: AnswerReport, now: float) -> None:
        if (of_draft := self._speculation.take(event)) is not None:
            self._ask(*of_draft)
            return
        if not self._answering.is_current(event.turn_id):
            self.ignored_events += 1
            return
        if isinstance(event, SentenceWritten):
            self._ask(*self._saying.say("answer", event.text, now))
        elif isinstance(event, ToolCalled):
            self._ask(*self._tool_use.use(event, now))
        self._ask(*self._answering.take(event, now, self._ending.is_closing, self._transfer.is_wanted))

    def _take_machine(self, now: float) -> None:
        policy = self._machine.detected(now)
        if policy != "ignore":
            self._ask(*self._silencing.silence(now))
        if policy == "hang_up":
            self._ask(*self._closing.close("machine", "", now))

    # --- what is due, most urgent first ---

    def _advance(self, now: float) -> None:
        self.ledger.expire(now)
        self._set_clocks()
        self._consider_hang_up(now)
        if self.is_over:
            return
        self._ask(*self._silencing.barge_in(self.turn, now, may_interrupt=not self._ending.is_closing))
        self._ask(*self._silencing.go_on(now, may_speak=self._is_with_caller() and self._is_line_free()))
        self._consider_listening(now)
        self._consider_callers_turn(now)
        self._ask(*self._answering.due(now))
        self._consider_our_silence(now)
        self._consider_callers_silence(now)
        self._consider_transfer(now)
        if self._machine.due(now):
            self._ask(*self._closing.close("machine", self.agent.machine_message, now))
        self._consider_length(now)
        if self._ending.is_media_loss_due(now, self._transfer.is_handed_over):
            self._ask(*self._closing.close("media_lost", "", now))
        self._consider_closing(now)
        if self._started_at is not None:
            self.turn.follow(self.is_agent_speaking, self._answering.is_under_way)
        self._set_clocks()

    def _consider_hang_up(self, now: float) -> None:
        if self._transfer.is_over(now):
            self._ask(*self._closing.finish("time_limit", ""))
        match self.hangup.due(now):
            case _ if self.is_over:
                pass
            case HangUpStep.ASK:
                self._ask(HangUp(self.hangup.ask(now)))
            case HangUpStep.UNCONFIRMED:
                self._ask(*self._closing.finish("unconfirmed", ""))

    def _consider_listening(self, now: float) -> None:
        match self._listening.due(now) if self._is_with_caller() else None:
            case ListeningStep.ASK:
                self._ask(self._listening.ask(now))
            case ListeningStep.STOP:
                self._ask(self._listening.stop())
            case ListeningStep.GIVE_UP:
                self._ask(*self._closing.give_up(now))
        text = self.agent.settings.turn_taking.repeat_message
        if self._is_with_caller() and self._is_line_free() and self._listening.take_repeat(now) and text:
            self._ask(*self._saying.say("repeat_request", text, now))

    def _consider_callers_turn(self, now: float) -> None:
        if self._is_with_caller() and self._is_line_free() and self._hearing.take_turn(now):
            voice_ended_at = self._hearing.voice_ended_at
            commands, kept_back = self._speculation.turn_ended(self._answering, voice_ended_at, now)
            self._ask(*commands)
            for report in kept_back:
                self._take_answer(report, now)
        self._ask(*self._speculation.follow(self._guess(), now))

    def _consider_our_silence(self, now: float) -> None:
        match self._no_progress.due(now):
            case Step.FILLER:
                if self._answering.is_under_way and not self.ledger.requested():
                    self._ask(*self._saying.say("filler", self.agent.settings.no_progress.filler_message, now))
            case Step.RETRY:
                is_speech_stuck = any(piece.kind != "filler" for piece in self.ledger.requested())
                self._ask(*self._saying.say_stuck_otherwise(now))
                if not is_speech_stuck:
                    self._ask(*self._answering.ask_elsewhere())
            case Step.GIVE_UP:
                self._ask(*self._closing.give_up(now))

    def _consider_callers_silence(self, now: float) -> None:
        match self.dead_air.due(now):
            case CheckIn(text=text):
                self._ask(*self._saying.say("check_in", text, now))
            case GiveUp() if self._listening.is_deaf(now):
                self._ask(*self._closing.give_up(now))  # silence is our own failure then
            case GiveUp():
                self._ask(*self._closing.close_politely("caller_silent", now))

    def _consider_transfer(self, now: float) -> None:
        match self._transfer.due(now, self._is_line_free()):
            case TransferStep.ASK if not self.hangup.is_asked:  # later it comes too late
                self._ask(self._transfer.ask(now))
            case TransferStep.FAILED if not self._ending.is_closing:
                self.history.note("The transfer failed. Tell the caller and go on.", now)
                self._ask(*self._answering.begin(None, now))

    def _consider_length(self, now: float) -> None:
        match self._ending.length_due(now, self._transfer.is_handed_over):
            case "warn":
                self.history.note("One minute of this call is left. Bring the conversation to an end.", now)
            case "close":
                self._ask(*self._closing.close_politely("max_duration", now))

    def _consider_closing(self, now: float) -> None:
        if not self._ending.is_hang_up_due(now, self._answering.is_under_way, self._transfer.is_handed_over):
            return
        if not self._is_line_free():
            self._ask(*self._silencing.void(now))  # what could not be said in time
        if self._transfer.is_wanted and not self._ending.is_media_lost:
            self._consider_transfer(now)
        else:
            self._ask(HangUp(self.hangup.ask(now)))

    # --- deeds ---

    # --- derived state ---

    def _has_begun(self) -> bool:
        """False until there is a media stream, or news that it was lost before it brought anything."""
        return self._started_at is not None or self._ending.is_media_lost

    def _is_line_free(self) -> bool:
        """Nothing is being said, nothing is being made."""
        return self.ledger.is_quiet() and not self._answering.is_under_way

    def _guess(self) -> Guess | None:
        """What the caller's turn will be if nothing more comes, while the agent could answer it."""
        return self._hearing.guess() if self._is_with_caller() and self._is_line_free() else None

    def _is_with_caller(self) -> bool:
        """We talk with the caller, as opposed to ending, transferring, or waiting for a machine's tone."""
        return not (self._ending.is_closing or self._machine.is_waiting or self._transfer.is_handed_over)

    def _set_clocks(self) -> None:
        if self._started_at is None or not self._is_with_caller():
            self._clocks.stop()
            return
        is_more_expected = self._hearing.expects_more or self._transfer.is_wanted
        idle_from = max(self._started_at, self._saying.idle_from, self._answering.idle_from)
        self._clocks.follow(self._answering.answer, is_more_expected, idle_from)

    def _ask(self, *commands: Command) -> None:
        self._commands += commands
