"""T18: the sidecar is frozen or killed while the caller speaks. Real processes, real time: the transcriber and the client
as a web worker runs them, a sidecar process that is stopped, continued, killed and started again."""

import socket
import time
from dataclasses import dataclass, field

import gevent

from backend.call.events import (
    Event,
    RecogniserAway,
    RecogniserLost,
    RecogniserReady,
    SpeechStarted,
    TranscriptReceived,
)
from backend.clock import SystemClock
from backend.engines.stt_sidecar import SidecarStt
from backend.session.transcriber import Transcriber
from tests.fakes.fake_sidecar import TOKEN
from tests.fakes.sidecar_process import SidecarProcess

FRAME = bytes(320)


@dataclass
class Speaker:
    """A caller who never stops speaking; what a worker's ticker does for a call is done here."""

    url: str
    posted: list[tuple[float, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.transcriber = Transcriber(
            SidecarStt([self.url], TOKEN), "sidecar", "en", clock, lambda event: self.posted.append((self.now, event))
        )
        self.transcriber.start()
        self.transcriber.voice(SpeechStarted(clock.monotonic()))
        self._ticking = gevent.spawn(self._tick)

    @property
    def now(self) -> float:
        return time.monotonic()

    def _tick(self) -> None:
        due = self.now
        while True:
            due += 0.02
            gevent.sleep(max(0.0, due - self.now))
            self.transcriber.feed(FRAME)
            self.transcriber.step()

    def wait_for(self, kind: type[Event], since: float, within_s: float) -> float:
        """Seconds from `since` until such an event was posted."""
        while True:
            for at, event in self.posted:
                if at >= since and isinstance(event, kind):
                    return at - since
            assert self.now < since + within_s, f"no {kind.__name__} within {within_s} s: {self.posted}"
            gevent.sleep(0.01)

    def close(self) -> None:
        self._ticking.kill()
        self.transcriber.close()
        gevent.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_frozen_sidecar_is_noticed_within_three_seconds_and_used_again_within_two_of_its_awakening() -> None:
    """Lost within 3 s, the stand-in asked for within 5 s, so that the caller can be asked to repeat within 6 s."""
    with SidecarProcess(free_port()) as sidecar:
        caller = Speaker(sidecar.url)
        caller.wait_for(TranscriptReceived, caller.now, 6.0)
        frozen_at = caller.now
        sidecar.pause()
        lost_s = caller.wait_for(RecogniserLost, frozen_at, 3.0)
        away_s = caller.wait_for(RecogniserAway, frozen_at, 5.0)
        assert next(event for _, event in caller.posted if isinstance(event, RecogniserAway)).is_voice_lost
        gevent.sleep(1.0)
        awake_at = caller.now
        sidecar.resume()
        while not caller.transcriber.is_hearing:
            assert caller.now < awake_at + 2.5
            gevent.sleep(0.01)
        back_s = caller.now - awake_at
        caller.close()

    print(f"frozen → lost {lost_s:.2f} s, away {away_s:.2f} s; continued → open {back_s:.2f} s")


def test_a_killed_sidecar_is_noticed_at_once_and_its_successor_gives_words_within_six_seconds() -> None:
    """Half a second until the supervisor starts it again, and what it takes to listen."""
    with SidecarProcess(free_port()) as sidecar:
        caller = Speaker(sidecar.url)
        caller.wait_for(TranscriptReceived, caller.now, 6.0)
        killed_at = caller.now
        sidecar.kill()
        caller.wait_for(RecogniserLost, killed_at, 1.0)
        gevent.sleep(0.5)
        sidecar.start()
        caller.wait_for(RecogniserReady, killed_at, 6.0)
        words_s = caller.wait_for(TranscriptReceived, killed_at, 6.0)
        caller.close()

    print(f"killed → words {words_s:.2f} s")
