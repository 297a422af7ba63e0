"""Judges one rehearsal: what was heard, said and logged against what the scenario expects. Pure, and nothing else.

Every expectation becomes one or more checks; each says what was expected, what was measured and how much it may differ,
so that a failed rehearsal explains itself. All times are on the carrier's clock and shown in seconds since the answer.
Nothing here comes from the product: the facts are the carrier's log and the caller's ear.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.ear import Utterance
from backend.rehearsal.scenario import EndExpectation, Expectations, HeardExpectation

_SILENCE_OF_BOTH = "longest silence of both"


@dataclass(frozen=True, slots=True)
class Speech:
    """Something the caller said or played. Times on the carrier's clock (s)."""

    started_at: float
    ended_at: float
    text: str = ""
    interrupts: bool = False


@dataclass(frozen=True, slots=True)
class CallFacts:
    """All that is known of one call after its end."""

    answered_at: float | None
    heard: list[Utterance]
    said: list[Speech]
    entries: list[LogEntry]
    """The carrier's log of this leg."""
    direction: str = "inbound"
    heard_dtmf: str = ""
    keys_left: list[str] | None = None
    """Names left in Redis; None: nobody could look."""
    problem: str = ""
    """Why the caller's script could not be played to its end."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to hold."""

    name: str
    passed: bool
    expected: str
    measured: str
    tolerance: str = ""
    deviation_s: float | None = None
    """Measured minus expected, for instants."""


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    checks: list[Check] = field(default_factory=list)

    def with_check(self, check: Check) -> "Verdict":
        """The same with one check more."""
        return Verdict(self.passed and check.passed, [*self.checks, check])

    @property
    def failed_checks(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]


def judge(expect: Expectations, facts: CallFacts) -> Verdict:
    """The verdict on one call."""
    checks = [_script_was_played(facts), *_one_hang_up(facts)]
    if expect.heard is not None:
        checks += _heard(expect, facts)
    if expect.check_ins is not None:
        count = sum(1 for utterance in facts.heard if utterance.kind == "check_in")
        checks.append(Check("check-ins", count == expect.check_ins, str(expect.check_ins), str(count)))
    if expect.ends is not None:
        checks += _ends(expect.ends, facts)
    if expect.max_gap_s is not None:
        gap = longest_gap_s(facts)
        checks.append(Check(_SILENCE_OF_BOTH, gap <= expect.max_gap_s, f"at most {expect.max_gap_s} s", f"{gap:.3f} s"))
    if expect.stops_within_s is not None:
        checks += _stops(expect.stops_within_s, facts)
    checks += _commands(expect.commands, facts)
    if expect.agent_pressed is not None:
        same = facts.heard_dtmf == expect.agent_pressed
        checks.append(Check("digits from the agent", same, expect.agent_pressed, facts.heard_dtmf or "none"))
    if expect.transferred_to is not None:
        targets = [
            str((entry.data.get("body") or {}).get("to", ""))
            for entry in carried_out(facts.entries)
            if _name(entry) == "transfer"
        ]
        shown = ", ".join(targets) or "no transfer"
        checks.append(Check("transferred to", targets == [expect.transferred_to], expect.transferred_to, shown))
    if expect.webhooks_delivered:
        checks.append(_webhooks(facts))
    if expect.no_key_left and facts.keys_left is not None:
        left = facts.keys_left
        checks.append(Check("keys left in Redis", not left, "none", ", ".join(left[:5]) or "none"))
    return Verdict(all(check.passed for check in checks), checks)


def hang_up_of(facts: CallFacts) -> LogEntry | None:
    """The first end of the leg."""
    return next((entry for entry in facts.entries if entry.kind == "hangup"), None)


def who_hung_up(facts: CallFacts) -> str:
    """agent, caller or carrier; "" while the call is up."""
    entry = hang_up_of(facts)
    if entry is None:
        return ""
    if entry.data.get("cause") in ("time_limit", "timeout"):
        return "carrier"
    far_end = "caller" if facts.direction == "inbound" else "callee"
    if entry.data.get("source") == far_end:
        return "caller"
    asked = any(
        _name(done) in ("hangup", "reject") and done.at <= entry.at + 0.05 for done in carried_out(facts.entries)
    )
    return "agent" if asked else "carrier"


def carried_out(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """The commands that were accepted, each `command_id` once."""
    return [
        entry
        for entry in entries
        if entry.kind == "command"
        and 200 <= int(entry.data.get("status") or 0) < 300
        and not entry.data.get("duplicate")
    ]


def longest_gap_s(facts: CallFacts) -> float:
    """The longest stretch between answer and hang-up in which neither side was audible."""
    end = hang_up_of(facts)
    if facts.answered_at is None or end is None:
        return 0.0
    spans = [(one.started_at, one.ended_at) for one in facts.heard]
    spans += [(one.started_at, one.ended_at) for one in facts.said]
    position, longest = facts.answered_at, 0.0
    for started_at, ended_at in sorted([*spans, (end.at, end.at)]):
        longest = max(longest, min(started_at, end.at) - position)
        position = max(position, ended_at)
    return longest


def _script_was_played(facts: CallFacts) -> Check:
    return Check("caller's script", not facts.problem, "played to its end", facts.problem or "played to its end")


def _one_hang_up(facts: CallFacts) -> list[Check]:
    ends = sum(1 for entry in facts.entries if entry.kind == "hangup")
    asked = sum(1 for entry in carried_out(facts.entries) if _name(entry) == "hangup")
    return [
        Check("hang-ups", ends == 1, "1", str(ends)),
        Check("hang-ups carried out for the agent", asked <= 1, "at most 1", str(asked)),
    ]


def _heard(expect: Expectations, facts: CallFacts) -> list[Check]:
    wanted = expect.heard or []
    checks: list[Check] = []
    for index, item in enumerate(wanted):
        name = f"heard {index + 1} ({item.kind})"
        if index >= len(facts.heard):
            checks.append(Check(name, False, item.text or item.kind, "nothing"))
            continue
        checks += _one_heard(name, item, index, facts)
    more = facts.heard[len(wanted) :]
    if expect.nothing_more and len(facts.heard) >= len(wanted):
        shown = ", ".join(_shown(one) for one in more) or "nothing"
        checks.append(Check("heard beyond that", not more, "nothing", shown))
    return checks


def _one_heard(name: str, item: HeardExpectation, index: int, facts: CallFacts) -> list[Check]:
    utterance = facts.heard[index]
    checks = [Check(name, item.kind in ("any", utterance.kind), item.kind, _shown(utterance))]
    if item.text is not None:
        same = _plain(utterance.text) == _plain(item.text)
        checks.append(Check(f"{name}: words", same, item.text, _shown(utterance)))
    previous = facts.heard[index - 1].ended_at if index else facts.answered_at
    anchor = _anchor(item.after, previous, facts)
    checks += _instant(f"{name}: begins", item, item.after, anchor, utterance.started_at, facts)
    if item.lasts_s is not None:
        fits = abs(utterance.lasts_s - item.lasts_s) <= item.lasts_tolerance_s
        shown, allowed = f"{utterance.lasts_s:.3f} s", f"±{item.lasts_tolerance_s} s"
        checks.append(Check(f"{name}: lasts", fits, f"{item.lasts_s} s", shown, allowed))
    return checks


def _ends(item: EndExpectation, facts: CallFacts) -> list[Check]:
    entry = hang_up_of(facts)
    if entry is None:
        return [Check("end", False, f"hung up by {item.who}", "the call did not end")]
    who = who_hung_up(facts)
    checks = [Check("end: by whom", item.who in ("either", who), item.who, who)]
    if item.cause is not None:
        cause = str(entry.data.get("cause"))
        checks.append(Check("end: cause", cause == item.cause, item.cause, cause))
    last = facts.heard[-1].ended_at if facts.heard else facts.answered_at
    return checks + _instant("end: when", item, item.after, _anchor(item.after, last, facts), entry.at, facts)


def _instant(
    name: str,
    item: HeardExpectation | EndExpectation,
    after: str,
    anchor: float | None,
    at: float,
    facts: CallFacts,
) -> list[Check]:
    """The checks of `at_s` and `within_s`."""
    if item.at_s is None and item.within_s is None:
        return []
    if anchor is None:
        return [Check(name, False, f"after {after}", f"{after} did not happen")]
    elapsed = at - anchor
    since_answer = f" ({at - facts.answered_at:.3f} s after the answer)" if facts.answered_at is not None else ""
    measured = f"{elapsed:.3f} s{since_answer}"
    checks: list[Check] = []
    if item.at_s is not None:
        deviation = elapsed - item.at_s
        passed = abs(deviation) <= item.tolerance_ms / 1000
        wanted, allowed = f"{item.at_s} s after {after}", f"±{item.tolerance_ms:g} ms"
        checks.append(Check(name, passed, wanted, measured, allowed, round(deviation, 4)))
    if item.within_s is not None:
        passed = -1e-6 <= elapsed <= item.within_s
        checks.append(Check(name, passed, f"at most {item.within_s} s after {after}", measured))
    return checks


def _anchor(name: str, previous: float | None, facts: CallFacts) -> float | None:
    if name == "previous":
        return previous
    if name == "answered":
        return facts.answered_at
    if name == "hang_up":
        entry = hang_up_of(facts)
        return entry.at if entry else None
    side, number, *edge = name.split("_")
    things: list[Any] = facts.said if side == "said" else facts.heard
    if int(number) > len(things):
        return None
    thing = things[int(number) - 1]
    return float(thing.started_at if edge else thing.ended_at)


def _stops(within_s: float, facts: CallFacts) -> list[Check]:
    checks: list[Check] = []
    for speech in facts.said:
        if not speech.interrupts:
            continue
        cut = next((one for one in facts.heard if one.started_at <= speech.started_at < one.ended_at), None)
        took = cut.ended_at - speech.started_at if cut else 0.0
        wanted = f"silent within {within_s} s"
        checks.append(Check("interrupted agent", took <= within_s, wanted, f"{took:.3f} s"))
    return checks or [Check("interrupted agent", False, "an interruption", "none took place")]


def _commands(wanted: dict[str, int], facts: CallFacts) -> list[Check]:
    counts = Counter(_name(entry) for entry in carried_out(facts.entries))
    return [
        Check(f"command {name}", counts[name] == number, f"{number} times", f"{counts[name]} times")
        for name, number in wanted.items()
    ]


def _webhooks(facts: CallFacts) -> Check:
    lost = [str(entry.data.get("event_type")) for entry in facts.entries if entry.kind == "webhook_given_up"]
    return Check("webhooks taken by the product", not lost, "all", "given up: " + ", ".join(lost) if lost else "all")


def _name(entry: LogEntry) -> str:
    return str(entry.data.get("name", ""))


def _shown(utterance: Utterance) -> str:
    words = f"{utterance.kind}: {utterance.text!r}" if utterance.kind else "something else"
    return f"{words} ({utterance.lasts_s:.2f} s)"


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
