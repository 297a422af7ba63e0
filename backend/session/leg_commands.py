"""Commands to the carrier for one leg: named, counted, timed, each with a `command_id` that follows from what it means.

The same wish has the same id on every worker and every retry, so the carrier drops what it has already done. Errors go to
the caller of these methods; `CallGone` while ending a call is a success there. Runs in whichever greenlet asks: these
methods block for up to ~5 s and must not be called from the hub or the session's own loop.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import structlog

from backend.call.commands import HangUp, SendDtmf, Speak, SpeakByCarrier, Transfer
from backend.call.transfer import TRANSFER_RING_S
from backend.errors import CarrierError
from backend.metrics import CARRIER_COMMAND_SECONDS, CARRIER_COMMANDS
from backend.session.services import CallServices

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TRANSFERRED_AT_MOST_S = 4 * 3600


class LegCommands:
    """What can be asked for one leg."""

    def __init__(self, services: CallServices, call_control_id: str) -> None:
        self._services = services
        self._carrier = services.carrier
        self.call_control_id = call_control_id

    def answer(self, client_state: dict[str, Any]) -> None:
        self._do("answer", "1", lambda id_: self._carrier.answer(self._call, command_id=id_, client_state=client_state))

    def reject(self) -> None:
        self._do("reject", "1", lambda id_: self._carrier.reject(self._call, command_id=id_))

    def start_stream(self, attempt: int) -> None:
        """Mints the one-time token that the socket must show. Raises StoreError without asking if it cannot be kept."""
        token = self._services.stores.stream_tokens.issue(self._call, self._services.clock.wall())
        url = self._services.media_url(self._call)
        self._do(
            "start_stream",
            str(attempt),
            lambda id_: self._carrier.start_stream(self._call, command_id=id_, stream_url=url, auth_token=token),
        )

    def start_transcription(self, language: str, attempt: int = 1) -> None:
        self._do(
            "start_transcription",
            str(attempt),
            lambda id_: self._carrier.start_transcription(self._call, command_id=id_, language=language),
        )

    def stop_transcription(self, attempt: int) -> None:
        self._do(
            "stop_transcription",
            str(attempt),
            lambda id_: self._carrier.stop_transcription(self._call, command_id=id_),
        )

    def start_playback(self, command: Speak, secret: str) -> None:
        url = self._services.audio_url(self._call, command.generation, command.number, secret)
        self._do(
            "start_playback",
            command.playback_id,
            lambda id_: self._carrier.start_playback(self._call, command_id=id_, audio_url=url),
        )

    def stop_playback(self, generation: int) -> None:
        self._do("stop_playback", str(generation), lambda id_: self._carrier.stop_playback(self._call, command_id=id_))

    def speak(self, command: SpeakByCarrier, language: str) -> None:
        self._do(
            "speak",
            command.playback_id,
            lambda id_: self._carrier.speak(self._call, command_id=id_, text=command.text, language=language),
        )

    def send_dtmf(self, command: SendDtmf) -> None:
        self._do(
            "send_dtmf",
            str(command.sequence),
            lambda id_: self._carrier.send_dtmf(self._call, command_id=id_, digits=command.digits),
        )

    def transfer(self, command: Transfer) -> None:
        self._do(
            "transfer",
            str(command.attempt),
            lambda id_: self._carrier.transfer(
                self._call,
                command_id=id_,
                to_number=command.number,
                timeout_s=TRANSFER_RING_S,
                time_limit_s=TRANSFERRED_AT_MOST_S,
            ),
        )

    def hang_up(self, command: HangUp) -> None:
        self._do("hang_up", str(command.attempt), lambda id_: self._carrier.hang_up(self._call, command_id=id_))

    @property
    def _call(self) -> str:
        return self.call_control_id

    def _do(self, name: str, which: str, ask: Callable[[str], None]) -> None:
        command_id = hashlib.sha256(f"{self._call}:{name}:{which}".encode()).hexdigest()[:32]
        outcome = "ok"
        started_at = time.perf_counter()
        try:
            ask(command_id)
        except CarrierError as error:
            outcome = type(error).__name__
            raise
        finally:
            CARRIER_COMMANDS.count(command=name, outcome=outcome)
            CARRIER_COMMAND_SECONDS.observe(time.perf_counter() - started_at)
            log.info("carrier_command", command=name, which=which, outcome=outcome)
