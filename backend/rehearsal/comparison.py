"""How a run differs from the one before: what became slower or faster, which check changed. Pure; works on results as
`report.py` builds them, so that it compares runs of last month as well.

A measure is a wait that somebody on the line notices:

| name                       | from → to                                                          |
|----------------------------|--------------------------------------------------------------------|
| greeting                   | the answer → its first sound                                       |
| answer after “…”           | the caller's end of speech → the agent's first sound               |
| check_in 2 …               | the end of whatever was heard before → its first sound             |
| hang-up                    | the last sound of either side → the end of the call                |
| longest silence of both    | as the verdict measures it                                         |

A difference counts when it is more than `NOTICED_S` and more than `NOTICED_PART` of what it was.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NOTICED_S = 0.1
NOTICED_PART = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure in both runs (s); None where a run does not have it."""

    name: str
    before_s: float | None
    now_s: float | None

    @property
    def change(self) -> str:
        """slower, faster, same, new or gone."""
        if self.before_s is None:
            return "new"
        if self.now_s is None:
            return "gone"
        by = self.now_s - self.before_s
        if abs(by) <= max(NOTICED_S, NOTICED_PART * abs(self.before_s)):
            return "same"
        return "slower" if by > 0 else "faster"


@dataclass(frozen=True, slots=True)
class ChangedCheck:
    """A check that came out differently; `before` or `now` None: it was not made."""

    name: str
    before: bool | None
    now: bool | None
    measured_before: str
    measured_now: str


@dataclass(frozen=True, slots=True)
class Comparison:
    differences: list[Difference] = field(default_factory=list)
    """Every measure, in the order of the call."""
    changed_checks: list[ChangedCheck] = field(default_factory=list)


def compare(before: dict[str, Any], now: dict[str, Any]) -> Comparison:
    """Two results of one rehearsal."""
    was, is_ = measures(before), measures(now)
    names = [*is_, *(name for name in was if name not in is_)]
    differences = [Difference(name, was.get(name), is_.get(name)) for name in names]
    old = {check["name"]: check for check in before.get("checks", [])}
    new = {check["name"]: check for check in now.get("checks", [])}
    changed = [
        ChangedCheck(name, _passed(old, name), _passed(new, name), _measured(old, name), _measured(new, name))
        for name in [*new, *(name for name in old if name not in new)]
        if _passed(old, name) != _passed(new, name)
    ]
    return Comparison(differences, changed)


def measures(result: dict[str, Any]) -> dict[str, float]:
    """By name (s), in the order of the call."""
    found: dict[str, float] = {}
    said = sorted(result.get("said", []), key=lambda one: one["ended_at"])
    counts: Counter[str] = Counter()
    last_heard_end = 0.0
    for one in sorted(result.get("heard", []), key=lambda one: one["started_at"]):
        asked = [speech for speech in said if last_heard_end - 1e-9 <= speech["ended_at"] <= one["started_at"]]
        since = asked[-1]["ended_at"] if asked else last_heard_end
        words = asked[-1]["text"][:60] if asked else ""
        name = f"answer after “{words}”" if words else one["kind"] or "something else"
        counts[name] += 1
        found[name if counts[name] == 1 else f"{name} {counts[name]}"] = round(one["started_at"] - since, 3)
        last_heard_end = one["ended_at"]
    end = result.get("hang_up")
    if end is not None:
        last = max([last_heard_end, *(speech["ended_at"] for speech in said if speech["ended_at"] <= end["at"])])
        found["hang-up"] = round(max(0.0, end["at"] - last), 3)
        found["longest silence of both"] = float(result.get("longest_gap_s", 0.0))
    return found


def _passed(checks: dict[str, Any], name: str) -> bool | None:
    return bool(checks[name]["passed"]) if name in checks else None


def _measured(checks: dict[str, Any], name: str) -> str:
    return str(checks[name]["measured"]) if name in checks else ""
