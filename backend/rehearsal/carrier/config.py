"""The settings of one rehearsal carrier. Decides nothing; `carrier.py` reads it once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.rehearsal.carrier.faults import Faults

Codec = Literal["PCMU", "PCMA"]


class CarrierConfig(BaseModel):
    """Who the carrier is, whom it calls, and how it behaves. Times in seconds unless the name says otherwise."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port; `base_url` knows it after `start`."""
    api_key: str
    connection_id: str
    webhook_url: str
    webhook_failover_url: str = ""
    """Tried like the first one after that was given up; "": none."""
    signing_key_seed: bytes | None = Field(None, min_length=32, max_length=32)
    """Seed of the Ed25519 key; None: a new key each time."""
    codec: Codec = "PCMU"
    seed: int = 0
    faults: Faults = Field(default_factory=Faults)

    transcript_delay_s: float = 0.2
    interim_transcripts: bool = True
    """Interim results are sent only when the product asked for them too, as the real carrier has it."""
    soft_close_on_stop: bool = False
    """On `streaming_stop`: False closes TCP at once, True waits up to 10 s for the product's close frame (the leg's
    one stream stays in use meanwhile)."""

    webhook_timeout_s: float = 2.0
    webhook_attempts: int = Field(3, ge=1)
    webhook_backoff_s: float = 0.5
    """Wait before the second attempt; doubles with each."""
    first_command_timeout_s: float = 30.0
    """An incoming leg that gets no command for so long is hung up."""
    media_connect_timeout_s: float = 5.0
    comfort_noise_dbfs: float | None = -50.0
    """Level of the line's noise while the caller is silent; None: digital silence. Real lines: -34.6 reported."""
    amd_delay_s: float = 0.3
    """From the called party's answer to the verdict human or machine."""
    transfer_answer_delay_s: float = 0.3
    """From a transfer to the new party's answer, or to its hang-up when it is in `unreachable_numbers`."""
    unreachable_numbers: list[str] = Field(default_factory=list)
