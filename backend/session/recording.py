"""Records one call to disk while it runs (C6), in the background: a tap of `audio_taps.py` that a greenlet writes away.

Decides: when a stretch is written, and what becomes of a recording that cannot be. When it may begin stands in
`call/notice.py`, how the two sides are put together in `audio/two_tracks.py`, the file in `records/recording_files.py`.

| what happens                               | then                                                                      |
|--------------------------------------------|---------------------------------------------------------------------------|
| the caller has heard the notice            | the file is made, the row is `recording`                                  |
| `EVERY_S` have passed                      | what lies more than `HELD_S` back is written; a worker that dies loses    |
|                                            | the rest, no more than `EVERY_S + HELD_S`                                 |
| the caller is handed to somebody else      | it ends: the other one was told nothing                                   |
| the call is over                           | the rest is written, the row is `complete`                                |
| the disk refuses, or is `MOST_WAITING`     | what is on disk is kept and the row `incomplete` (`failed` when there is  |
| stretches behind                           | nothing), counted and noted in the call's timeline; the call goes on      |
| the database is away                       | the file is written all the same; its row is tried again for a minute     |
"""

from collections.abc import Callable
from typing import Any

import gevent
import structlog
from gevent.queue import SimpleQueue

from backend.audio.two_tracks import LEFT, RIGHT, Late, TwoTracks
from backend.call.conversation import Conversation
from backend.call.events import CallBridged, Event
from backend.call.notice import may_record
from backend.clock import Clock
from backend.errors import BackendError
from backend.metrics import RECORDINGS
from backend.records.disk import on_disk
from backend.records.recording_files import BYTES_PER_S, RecordingFile
from backend.records.recordings import RecordingFacts, Recordings, RecordingState
from backend.session.audio_taps import AudioTaps
from backend.session.record import RETRY_AFTER_S, STORING

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EVERY_S = 2.0
HELD_S = 1.5
"""What was said in this last stretch may still change: files that the carrier plays are known late, agent audio is sent
ahead and may be voided."""
MOST_WAITING = 5

Stretch = tuple[bytes, list[Late]]
Note = Callable[[str, dict[str, Any], float], None]
"""`CallRecorder.note`: name, detail, wall-clock seconds."""


class Recording:
    """One call's. An `AudioTap` from the moment at which recording may begin."""

    def __init__(self, recordings: Recordings, taps: AudioTaps, clock: Clock, call_control_id: str, note: Note) -> None:
        self._recordings = recordings
        self._taps = taps
        self._clock = clock
        self._call_control_id = call_control_id
        self._note = note
        self._tracks = TwoTracks()
        self._origin_s = 0.0
        """Second of the stream at which the recording begins."""
        self._started_at = 0.0
        self._has_begun = self._is_over = False
        self._failure = ""
        self._waiting: SimpleQueue[Stretch | None] = SimpleQueue()
        self._written_bytes = 0

    def follow(self, event: Event | None, conversation: Conversation) -> None:
        """After each event of the call. Begins and ends the recording."""
        if not self._has_begun and may_record(conversation.agent, conversation.ledger):
            self._begin()
        if isinstance(event, CallBridged):
            self._has_begun = True  # if it had not: now it must not any more
            self._end()

    # --- what is heard; in the hub ---

    def caller(self, pcm: bytes, at_s: float) -> None:
        self._tracks.put(LEFT, pcm, at_s - self._origin_s)
        self._write_if_due()

    def agent(self, pcm: bytes, at_s: float) -> None:
        self._tracks.put(RIGHT, pcm, at_s - self._origin_s)
        self._write_if_due()

    def agent_cleared(self, from_s: float) -> None:
        self._tracks.clear(RIGHT, from_s - self._origin_s)

    def ended(self) -> None:
        self._end()

    # --- inside ---

    def _begin(self) -> None:
        self._has_begun = True
        self._origin_s, self._started_at = self._taps.now_s, self._clock.wall()
        self._taps.add(self)
        STORING.spawn(self._run)

    def _end(self) -> None:
        if self._started_at and not self._is_over:
            self._is_over = True
            self._taps.remove(self)
            self._hand_over(self._tracks.until_s)
            self._waiting.put(None)

    def _write_if_due(self) -> None:
        now_s = self._taps.now_s - self._origin_s
        if now_s - HELD_S - self._tracks.taken / (BYTES_PER_S / 2) >= EVERY_S:
            self._hand_over(now_s - HELD_S)
            if self._waiting.qsize() > MOST_WAITING:
                self._give_up("too_slow")

    def _hand_over(self, until_s: float) -> None:
        self._waiting.put((self._tracks.take(until_s), self._tracks.take_late()))

    def _give_up(self, reason: str) -> None:
        """In the hub or the greenlet; once."""
        if self._failure:
            return
        self._failure, self._is_over = reason, True
        self._taps.remove(self)
        self._waiting = SimpleQueue()
        self._waiting.put(None)
        RECORDINGS.count(outcome=reason)
        self._note("RecordingFailed", {"reason": reason}, self._clock.wall())
        log.error("recording_failed", call_control_id=self._call_control_id, reason=reason)

    def _run(self) -> None:
        """Writes until the end; then says how it went."""
        with structlog.contextvars.bound_contextvars(call_control_id=self._call_control_id):
            self._note("RecordingStarted", {}, self._started_at)
            self._store(lambda: self._recordings.began(self._call_control_id, self._started_at), (None,))
            state: RecordingState = "complete" if self._write_all() else "incomplete"
            if not self._written_bytes:
                state = "failed"
            if state == "complete":
                RECORDINGS.count(outcome="complete")
            duration_s, size = self._written_bytes / BYTES_PER_S, self._size()
            facts = RecordingFacts(state, self._started_at, duration_s, size)
            log.info("recording_ended", state=state, duration_s=round(duration_s, 3), bytes=size)
            self._store(lambda: self._recordings.ended(self._call_control_id, facts), (*RETRY_AFTER_S, None))

    def _write_all(self) -> bool:
        """False: not all of it could be written."""
        file: RecordingFile | None = None
        try:
            file = on_disk(lambda: self._recordings.files.create(self._call_control_id))
            while (stretch := self._waiting.get()) is not None:
                on_disk(lambda file=file, stretch=stretch: _write(file, stretch))  # type: ignore[misc]
                self._written_bytes += len(stretch[0])
        except OSError as error:
            self._give_up("disk_error")
            log.error("recording_not_written", error=type(error).__name__, errno=error.errno)
            return False
        finally:
            if file is not None:
                on_disk(file.close)
        return not self._failure

    def _size(self) -> int:
        try:
            return on_disk(lambda: self._recordings.files.length(self._call_control_id))[1]
        except OSError:
            return 0

    def _store(self, do: Callable[[], None], pauses_s: tuple[float | None, ...]) -> None:
        for pause_s in pauses_s:
            try:
                do()
                return
            except BackendError as error:  # the sweeper finds out what is missing in the end
                log.warning("recording_not_stored", error=str(error))
                if pause_s is not None:
                    gevent.sleep(pause_s)


def _write(file: RecordingFile, stretch: Stretch) -> None:
    both, late = stretch
    file.append(both)
    for piece in late:
        file.put(piece.side, piece.frame, piece.encoded)
