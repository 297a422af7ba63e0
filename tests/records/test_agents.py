"""backend/records/agents.py"""

import threading

import pytest

from backend.call.agent_config import AgentConfig
from backend.errors import RecordsError
from backend.records.agents import Agent, Agents
from backend.records.database import Database
from backend.records.errors import NumberTaken, StaleVersion, UnknownRecord
from tests.records.conftest import StillClock

NUMBER, OTHER_NUMBER = "+13125550100", "+13125550101"


def config(name: str = "Ada", **fields: object) -> AgentConfig:
    return AgentConfig.model_validate({"name": name, **fields})


def test_an_agent_comes_back_as_it_went_in(agents: Agents, clock: StillClock) -> None:
    """With umlauts and emoji, as version 1."""
    made = agents.create(config(greeting="Grüße 🙂", temperature=0.25))

    assert agents.get(made.id) == made
    assert (made.version, made.created_at, made.config.greeting) == (1, clock.now, "Grüße 🙂")


def test_a_change_makes_the_next_version_and_keeps_the_old_one(agents: Agents, clock: StillClock) -> None:
    """A running call reads the version it began with."""
    made = agents.create(config())
    clock.now += 60
    changed = agents.update(made.id, config("Bea"), expected_version=1)

    assert (changed.version, changed.config.name, changed.updated_at - changed.created_at) == (2, "Bea", 60)
    assert agents.get_version(made.id, 1).config.name == "Ada"
    assert agents.get(made.id) == changed


def test_a_stale_change_is_refused_and_nothing_is_lost(agents: Agents) -> None:
    """Two people edit the same version: the second is told, the first one's work stays."""
    made = agents.create(config(phone_numbers=[NUMBER]))
    agents.update(made.id, config("First", phone_numbers=[NUMBER]), expected_version=1)
    with pytest.raises(StaleVersion) as caught:
        agents.update(made.id, config("Second", phone_numbers=[OTHER_NUMBER]), expected_version=1)

    assert isinstance(caught.value, RecordsError) and (caught.value.expected, caught.value.present) == (1, 2)
    assert agents.get(made.id).config.name == "First"
    assert agents.for_number(NUMBER) is not None and agents.for_number(OTHER_NUMBER) is None


def test_of_many_changes_at_once_exactly_one_wins(agents: Agents) -> None:
    """Eight threads with the same expected version."""
    made = agents.create(config())
    won: list[Agent] = []
    stale: list[StaleVersion] = []

    def change(number: int) -> None:
        try:
            won.append(agents.update(made.id, config(f"by {number}"), expected_version=1))
        except StaleVersion as error:
            stale.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(stale)) == (1, 7)
    assert agents.get(made.id) == won[0]


def test_a_number_finds_its_agent(agents: Agents) -> None:
    """In the present version; a number that was taken out finds nobody."""
    made = agents.create(config(phone_numbers=[NUMBER, NUMBER]))
    assert agents.for_number(NUMBER) == made

    agents.update(made.id, config(phone_numbers=[OTHER_NUMBER]), expected_version=1)
    assert agents.for_number(NUMBER) is None
    found = agents.for_number(OTHER_NUMBER)
    assert found is not None and (found.id, found.version) == (made.id, 2)


def test_one_number_belongs_to_one_agent(agents: Agents) -> None:
    """The second agent is refused, naming the number's place, and nothing is stored of it."""
    agents.create(config("Ada", phone_numbers=[NUMBER]))
    with pytest.raises(NumberTaken) as caught:
        agents.create(config("Bea", phone_numbers=[OTHER_NUMBER, NUMBER]))

    assert (caught.value.number, caught.value.index) == (NUMBER, 1)
    assert [agent.config.name for agent in agents.list()] == ["Ada"]
    assert agents.for_number(OTHER_NUMBER) is None


def test_a_deleted_agent_frees_its_number_but_old_calls_still_find_their_version(agents: Agents) -> None:
    """The history of calls stays readable."""
    made = agents.create(config(phone_numbers=[NUMBER]))
    agents.delete(made.id)

    assert agents.list() == [] and agents.for_number(NUMBER) is None
    assert agents.get_version(made.id, 1).config == made.config
    agents.create(config("Bea", phone_numbers=[NUMBER]))


def test_the_list_is_in_the_order_of_names(agents: Agents) -> None:
    """Upper and lower case alike."""
    for name in ("carl", "Bea", "ada"):
        agents.create(config(name))

    assert [agent.config.name for agent in agents.list()] == ["ada", "Bea", "carl"]


def test_what_is_unknown_is_said_to_be(agents: Agents) -> None:
    """Every way of asking for an agent, and asking for a deleted one."""
    made = agents.create(config())
    agents.delete(made.id)
    for agent_id in ("nobody", made.id):
        for ask in (agents.get, agents.delete, lambda name: agents.update(name, config(), expected_version=1)):
            with pytest.raises(UnknownRecord):
                ask(agent_id)
    with pytest.raises(UnknownRecord):
        agents.get_version(made.id, 2)


def test_an_empty_database_gets_one_demo_agent_once(agents: Agents, database: Database, clock: StillClock) -> None:
    """However many processes ask; and not again after it was deleted."""
    made: list[Agent | None] = []
    asking = [threading.Thread(target=lambda: made.append(Agents(database, clock).default_agent())) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()

    assert [agent.id for agent in made if agent] == ["demo"]
    agents.delete("demo")
    assert agents.default_agent() is None
