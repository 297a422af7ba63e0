"""Caller audio in, a handful of events out: decode, voice activity, how long a sound lasts. A listener, if there is one,
gets the decoded audio: the recogniser of this worker (`transcriber.py`).

Decides nothing about turns. `on_audio` is called fifty times a second in the worker's hub, `report` after each shared
VAD step by the worker's ticker. Instants are counted in samples, so a burst of frames does not shift them.

Our own echo is not the caller: a speech that is explained by what we play (`audio/echo.py`) is not told. When the caller
talks over it, its beginning is told with the instant at which the caller began, and all else follows as usual. What is
never told to begin is not told to end.

| voice activity says | we played nothing lately | we did, and the sound is echo | … and it is not          |
|---------------------|--------------------------|-------------------------------|--------------------------|
| speech began        | SpeechStarted            | nothing; asked every 32 ms    | SpeechStarted, as it was |
| it goes on          | SpeechLasted, once       | nothing                       | SpeechStarted, then that |
| it ended            | SpeechEnded              | nothing                       | SpeechEnded              |

What is told because it is louder than any echo on this line so far is watched for the next `_WATCH_S`: when it turns out to
be ours, word for word, the line has begun to echo. Its end is told at once, before it could last, and from then on it is
withheld like any echo.

Nor is music the caller (`audio/music.py`): a sound that has lasted, while we are audible, and is music by then, is told to
have ended. It is not told again until it no longer is music: somebody speaks over it. A sound that may interrupt before it
is long enough for that question is not asked about.

A sound that is over before the guard could say anything is asked about once more; if it is not an echo it is told with its
beginning and its end at once.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from backend.audio import g711, music
from backend.audio.echo import EchoGuard, Verdict
from backend.call.events import Event, SpeechEnded, SpeechLasted, SpeechStarted
from backend.clock import Clock
from backend.engines.base import Vad
from backend.metrics import ECHOES_WITHHELD

SAMPLE_RATE = 8000
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "PCMU": g711.decode_ulaw_bytes,
    "PCMA": g711.decode_alaw_bytes,
    "L16": bytes,  # s16le already: a caller without a telephone line
}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"PCMU": g711.encode_ulaw, "PCMA": g711.encode_alaw, "L16": bytes}
_ASK_EVERY_S = 0.03
_NOTICED_AFTER_S = 0.1
"""How long a caller has been talking over an echo when the guard says so: the median of `python -m tests.bench echo`."""
_WATCH_S = 0.8
"""Enough of an echo to be known for one, in a room, too; callers are not asked about for longer."""
_MUSIC_EVERY_S = 0.1
_KEPT_FRAMES = round(music.MOST_S / 0.02)


class Ear:
    """One caller's audio. `post` takes the events, `feed` the audio as mono s16le at `SAMPLE_RATE`; it must not block.
    `lasted_s`: of how long a sound SpeechLasted is told; None: of none. `echo_guard` is told elsewhere what we play."""

    def __init__(
        self,
        vad: Vad,
        encoding: str,
        clock: Clock,
        post: Callable[[Event], None],
        feed: Callable[[bytes], None] | None = None,
        lasted_s: float | None = None,
        echo_guard: EchoGuard | None = None,
    ) -> None:
        self._decode = DECODERS[encoding]
        self._vad_stream = vad.open(SAMPLE_RATE)
        self._clock = clock
        self._post = post
        self._feed = feed
        self._lasted_s = lasted_s
        self._guard = echo_guard
        self._withheld_from: float | None = None
        """When the speech began that goes on and was not told."""
        self._was_echo = False
        self._asked_at = 0.0
        self._watched_from: float | None = None
        """When the speech began that was told for being too loud for an echo."""
        self._recent = deque[bytes](maxlen=_KEPT_FRAMES)
        self._is_music = False
        """The speech that is withheld is music, as far as is known."""
        self._lasts_from: float | None = None
        """When the speech began that was told, goes on, and has not lasted long enough yet."""
        self._heard_s = 0.0
        self._last_frame_at = 0.0

    def on_audio(self, encoded: bytes) -> None:
        pcm = self._decode(encoded)
        self._vad_stream.push(pcm)
        self._heard_s += len(pcm) / 2 / SAMPLE_RATE
        self._last_frame_at = self._clock.monotonic()
        if self._guard is not None:
            self._guard.heard(pcm, self._last_frame_at)
            self._recent.append(pcm)
        if self._feed is not None:
            self._feed(pcm)

    def report(self) -> None:
        """Post what the last VAD step found."""
        for edge in self._vad_stream.edges():
            at = self._at(edge.at_s)
            if edge.is_speech:
                self._began(at)
            else:
                self._ended(at)
        if self._withheld_from is None and self._lasts_from is None and self._watched_from is None:
            return
        until_s = self._vad_stream.speech_until_s
        if until_s is not None:
            self._goes_on(self._at(until_s))

    def _began(self, at: float) -> None:
        if self._guard is not None and self._guard.may_echo(self._last_frame_at):
            self._guard.speech_began()
            self._withheld_from = at
            self._was_echo = self._is_music = False
            self._asked_at = 0.0
        else:
            self._tell(at)

    def _goes_on(self, until: float) -> None:
        now = self._last_frame_at
        if self._guard is not None and self._withheld_from is not None:
            if self._is_music and self._is_still_music(now):
                return
            if now - self._asked_at < _ASK_EVERY_S:
                return
            self._asked_at = now
            verdict = self._guard.judge(self._withheld_from, until, now)
            self._was_echo = self._was_echo or verdict is Verdict.ECHO
            if verdict in (Verdict.CALLER, Verdict.TOO_LOUD):
                began = max(self._withheld_from, now - _NOTICED_AFTER_S) if self._was_echo else self._withheld_from
                self._withheld_from = None
                self._watched_from = began if verdict is Verdict.TOO_LOUD else None
                self._tell(began)
        elif self._guard is not None and self._watched_from is not None and now - self._asked_at >= _ASK_EVERY_S:
            self._asked_at = now
            self._watch(self._guard, self._watched_from, now)
        self._tell_if_lasted(until)

    def _watch(self, guard: EchoGuard, began: float, now: float) -> None:
        if guard.is_plainly_ours(began, now):
            self._watched_from = self._lasts_from = None
            self._withheld_from, self._was_echo = began, True
            self._post(SpeechEnded(began))
        elif now - began >= _WATCH_S:
            self._watched_from = None

    def _ended(self, at: float) -> None:
        if self._withheld_from is not None:
            began, self._withheld_from = self._withheld_from, None
            if self._is_music:
                return
            if self._was_echo or self._is_echo_after_all(began, at):
                ECHOES_WITHHELD.count()
                return
            self._tell(began)
        self._tell_if_lasted(at)
        self._lasts_from = self._watched_from = None
        self._post(SpeechEnded(at))

    def _is_echo_after_all(self, began: float, ended: float) -> bool:
        """Of a sound that was over before anything was known of it."""
        if self._guard is None:
            return False
        return self._guard.judge(began, ended, self._last_frame_at, is_over=True) is Verdict.ECHO

    def _tell(self, at: float) -> None:
        self._lasts_from = at
        self._post(SpeechStarted(at))

    def _tell_if_lasted(self, until: float) -> None:
        if self._lasted_s is None or self._lasts_from is None:
            return
        if until - self._lasts_from < self._lasted_s:
            return
        if self._lasted_s >= music.LEAST_S and self._is_music_over_us():
            self._withheld_from, self._watched_from = self._lasts_from, None
            self._was_echo = self._is_music = True
            self._asked_at = self._last_frame_at
            self._post(SpeechEnded(until))
        else:
            self._post(SpeechLasted(self._lasts_from))
        self._lasts_from = None

    def _is_music_over_us(self) -> bool:
        if self._guard is None or not self._guard.may_echo(self._last_frame_at):
            return False
        return music.is_music(np.frombuffer(b"".join(self._recent), np.int16))

    def _is_still_music(self, now: float) -> bool:
        if now - self._asked_at >= _MUSIC_EVERY_S:
            self._asked_at = now
            self._is_music = self._is_music_over_us()
        return self._is_music

    def _at(self, heard_s: float) -> float:
        """When the instant `heard_s` of the caller's audio was."""
        return self._last_frame_at - (self._heard_s - heard_s)

    def close(self) -> None:
        self._vad_stream.close()
