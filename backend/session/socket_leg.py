"""The leg of a caller who has no telephone line: all there is is the socket.

A CarrierClient for one call. Decides what of a carrier's services exists there:

| asked for                     | on a socket                                                                          |
|-------------------------------|--------------------------------------------------------------------------------------|
| hang up                       | the leg is over at once; the session closes the socket when it ends                  |
| the carrier's transcription   | does not exist. Granted while the caller only types, since then nobody is misheard;  |
|                               | refused once there is a voice that nobody would hear                                 |
| its own voice, a transfer,    | refused: the conversation knows what follows                                         |
| keys, playback of a file      |                                                                                      |

And what an agent is on a socket (`agent_on_socket`): its words over the socket, a recogniser of our own, no tools for the
telephone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp, Event
from backend.carrier.base import DialledCall
from backend.errors import Rejected
from backend.session.services import CallServices

NO_TELEPHONE = (
    "The caller talks to you over the internet, not over a telephone line: "
    "you can neither transfer the call nor press keys. If you are asked to, say so."
)
_TELEPHONE_TOOLS = ("transfer", "send_dtmf")


class SocketLeg:
    """A CarrierClient. `post` takes the events of the call, `has_voice` tells whether audio has come from the caller."""

    def __init__(self, has_voice: Callable[[], bool]) -> None:
        self._has_voice = has_voice
        self.post: Callable[[Event], None] = lambda event: None
        """The session's, once there is one."""

    def hang_up(self, call_control_id: str, *, command_id: str) -> None:
        self.post(CallHungUp("normal_clearing", "callee"))

    def start_transcription(self, call_control_id: str, *, command_id: str, language: str) -> None:
        if self._has_voice():
            self._refuse()

    def stop_transcription(self, call_control_id: str, *, command_id: str) -> None: ...

    def stop_playback(self, call_control_id: str, *, command_id: str) -> None: ...

    def answer(self, call_control_id: str, *, command_id: str, client_state: dict[str, Any]) -> None:
        self._refuse()

    def reject(self, call_control_id: str, *, command_id: str) -> None:
        self._refuse()

    def start_stream(self, call_control_id: str, *, command_id: str, stream_url: str, auth_token: str) -> None:
        self._refuse()

    def stop_stream(self, call_control_id: str, *, command_id: str) -> None:
        self._refuse()

    def start_playback(self, call_control_id: str, *, command_id: str, audio_url: str) -> None:
        self._refuse()

    def speak(self, call_control_id: str, *, command_id: str, text: str, language: str) -> None:
        self._refuse()

    def send_dtmf(self, call_control_id: str, *, command_id: str, digits: str) -> None:
        self._refuse()

    def transfer(
        self, call_control_id: str, *, command_id: str, to_number: str, timeout_s: int, time_limit_s: int
    ) -> None:
        self._refuse()

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
        raise self._refusal()

    def is_alive(self, call_control_id: str) -> bool:
        return True

    def live_calls(self) -> dict[str, dict[str, Any]]:
        return {}

    def _refuse(self) -> None:
        raise self._refusal()

    def _refusal(self) -> Rejected:
        return Rejected("this caller has no telephone line", code="no_telephone_line")


def own_recogniser(agent: AgentConfig, services: CallServices) -> str:
    """Who understands the voice of a caller on a socket: the agent's wish, the installation's default, the sidecar; "" when
    there is none of them. What an installation merely could reach (OpenAI) is not chosen unless somebody named it."""
    available: Mapping[str, object] = services.recognisers
    return next((name for name in (agent.recogniser, services.stt_engine, "sidecar") if name in available), "")


def agent_on_socket(agent: AgentConfig, recogniser: str) -> AgentConfig:
    """The same agent for a caller without a telephone line. `recogniser`: "" for none."""
    tools = [tool for tool in agent.tools if tool not in _TELEPHONE_TOOLS]
    changes: dict[str, Any] = {"audio_delivery": "stream", "recogniser": recogniser or "carrier", "tools": tools}
    if tools != agent.tools:
        changes["instructions"] = f"{agent.instructions}\n\n{NO_TELEPHONE}"
    return agent.model_copy(update=changes)
