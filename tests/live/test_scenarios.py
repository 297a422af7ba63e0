"""Every shipped rehearsal, on the real stack: what a tester runs before a release, CI runs always."""

import asyncio

import pytest

from backend.rehearsal.carrier.faults import Faults
from backend.rehearsal.runner import Outcome, run_scenario
from backend.rehearsal.scenario import load_scenario, shipped_names
from backend.rehearsal.stack import StackSettings
from tests.fakes.live_stack import LiveStack

SHIPPED = {name: load_scenario(name) for name in shipped_names()}
WITH_FAULTS = [name for name, scenario in SHIPPED.items() if scenario.faults != Faults()]
WITH_BARGE_IN = [name for name, scenario in SHIPPED.items() if scenario.needs.barge_in]
PLAIN = [name for name in SHIPPED if name not in WITH_FAULTS + WITH_BARGE_IN]


def failures(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.scenario.name, str(check)) for outcome in outcomes for check in outcome.verdict.failed_checks]


@pytest.mark.timeout(300)  # twenty-five seconds of call, and up to a minute until Redis has forgotten it
def test_every_plain_rehearsal_passes_all_of_them_at_once(live: LiveStack) -> None:
    """Silent callers, holds, questions, keys, transfers, machines, both codecs, both deliveries, no key left behind."""

    async def together() -> list[Outcome]:
        return list(await asyncio.gather(*(run_scenario(SHIPPED[name], live.stage) for name in PLAIN)))

    assert failures(live.run(together())) == []


@pytest.mark.parametrize("name", WITH_FAULTS)
def test_a_rehearsal_with_a_misbehaving_carrier_passes(live: LiveStack, name: str) -> None:
    """Alone, since the carrier misbehaves towards everybody."""
    assert failures([live.rehearse(name, check_keys=False)]) == []


def test_the_caller_may_interrupt_where_the_installation_allows_it() -> None:
    """A stack of its own: ENABLE_BARGE_IN is read once, at start (A6)."""
    with LiveStack(StackSettings(web_workers=2, barge_in=True)) as live:
        assert failures([live.rehearse(name, check_keys=False) for name in WITH_BARGE_IN]) == []
