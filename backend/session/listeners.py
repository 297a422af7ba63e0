"""Who listens to a call's audio besides its recogniser: the recording and the analysis of the tone.

Decides who of them there is, from the agent and the installation; each has its own module (`recording.py`,
`live/tone/tap.py`). Anybody else may add a tap of their own (`taps`).
"""

from collections.abc import Callable
from typing import Any

from backend.call.agent_config import AgentConfig
from backend.call.conversation import Conversation
from backend.call.events import Event, ToneHeard
from backend.live.tone.analyser import Judged
from backend.live.tone.tap import ToneTap
from backend.session.audio_taps import AudioTaps
from backend.session.recording import Note, Recording
from backend.session.services import CallServices

LONGER_S = 300.0
"""What a call may last beyond its longest duration: goodbyes, a transfer that is tried."""


class Listeners:
    """Of one call. `publish` tells its watchers, `note` its record, `post` the conversation."""

    def __init__(
        self,
        services: CallServices,
        agent: AgentConfig,
        call_control_id: str,
        *,
        publish: Callable[[str, dict[str, Any]], None],
        note: Note,
        post: Callable[[Event], None],
    ) -> None:
        self.taps = AudioTaps(services.clock)
        self._services = services
        self._agent = agent
        self._call_control_id = call_control_id
        self._publish = publish
        self._post = post
        self._recording: Recording | None = None
        if services.recordings is not None and agent.recording:
            self._recording = Recording(services.recordings, self.taps, services.clock, call_control_id, note)

    def began(self) -> None:
        """The media stream has."""
        self.taps.began()
        tone = self._services.tone
        if tone is None or (self._services.feed is None and not self._agent.tone_annotation):
            return
        at_most_s = self._agent.settings.dead_air_settings.max_call_duration + LONGER_S
        session = tone.open(self._call_control_id, at_most_s)
        heard = self._tone_heard if self._agent.tone_annotation else None
        self.taps.add(ToneTap(session, self._publish, heard, call_control_id=self._call_control_id))

    def step(self, event: Event | None, conversation: Conversation) -> None:
        """The conversation has handled `event`."""
        if event is not None:
            self.taps.take(event)
        if self._recording is not None:
            self._recording.follow(event, conversation)

    def close(self) -> None:
        """The call is over."""
        self.taps.close()

    def _tone_heard(self, judged: Judged) -> None:
        if judged.tone is not None:
            self._post(ToneHeard(judged.tone.label))
