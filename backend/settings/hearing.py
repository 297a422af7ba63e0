"""Settings of what the caller says: hearing it, and letting it interrupt."""

from typing import Literal

from pydantic import BaseModel, Field

from backend.settings.words import ZeroOrOne, extra


class HearingSettings(BaseModel):
    """See `Settings`."""

    # Hearing
    enable_barge_in: ZeroOrOne = Field(
        False, description="1: agents may let the caller interrupt. Read once, at start.",
        json_schema_extra=extra(group="Hearing"),
    )  # fmt: skip
    vad: Literal["silero", "webrtc"] = Field("silero", description="Voice activity detector.")
    turn_detector: Literal["silence", "smart_turn"] = Field(
        "silence",
        description="What tells that the caller has finished: silence and words; or the sound of the voice too, by a model "
        "that requirements-turn.txt brings.",
    )
