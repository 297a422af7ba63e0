"""What the product counts and times, for /metrics over all workers.

prometheus_client chooses between one process and many when it is *imported*: gunicorn.conf.py must put
`str(settings.metrics_dir)` into os.environ["PROMETHEUS_MULTIPROC_DIR"] before anything imports this module, call
`clear_directory` in the arbiter before the first fork, and `worker_gone(pid)` in `child_exit`.

No label may grow without end: each keeps its first 64 values per process, anything further is counted as "other". No
label ever holds a call, a number or a caller's word.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client import multiprocess as _multiprocess

# Each figure opens its file as soon as it is defined, below: the folder must be there on a fresh machine too.
if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)

OTHER = "other"
_MAX_VALUES = 64
_VALUE = re.compile(r"^[a-z0-9][a-z0-9_.\-]{0,63}$")

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TURN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 20.0)


class BoundedLabels:
    """Remembers which label values were seen, and answers "other" for one too many or a malformed one."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}

    def __call__(self, label: str, value: object) -> str:
        text = str(value).lower()
        seen = self._seen.setdefault(label, set())
        if text in seen:
            return text
        if len(seen) >= _MAX_VALUES or not _VALUE.match(text):
            return OTHER
        seen.add(text)
        return text


class BoundedCounter:
    """A counter whose labels cannot grow without end."""

    def __init__(self, name: str, help_text: str, *labels: str) -> None:
        self._counter = Counter(name, help_text, labels)
        self._bounded = BoundedLabels()
        self._has_labels = bool(labels)

    def count(self, amount: float = 1, **labels: str) -> None:
        """Add `amount`, with exactly the labels it was defined with."""
        if self._has_labels:
            self._counter.labels(**{name: self._bounded(name, value) for name, value in labels.items()}).inc(amount)
        else:
            self._counter.inc(amount)


class BoundedHistogram:
    """A histogram whose labels cannot grow without end."""

    def __init__(self, name: str, help_text: str, *labels: str, buckets: Sequence[float]) -> None:
        self._histogram = Histogram(name, help_text, labels, buckets=buckets)
        self._bounded = BoundedLabels()

    def observe(self, seconds: float, **labels: str) -> None:
        """Count `seconds`, with exactly the labels it was defined with."""
        bounded = {name: self._bounded(name, value) for name, value in labels.items()}
        self._histogram.labels(**bounded).observe(seconds)


WEBHOOKS = BoundedCounter("offhook_webhooks_total", "Webhooks received", "event_type", "outcome")
WEBHOOK_SECONDS = Histogram("offhook_webhook_seconds", "Time to answer a webhook", buckets=_SHORT)
EVENTS_IGNORED = BoundedCounter("offhook_events_ignored_total", "Events that changed nothing, by reason", "reason")
DEAD_LETTERS = BoundedCounter("offhook_dead_letters_total", "Messages given up on", "reason")

CALLS_STARTED = BoundedCounter("offhook_calls_started_total", "Calls begun", "direction")
CALLS_FINISHED = BoundedCounter("offhook_calls_finished_total", "Calls over", "outcome")
LIVE_CALLS = Gauge("offhook_live_calls", "Calls held by the workers now", multiprocess_mode="livesum")
ECHOES_WITHHELD = BoundedCounter("offhook_echoes_withheld_total", "Sounds of callers that were our own echo")
CHECK_INS = BoundedCounter("offhook_check_ins_total", "Check-ins spoken into a caller's silence")

CLIENT_ERRORS = BoundedCounter("offhook_client_errors_total", "Errors told to clients on a WebSocket", "code")
MEDIA_MALFORMED = BoundedCounter("offhook_media_malformed_total", "Media messages dropped, by kind", "kind")
PLAYBACK_END_KNOWN_SECONDS = Histogram(
    "offhook_playback_end_known_seconds", "From the end of a playback until its owner knew", buckets=_SHORT
)

CARRIER_COMMANDS = BoundedCounter("offhook_carrier_commands_total", "Commands to the carrier", "command", "outcome")
CARRIER_COMMAND_SECONDS = Histogram("offhook_carrier_command_seconds", "Time of a carrier command", buckets=_SHORT)

END_OF_TURN_SECONDS = Histogram(
    "offhook_turn_end_of_turn_seconds", "Caller's end of speech until the turn was known to be over", buckets=_TURN
)
FIRST_SENTENCE_SECONDS = Histogram(
    "offhook_turn_first_sentence_seconds", "Caller's end of speech until the model's first sentence", buckets=_TURN
)
FIRST_AUDIO_SECONDS = Histogram(
    "offhook_turn_first_audio_seconds", "Caller's end of speech until the first audio was sent", buckets=_TURN
)
TONE_ANALYSES = BoundedCounter(
    "offhook_tone_analyses_total", "Seconds of speech whose tone was judged, or should have been", "analyser", "outcome"
)
RECORDINGS = BoundedCounter(
    "offhook_recordings_total", "Recordings of calls: complete, disk_error, too_slow", "outcome"
)
DRAFTS = BoundedCounter("offhook_drafts_total", "Answers asked for ahead of time, by what became of them", "result")
TURN_PREDICTIONS = BoundedCounter("offhook_turn_predictions_total", "Pauses judged by their sound", "result")
TURN_PREDICTION_SECONDS = Histogram("offhook_turn_prediction_seconds", "Time of such a judgement", buckets=_SHORT)
RECOGNISER_STEPS = BoundedCounter(
    "offhook_recogniser_steps_total", "Streams to recognisers: open, close, lost, away, back", "recogniser", "step"
)
TRANSCRIPTS_SKIPPED = BoundedCounter(
    "offhook_transcripts_skipped_total", "Transcripts dropped, or cut", "recogniser", "reason"
)
ABORT_LEG_SECONDS = BoundedHistogram(
    "offhook_abort_leg_seconds",
    "From the decision to silence the agent until a leg of the abort chain was over",
    "leg",
    buckets=(0.0005, 0.001, 0.0025, *_SHORT),
)
ABORT_LEGS = BoundedCounter("offhook_abort_legs_total", "Legs of the abort chain", "leg", "outcome")
LIVE_EVENTS_DROPPED = BoundedCounter(
    "offhook_live_events_dropped_total", "Events of calls that their watchers will not see", "reason"
)
LIVE_WATCHERS = Gauge(
    "offhook_live_watchers", "Event streams of running calls that are open now", multiprocess_mode="livesum"
)
LIVE_WATCHERS_ENDED = BoundedCounter(
    "offhook_live_watchers_ended_total", "Event streams of running calls that are over, by what ended them", "reason"
)
AFTER_CALL = BoundedCounter(
    "offhook_after_call_total", "Summaries and webhooks of finished calls, by what came of the try", "step", "result"
)
SYNTHESIS_FAILURES = BoundedCounter("offhook_synthesis_failures_total", "Syntheses that failed", "reason")


def clear_directory(directory: Path) -> None:
    """Make the folder and remove what an earlier run left there, or its figures would be added to ours."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.glob("*.db"):
        file.unlink(missing_ok=True)


def worker_gone(pid: int, directory: Path) -> None:
    """Take a dead worker's live calls out of the sum. Its counters stay."""
    _multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
