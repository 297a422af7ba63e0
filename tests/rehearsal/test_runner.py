"""The runner's own small parts; whole rehearsals are in tests/live."""

import asyncio

import pytest

from backend.call.agent_config import AgentConfig
from backend.rehearsal.product_api import ProductApi
from backend.rehearsal.runner import CannotRun, Stage, check_needs, escape_glob, make_references
from backend.rehearsal.scenario import ModelRule, load_scenario
from backend.rehearsal.stage import carrier_for


def stage(**changes: object) -> Stage:
    carrier = carrier_for("http://127.0.0.1:9/webhooks/telnyx")
    return Stage(carrier, ProductApi("http://127.0.0.1:9", "key"), **changes)  # type: ignore[arg-type]


def test_a_scenario_that_needs_more_than_there_is_says_what() -> None:
    """It is skipped with a reason instead of failing."""
    check_needs(load_scenario("default_dead_air"), stage())
    check_needs(load_scenario("barge_in"), stage(barge_in=True, model_url="http://127.0.0.1:9"))
    with pytest.raises(CannotRun, match="ENABLE_BARGE_IN=1"):
        check_needs(load_scenario("barge_in"), stage(model_url="http://127.0.0.1:9"))
    with pytest.raises(CannotRun, match="scripted model"):
        check_needs(load_scenario("hold_on"), stage())


def test_every_call_of_a_stage_has_numbers_of_its_own() -> None:
    """Agents are found by the number that was called."""
    one = stage()
    numbers = [one.new_number() for _ in range(1000)]

    assert len(set(numbers)) == 1000
    AgentConfig(name="a", phone_numbers=numbers[:50])


def test_a_call_control_id_is_looked_for_literally_in_redis() -> None:
    """Whatever signs it holds."""
    assert escape_glob("v3:a*b?[c]") == "v3:a\\*b\\?\\[c\\]"


def test_references_are_made_only_of_a_voice_that_the_rehearsal_has() -> None:
    """Otherwise the words are not judged, and the times still are."""
    agent = AgentConfig(name="a")
    with_voice = asyncio.run(make_references(agent, [ModelRule(say="Fine.")]))
    without = asyncio.run(make_references(agent.model_copy(update={"voice": "af_heart"}), []))

    assert {reference.text for reference in with_voice} >= {"Are you still there?", "Fine."}
    assert all(len(reference.pcm) > 1000 for reference in with_voice)
    assert without == []
