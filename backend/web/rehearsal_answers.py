"""What /api/rehearsals answers and takes, and how runs become answers. Instants are seconds since 1970 UTC, `_s` seconds."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.records.rehearsal_runs import Run, TimelineLine
from backend.rehearsal.comparison import compare
from backend.rehearsal.scenario_problems import LONGEST_TEXT
from backend.web.errors import ErrorAnswer

NAME = r"^[A-Za-z0-9_-]{1,60}$"
State = Literal["queued", "running", "passed", "failed", "broken"]


class RehearsalPath(BaseModel):
    """Which rehearsal."""

    name: str = Field(pattern=NAME)


class RunPath(BaseModel):
    """Which run."""

    run_id: str = Field(min_length=1, max_length=64, pattern=r"^[0-9a-f]+$")


class RunQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, pattern=NAME, description="Only those of this rehearsal.")
    limit: int = Field(50, ge=1, le=200)


class EventHeader(BaseModel):
    """Headers of a stream of events."""

    last_event_id: str = Field(
        "", alias="Last-Event-ID", max_length=20, description="The stream goes on after this one."
    )


class RehearsalBody(BaseModel):
    """A rehearsal as it is to be stored."""

    model_config = ConfigDict(extra="forbid")

    yaml: str = Field(max_length=LONGEST_TEXT)
    version: int | None = Field(
        None, ge=0, le=2**31 - 1, description="What was edited; 409 when it is not the present one. 0: it must be new."
    )


class CheckBody(BaseModel):
    """A text that might be a rehearsal."""

    model_config = ConfigDict(extra="forbid")

    yaml: str = Field(max_length=LONGEST_TEXT)


class RunBody(BaseModel):
    """How it is to be played."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str | None = Field(None, max_length=64, description="This agent's settings; null: the rehearsal's own.")


class ProblemAnswer(BaseModel):
    """One mistake in the YAML. Lines and columns are counted from 1."""

    line: int
    column: int
    path: str = Field(description="Like `caller[1].say`; empty for the whole.")
    message: str


class ProblemList(BaseModel):
    """What is wrong with it; empty where nothing is."""

    problems: list[ProblemAnswer]


class InvalidRehearsal(ErrorAnswer):
    """It was not stored."""

    problems: list[ProblemAnswer] = []


class RunSummary(BaseModel):
    """One run in a list."""

    id: str
    name: str
    state: State
    agent_id: str | None = Field(description="null: the rehearsal's own agent.")
    agent_name: str
    queued_at: float
    started_at: float | None
    ended_at: float | None
    call_control_id: str | None = Field(description="As soon as it is known.")
    problem: str = Field(description="Why it broke, or what is wrong; empty where nothing is.")
    failed_checks: list[str]
    recording_s: float | None = Field(description="null: there is no recording.")


class LineAnswer(BaseModel):
    """One line of the timeline. `at_s`: since the answer, before it since the ringing began."""

    number: int
    at_s: float
    kind: str
    words: str
    is_trouble: bool


class CheckAnswer(BaseModel):
    """One thing that had to hold."""

    name: str
    passed: bool
    expected: str
    measured: str
    tolerance: str
    deviation_s: float | None


class SpeechAnswer(BaseModel):
    """One thing that was heard or said, in seconds since the answer."""

    started_at: float
    ended_at: float
    kind: str
    text: str


class DifferenceAnswer(BaseModel):
    """One wait in this run and in the one before."""

    name: str
    before_s: float | None
    now_s: float | None
    change: Literal["slower", "faster", "same", "new", "gone"]


class ChangedCheckAnswer(BaseModel):
    """A check that came out differently; null: it was not made."""

    name: str
    before: bool | None
    now: bool | None
    measured_before: str
    measured_now: str


class ComparedAnswer(BaseModel):
    """This run beside the last one of the same rehearsal that came to a verdict."""

    run: RunSummary
    differences: list[DifferenceAnswer]
    changed_checks: list[ChangedCheckAnswer]


class RunAnswer(RunSummary):
    """One run, whole."""

    yaml: str
    is_cancelled: bool
    ahead: int = Field(description="How many runs come before it.")
    timeline: list[LineAnswer]
    checks: list[CheckAnswer]
    heard: list[SpeechAnswer]
    said: list[SpeechAnswer]
    compared: ComparedAnswer | None


class RunList(BaseModel):
    """Runs, newest first."""

    runs: list[RunSummary]


class RunBegun(BaseModel):
    """It waits for its turn."""

    run_id: str


class RehearsalSummary(BaseModel):
    """One rehearsal in the list."""

    name: str
    title: str
    is_own: bool = Field(description="Written here; the others come with the product and cannot be changed.")
    caller: list[str] = Field(description="What the caller does, in plain words.")
    is_valid: bool
    last_run: RunSummary | None


class RehearsalList(BaseModel):
    """All rehearsals, one's own first."""

    rehearsals: list[RehearsalSummary]


class RehearsalAnswer(BaseModel):
    """One rehearsal."""

    name: str
    yaml: str
    is_own: bool
    version: int = Field(description="0 for those that come with the product.")


def summary_of(run: Run) -> RunSummary:
    result = run.result or {}
    return RunSummary(
        id=run.id, name=run.name, state=run.state,
        agent_id=run.agent_id or None, agent_name=run.agent_name, queued_at=run.queued_at, started_at=run.started_at,
        ended_at=run.ended_at, call_control_id=run.call_control_id or None,
        problem=run.problem or str(result.get("problem") or ""),
        failed_checks=[check["name"] for check in result.get("checks", []) if not check["passed"]],
        recording_s=run.recording_s,
    )  # fmt: skip


def answer_of(run: Run, timeline: list[TimelineLine], before: Run | None, ahead: int) -> RunAnswer:
    """`before`: the run it is compared with, if there is one."""
    result = run.result or {}
    return RunAnswer(
        **summary_of(run).model_dump(), yaml=run.yaml, is_cancelled=run.is_cancelled, ahead=ahead,
        timeline=[line_of(line) for line in timeline],
        checks=[CheckAnswer.model_validate(check) for check in result.get("checks", [])],
        heard=_speeches(result.get("heard", [])), said=_speeches(result.get("said", [])),
        compared=_compared(before, run),
    )  # fmt: skip


def line_of(line: TimelineLine) -> LineAnswer:
    return LineAnswer(**asdict(line))


def _speeches(items: list[dict[str, Any]]) -> list[SpeechAnswer]:
    return [
        SpeechAnswer(started_at=one["started_at"], ended_at=one["ended_at"], kind=one.get("kind", ""), text=one["text"])
        for one in items
    ]


def _compared(before: Run | None, now: Run) -> ComparedAnswer | None:
    if before is None or before.result is None or now.result is None:
        return None
    comparison = compare(before.result, now.result)
    return ComparedAnswer(
        run=summary_of(before),
        differences=[DifferenceAnswer(**asdict(one), change=one.change) for one in comparison.differences],
        changed_checks=[ChangedCheckAnswer(**asdict(one)) for one in comparison.changed_checks],
    )
