"""The verdict on synthetic calls: a good one passes, and every check can fail."""

from dataclasses import replace

import pytest

from backend.rehearsal.ear import Utterance
from backend.rehearsal.scenario import Expectations, load_scenario
from backend.rehearsal.verdict import CallFacts, Speech, judge, longest_gap_s, who_hung_up
from tests.rehearsal.builders import command, dead_air_call, entry, heard, question_call

DEAD_AIR = load_scenario("default_dead_air").expect


def failed(expect: Expectations, facts: CallFacts) -> list[str]:
    return [check.name for check in judge(expect, facts).failed_checks]


def expecting(**fields: object) -> Expectations:
    return Expectations.model_validate(fields)


def test_the_default_timeline_as_configured_passes_every_check() -> None:
    """7 s, 7 s after the first was heard, 5 s after the second was heard."""
    verdict = judge(DEAD_AIR, dead_air_call())

    assert verdict.failed_checks == []
    assert verdict.passed
    assert [round(check.deviation_s, 6) for check in verdict.checks if check.deviation_s is not None] == [0, 0, 0]


@pytest.mark.parametrize("step", ["first", "second", "hang_up"])
@pytest.mark.parametrize(("shift_s", "passes"), [(0.149, True), (-0.149, True), (0.151, False), (-0.151, False)])
def test_each_step_may_be_150_ms_off_and_no_more(step: str, shift_s: float, passes: bool) -> None:
    """The tolerance holds in both directions and for each step by itself."""
    facts = dead_air_call(**{step: shift_s})
    names = {"first": "heard 2 (check_in): begins", "second": "heard 3 (check_in): begins", "hang_up": "end: when"}

    assert (names[step] not in failed(DEAD_AIR, facts)) is passes


def test_a_step_is_counted_from_the_one_before_and_not_from_the_start() -> None:
    """A late first check-in does not make the second one late as well."""
    assert failed(expecting(heard=DEAD_AIR.heard, nothing_more=True), dead_air_call(first=0.5)) == [
        "heard 2 (check_in): begins"
    ]


def test_a_missing_check_in_fails_by_name() -> None:
    """The caller heard one fewer than was configured."""
    facts = dead_air_call()
    facts = replace(facts, heard=facts.heard[:2])

    assert {"check-ins", "heard 3 (check_in)"} <= set(failed(DEAD_AIR, facts))


def test_one_check_in_too_many_fails_by_name() -> None:
    """The caller heard one more than was configured."""
    facts = dead_air_call()
    facts = replace(facts, heard=[*facts.heard, heard(31.0, 1.2)])

    assert {"check-ins", "heard beyond that"} <= set(failed(DEAD_AIR, facts))


def test_other_words_than_the_configured_ones_fail() -> None:
    """The right moment is not enough."""
    facts = dead_air_call()
    other = Utterance(facts.heard[1].started_at, facts.heard[1].ended_at, "filler", "One moment, please.")
    facts = replace(facts, heard=[facts.heard[0], other, facts.heard[2]])

    assert {"heard 2 (check_in)", "heard 2 (check_in): words"} <= set(failed(DEAD_AIR, facts))


def test_two_hang_ups_carried_out_fail_and_a_repetition_of_the_same_command_does_not() -> None:
    """Exactly one hang-up per call: an ignored duplicate is none."""
    facts = dead_air_call()
    repeated = replace(facts, entries=[*facts.entries, command(34.0, "hangup", duplicate=True)])
    refused = replace(facts, entries=[*facts.entries, command(34.0, "hangup", status=422)])
    doubled = replace(facts, entries=[*facts.entries, command(34.0, "hangup")])

    assert failed(DEAD_AIR, repeated) == []
    assert failed(DEAD_AIR, refused) == []
    assert failed(DEAD_AIR, doubled) == ["hang-ups carried out for the agent", "command hangup"]


def test_a_call_that_does_not_end_fails() -> None:
    """Nothing is judged as ended that is still up."""
    facts = dead_air_call()
    facts = replace(facts, entries=[one for one in facts.entries if one.kind != "hangup"])

    assert {"hang-ups", "end"} <= set(failed(DEAD_AIR, facts))


def test_keys_left_in_redis_fail_and_are_named() -> None:
    """A finished call leaves no key behind."""
    verdict = judge(DEAD_AIR, replace(dead_air_call(), keys_left=["flag:v3:abc:agent_done_speaking"]))

    assert [(check.name, check.measured) for check in verdict.failed_checks] == [
        ("keys left in Redis", "flag:v3:abc:agent_done_speaking")
    ]


def test_keys_are_not_judged_where_nobody_could_look() -> None:
    """Without access to Redis the check is left out instead of passed."""
    checks = judge(DEAD_AIR, replace(dead_air_call(), keys_left=None)).checks

    assert "keys left in Redis" not in [check.name for check in checks]


def test_a_script_that_could_not_be_played_fails_with_its_reason() -> None:
    """A caller who waited in vain is a failed rehearsal even if nothing else is expected."""
    verdict = judge(expecting(), replace(dead_air_call(), problem="step 2: waited 30 s until agent_speaking"))

    assert [check.measured for check in verdict.failed_checks] == ["step 2: waited 30 s until agent_speaking"]


def test_a_webhook_that_the_product_never_took_fails() -> None:
    """Given up means: all attempts failed."""
    facts = dead_air_call()
    lost = entry(20.0, "webhook_given_up", event_type="call.answered")

    assert failed(expecting(), replace(facts, entries=[*facts.entries, lost])) == ["webhooks taken by the product"]
    assert failed(expecting(webhooks_delivered=False), replace(facts, entries=[*facts.entries, lost])) == []


def test_an_answer_is_judged_from_the_end_of_what_the_caller_said() -> None:
    """`after: said_1` with `within_s`."""
    within = {"kind": "answer", "after": "said_1", "within_s": 1.0}

    assert failed(expecting(heard=[{"kind": "greeting"}, within]), question_call()) == []
    assert failed(expecting(heard=[{"kind": "greeting"}, {**within, "within_s": 0.9}]), question_call()) == [
        "heard 2 (answer): begins"
    ]


def test_an_anchor_that_never_happened_fails_instead_of_passing() -> None:
    """Nothing can be on time after something that was never said."""
    expect = expecting(heard=[{"kind": "greeting"}, {"kind": "answer", "after": "said_2", "at_s": 1.0}])

    assert "heard 2 (answer): begins" in failed(expect, question_call())


def test_the_length_of_an_utterance_can_be_expected() -> None:
    """For voices whose words the rehearsal cannot recognise."""
    assert failed(expecting(heard=[{"lasts_s": 1.2}], nothing_more=False), question_call()) == []
    assert failed(expecting(heard=[{"lasts_s": 1.6}], nothing_more=False), question_call()) == ["heard 1 (any): lasts"]


def test_the_longest_silence_of_both_counts_neither_side_as_silent_while_it_speaks() -> None:
    """From the answer to the hang-up, over everything heard and said."""
    assert longest_gap_s(question_call()) == pytest.approx(1.0)
    assert longest_gap_s(dead_air_call()) == pytest.approx(7.0)
    assert failed(expecting(max_gap_s=0.99), question_call()) == ["longest silence of both"]


def test_who_hung_up_is_read_from_the_carriers_log() -> None:
    """Agent, caller and carrier are told apart, in both directions."""
    outbound = replace(
        question_call(), direction="outbound", entries=[entry(6.0, "hangup", cause="normal_clearing", source="callee")]
    )
    limit = replace(question_call(), entries=[entry(6.0, "hangup", cause="time_limit", source="unknown")])

    assert who_hung_up(dead_air_call()) == "agent"
    assert who_hung_up(question_call()) == "caller"
    assert who_hung_up(outbound) == "caller"
    assert who_hung_up(limit) == "carrier"
    assert failed(expecting(ends={"who": "agent"}), question_call()) == ["end: by whom"]
    assert failed(expecting(ends={"who": "caller", "cause": "user_busy"}), question_call()) == ["end: cause"]


def test_an_interrupted_agent_must_fall_silent_in_time() -> None:
    """Counted from the caller's first sound to the agent's last."""
    facts = replace(question_call(), said=[Speech(4.4, 5.5, "Stop", interrupts=True)])

    assert failed(expecting(stops_within_s=0.61), facts) == []
    assert failed(expecting(stops_within_s=0.59), facts) == ["interrupted agent"]
    assert failed(expecting(stops_within_s=0.61), question_call()) == ["interrupted agent"]


def test_commands_keys_and_transfers_are_compared() -> None:
    """Each of the three can fail."""
    facts = question_call()
    facts = replace(facts, heard_dtmf="42#", entries=[*facts.entries, command(3.0, "transfer", to="+13125550177")])

    assert failed(expecting(commands={"transfer": 1}, agent_pressed="42#", transferred_to="+13125550177"), facts) == []
    assert failed(expecting(commands={"transfer": 0}, agent_pressed="41#", transferred_to="+13125550178"), facts) == [
        "command transfer",
        "digits from the agent",
        "transferred to",
    ]
