"""An agent's settings: the one schema behind the API, the form, the database and the running call.

Every field carries its unit, limits, default and help text, so that the JSON schema generated from here is all that the
form needs. A call reads its agent once, when it starts; a change applies to the next call. Nothing here is read from
the environment, and no dead-air time is written anywhere else in the code.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

E164 = re.compile(r"^\+[1-9]\d{6,14}$")
PhoneNumber = Annotated[str, Field(pattern=E164.pattern, examples=["+13125550100"])]
ShortText = Annotated[str, Field(max_length=500)]
WEBHOOK_URL = re.compile(r"^(https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?([/?][!-\x22$-~]*)?)?$")
"""No user, password or fragment. Which hosts may be reached is seen when it is sent (workers/safe_post.py)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udfff]")


class _Strict(BaseModel):
    """Unknown fields are errors: a typing mistake must not silently fall back to a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_control_characters(cls, value: object) -> object:
        if isinstance(value, str) and _CONTROL.search(value):
            raise ValueError("must not contain control characters")
        return value


class DeadAirSettings(_Strict):
    """How long the agent bears the caller's silence, and what it does then."""

    silence_timeout_normal: float = Field(
        7.0, ge=1, le=120, title="Silence before a check-in", json_schema_extra={"unit": "s"},
        description="Counted from the moment the caller heard the agent finish.",
    )  # fmt: skip
    silence_timeout_hold_on: float = Field(
        25.0, ge=1, le=600, title="Silence after “hold on”", json_schema_extra={"unit": "s"},
        description="Applies from the caller's “one moment” until the caller speaks again.",
    )  # fmt: skip
    max_checkins_before_disconnect: int = Field(
        2, ge=0, le=10, title="Check-ins before hanging up",
        description="0: no check-in, the call ends after the first silence.",
    )  # fmt: skip
    checkin_message: ShortText = Field(
        "Are you still there?", min_length=1, title="Check-in", description="Spoken after each silence."
    )
    checkin_messages: list[ShortText] = Field(
        [], max_length=10, title="Check-ins, one by one",
        description="The n-th check-in uses the n-th text, the last one repeats. Empty: the check-in text above.",
    )  # fmt: skip
    max_call_duration: float = Field(
        1500.0, ge=30, le=14400, title="Longest call", json_schema_extra={"unit": "s"},
        description="The model is warned one minute before; then a goodbye, then the agent hangs up.",
    )  # fmt: skip
    final_wait: float = Field(
        5.0, ge=0, le=60, title="Wait after the last check-in", json_schema_extra={"unit": "s"},
        description="Counted from the moment the last check-in was heard.",
    )  # fmt: skip
    goodbye_message: ShortText = Field(
        "", title="Goodbye", description="Spoken before the agent hangs up. Empty: it hangs up without a word."
    )

    @field_validator("checkin_messages")
    @classmethod
    def _texts_are_not_empty(cls, value: list[str]) -> list[str]:
        if any(not text.strip() for text in value):
            raise ValueError("a check-in text must not be empty")
        return value

    def checkin_text(self, number: int) -> str:
        """The text of check-in `number` (from 1)."""
        texts = self.checkin_messages or [self.checkin_message]
        return texts[min(number, len(texts)) - 1]


class TurnTakingSettings(_Strict):
    """When the caller's turn has ended, and when the caller's voice stops the agent."""

    barge_in: bool = Field(
        True, title="The caller may interrupt",
        description="Only where the installation allows interruption at all (ENABLE_BARGE_IN).",
    )  # fmt: skip
    min_interruption_s: float = Field(
        0.3, ge=0.1, le=3, title="Shortest interruption", json_schema_extra={"unit": "s"},
        description="A shorter sound does not stop the agent, unless words are recognised in it.",
    )  # fmt: skip
    longest_backchannel_s: float = Field(
        0.95, ge=0, le=3, title="Longest “mm-hm”", json_schema_extra={"unit": "s"},
        description="A sound up to this length stops the agent only by its words, so that an “okay” or a cough does not. "
        "0: every sound of the shortest interruption stops it, as fast as possible.",
    )  # fmt: skip
    ignored_words: list[Annotated[str, Field(max_length=40)]] = Field(
        ["mm-hm", "mhm", "uh-huh", "okay", "ok", "yeah", "right"], max_length=100,
        title="Words that do not interrupt",
        description="A caller who says only these while the agent speaks is taken to be listening.",
    )  # fmt: skip
    protected_kinds: list[Literal["greeting", "answer", "check_in", "filler"]] = Field(
        [], max_length=4, title="What cannot be interrupted",
        description="Besides a notice, a goodbye and an apology, which are always heard out.",
    )  # fmt: skip
    false_interruption_timeout_s: float = Field(
        2.0, ge=0, le=10, title="Go on after a false interruption", json_schema_extra={"unit": "s"},
        description="When a sound stopped the agent and no word is recognised for this long, it goes on where it was. "
        "0: it never does.",
    )  # fmt: skip
    min_endpointing_delay_s: float = Field(
        0.5, ge=0.1, le=5, title="Wait after the caller's last word", json_schema_extra={"unit": "s"},
        description="The agent answers when the caller was silent this long and the words are known. After “and”, “um” or "
        "digits it waits longer, up to the longest wait.",
    )  # fmt: skip
    max_endpointing_delay_s: float = Field(
        3.0, ge=0.3, le=15, title="Longest wait for the words", json_schema_extra={"unit": "s"},
        description="After this silence the agent answers what was understood so far, however it sounds.",
    )  # fmt: skip
    speculation: bool = Field(
        False, title="Think ahead",
        description="The model is asked while it is not yet certain that the caller has finished. Answers come sooner; "
        "those that were asked for too early are thrown away, and paid for.",
    )  # fmt: skip
    repeat_message: ShortText = Field(
        "Sorry, I did not catch that, could you say it again?", title="Asking to repeat",
        description="Spoken when the caller said something while the recogniser had failed. Empty: nothing is said.",
    )  # fmt: skip

    @property
    def interruption_by_sound_s(self) -> float:
        """How long a sound without words lasts when it stops the agent (`barge_in.py` says why)."""
        return max(self.min_interruption_s, self.longest_backchannel_s if self.ignored_words else 0.0)

    @model_validator(mode="after")
    def _max_is_not_below_min(self) -> "TurnTakingSettings":
        if self.max_endpointing_delay_s < self.min_endpointing_delay_s:
            raise ValueError("max_endpointing_delay_s: must not be below the wait after the caller's last word")
        return self


class NoProgressSettings(_Strict):
    """How long the caller bears OUR silence when it is our turn."""

    filler_after_s: float = Field(
        4.0, ge=1, le=30, title="Filler after", json_schema_extra={"unit": "s"},
        description="Counted from the end of the caller's turn, as the two times below.",
    )  # fmt: skip
    retry_after_s: float = Field(
        8.0, ge=2, le=60, title="Second try after", json_schema_extra={"unit": "s"},
        description="The answer is asked for again, of the fallback model where there is one.",
    )  # fmt: skip
    give_up_after_s: float = Field(
        20.0, ge=5, le=120, title="Apology after", json_schema_extra={"unit": "s"},
        description="Then the caller is transferred, or the agent hangs up.",
    )  # fmt: skip
    filler_message: ShortText = Field(
        "One moment, please.", min_length=1, title="Filler", description="Bridges the wait for an answer."
    )
    apology_message: ShortText = Field(
        "I am sorry, I have a technical problem. Please call again later.", min_length=1, title="Apology",
        description="Spoken when no answer could be had.",
    )  # fmt: skip
    transfer_target: str = Field(
        "", max_length=40, title="Transfer instead of hanging up",
        description="Name of a transfer target. Empty: the agent hangs up after the apology.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _in_order(self) -> "NoProgressSettings":
        if not self.filler_after_s < self.retry_after_s:
            raise ValueError("retry_after_s: must come later than the filler")
        if not self.retry_after_s < self.give_up_after_s:
            raise ValueError("give_up_after_s: must come later than the second try")
        return self


class TransferTarget(_Strict):
    """One place the agent may send a caller to. The model sees the name, never the number."""

    name: str = Field(
        min_length=1, max_length=40, pattern=r"^[A-Za-z0-9 _-]+$", title="Name",
        description="What the model asks for: letters, digits, spaces, - and _.",
    )  # fmt: skip
    number: PhoneNumber = Field(title="Number", description="International, such as +13125550100.")
    description: ShortText = Field("", title="When to use it", description="Tells the model when to use it.")


class SummaryField(_Strict):
    """One thing that the summary tells of every call, such as the reason for calling or whether to call back."""

    name: str = Field(
        min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$", title="Name",
        description="Its key in the webhook. Small letters, digits, underscores.",
    )  # fmt: skip
    description: ShortText = Field("", title="What it is", description="Tells the model what to write here.")
    type: Literal["text", "number", "yes_no", "choice"] = Field("text", title="Kind")
    choices: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        default_factory=list, max_length=30, title="Choices", description="Of a choice: one of these."
    )

    @model_validator(mode="after")
    def _choices_belong_to_a_choice(self) -> "SummaryField":
        if self.type == "choice" and len(set(self.choices)) < 2:
            raise ValueError("choices: a choice needs at least two different ones")
        if self.type != "choice" and self.choices:
            raise ValueError("choices: only with type choice")
        return self


class AfterCallSettings(_Strict):
    """What is done when a call is over. docs/after-call.md has the webhook."""

    summary: bool = Field(
        False, title="Summary", description="The model summarises each call in which something was said."
    )
    summary_instructions: str = Field(
        "", max_length=4000, title="How to summarise", description="Added to what the model is told about summaries."
    )
    summary_fields: list[SummaryField] = Field(
        [], max_length=30, title="Fields", description="Filled in from the call, or left empty."
    )
    webhook_url: str = Field(
        "", max_length=500, pattern=WEBHOOK_URL.pattern, title="Webhook",
        description="Where each finished call is sent, signed: https://host/path. Empty: nowhere. Everybody who may see the "
        "agent sees this address.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _fields_have_names_of_their_own(self) -> "AfterCallSettings":
        names = [field.name for field in self.summary_fields]
        if len(set(names)) != len(names):
            raise ValueError("summary_fields: two fields have the same name")
        return self


class AgentSettings(_Strict):
    """What the call machinery reads, apart from what the agent is."""

    dead_air_settings: DeadAirSettings = Field(default_factory=DeadAirSettings)
    turn_taking: TurnTakingSettings = Field(default_factory=TurnTakingSettings)
    no_progress: NoProgressSettings = Field(default_factory=NoProgressSettings)
    after_call: AfterCallSettings = Field(default_factory=AfterCallSettings)


Tool = Literal["hold", "hang_up", "transfer", "send_dtmf"]


class AgentConfig(_Strict):
    """An agent, whole."""

    name: str = Field(min_length=1, max_length=80, title="Name", description="For you; callers never hear it.")
    greeting: ShortText = Field(
        "Hello, how can I help you?",
        title="Greeting",
        description="Spoken first. Empty: the agent waits for the caller.",
    )
    notice: ShortText = Field(
        "", title="Notice",
        description="Spoken before the greeting and never interrupted, such as “This call is recorded.”",
    )  # fmt: skip
    recording: bool = Field(
        False, title="Record calls",
        description="Stereo, caller and agent apart, kept for as long as the installation says (RECORDING_KEEP_DAYS). "
        "Begins when the caller has heard the notice, if there is one; the law often asks for it.",
    )  # fmt: skip
    tone_annotation: bool = Field(
        False, title="Tell the model how the caller sounds",
        description="Each line of the caller then begins with its tone in plain words, such as “(in a tense voice)”, as "
        "far as the installation's tone analysis knows.",
    )  # fmt: skip
    instructions: str = Field(
        "You are a friendly agent on the telephone. Answer in one or two short sentences.",
        max_length=20000, title="Instructions", description="Who the agent is, what it knows, and what it must not do.",
    )  # fmt: skip
    language: str = Field(
        "en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$", title="Language", examples=["en", "de"],
        description="Of the caller and the agent, as a tag such as en, de or pt-BR.",
    )  # fmt: skip
    voice: str = Field(
        "en-us",
        min_length=1,
        max_length=80,
        title="Voice",
        description="One that a voice worker of this installation has.",
    )
    recogniser: Literal["", "carrier", "sidecar", "openai"] = Field(
        "", title="Recogniser", description="Who understands the caller. Empty: the installation's (STT_ENGINE).",
    )  # fmt: skip
    fallback_voice: str = Field("", max_length=80, title="Fallback voice", description="Empty: the same voice again.")
    model: str = Field("", max_length=120, title="Model", description="Empty: the installation's model (OPENAI_MODEL).")
    fallback_model: str = Field(
        "",
        max_length=120,
        title="Fallback model",
        description="Asked when the model fails. Empty: the same model again.",
    )
    temperature: float = Field(
        0.7, ge=0, le=2, title="Temperature", description="0: always the likeliest words. Higher: more varied answers."
    )
    tools: list[Tool] = Field(
        ["hold", "hang_up"], max_length=10, title="Tools of the model",
        description="What the model may do by itself during a call.",
    )  # fmt: skip
    phone_numbers: list[PhoneNumber] = Field(
        [], max_length=50, title="Answers these numbers",
        description="International, such as +13125550100. A number belongs to one agent.",
    )  # fmt: skip
    transfer_targets: list[TransferTarget] = Field(
        [], max_length=50, title="Transfer targets",
        description="The only places to which a caller may be sent. The model sees the name, never the number.",
    )  # fmt: skip
    audio_delivery: Literal["stream", "playback"] = Field(
        "stream", title="Delivery of audio",
        description="stream: over the media socket. playback: the carrier fetches each piece from us.",
    )  # fmt: skip
    answering_machine: Literal["hang_up", "leave_message", "ignore"] = Field(
        "hang_up", title="When a machine answers",
        description="Outgoing calls only. ignore: the agent speaks to it as to a person.",
    )  # fmt: skip
    machine_message: ShortText = Field(
        "", title="Message for a machine", description="Spoken after the beep; needed for leave_message."
    )
    settings: AgentSettings = Field(default_factory=AgentSettings)

    @model_validator(mode="after")
    def _references_hold(self) -> "AgentConfig":
        names = [target.name.lower() for target in self.transfer_targets]
        if len(set(names)) != len(names):
            raise ValueError("transfer_targets: two targets have the same name")
        wanted = self.settings.no_progress.transfer_target
        if wanted and wanted.lower() not in names:
            raise ValueError("settings.no_progress.transfer_target: no transfer target has this name")
        if self.answering_machine == "leave_message" and not self.machine_message:
            raise ValueError("machine_message: needed when answering_machine is leave_message")
        return self

    def target(self, name: str) -> TransferTarget | None:
        """The allowed target of that name, upper or lower case, else None."""
        return next((target for target in self.transfer_targets if target.name.lower() == name.strip().lower()), None)
