"""backend/engines/stt_carrier.py"""

import pytest

from backend.call.commands import StartTranscription, StopTranscription
from backend.engines.stt_carrier import CarrierTranscription
from backend.errors import Unavailable


def test_it_is_started_in_the_agents_language_and_stopped_under_the_number_of_its_start() -> None:
    """Both are the leg's commands."""
    asked: list[tuple[object, ...]] = []
    transcription = CarrierTranscription(
        lambda language, attempt: asked.append(("start", language, attempt)),
        lambda attempt: asked.append(("stop", attempt)),
        "de-DE",
    )
    transcription.start_transcription(StartTranscription(3))
    transcription.stop_transcription(StopTranscription(3))

    assert asked == [("start", "de-DE", 3), ("stop", 3)]


def test_a_refusal_is_for_who_asked() -> None:
    """The conversation asks again."""

    def refuse(language: str, attempt: int) -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        CarrierTranscription(refuse, lambda attempt: None, "en").start_transcription(StartTranscription(1))
