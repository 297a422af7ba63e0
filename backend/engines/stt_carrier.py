"""The carrier's own transcription: a recogniser that hears for itself.

Not an `Stt` (`base.py`), and that is no oversight. An `Stt` is a stream that this worker opens, feeds and closes, and whose
words come back through it. Here there is no stream: the carrier taps the leg, `start` is a command that may be refused and
asked again for a quarter of a minute (`call/listening.py` has the table), and the words come as webhooks to any worker,
through the mailbox in Redis to the owner, also when this object is long forgotten. Behind that contract `feed` and the
voice's edges would do nothing, `close` would end nothing that is under way, and the one thing that matters, that the
request was refused, would have to be smuggled through `on_closed`. So it is a strategy of its own with the two commands
that there are; what both kinds share is the event (`TranscriptReceived`, which says who understood it) and who decides
whose words count (`listening.py`).

At an interruption there is nothing to close: the carrier goes on hearing, and nothing is lost.
"""

from collections.abc import Callable

from backend.call.commands import StartTranscription, StopTranscription


class CarrierTranscription:
    """One leg's. `start(language, attempt)` and `stop(attempt)` are the leg's commands; they block, and raise CarrierErrors,
    which are for the caller: the conversation asks again."""

    def __init__(self, start: Callable[[str, int], None], stop: Callable[[int], None], language: str) -> None:
        self._start = start
        self._stop = stop
        self._language = language

    def start_transcription(self, command: StartTranscription) -> None:
        self._start(self._language, command.attempt)

    def stop_transcription(self, command: StopTranscription) -> None:
        self._stop(command.attempt)
