"""What one call asks of its carrier leg: each request in a greenlet of its own, so that no answer is waited for in line.

Decides: what a refusal means. A leg that is gone has hung up; a hang-up that is refused, a transfer or a text that failed
have events of their own; whatever else fails is a CarrierCommandFailed. What follows from them is the core's matter.
How a request is put to the carrier stands in `leg_commands.py`.
"""

from collections.abc import Callable
from typing import Any

import gevent
import structlog
from gevent import Greenlet

from backend.call.commands import (
    HangUp,
    SendDtmf,
    SpeakByCarrier,
    StartTranscription,
    StopTranscription,
    Transfer,
)
from backend.call.events import (
    CallHungUp,
    CarrierCommandFailed,
    Event,
    HangUpAccepted,
    HangUpRefused,
    SynthesisFailed,
    TransferFailed,
)
from backend.engines.stt_carrier import CarrierTranscription
from backend.errors import CallGone, CarrierError, StoreError
from backend.session.leg_commands import LegCommands

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class CarrierRequests:
    """One call's. Results are posted as events."""

    def __init__(
        self, leg_commands: LegCommands, call_control_id: str, language: str, post: Callable[[Event], None]
    ) -> None:
        self._leg_commands = leg_commands
        self._call_control_id = call_control_id
        self._language = language
        self._post = post
        self._ear = CarrierTranscription(leg_commands.start_transcription, leg_commands.stop_transcription, language)
        self._uses_carrier_voice = False
        self._helpers: set[Greenlet] = set()

    def carry_out(self, command: Transfer | HangUp | SendDtmf | StartTranscription | StopTranscription) -> None:
        """Ask for it, in the background."""
        match command:
            case HangUp():
                self._ask(self._hang_up, command)
            case Transfer():
                self._ask(self._transfer, command)
            case SendDtmf():
                self._ask(self._leg_commands.send_dtmf, command)
            case StartTranscription():
                self._ask(self._ear.start_transcription, command)
            case StopTranscription():
                self._ask(self._ear.stop_transcription, command)

    def speak(self, command: SpeakByCarrier) -> None:
        """With the carrier's own voice."""
        self._uses_carrier_voice = True
        self._ask(self._speak, command)

    def fall_silent(self, generation: int) -> None:
        """Stop the carrier's own voice, if it was used: clearing the media stream does not touch what it says itself."""
        if self._uses_carrier_voice:
            self._uses_carrier_voice = False
            self._ask(self._leg_commands.stop_playback, generation)

    def _ask(self, ask: Callable[..., None], *arguments: Any) -> None:
        greenlet = gevent.spawn(self._ask_and_report, ask, *arguments)
        self._helpers.add(greenlet)
        greenlet.link(self._helpers.discard)

    def _ask_and_report(self, ask: Callable[..., None], *arguments: Any) -> None:
        with structlog.contextvars.bound_contextvars(call_control_id=self._call_control_id):
            try:
                ask(*arguments)
            except CallGone:
                self._post(CallHungUp(cause="already_ended"))
            except (CarrierError, StoreError) as error:
                log.warning("command_failed", command=ask.__name__, error=str(error))
                self._post(CarrierCommandFailed(ask.__name__, getattr(error, "code", "")))

    def _hang_up(self, command: HangUp) -> None:
        try:
            self._leg_commands.hang_up(command)
        except CallGone:
            raise
        except CarrierError as error:
            log.warning("hang_up_refused", attempt=command.attempt, error=str(error))
            self._post(HangUpRefused())
        else:
            self._post(HangUpAccepted())

    def _transfer(self, command: Transfer) -> None:
        try:
            self._leg_commands.transfer(command)
        except CallGone:
            raise
        except CarrierError as error:
            log.warning("transfer_failed", error=str(error))
            self._post(TransferFailed(command.name))

    def _speak(self, command: SpeakByCarrier) -> None:
        try:
            self._leg_commands.speak(command, self._language)
        except CallGone:
            raise
        except CarrierError as error:
            log.warning("carrier_voice_failed", error=str(error))
            self._post(SynthesisFailed(command.playback_id, command.generation, "carrier_voice"))
