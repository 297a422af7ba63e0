"""Every Telnyx word of webhooks and REST, and the maps from Telnyx' words to ours. Data only.

A webhook, shortened:

    {"data": {"event_type": "call.hangup", "id": "<uuid>", "occurred_at": "2026-01-02T03:04:05.678901Z",
              "payload": {"call_control_id": "v3:…", "call_session_id": "<uuid>", "client_state": "<base64>",
                          "hangup_cause": "normal_clearing", "hangup_source": "caller"}},
     "meta": {"attempt": 1, "delivered_to": "https://…"}}

Directions in Telnyx' words are the leg's: `inbound` is what the far party says. (The words of the media socket are in
`stream.py`.)
"""

from typing import Final, Literal

# --- headers -------------------------------------------------------------------------------------------------------

SIGNATURE_HEADER: Final = "telnyx-signature-ed25519"
"""Base64 of the 64 bytes that sign `timestamp|body`."""
TIMESTAMP_HEADER: Final = "telnyx-timestamp"
"""Unix seconds."""
STREAM_TOKEN_HEADER: Final = "x-telnyx-streaming-auth-token"
"""Shown by the media socket when it opens; the secret we gave with streaming_start."""
RETRY_AFTER_HEADER: Final = "retry-after"
RATE_LIMIT_RESET_HEADER: Final = "x-ratelimit-reset"
"""Seconds until the limit is free again."""

# --- webhooks ------------------------------------------------------------------------------------------------------

CALL_INITIATED: Final = "call.initiated"
CALL_ANSWERED: Final = "call.answered"
CALL_BRIDGED: Final = "call.bridged"
CALL_HANGUP: Final = "call.hangup"
STREAMING_STARTED: Final = "streaming.started"
STREAMING_STOPPED: Final = "streaming.stopped"
STREAMING_FAILED: Final = "streaming.failed"
PLAYBACK_STARTED: Final = "call.playback.started"
PLAYBACK_ENDED: Final = "call.playback.ended"
SPEAK_STARTED: Final = "call.speak.started"
SPEAK_ENDED: Final = "call.speak.ended"
DTMF_RECEIVED: Final = "call.dtmf.received"
TRANSCRIPTION: Final = "call.transcription"
MACHINE_DETECTION_ENDED: Final = "call.machine.detection.ended"
MACHINE_GREETING_ENDED: Final = "call.machine.greeting.ended"
MACHINE_PREMIUM_DETECTION_ENDED: Final = "call.machine.premium.detection.ended"
MACHINE_PREMIUM_GREETING_ENDED: Final = "call.machine.premium.greeting.ended"

SPELLINGS: Final = {
    # Live deliveries with underscores were reported; samples of the vendor put `call.` in front.
    "streaming_started": STREAMING_STARTED,
    "streaming_stopped": STREAMING_STOPPED,
    "streaming_failed": STREAMING_FAILED,
    "call.streaming.started": STREAMING_STARTED,
    "call.streaming.stopped": STREAMING_STOPPED,
    "call.streaming.failed": STREAMING_FAILED,
}
"""Other spellings of event types, to the documented one."""

DIRECTIONS: Final[dict[str, Literal["incoming", "outgoing"]]] = {"incoming": "incoming", "outgoing": "outgoing"}
DIRECTION_OF_STATE: Final[dict[str, Literal["incoming", "outgoing"]]] = {"parked": "incoming", "bridging": "outgoing"}
"""What `call.initiated`'s `state` says about the direction when the field itself is missing."""

PLAYBACK_STATUS: Final[dict[str, Literal["completed", "cancelled", "failed"]]] = {
    "": "completed",
    "completed": "completed",
    "cancelled": "cancelled",
    "cancelled_amd": "cancelled",
    "call_hangup": "cancelled",
    "file_not_found": "failed",
    "failed": "failed",
    "unknown": "failed",
}
"""`status` of `call.playback.ended`; one that is not listed counts as failed."""

MACHINE_RESULTS: Final[dict[str, Literal["human", "machine", "unsure"]]] = {
    "human": "human",
    "human_residence": "human",
    "human_business": "human",
    "machine": "machine",
    "fax_detected": "machine",
    "not_sure": "unsure",
    "silence": "unsure",
}
"""`result` of both kinds of machine detection; one that is not listed is unsure."""

INBOUND_TRACK: Final = "inbound"
DTMF_DIGITS: Final = frozenset("0123456789ABCD*#")

# --- commands ------------------------------------------------------------------------------------------------------

BASE_URL: Final = "https://api.telnyx.com/v2"
STREAM_TRACK: Final = "inbound_track"
STREAM_MODE: Final = "rtp"
"""Never leave it out: the default `mp3` drops raw audio without a word."""
STREAM_CODEC: Final = "PCMU"
STREAM_TARGET_LEGS: Final = "self"
TRANSCRIPTION_ENGINE: Final = "Telnyx"
TRANSCRIPTION_TRACKS: Final = "inbound"
PLAYBACK_AUDIO_TYPE: Final = "wav"
PLAYBACK_STOP: Final = "all"
MACHINE_DETECTION: Final = "premium"
MACHINE_DETECTION_OFF: Final = "disabled"
REJECT_CAUSE: Final = "USER_BUSY"
SPEAK_MAX_CHARACTERS: Final = 3000
RING_TIMEOUT_S: Final = (5, 600)
TIME_LIMIT_S: Final = (30, 14_400)

SPEAK_VOICES: Final = {
    "de": "AWS.Polly.Vicki-Neural",
    "en": "AWS.Polly.Joanna-Neural",
    "es": "AWS.Polly.Lucia-Neural",
    "fr": "AWS.Polly.Lea-Neural",
    "it": "AWS.Polly.Bianca-Neural",
    "nl": "AWS.Polly.Laura-Neural",
    "pt": "AWS.Polly.Camila-Neural",
}
"""Language → the carrier's own voice, the last resort; other languages are read by the English one."""
SPEAK_DEFAULT_LANGUAGE: Final = "en"

# --- error codes (strings on the wire; always read together with the HTTP status, 10011 means two things) ------------

CALL_HAS_ENDED: Final = "90018"
INVALID_CALL_CONTROL_ID: Final = "90015"
NOT_ANSWERED_YET: Final = "90034"
STREAMING_IN_USE: Final = "90045"
STREAMING_NOT_IN_USE: Final = "90048"
TRANSCRIPTION_RUNNING: Final = "90054"

CALL_GONE_CODES: Final = frozenset({CALL_HAS_ENDED, INVALID_CALL_CONTROL_ID})
"""With status 422: the leg is over."""
