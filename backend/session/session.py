"""The shell of one call: one inbox, one hand.

Greenlets read the socket, run the model, pull audio, ask the carrier; they only post events. One greenlet, `run`, takes
one event (or the timeout), hands it to `Conversation.handle` with the time, carries out each command, and asks for the
next deadline. `handle` never yields, so nothing here needs a lock. Every event and command is logged without the
caller's words: that log is the call's story.

Decides nothing about the conversation. A bug in the core or here costs this one call: it is hung up, its trace is in
the log, the others do not notice.
"""

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import structlog
from gevent.queue import Empty, SimpleQueue

from backend.audio.echo import EchoGuard
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
from backend.call.core_log import CoreStart
from backend.call.events import (
    AgentDoneSpeaking,
    Event,
    MediaStarted,
    MediaStopped,
    SpeechEnded,
    SpeechStarted,
)
from backend.call.leg import LegState
from backend.carrier.base import MediaStream
from backend.engines.stt import choose_recogniser
from backend.live.teller import Teller, live_call
from backend.metrics import (
    CHECK_INS,
    DRAFTS,
    END_OF_TURN_SECONDS,
    EVENTS_IGNORED,
    FIRST_AUDIO_SECONDS,
    FIRST_SENTENCE_SECONDS,
)
from backend.session.abort_chain import AbortChain, AbortReport, legs_of
from backend.session.carrier_requests import CarrierRequests
from backend.session.core_recorder import CoreRecorder, call_key_of
from backend.session.ear import SAMPLE_RATE, Ear
from backend.session.emergency import apologise_and_hang_up
from backend.session.leg_commands import LegCommands
from backend.session.listen_in import ListenIn
from backend.session.listeners import Listeners
from backend.session.playback_delivery import PlaybackDelivery
from backend.session.record import CallRecorder
from backend.session.services import CallServices
from backend.session.speaker import Delivery, Speaker
from backend.session.stream_delivery import StreamDelivery
from backend.session.thinker import Thinker
from backend.session.transcriber import Transcriber
from backend.session.turn_predictor import TurnPredictor

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

START_WITHIN_S = 10.0
"""How soon after the socket opened its stream must begin; the carrier opens it on legs that are answered."""
TRACE_LENGTH = 200
"""How many of the last events and commands are logged when a bug ends a call."""


class SessionWatcher(Protocol):
    """Who wants to know how one call goes. Called by the session's own greenlet: must neither block nor raise."""

    def began(self, conversation: Conversation) -> None:
        """Before anything happens."""
        ...

    def stepped(self, event: Event | None, now: float) -> None:
        """The conversation has taken an event that meant something to it, or the time."""
        ...

    def finished(self, command: FinishCall) -> None: ...


class Session:
    """One call on its owner. Implements MediaListener for the socket that carries it."""

    def __init__(
        self,
        services: CallServices,
        call_control_id: str,
        leg: LegState,
        agent: AgentConfig,
        stream: MediaStream,
        on_over: Callable[["Session"], None],
        watcher: SessionWatcher | None = None,
    ) -> None:
        self.call_control_id = call_control_id
        self._services = services
        self._clock = services.clock
        self._agent = agent
        self._stream = stream
        self._on_over = on_over
        self._inbox: SimpleQueue[Event] = SimpleQueue()
        recogniser = choose_recogniser(agent.recogniser, services.stt_engine, services.recognisers)
        start = CoreStart(agent, call_key_of(call_control_id), leg.direction, services.may_barge_in, recogniser)
        self._conversation = start.conversation()
        self._watcher = watcher
        if watcher is not None:
            watcher.began(self._conversation)
        self._core_recorder = CoreRecorder(services.record_core_dir, start)
        self._leg_commands = LegCommands(services, call_control_id)
        self._carrier = CarrierRequests(self._leg_commands, call_control_id, agent.language, self.post)
        self._transcriber: Transcriber | None = None
        self._thinker = Thinker(services.llm, agent, call_control_id, self.post)
        self._recorder = CallRecorder(services, call_control_id, leg)
        call = live_call(call_control_id, leg, agent, services.worker_id)
        self.live = Teller(services.feed, call, self._conversation, self._clock)
        self._listeners = Listeners(
            services, agent, call_control_id, publish=self.live.publish, note=self._recorder.note, post=self.post
        )
        self.audio_taps = self._listeners.taps
        self.listen_in = ListenIn(self.audio_taps, self._clock, services.stores.database, call_control_id)
        self._speaker: Speaker | None = None
        self._ear: Ear | None = None
        self._echo_guard = EchoGuard()
        self._turn_predictor: TurnPredictor | None = None
        self._audio_listeners: list[Callable[[bytes], None]] = []
        """Who wants the caller's decoded audio, besides the voice activity detector."""
        self._abort_chain: AbortChain | None = None
        self._handled_s = 0.0
        """How long the core took for the present event."""
        self._is_stillborn = False
        self._trace: deque[str] = deque(maxlen=TRACE_LENGTH)
        self._greenlet = gevent.spawn(self.run)
        self._start_watch = gevent.spawn_later(START_WITHIN_S, self._expect_start)

    # --- what reaches the call ---

    def post(self, event: Event) -> None:
        """Hand in an event. May be called from any greenlet and from the hub."""
        self._inbox.put(event)

    def look(self) -> None:
        """Fetch what other workers learned: the flag and the mailbox. StoreErrors are for the caller."""
        for event in self._services.stores.mailbox.take_all(self.call_control_id):
            if not self.listen_in.takes(event):
                self.post(event)
        flag = self._services.stores.flags.take_agent_done_speaking(self.call_control_id)
        if flag is not None:
            self.post(AgentDoneSpeaking(generation=flag[0], up_to=flag[1]))

    def on_started(self, encoding: str, sample_rate: int) -> None:
        if self._ear is not None or self._conversation.is_over:
            return
        self._listeners.began()
        self._audio_listeners.append(self.audio_taps.caller_said)
        turn_model = self._services.turn_model
        if turn_model is not None:
            self._turn_predictor = TurnPredictor(turn_model, SAMPLE_RATE, self.call_control_id, self._clock, self.post)
            self._audio_listeners.append(self._turn_predictor.feed)
        self._transcriber = self._make_transcriber()
        vad, feed = self._services.vad, self._pass_on_audio
        lasted_s = self._agent.settings.turn_taking.interruption_by_sound_s
        self._ear = Ear(vad, encoding, self._clock, self._voice_changed, feed, lasted_s, echo_guard=self._echo_guard)
        delivery = self._delivery()
        self._speaker = Speaker(self._services, self._agent, self.call_control_id, delivery, self.post)
        legs = legs_of(self._speaker, delivery, self._clear_carrier, self._thinker, self._transcriber)
        self._abort_chain = AbortChain(legs, self.call_control_id, self._clock, self._note_abort)
        self.post(MediaStarted())

    def on_audio(self, encoded: bytes) -> None:
        if self._ear is not None:
            self._ear.on_audio(encoded)

    def on_voice_step(self) -> None:
        """The worker's voice activity detector has made its step."""
        if self._ear is not None:
            self._ear.report()
        if self._transcriber is not None:
            self._transcriber.step()

    def _pass_on_audio(self, pcm: bytes) -> None:
        for feed in self._audio_listeners:
            feed(pcm)

    def _voice_changed(self, event: Event) -> None:
        self.post(event)
        if self._turn_predictor is not None:
            self._turn_predictor.noticed(event)
        if self._transcriber is not None and isinstance(event, SpeechStarted | SpeechEnded):
            self._transcriber.voice(event)

    def on_mark(self, name: str) -> None:
        if self._speaker is not None:
            self._speaker.mark_returned(name)

    def on_dtmf(self, digit: str) -> None:
        """The webhook reports the same key; one of the two is enough, and only it comes for every delivery."""

    def on_stopped(self, reason: str) -> None:
        # A socket that closes before its stream began: no conversation has begun either, and none of its clocks would
        # ever end this session. The leg lives on without an owner: another stream is asked for, or the sweeper comes.
        self._is_stillborn = self._ear is None
        self.post(MediaStopped(reason))

    def _expect_start(self) -> None:
        """A socket that never brings a stream must not hold the call for ever."""
        if self._ear is None:
            log.warning("stream_never_began", call_control_id=self.call_control_id)
            self._stream.close()
            self.on_stopped("never began")

    # --- the one hand ---

    def run(self) -> None:
        with structlog.contextvars.bound_contextvars(call_control_id=self.call_control_id):
            try:
                while not self._conversation.is_over and not self._is_stillborn:
                    self._step(self._next_event())
            except Exception as error:  # one bug costs one call: whatever it is, this call ends and is explained
                self._fail(error)
            finally:
                self._release()

    def _next_event(self) -> Event | None:
        deadline = self._conversation.deadline()
        timeout_s = None if deadline is None else max(0.0, deadline - self._clock.monotonic())
        try:
            event: Event = self._inbox.get(timeout=timeout_s)
        except Empty:
            return None
        return event

    def _step(self, event: Event | None) -> None:
        now = self._clock.monotonic()
        ignored_before = self._conversation.ignored_events
        if event is not None:
            self._note("event", event)
        commands = self._conversation.handle(event, now)
        self._handled_s = self._clock.monotonic() - now
        self._listeners.step(event, self._conversation)
        if self._core_recorder.is_on:
            self._core_recorder.step(now, event, commands, self._conversation.deadline())
        if self._conversation.ignored_events > ignored_before:
            EVENTS_IGNORED.count(reason="stale_or_unexpected")
        self.live.step(event, commands, now)
        if self._watcher is not None:
            is_ignored = self._conversation.ignored_events > ignored_before
            self._watcher.stepped(None if is_ignored else event, now)
        for command in commands:
            self._note("command", command)
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Speak():
                if command.kind == "check_in":
                    CHECK_INS.count()
                if self._speaker is not None:
                    self._speaker.say(command)
            case AbortSpeech():
                if self._abort_chain is not None:
                    self._abort_chain.run(command, self._handled_s)
            case CancelPlayback():
                if self._speaker is not None:
                    self._speaker.cancel(command.playback_id)
            case Think():
                self._thinker.think(command)
            case StopThinking():
                self._thinker.stop(command.turn_id)
            case StartTranscription():
                self._start_transcription(command)
            case SpeakByCarrier():
                self._carrier.speak(command)
            case StopTranscription() | SendDtmf() | Transfer() | HangUp():
                self._carrier.carry_out(command)
            case ReportTurn():
                self._report_turn(command)
            case ReportDraft():
                DRAFTS.count(result="used" if command.was_used else "thrown_away")
            case FinishCall():
                if self._watcher is not None:
                    self._watcher.finished(command)
                self._recorder.finish(command, self._conversation, self._clock.monotonic())
            case _:
                raise TypeError(f"no one carries out {type(command).__name__}")

    # --- the recogniser of our own, if the agent has one ---

    def _make_transcriber(self) -> Transcriber | None:
        name = self._conversation.recogniser
        stt = self._services.recognisers.get(name)
        if stt is None:
            return None
        transcriber = Transcriber(
            stt,
            name,
            self._agent.language,
            self._clock,
            self.post,
            sample_rate=SAMPLE_RATE,
            call_control_id=self.call_control_id,
        )
        self._audio_listeners.append(transcriber.feed)
        return transcriber

    def _start_transcription(self, command: StartTranscription) -> None:
        if self._transcriber is not None and command.recogniser == self._conversation.recogniser:
            self._transcriber.start()
        else:
            self._carrier.carry_out(command)

    # --- falling silent ---

    def _clear_carrier(self, command: AbortSpeech) -> None:
        self._carrier.fall_silent(command.generation)
        if self._speaker is not None:
            self._speaker.clear_carrier(command.generation)

    def _note_abort(self, report: AbortReport) -> None:
        self._recorder.note("SpeechAborted", report.fields(), self._clock.wall())

    # --- around ---

    def _delivery(self) -> Delivery:
        if self._agent.audio_delivery == "playback":
            return PlaybackDelivery(
                self._services, self._leg_commands, self.call_control_id, self.post, self.audio_taps
            )
        return StreamDelivery(self._stream, self._clock, self.post, self._echo_guard, self.audio_taps)

    def _report_turn(self, command: ReportTurn) -> None:
        self._recorder.turn_measured(command)
        for histogram, value in (
            (END_OF_TURN_SECONDS, command.end_of_turn_s),
            (FIRST_SENTENCE_SECONDS, command.first_sentence_s),
            (FIRST_AUDIO_SECONDS, command.first_audio_s),
        ):
            if value is not None:
                histogram.observe(value)
        log.info("turn_measured", **dataclasses.asdict(command))

    def _note(self, kind: str, thing: Event | Command) -> None:
        """One log line, with the words and numbers left out; the record's timeline gets the same."""
        fields: dict[str, Any] = {}
        for field in dataclasses.fields(thing):
            value = getattr(thing, field.name)
            if isinstance(value, int | float | bool | str) and field.name not in _PRIVATE_FIELDS:
                fields[field.name] = value
        name = type(thing).__name__
        self._trace.append(f"{kind} {name} {fields}")
        self._recorder.note(name, fields, self._clock.wall())
        log.info(f"call_{kind}", name=name, **{f"{key}_": value for key, value in fields.items()})

    def _fail(self, error: Exception) -> None:
        log.exception("call_failed_by_a_bug", trace=list(self._trace), error=type(error).__name__)
        self.live.failed()
        self._stream.clear()
        gevent.spawn(apologise_and_hang_up, self._leg_commands, self._agent)
        self._recorder.finish(
            FinishCall("failed", "agent", "internal_error"), self._conversation, self._clock.monotonic()
        )

    def _release(self) -> None:
        """Give everything back, whatever way the call ended."""
        self._start_watch.kill(block=False)
        self._core_recorder.close()
        self.live.close()
        self._thinker.close()
        if self._abort_chain is not None:
            self._abort_chain.close()
        if self._speaker is not None:
            self._speaker.close()
        if self._ear is not None:
            self._ear.close()
        if self._transcriber is not None:
            self._transcriber.close()
        if self._turn_predictor is not None:
            self._turn_predictor.close()
        self._listeners.close()
        self._stream.close()
        self._on_over(self)


_PRIVATE_FIELDS = frozenset({"text", "digit", "digits", "number", "from_number", "to_number", "messages", "arguments"})
"""Fields that hold what somebody said or dialled: never in a log."""
