"""One call's conversation: composes the machines, decides what is asked for next.

`handle(event, now) -> commands` takes one event (or None: time has passed) and returns what to do; `deadline()` says
when to call again if nothing happens. Pure: no clock, no I/O, never yields. `session.py` runs it on the call's owner.

Decides: the order of things when several are due, and what each fact means for each machine. The rules themselves stand
in the machines: `dead_air.py`, `no_progress.py`, `endpointing.py`, `barge_in.py`, `playback.py`, `hangup.py`.

The clocks are not started and stopped by events; after every event they follow from the state (`_set_clocks`):

| the agent                        | caller's silence (dead_air) | our silence (no_progress) |
|----------------------------------|-----------------------------|---------------------------|
| is audible                       | stopped                     | stopped                   |
| owes an answer or asked-for words| stopped                     | runs                      |
| neither                          | runs                        | stopped                   |
| is closing, or transferring      | stopped                     | stopped                   |
"""

from collections.abc import Sequence

from backend.call.agent_config import AgentConfig, TransferTarget
from backend.call.answer import Answer, Closing
from backend.call.barge_in import BargeIn, is_ignorable
from backend.call.commands import (
    CancelPlayback,
    Command,
    FinishCall,
    HangUp,
    SendDtmf,
    Speak,
    SpeakByCarrier,
    SpeechKind,
    StartTranscription,
    StopSpeaking,
    StopThinking,
    Think,
    Transfer,
)
from backend.call.dead_air import CheckIn, DeadAir, GiveUp
from backend.call.endpointing import Endpointing
from backend.call.events import (
    AgentDoneSpeaking,
    AnswerFailed,
    AnswerFinished,
    CallBridged,
    CallHungUp,
    DrainRequested,
    DtmfReceived,
    Event,
    HangUpAccepted,
    HangUpRefused,
    MachineDetected,
    MachineGreetingEnded,
    MediaStarted,
    MediaStopped,
    PlaybackEnded,
    PlaybackStarted,
    SentenceWritten,
    SpeechCutShort,
    SpeechEnded,
    SpeechStarted,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    TransferFailed,
)
from backend.call.hangup import HangUpConfirmation, HangUpStep
from backend.call.history import Entry, History
from backend.call.no_progress import NoProgress, Step
from backend.call.playback import Ledger, Piece, PieceState
from backend.call.tools import DTMF_DIGITS, asks_to_hold
from backend.call.turn import Turn, TurnState

CLOSING_PATIENCE_S = 6.0
"""How long a goodbye may take to become audible before we hang up without it."""
CLOSING_AT_MOST_S = 90.0
"""How long a call that is being ended may go on talking: longer than the longest goodbye."""
MEDIA_GRACE_S = 2.0
"""How long after the loss of the media socket the hang-up that explains it may take to arrive."""
WARN_BEFORE_MAX_S = 60.0
TRANSFER_RING_S = 30
TRANSFER_PATIENCE_S = TRANSFER_RING_S + 5.0
BRIDGED_AT_MOST_S = 4 * 3600.0
"""The carrier's own limit of a transferred leg: then we stop waiting for its hang-up."""
MACHINE_GREETING_PATIENCE_S = 30.0
LATE_FINAL_S = 5.0
"""How long after an interim text was taken as the turn its final form is a correction, not a new turn."""
MAX_TOOL_ROUNDS = 4
MAX_ANSWER_FAILURES = 3
CARRIER_SPEECH_S_PER_CHARACTER = 0.08


class Conversation:
    """What one call knows and decides. `call_key` makes turn ids unique over all calls."""

    def __init__(
        self, agent: AgentConfig, *, call_key: str, direction: str = "incoming", may_barge_in: bool = False
    ) -> None:
        self.agent = agent
        self.direction = direction
        self.turn = Turn()
        self.ledger = Ledger()
        self.history = History()
        self.hangup = HangUpConfirmation()
        self.ignored_events = 0
        settings = agent.settings
        self.dead_air = DeadAir(settings.dead_air_settings)
        self._no_progress = NoProgress(settings.no_progress)
        self._endpointing = Endpointing(settings.turn_taking)
        self._barge_in = BargeIn(settings.turn_taking, may_barge_in)
        self._call_key = call_key
        self._turn_count = 0
        self._answer: Answer | None = None
        self._unreported: Answer | None = None
        self._closing: Closing | None = None
        self._started_at: float | None = None
        self._idle_from = 0.0
        self._is_warned = False
        self._words_while_speaking = False
        self._unconfirmed: Entry | None = None
        self._media_lost_at: float | None = None
        self._wanted_transfer: TransferTarget | None = None
        self._transfer_until: float | None = None
        self._transfers = 0
        self._bridged_until: float | None = None
        self._message_due_at: float | None = None
        self._is_machine = False
        self._machine_is_done = False
        self._dtmf_count = 0
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
        commands, self._commands = self._commands, []
        return commands

    def deadline(self) -> float | None:
        """When to call `handle(None, now)` if nothing happens before; None once the call is over."""
        if self.is_over or not self._has_begun():
            return None
        candidates: Sequence[float | None] = (
            self.ledger.deadline(),
            self.dead_air.deadline(),
            self._no_progress.deadline(),
            self.hangup.deadline(),
            self._endpointing.deadline() if self._may_take_turn() else None,
            self._barge_in.deadline(self._audible_kinds()) if not self._closing else None,
            self._closing_deadline(),
            self._length_deadline(),
            self._media_deadline(),
            self._transfer_until,
            self._bridged_until,
            self._message_due_at,
        )
        return min((at for at in candidates if at is not None), default=None)

    @property
    def is_over(self) -> bool:
        return self.turn.state == TurnState.TERMINATED

    @property
    def is_agent_speaking(self) -> bool:
        """Agent audio is audible or on its way, as far as we know."""
        return bool(self.ledger.audible())

    # --- events ---

    def _take(self, event: Event, now: float) -> None:
        match event:
            case MediaStarted():
                self._begin(now)
            case CallHungUp():
                self._finish(event.cause, event.source)
            case MediaStopped():
                self._media_lost_at = now
            case _ if self._started_at is None:
                self.ignored_events += 1
            case SpeechStarted():
                self._unconfirmed = None
                self.dead_air.noise_started(event.at)
                self._endpointing.speech_started()
                self._barge_in.speech_started(event.at)
            case SpeechEnded():
                self.dead_air.noise_ended(event.at)
                self._endpointing.speech_ended(event.at)
                self._barge_in.speech_ended()
                if self.turn.state == TurnState.BARGED_IN:
                    self.turn.move(TurnState.LISTENING)
            case TranscriptReceived():
                self._take_words(event, now)
            case DtmfReceived():
                self._caller_was_active(now)
                self._endpointing.key_pressed(event.digit, now)
            case SynthesisStarted() | SynthesisFinished() | SynthesisFailed() | PlaybackStarted() | PlaybackEnded():
                self._take_playback(event, now)
            case SpeechCutShort():
                self.ledger.cut_short(event.playback_id, event.said_words)
            case AgentDoneSpeaking():
                self.ledger.ended_up_to(event.generation, event.up_to, now)
            case SentenceWritten() | ToolCalled() | AnswerFinished() | AnswerFailed():
                self._take_answer(event, now)
            case HangUpAccepted() | HangUpRefused():
                pass  # the confirmation is `call.hangup`; hangup.py asks again on its own clock
            case MachineDetected():
                self._take_machine(event, now)
            case MachineGreetingEnded():
                self._machine_is_done = True
                if self._message_due_at is not None:
                    self._message_due_at = now
            case CallBridged() if self._transfers > 0 and self._bridged_until is None:
                self._bridge(now)
            case TransferFailed() if self._transfer_until is not None:
                self._transfer_until = now
            case DrainRequested():
                self._close("worker_stopped", self.agent.settings.no_progress.apology_message, now)
                if self._closing is not None:
                    self._closing.hang_up_by = min(self._closing.hang_up_by, now + event.within_s)
            case _:
                self.ignored_events += 1

    def _begin(self, now: float) -> None:
        if self._started_at is not None:
            self.ignored_events += 1
            return
        self._started_at = self._idle_from = now
        self.turn.move(TurnState.LISTENING)
        self._ask(StartTranscription())
        if self.agent.greeting:
            self._say("greeting", self.agent.greeting, now)

    def _take_words(self, event: TranscriptReceived, now: float) -> None:
        text = event.text.strip()
        if not text:
            return
        if self._unconfirmed is not None and now - self._unconfirmed.at <= LATE_FINAL_S:
            # The final form of words that were already taken as the turn: correct the record, do not answer twice.
            if event.is_final:
                self._unconfirmed.text = text
                self._unconfirmed = None
                if asks_to_hold(text, self.agent.language):
                    self.dead_air.hold_asked()
            return
        self._barge_in.words_heard(text)
        if self.ledger.audible():
            self._words_while_speaking = True
        if not (self.ledger.audible() and is_ignorable(text, self.agent.settings.turn_taking.ignored_words)):
            self._caller_was_active(now)
        self._endpointing.words_heard(text, event.is_final, now)

    def _caller_was_active(self, now: float) -> None:
        """Words or keys: the caller is there. Brings a call back that was about to end for silence, and makes an
        answer that nobody has heard yet start again with what was added."""
        self.dead_air.words_heard()
        closing = self._closing
        if closing is not None and closing.may_be_revoked and not self.hangup.is_asked:
            self._closing = None
        if self._closing is not None:
            return
        if self._answer is not None and not self.ledger.audible() and self._answer.first_audio_at is None:
            self._silence(now)

    def _take_playback(
        self,
        event: SynthesisStarted | SynthesisFinished | SynthesisFailed | PlaybackStarted | PlaybackEnded,
        now: float,
    ) -> None:
        if event.generation != self.ledger.generation:
            self.ignored_events += 1
            return
        match event:
            case SynthesisStarted():
                piece = self.ledger.started(event.playback_id, now)
                if piece is not None and piece.kind == "answer":
                    self._report_first_audio(now)
            case SynthesisFinished():
                self.ledger.handed_over(event.playback_id, event.duration_s, now)
            case PlaybackStarted():
                self.ledger.played_from(event.playback_id, now)
            case PlaybackEnded(status="completed"):
                self.ledger.ended(event.playback_id, now)
            case PlaybackEnded() | SynthesisFailed():
                sent_s = event.sent_s if isinstance(event, SynthesisFailed) else 0.0
                failed = self.ledger.failed(event.playback_id, sent_s, now)
                if failed is not None:
                    self._say_otherwise(failed, now)

    def _take_answer(self, event: SentenceWritten | ToolCalled | AnswerFinished | AnswerFailed, now: float) -> None:
        answer = self._answer
        if answer is None or answer.turn_id != event.turn_id:
            self.ignored_events += 1
            return
        match event:
            case SentenceWritten():
                answer.sentences += 1
                answer.first_sentence_at = answer.first_sentence_at or now
                self._say("answer", event.text, now)
            case ToolCalled():
                answer.tool_calls += 1
                answer.refused_tool_calls += not self._use_tool(event, answer, now)
            case AnswerFinished():
                self._answer_is_written(answer, now)
            case AnswerFailed():
                self._answer_failed(answer, now)

    def _answer_failed(self, answer: Answer, now: float) -> None:
        answer.failures += 1
        if answer.sentences or self._closing is not None:
            self._answer_is_over(now)
        elif answer.failures >= MAX_ANSWER_FAILURES:
            self._give_up(now)
        else:
            self._think_again(answer, use_fallback_model=True)

    def _take_machine(self, event: MachineDetected, now: float) -> None:
        if event.result != "machine" or self.direction != "outgoing" or self._is_machine or self._closing is not None:
            self.ignored_events += event.result == "machine"
            return
        self._is_machine = True
        if self.agent.answering_machine == "hang_up":
            self._silence(now)
            self._close("machine", "", now)
        elif self.agent.answering_machine == "leave_message":
            self._silence(now)
            self._message_due_at = now if self._machine_is_done else now + MACHINE_GREETING_PATIENCE_S

    # --- what is due, most urgent first ---

    def _advance(self, now: float) -> None:
        self.ledger.expire(now)
        self._set_clocks(now)
        self._consider_hang_up(now)
        if self.is_over:
            return
        self._consider_barge_in(now)
        self._consider_callers_turn(now)
        self._consider_our_silence(now)
        self._consider_callers_silence(now)
        self._consider_transfer(now)
        self._consider_machine_message(now)
        self._consider_length(now)
        self._consider_lost_media(now)
        self._consider_closing(now)
        if not self.is_over:
            self._set_turn()
            self._set_clocks(now)

    def _consider_barge_in(self, now: float) -> None:
        audible = self.ledger.audible()
        if not audible:
            self._barge_in.forget()
        elif not self._closing and self._barge_in.interrupts(now, self._audible_kinds()):
            self._set_turn()
            self._silence(now)
            self.turn.move(TurnState.BARGED_IN)
            self._words_while_speaking = False

    def _may_take_turn(self) -> bool:
        is_free = self._closing is None and self._message_due_at is None and not self._is_handed_over()
        return is_free and self._answer is None and self.ledger.is_quiet()

    def _consider_callers_turn(self, now: float) -> None:
        if not self._may_take_turn():
            return
        if self._words_while_speaking:
            self._words_while_speaking = False
            if is_ignorable(self._endpointing.text, self.agent.settings.turn_taking.ignored_words):
                self._endpointing.forget()
        text = self._endpointing.take(now)
        if text is None:
            return
        self.history.caller_said(text, now)
        if self._endpointing.took_interim:
            self._unconfirmed = self.history.entries[-1]
        if asks_to_hold(text, self.agent.language):
            self.dead_air.hold_asked()
        self._think(self._endpointing.last_speech_ended_at, now)

    def _consider_our_silence(self, now: float) -> None:
        match self._no_progress.due(now):
            case Step.FILLER:
                if self._answer is not None and not self.ledger.requested():
                    self._say("filler", self.agent.settings.no_progress.filler_message, now)
            case Step.RETRY:
                stuck = self.ledger.requested()
                for piece in stuck:
                    self._ask(CancelPlayback(piece.playback_id))
                    self.ledger.failed(piece.playback_id, 0.0, now)
                owed = [piece for piece in stuck if piece.kind != "filler"]
                for piece in owed:
                    self._say(piece.kind, piece.text, now, attempt=2)
                if not owed and self._answer is not None:
                    self._think_again(self._answer, use_fallback_model=True)
            case Step.GIVE_UP:
                self._give_up(now)

    def _consider_callers_silence(self, now: float) -> None:
        match self.dead_air.due(now):
            case CheckIn(text=text):
                self._say("check_in", text, now)
            case GiveUp():
                self._close("caller_silent", self.agent.settings.dead_air_settings.goodbye_message, now)
                if self._closing is not None:
                    self._closing.may_be_revoked = True

    def _consider_transfer(self, now: float) -> None:
        target = self._wanted_transfer
        if target is not None and self.ledger.is_quiet() and self._answer is None:
            self._wanted_transfer = None
            self._transfers += 1
            self._transfer_until = now + TRANSFER_PATIENCE_S
            self._ask(Transfer(target.name, target.number, self._transfers))
        elif self._transfer_until is not None and now >= self._transfer_until:
            self._transfer_until = None
            if self._closing is None:
                self.history.note("The transfer failed. Tell the caller and go on.", now)
                self._think(None, now)

    def _consider_machine_message(self, now: float) -> None:
        if self._message_due_at is not None and now >= self._message_due_at:
            self._message_due_at = None
            self._close("machine", self.agent.machine_message, now)

    def _length_deadline(self) -> float | None:
        if self._started_at is None or self._closing is not None or self._is_handed_over():
            return None
        end_at = self._started_at + self.agent.settings.dead_air_settings.max_call_duration
        return end_at if self._is_warned else end_at - WARN_BEFORE_MAX_S

    def _consider_length(self, now: float) -> None:
        due_at = self._length_deadline()
        if due_at is None or now < due_at:
            return
        if not self._is_warned:
            self._is_warned = True
            self.history.note("One minute of this call is left. Bring the conversation to an end.", now)
        else:
            self._close("max_duration", self.agent.settings.dead_air_settings.goodbye_message, now)

    def _consider_lost_media(self, now: float) -> None:
        if self._bridged_until is not None:
            if now >= self._bridged_until:
                self._finish("time_limit", "")
            return
        due_at = self._media_deadline()
        if due_at is not None and now >= due_at:
            self._close("media_lost", "", now)

    def _bridge(self, now: float) -> None:
        """The caller talks to somebody else from here on, however late the carrier says so."""
        if not self.ledger.is_quiet() or self._answer is not None:
            self._silence(now)
        self._bridged_until = now + BRIDGED_AT_MOST_S
        self._transfer_until = None

    def _media_deadline(self) -> float | None:
        if self._media_lost_at is None or self._closing is not None or self._is_handed_over():
            return None
        return self._media_lost_at + MEDIA_GRACE_S

    def _closing_deadline(self) -> float | None:
        if self._closing is None or self.hangup.is_asked or self._is_handed_over():
            return None
        closing, heard_until = self._closing, self.ledger.heard_until
        if self._media_lost_at is not None:
            return closing.since
        if self.ledger.is_quiet() and self._answer is None:
            return min(max(closing.since, heard_until), closing.hang_up_by)
        if self.ledger.audible():
            return closing.hang_up_by
        return min(max(closing.since, heard_until) + CLOSING_PATIENCE_S, closing.hang_up_by)

    def _consider_closing(self, now: float) -> None:
        due_at = self._closing_deadline()
        if due_at is None or now < due_at:
            return
        if not self.ledger.is_quiet() or self._answer is not None:
            self._void(now)  # what could not be said in time
        if self._wanted_transfer is not None and self._media_lost_at is None:
            self._consider_transfer(now)
        else:
            self._ask(HangUp(self.hangup.ask(now)))

    def _consider_hang_up(self, now: float) -> None:
        match self.hangup.due(now):
            case HangUpStep.ASK:
                self._ask(HangUp(self.hangup.ask(now)))
            case HangUpStep.UNCONFIRMED:
                self._finish("unconfirmed", "")

    # --- deeds ---

    def _say(self, kind: SpeechKind, text: str, now: float, attempt: int = 1) -> Piece:
        piece = self.ledger.ask(kind, text, now, attempt)
        self.history.agent_asked_to_say(piece, now)
        self._ask(Speak(piece.playback_id, piece.generation, piece.number, text, kind, attempt > 1))
        return piece

    def _say_otherwise(self, failed: Piece, now: float) -> None:
        """The voices could not say it: let the carrier's own voice do so. A filler is not worth that."""
        self._idle_from = now
        if failed.attempt < 3 and failed.kind != "filler":
            self._say_by_carrier(failed.kind, failed.text, now)

    def _say_by_carrier(self, kind: SpeechKind, text: str, now: float) -> None:
        piece = self.ledger.ask(kind, text, now, attempt=3)
        self.history.agent_asked_to_say(piece, now)
        self._ask(SpeakByCarrier(piece.playback_id, piece.generation, piece.number, piece.text))
        self.ledger.started(piece.playback_id, now)
        self.ledger.handed_over(piece.playback_id, 1.0 + len(piece.text) * CARRIER_SPEECH_S_PER_CHARACTER, now)

    def _silence(self, now: float) -> None:
        """The caller's word comes first: void what was not heard yet, and the transfer that goes with it."""
        if self._wanted_transfer is not None:
            self._wanted_transfer = None
            self.history.note("The transfer was not made: the caller spoke first.", now)
        self._void(now)

    def _void(self, now: float) -> None:
        """Void the answer under way and everything that was not heard yet."""
        self.ledger.clear(now)
        self._idle_from = now
        self._ask(StopSpeaking(self.ledger.generation))
        self._drop_answer(now)

    def _drop_answer(self, now: float) -> None:
        if self._answer is not None:
            self._ask(StopThinking(self._answer.turn_id))
            self._answer = None
            self._idle_from = now

    def _think(self, caller_ended_at: float | None, now: float) -> None:
        self._answer = self._unreported = Answer(self._next_turn_id(), now, caller_ended_at)
        self._ask(Think(self._answer.turn_id, self.history.messages(self.agent)))

    def _think_again(self, answer: Answer, use_fallback_model: bool = False) -> None:
        self._ask(StopThinking(answer.turn_id))
        answer.turn_id = self._next_turn_id()
        answer.tool_calls = answer.refused_tool_calls = 0
        self._ask(Think(answer.turn_id, self.history.messages(self.agent), use_fallback_model))

    def _answer_is_written(self, answer: Answer, now: float) -> None:
        """The model has said its part: let it go on after tools, try again if it said nothing at all."""
        is_settled = self._wanted_transfer is not None or self._closing is not None
        may_go_on = not is_settled and answer.tool_rounds < MAX_TOOL_ROUNDS
        if may_go_on and (answer.refused_tool_calls or (answer.tool_calls and answer.sentences == 0)):
            answer.tool_rounds += 1
            self._think_again(answer)
        elif answer.sentences == 0 and answer.tool_rounds == 0 and not is_settled:
            self._answer_failed(answer, now)
        else:
            self._answer_is_over(now)

    def _answer_is_over(self, now: float) -> None:
        self._answer = None
        self._idle_from = now

    def _use_tool(self, event: ToolCalled, answer: Answer, now: float) -> bool:
        """True if it could be used."""
        result = "ok"
        if event.name not in self.agent.tools:
            result = f"There is no tool {event.name!r}."
        elif event.name == "hold":
            self.dead_air.hold_asked()
        elif event.name == "hang_up":
            goodbye = self.agent.settings.dead_air_settings.goodbye_message if answer.sentences == 0 else ""
            self._close("agent_hung_up", goodbye, now, keep_answer=True)
        elif event.name == "transfer":
            target = self.agent.target(str(event.arguments.get("target", "")))
            allowed = ", ".join(target.name for target in self.agent.transfer_targets)
            result = "ok" if target else f"Not an allowed target. Allowed: {allowed}."
            self._wanted_transfer = target
        else:
            digits = str(event.arguments.get("digits", ""))
            if DTMF_DIGITS.match(digits):
                self._dtmf_count += 1
                self._ask(SendDtmf(digits, self._dtmf_count))
            else:
                result = "Not sent: digits may be 0-9, A-D, *, #, w and W, at most 32."
        self.history.tool_used(event.tool_call_id, event.name, event.arguments, result, now)
        return result == "ok"

    def _give_up(self, now: float) -> None:
        """Nothing helped: apologise, then hand the caller to a person or hang up."""
        is_voice_dead = bool(self.ledger.requested())
        self._silence(now)
        settings = self.agent.settings.no_progress
        if is_voice_dead:
            self._say_by_carrier("apology", settings.apology_message, now)
        else:
            self._say("apology", settings.apology_message, now)
        self._wanted_transfer = self.agent.target(settings.transfer_target) if settings.transfer_target else None
        self._close("failed", "", now)

    def _close(self, outcome: str, goodbye: str, now: float, keep_answer: bool = False) -> None:
        """End the call once what is being said, and the goodbye, was heard."""
        if self._closing is not None:
            return
        self._closing = Closing(outcome, now, hang_up_by=now + CLOSING_AT_MOST_S)
        self._endpointing.forget()
        if not keep_answer:
            self._drop_answer(now)
        if goodbye:
            self._say("goodbye", goodbye, now)

    def _finish(self, cause: str, source: str) -> None:
        self.turn.move(TurnState.TERMINATED)
        if self._answer is not None:
            self._ask(StopThinking(self._answer.turn_id))
            self._answer = None
        if self._bridged_until is not None:
            outcome = "transferred"
        elif self._closing is not None:
            outcome = self._closing.outcome
        else:
            outcome = "caller_hung_up" if source in ("caller", "callee") else "ended_by_carrier"
        asked = self.hangup.is_asked
        who = "agent" if asked else "caller" if source in ("caller", "callee") else "carrier"
        self._ask(FinishCall(outcome, who, cause))  # type: ignore[arg-type]

    # --- derived state ---

    def _has_begun(self) -> bool:
        """False until there is a media stream, or news that it was lost before it brought anything."""
        return self._started_at is not None or self._media_lost_at is not None

    def _audible_kinds(self) -> set[SpeechKind]:
        return {piece.kind for piece in self.ledger.audible()}

    def _is_handed_over(self) -> bool:
        return self._bridged_until is not None or self._transfer_until is not None

    def _set_clocks(self, now: float) -> None:
        audible = self.ledger.audible()
        owes = self._answer is not None or bool(self.ledger.requested())
        is_elsewhere = self._started_at is None or self._message_due_at is not None or self._is_handed_over()
        if self._closing is not None or is_elsewhere:
            self.dead_air.agent_busy()
            self._no_progress.satisfied()
            return
        if owes and not any(piece.kind != "filler" for piece in audible):
            began_at = self._answer.began_at if self._answer is not None else self.ledger.requested()[0].asked_at
            self._no_progress.owed(max(began_at, self._last_owed_audio_ended_at()))
        else:
            self._no_progress.satisfied()
        if owes or audible or self._endpointing.has_words or self._wanted_transfer is not None:
            self.dead_air.agent_busy()
        else:
            self.dead_air.agent_heard(max(self.ledger.heard_until, self._idle_from))

    def _last_owed_audio_ended_at(self) -> float:
        ended = (
            piece.ended_at
            for piece in self.ledger.pieces[-16:]
            if piece.kind != "filler" and piece.state == PieceState.HEARD
        )
        return max(ended, default=0.0)

    def _set_turn(self) -> None:
        if self._started_at is None:
            return
        wanted = TurnState.SPEAKING if self.ledger.audible() else TurnState.LISTENING
        if self.turn.state == TurnState.BARGED_IN and (wanted == TurnState.SPEAKING or self._answer is not None):
            self.turn.move(TurnState.LISTENING)
        if self.turn.state not in (wanted, TurnState.BARGED_IN):
            self.turn.move(wanted)

    def _report_first_audio(self, now: float) -> None:
        if self._unreported is not None:
            self._unreported.first_audio_at = now
            self._ask(self._unreported.report())
            self._unreported = None

    def _next_turn_id(self) -> str:
        self._turn_count += 1
        return f"{self._call_key}-t{self._turn_count}"

    def _ask(self, command: Command) -> None:
        self._commands.append(command)
