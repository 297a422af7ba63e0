"""backend/web/api_agents.py"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.call.agent_config import AgentConfig
from tests.web.conftest import Stage, fields_of

AGENT = {"name": "Ada", "phone_numbers": ["+13125550100"]}


def made(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/agents", json={**AGENT, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def with_field(path: str, value: Any) -> dict[str, Any]:
    agent: dict[str, Any] = dict(AGENT)
    inner, *names = agent, *path.split(".")
    for name in names[:-1]:
        inner = inner.setdefault(name, {})
    inner[names[-1]] = value
    return agent


def test_an_agent_is_made_read_changed_and_taken_out(client: FlaskClient) -> None:
    """The whole life of an agent, with every default filled in."""
    agent = made(client)
    assert agent["config"]["settings"]["dead_air_settings"]["silence_timeout_normal"] == 7.0
    address = f"/api/agents/{agent['id']}"
    assert client.get(address).get_json() == agent
    assert client.get("/api/agents").get_json() == {"agents": [agent]}

    changed = client.put(f"{address}?version=1", json={**agent["config"], "name": "Bea"}).get_json()
    assert (changed["version"], changed["config"]["name"]) == (2, "Bea")
    assert client.get(f"{address}/versions/1").get_json()["config"]["name"] == "Ada"

    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert client.get(f"{address}/versions/2").status_code == 200


def test_a_stale_version_is_409_and_nothing_is_lost(client: FlaskClient) -> None:
    """The second of two people with the same form open is told."""
    address = f"/api/agents/{made(client)['id']}"
    client.put(f"{address}?version=1", json={**AGENT, "name": "First"})
    answer = client.put(f"{address}?version=1", json={**AGENT, "name": "Second"})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "stale_version")
    assert client.get(address).get_json()["config"]["name"] == "First"


def test_the_versions_are_listed_newest_first_of_a_deleted_agent_too(client: FlaskClient) -> None:
    """For the page that compares and restores them."""
    address = f"/api/agents/{made(client)['id']}"
    client.put(f"{address}?version=1", json={**AGENT, "name": "Second"})

    def listed() -> list[int]:
        return [kept["version"] for kept in client.get(f"{address}/versions").get_json()["versions"]]

    assert listed() == [2, 1]
    client.delete(address)
    assert listed() == [2, 1]
    assert client.get("/api/agents/nobody/versions").status_code == 404


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"turn_taking": {"min_endpointing_delay_s": 4}}, "settings.turn_taking.max_endpointing_delay_s"),
        ({"no_progress": {"filler_after_s": 9}}, "settings.no_progress.retry_after_s"),
        ({"no_progress": {"retry_after_s": 20}}, "settings.no_progress.give_up_after_s"),
    ],
)
def test_two_times_that_do_not_go_together_are_named_at_the_later(
    client: FlaskClient, settings: dict[str, Any], field: str
) -> None:
    """So that the form can say it beside a field, not above all of them."""
    answer = client.post("/api/agents", json={"name": "Ada", "settings": settings})

    assert (answer.status_code, list(fields_of(answer))) == (422, [field])


def test_a_taken_number_is_409_and_named(client: FlaskClient) -> None:
    """By its place in the list, so that the form can show it there."""
    made(client)
    answer = client.post("/api/agents", json={"name": "Bea", "phone_numbers": ["+13125550101", "+13125550100"]})

    assert answer.status_code == 409 and "phone_numbers.1" in fields_of(answer)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""), ("name", "x" * 81), ("name", 7), ("name", None), ("name", "a\x00b"), ("greeting", "x" * 501),
        ("greeting", "\x1b[31m"), ("instructions", "x" * 20001), ("language", "English"), ("voice", ""),
        ("fallback_voice", "x" * 81), ("model", "x" * 121), ("fallback_model", "x" * 121), ("temperature", 2.1),
        ("temperature", "hot"), ("temperature", -1), ("temperature", 1e999), ("tools", "hold"),
        ("audio_delivery", "pigeon"), ("answering_machine", "shout"), ("machine_message", "x" * 501),
        ("phone_numbers", ["+1"] * 51), ("transfer_targets", {}), ("colour", "red"), ("settings", []),
        ("settings.dead_air_settings.silence_timeout_normal", 0), ("settings.dead_air_settings.final_wait", 61),
        ("settings.dead_air_settings.silence_timeout_hold_on", 601), ("settings.dead_air_settings.checkin_message", ""),
        ("settings.dead_air_settings.max_checkins_before_disconnect", 1.5),
        ("settings.dead_air_settings.checkin_messages", [" "]), ("settings.dead_air_settings.max_call_duration", 29),
        ("settings.dead_air_settings.goodbye_message", "x" * 501), ("settings.dead_air_settings.silence", 7),
        ("settings.turn_taking.barge_in", "perhaps"), ("settings.turn_taking.min_interruption_s", 0),
        ("settings.turn_taking.ignored_words", ["x"] * 101), ("settings.turn_taking.min_endpointing_delay_s", 6),
        ("settings.turn_taking.max_endpointing_delay_s", 16), ("settings.no_progress.filler_after_s", 31),
        ("settings.no_progress.retry_after_s", 1), ("settings.no_progress.give_up_after_s", 121),
        ("settings.no_progress.filler_message", ""), ("settings.no_progress.apology_message", ""),
        ("settings.no_progress.transfer_target", "nobody"),
    ],
)  # fmt: skip
def test_each_wrong_field_is_422_and_named(client: FlaskClient, path: str, value: Any) -> None:
    """With its whole path; nothing is stored."""
    answer = client.post("/api/agents", json=with_field(path, value), headers={"Content-Type": "application/json"})
    if answer.status_code == 422:
        assert answer.get_json()["error"]["code"] == "invalid"
        assert any(name == path or name.startswith(f"{path}.") for name in fields_of(answer)), answer.text
    else:
        assert (answer.status_code, value) == (400, float("inf")), "JSON has no infinity"
    assert client.get("/api/agents").get_json() == {"agents": []}


@pytest.mark.parametrize(
    ("agent", "field"),
    [
        ({"phone_numbers": ["+13125550100", "0123"]}, "phone_numbers.1"),
        ({"tools": ["hold", "fly"]}, "tools.1"),
        ({"transfer_targets": [{"name": "desk", "number": "112"}]}, "transfer_targets.0.number"),
        ({"transfer_targets": [{"name": "a", "number": "+13125550100"}] * 2}, "transfer_targets"),
        ({"answering_machine": "leave_message"}, "machine_message"),
        (
            {"settings": {"turn_taking": {"min_endpointing_delay_s": 4, "max_endpointing_delay_s": 3}}},
            "settings.turn_taking.max_endpointing_delay_s",
        ),
        ({"settings": {"no_progress": {"filler_after_s": 20}}}, "settings.no_progress.retry_after_s"),
        ({"settings": {"turn_taking": {"ignored_words": ["x" * 41]}}}, "settings.turn_taking.ignored_words.0"),
    ],
)
def test_wrong_items_and_wrong_combinations_are_named_too(
    client: FlaskClient, agent: dict[str, Any], field: str
) -> None:
    """Lists count from 0; a combination is named by the group it belongs to."""
    answer = client.post("/api/agents", json={"name": "Ada", **agent})

    assert answer.status_code == 422 and field in fields_of(answer), answer.text


def test_all_wrong_fields_are_named_at_once(client: FlaskClient) -> None:
    """The form marks them all in one go."""
    answer = client.post("/api/agents", json={"name": "", "temperature": 9, "settings": {"x": 1}})

    assert set(fields_of(answer)) == {"name", "temperature", "settings.x"}


@pytest.mark.parametrize("version", ["", "?version=0", "?version=x", "?version=1&x=1"])
def test_a_change_must_say_what_it_was_made_from(client: FlaskClient, version: str) -> None:
    """Missing or malformed: 422, nothing changes."""
    agent = made(client)
    answer = client.put(f"/api/agents/{agent['id']}{version}", json={**AGENT, "name": "Bea"})

    assert answer.status_code == 422 and set(fields_of(answer)) <= {"version", "x"}
    assert client.get(f"/api/agents/{agent['id']}").get_json() == agent


def test_an_unknown_agent_is_404_everywhere(client: FlaskClient) -> None:
    """Read, change, delete, version; and an id of any shape."""
    for agent_id in ("nobody", "x" * 64, "%00", "%2e%2e"):
        address = f"/api/agents/{agent_id}"
        statuses = [
            client.get(address).status_code,
            client.put(f"{address}?version=1", json=AGENT).status_code,
            client.delete(address).status_code,
            client.get(f"{address}/versions/1").status_code,
        ]
        assert set(statuses) <= {404, 405}, statuses
    assert client.get(f"/api/agents/{'x' * 65}").status_code == 422


def test_the_schema_is_the_one_that_is_enforced(client: FlaskClient) -> None:
    """The form is drawn from it: limits, units, titles and help included."""
    schema = client.get("/api/agents/schema").get_json()

    assert schema == AgentConfig.model_json_schema()
    assert list(schema["properties"]) == list(AgentConfig.model_fields), "the form follows this order"
    silence = schema["$defs"]["DeadAirSettings"]["properties"]["silence_timeout_normal"]
    assert (silence["default"], silence["minimum"], silence["maximum"], silence["unit"]) == (7.0, 1, 120, "s")


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(stage: Stage, tmp_path: Any) -> None:
    """Not 500, and not a word about the database."""
    (tmp_path / "records.sqlite3").unlink()
    (tmp_path / "records.sqlite3").mkdir()
    for left in ("records.sqlite3-wal", "records.sqlite3-shm"):
        (tmp_path / left).unlink(missing_ok=True)
    stage.agents._database.close()
    answer = stage.client().get("/api/agents")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "sqlite" not in answer.text
