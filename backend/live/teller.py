"""What a session holds of the live feed: it tells the call's story, and passes on what others of the call publish.

Decides nothing; all of it may be missing (no feed: nobody can watch), and a bug in the story costs the watchers the rest of
it, never the caller the call. `session.live.publish(name, data)` is for everybody who works for the call.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from backend.call.agent_config import AgentConfig
from backend.call.commands import Command
from backend.call.conversation import Conversation
from backend.call.events import Event
from backend.call.leg import LegState, kind_of
from backend.clock import Clock
from backend.live.feed import CallFeed, Feed, LiveCall
from backend.live.story import ENDED, Story

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def live_call(call_control_id: str, leg: LegState, agent: AgentConfig, worker_id: str) -> LiveCall:
    """What is known of a call when its session begins."""
    return LiveCall(
        call_control_id=call_control_id,
        kind=kind_of(call_control_id),
        agent_id=leg.agent_id,
        agent_version=leg.agent_version,
        agent_name=agent.name,
        from_number=leg.from_number,
        to_number=leg.to_number,
        direction=leg.direction,
        started_at=leg.started_at,
        worker=worker_id,
    )


class Teller:
    """Of one call. `conversation` is only read."""

    def __init__(self, feed: Feed | None, call: LiveCall, conversation: Conversation, clock: Clock) -> None:
        self._feed: CallFeed | None = None if feed is None else feed.open(call)
        self._story: Story | None = None
        if self._feed is not None:
            self._story = Story(conversation, clock.wall() - clock.monotonic())

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Tell the call's watchers. Never waits, never raises. See `CallFeed.publish`."""
        if self._feed is not None:
            self._feed.publish(name, data)

    def step(self, event: Event | None, commands: Sequence[Command], now: float) -> None:
        """The conversation has just handled `event` and asked for `commands`."""
        story, feed = self._story, self._feed
        if story is None or feed is None:
            return
        try:
            told = story.tell(event, commands, now)
        except Exception as error:  # whatever it is, the caller must not notice that somebody could have watched
            log.exception("story_failed", error=type(error).__name__)
            self._story = None
            return
        for name, data in told:
            feed.publish(name, data)
        feed.show(story.state or "listening", story.check_ins)

    def failed(self) -> None:
        """A bug ends the call: the story does not know."""
        self.publish(ENDED, {"outcome": "failed", "who_hung_up": "agent"})

    def close(self) -> None:
        """Nothing more is told here."""
        if self._feed is not None:
            self._feed.leave()
