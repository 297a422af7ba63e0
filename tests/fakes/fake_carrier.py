"""A carrier that writes down what it is asked, and obeys or refuses as told.

    carrier.will("hang_up", Unavailable("away"), None)     # the first one fails, the second works
    carrier.asked[-1].arguments["audio_url"]

A command that is repeated with the same `command_id` is written down again, because that is what happened, but only
`effects` lists it once, as the real carrier would carry it out once.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backend.carrier.base import DialledCall
from backend.errors import CarrierError


@dataclass(frozen=True, slots=True)
class Asked:
    """One command, whether it was obeyed or not."""

    name: str
    call_control_id: str
    command_id: str
    arguments: dict[str, Any] = field(default_factory=dict)


class FakeCarrier:
    """A `CarrierClient`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.alive: dict[str, dict[str, Any]] = {}
        """Legs that `is_alive` and `live_calls` know, with what was attached to them."""
        self.on_ask: Callable[[Asked], None] = lambda asked: None
        """Called before a command is answered: here a test looks at what had been done by then."""
        self._outcomes: dict[str, deque[CarrierError | None]] = defaultdict(deque)
        self._always: dict[str, CarrierError] = {}

    # --- for the test ---

    def will(self, command: str, *outcomes: CarrierError | None) -> None:
        """What the next commands of that name lead to, in order; None is success, and so is whatever comes after."""
        self._outcomes[command].extend(outcomes)

    def always(self, command: str, error: CarrierError | None) -> None:
        """Every command of that name fails from now on; None: works again."""
        self._always.pop(command, None)
        if error is not None:
            self._always[command] = error

    def names(self, call_control_id: str | None = None) -> list[str]:
        """The names of what was asked, in order."""
        return [asked.name for asked in self.asked if call_control_id in (None, asked.call_control_id)]

    def of(self, command: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.name == command]

    @property
    def effects(self) -> list[Asked]:
        """What was asked, repetitions with the same `command_id` left out."""
        first: dict[str, Asked] = {}
        for asked in self.asked:
            first.setdefault(asked.command_id or str(id(asked)), asked)
        return list(first.values())

    # --- the contract ---

    def answer(self, call_control_id: str, *, command_id: str, client_state: dict[str, Any]) -> None:
        self._take("answer", call_control_id, command_id, client_state=client_state)

    def reject(self, call_control_id: str, *, command_id: str) -> None:
        self._take("reject", call_control_id, command_id)

    def start_stream(self, call_control_id: str, *, command_id: str, stream_url: str, auth_token: str) -> None:
        self._take("start_stream", call_control_id, command_id, stream_url=stream_url, auth_token=auth_token)

    def stop_stream(self, call_control_id: str, *, command_id: str) -> None:
        self._take("stop_stream", call_control_id, command_id)

    def start_transcription(self, call_control_id: str, *, command_id: str, language: str) -> None:
        self._take("start_transcription", call_control_id, command_id, language=language)

    def stop_transcription(self, call_control_id: str, *, command_id: str) -> None:
        self._take("stop_transcription", call_control_id, command_id)

    def start_playback(self, call_control_id: str, *, command_id: str, audio_url: str) -> None:
        self._take("start_playback", call_control_id, command_id, audio_url=audio_url)

    def stop_playback(self, call_control_id: str, *, command_id: str) -> None:
        self._take("stop_playback", call_control_id, command_id)

    def speak(self, call_control_id: str, *, command_id: str, text: str, language: str) -> None:
        self._take("speak", call_control_id, command_id, text=text, language=language)

    def send_dtmf(self, call_control_id: str, *, command_id: str, digits: str) -> None:
        self._take("send_dtmf", call_control_id, command_id, digits=digits)

    def transfer(
        self, call_control_id: str, *, command_id: str, to_number: str, timeout_s: int, time_limit_s: int
    ) -> None:
        self._take(
            "transfer",
            call_control_id,
            command_id,
            to_number=to_number,
            timeout_s=timeout_s,
            time_limit_s=time_limit_s,
        )

    def hang_up(self, call_control_id: str, *, command_id: str) -> None:
        self._take("hang_up", call_control_id, command_id)
        self.alive.pop(call_control_id, None)

    def dial(
        self,
        *,
        command_id: str,
        from_number: str,
        to_number: str,
        client_state: dict[str, Any],
        detect_machine: bool,
        time_limit_s: int,
        ring_timeout_s: int,
    ) -> DialledCall:
        dialled = DialledCall(f"v3:dialled-{len(self.of('dial')) + 1}", "session-1")
        self._take("dial", dialled.call_control_id, command_id, from_number=from_number, to_number=to_number)
        self.alive[dialled.call_control_id] = client_state
        return dialled

    def is_alive(self, call_control_id: str) -> bool:
        self._take("is_alive", call_control_id, "")
        return call_control_id in self.alive

    def live_calls(self) -> dict[str, dict[str, Any]]:
        self._take("live_calls", "", "")
        return {call: dict(state) for call, state in self.alive.items()}

    def _take(self, name: str, call_control_id: str, command_id: str, **arguments: Any) -> None:
        asked = Asked(name, call_control_id, command_id, arguments)
        self.on_ask(asked)
        self.asked.append(asked)
        outcome = self._outcomes[name].popleft() if self._outcomes[name] else self._always.get(name)
        if outcome is not None:
            raise outcome
