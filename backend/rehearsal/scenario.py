"""One rehearsal as a YAML file: what the caller does, what the model answers, what must be heard and how it must end.

Decides the format and says what is wrong with a file: which file, which field, what is allowed. Runs nothing
(`runner.py`) and judges nothing (`verdict.py`). Durations are seconds; every default is written here.

    name: default_dead_air
    caller:                         # in order; each step has one action
      - wait_until: agent_answered
      - say: "Hello?"
      - stay_silent: true
    expect:
      heard:                        # what the caller hears, in order
        - {kind: greeting}
        - {kind: check_in, at_s: 7.0}       # after the end of the one before, unless `after` says otherwise
      ends: {who: agent, at_s: 5.0}
"""

import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backend.call.agent_config import AgentConfig
from backend.rehearsal.carrier.faults import Faults
from backend.rehearsal.sounds import SoundName

SHIPPED = Path(__file__).parent / "scenarios"
WAITS = "agent_silent, agent_speaking, agent_answered, agent_said_N, call_ended"
ANCHORS = "answered, previous, hang_up, said_N, said_N_start, heard_N, heard_N_start"
_WAIT = re.compile(r"^(agent_silent|agent_speaking|agent_answered|agent_said_[1-9]\d?|call_ended)$")
_ANCHOR = re.compile(r"^(answered|previous|hang_up|(said|heard)_[1-9]\d?(_start)?)$")
_ACTIONS = ("say", "press", "play", "wait_s", "wait_until", "hang_up", "stay_silent")

Kind = Literal["greeting", "answer", "check_in", "filler", "goodbye", "apology", "notice", "repeat_request", "any"]
Who = Literal["agent", "caller", "carrier", "either"]


class ScenarioError(ValueError):
    """A scenario file is wrong. One line per mistake: file, field, what is allowed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolCall(_Strict):
    """A tool that the scripted model calls."""

    name: str = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(default_factory=dict)


class ModelRule(_Strict):
    """One line of the model's script. The first rule that fits the caller's last words answers."""

    when: str = "any"
    """`any`, or a regular expression that is looked for in the caller's words, upper or lower case."""
    say: str = ""
    tool: ToolCall | None = None
    delay_s: float = Field(0.0, ge=0, le=120)
    """Before the first token."""
    token_delay_s: float = Field(0.01, ge=0, le=10)
    """Between tokens (words)."""
    times: int | None = Field(None, ge=1)
    """The rule is used so often, then passed over; None: always."""
    status: int | None = Field(None, ge=400, le=599)
    """Answer with this HTTP error instead."""

    @field_validator("when")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"must be `any` or a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.say or self.tool or self.status):
            raise ValueError("needs at least one of: say, tool, status")
        return self

    def fits(self, words: str) -> bool:
        """Whether this rule answers these words of the caller."""
        return self.when == "any" or re.search(self.when, words, re.IGNORECASE) is not None


class Step(_Strict):
    """One thing the caller does."""

    say: str | None = Field(None, min_length=1, max_length=1000)
    press: str | None = Field(None, pattern=r"^[0-9A-D*#wW]{1,64}$")
    play: SoundName | None = None
    wait_s: float | None = Field(None, ge=0, le=3600)
    wait_until: str | None = None
    hang_up: Literal[True] | None = None
    stay_silent: Literal[True] | None = None
    """Until the call is over."""

    interrupt_after_s: float | None = Field(None, ge=0, le=60)
    """With `say` or `play`: wait until the agent speaks, then so long, then do it."""
    for_s: float | None = Field(None, gt=0, le=600)
    """With `play`: how long (1 s unless given). With `wait_until: agent_silent`: how long it must have been silent."""
    level_dbfs: float = Field(-20.0, ge=-60, le=0)
    """With `play`: how loud."""
    take: int = Field(0, ge=0)
    """With `play`: which take of the sound; another number is another cough."""
    timeout_s: float = Field(30.0, gt=0, le=3600)
    """With `wait_until` and `interrupt_after_s`: a failed rehearsal after so long."""
    voice: str = "en-us"
    rate_wpm: int = Field(170, ge=80, le=450)

    @field_validator("wait_until")
    @classmethod
    def _is_a_wait(cls, value: str | None) -> str | None:
        if value is not None and not _WAIT.match(value):
            raise ValueError(f"allowed: {WAITS}")
        return value

    @model_validator(mode="after")
    def _has_one_action(self) -> Self:
        given = [name for name in _ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of: {', '.join(_ACTIONS)}" + (f" (has {given})" if given else ""))
        if self.interrupt_after_s is not None and given[0] not in ("say", "play"):
            raise ValueError("interrupt_after_s: only with say or play")
        return self


class CalledParty(_Strict):
    """Outbound only: who picks up, and when."""

    after_s: float = Field(1.0, ge=0, le=120)
    as_: Literal["human", "machine"] = Field("human", alias="as")
    says: str = Field("", max_length=500)
    """The words on picking up: "Hello?" of a person, the greeting of a machine (followed by its beep)."""


class HeardExpectation(_Strict):
    """One utterance of the agent, as the caller hears it."""

    kind: Kind = "any"
    text: str | None = None
    """Roughly these words. Needs a voice that the rehearsal can imitate (espeak-ng)."""
    after: str = "previous"
    """What `at_s` and `within_s` are counted from; `previous`: the end of the utterance before, or the answer."""
    at_s: float | None = Field(None, ge=0)
    within_s: float | None = Field(None, ge=0)
    tolerance_ms: float = Field(150.0, gt=0)
    lasts_s: float | None = Field(None, gt=0)
    lasts_tolerance_s: float = Field(0.5, gt=0)

    @field_validator("after")
    @classmethod
    def _is_an_anchor(cls, value: str) -> str:
        return _check_anchor(value)


class EndExpectation(_Strict):
    """Who hangs up, and when."""

    who: Who = "either"
    after: str = "previous"
    """`previous`: the end of the last thing heard."""
    at_s: float | None = Field(None, ge=0)
    within_s: float | None = Field(None, ge=0)
    tolerance_ms: float = Field(150.0, gt=0)
    cause: str | None = None

    @field_validator("after")
    @classmethod
    def _is_an_anchor(cls, value: str) -> str:
        return _check_anchor(value)


class Expectations(_Strict):
    """What makes the rehearsal pass. Fields that are not given are not checked."""

    heard: list[HeardExpectation] | None = None
    nothing_more: bool = True
    """With `heard`: nothing else is heard after the last of them."""
    check_ins: int | None = Field(None, ge=0)
    ends: EndExpectation | None = None
    max_gap_s: float | None = Field(None, gt=0)
    """Longest silence of both between the answer and the hang-up."""
    stops_within_s: float | None = Field(None, gt=0)
    """After each interruption the agent is silent within this time."""
    commands: dict[str, int] = Field(default_factory=dict)
    """How often each carrier command was carried out, repetitions of one `command_id` not counted."""
    agent_pressed: str | None = None
    """Digits that the far end received from the agent."""
    transferred_to: str | None = None
    webhooks_delivered: bool = True
    """Every webhook got a 2xx at last."""
    no_key_left: bool = False
    """Redis holds nothing of the call 60 s after it, where the rehearsal may look."""


class Needs(_Strict):
    """What the installation must have; the rehearsal is skipped where it has not."""

    barge_in: bool | None = None
    scripted_model: bool = False


class Scenario(_Strict):
    """A rehearsal, whole."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")
    title: str = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    codec: Literal["PCMU", "PCMA"] = "PCMU"
    agent: dict[str, Any] = Field(default_factory=dict)
    """Any part of an agent; the rest has the agent's own defaults."""
    model: list[ModelRule] = Field(default_factory=list)
    """Empty: the scripted model's own small talk."""
    called_party: CalledParty = Field(default_factory=CalledParty)
    caller: list[Step] = Field(default_factory=lambda: [Step(stay_silent=True)])
    faults: Faults = Field(default_factory=Faults)
    expect: Expectations = Field(default_factory=Expectations)
    needs: Needs = Field(default_factory=Needs)
    time_limit_s: float = Field(90.0, gt=0, le=7200)
    """The rehearsal hangs up and fails after so long."""

    @field_validator("agent")
    @classmethod
    def _is_an_agent(cls, value: dict[str, Any]) -> dict[str, Any]:
        AgentConfig.model_validate({"name": "rehearsal", **value})
        return value

    @property
    def agent_config(self) -> AgentConfig:
        """The agent, defaults filled in."""
        return AgentConfig.model_validate({"name": f"rehearsal {self.name}", **self.agent})

    def played_with(self, agent: AgentConfig) -> Self:
        """The same rehearsal with another agent: all of its settings but its numbers, which go on answering others."""
        return self.model_copy(update={"agent": agent.model_dump(mode="json", exclude={"phone_numbers"})})

    def with_delivery(self, delivery: str) -> Self:
        """The same rehearsal with the other way of getting audio to the caller."""
        return self.model_copy(update={"agent": {**self.agent, "audio_delivery": delivery}})


def _check_anchor(value: str) -> str:
    if not _ANCHOR.match(value):
        raise ValueError(f"allowed: {ANCHORS}")
    return value


def parse_scenario(text: str, source: str) -> Scenario:
    """The scenario in `text`. Raises ScenarioError, each line naming `source` and the field."""
    try:
        content = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:  # ValueError: such as a date that does not exist
        raise ScenarioError(f"{source}: is not valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise ScenarioError(f"{source}: must hold fields, `name: …`; allowed: {_fields(Scenario)}")
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        lines = [f"{source}: {_explain(item)}" for item in error.errors(include_url=False)]
        raise ScenarioError("\n".join(lines)) from None


def load_scenario(path: str | Path) -> Scenario:
    """A scenario from a file, or a shipped one by its bare name."""
    file = Path(path)
    if not file.exists() and (SHIPPED / f"{path}.yaml").exists():
        file = SHIPPED / f"{path}.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(shipped_names())
        raise ScenarioError(f"{path}: cannot be read ({type(error).__name__}); shipped scenarios: {names}") from None
    return parse_scenario(text, str(path))


def shipped_names() -> list[str]:
    """The scenarios that come with the product."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def _explain(item: Any) -> str:
    """One mistake: the field, what is wrong, what is allowed."""
    field = ".".join(str(part) if not isinstance(part, int) else f"[{part}]" for part in item["loc"]).replace(".[", "[")
    return f"{field}: {explain(item)}"


def explain(item: Any) -> str:
    """One of pydantic's mistakes: what is wrong, what is allowed."""
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        return "is not a field" + (f"; allowed: {fields_at(item['loc'][:-1])}" if item["loc"][0] != "agent" else "")
    shown = "" if isinstance(item["input"], dict | list) else f" (given: {str(item['input'])[:60]!r})"
    return f"{message}{shown}"


def fields_at(loc: tuple[Any, ...]) -> str:
    """The fields of the object that `loc` leads to."""
    return _fields(_model_at(loc))


_MODELS: dict[str, type[BaseModel]] = {
    "model": ModelRule, "tool": ToolCall, "caller": Step, "called_party": CalledParty, "heard": HeardExpectation,
    "ends": EndExpectation, "expect": Expectations, "needs": Needs, "faults": Faults,
}  # fmt: skip


def _model_at(loc: tuple[Any, ...]) -> type[BaseModel]:
    """The model whose field `loc` names."""
    named = [part for part in loc if isinstance(part, str)]
    return _MODELS.get(named[-1], Scenario) if named else Scenario


def _fields(model: type[BaseModel]) -> str:
    return ", ".join(info.alias or name for name, info in model.model_fields.items())
