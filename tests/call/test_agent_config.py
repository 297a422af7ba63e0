"""The agent's settings: every limit, and the name of the field in every error."""

from typing import Any

import pytest
from pydantic import ValidationError

from backend.call.agent_config import AgentConfig, DeadAirSettings

DEAD_AIR = "settings.dead_air_settings"
TURN_TAKING = "settings.turn_taking"
AFTER_CALL = "settings.after_call"
NO_PROGRESS = "settings.no_progress"
TARGET = {"name": "sales", "number": "+13125550100"}


def agent_with(path: str, value: object) -> dict[str, Any]:
    """An agent as JSON with one field set; `path` has dots."""
    *outer, last = path.split(".")
    agent: dict[str, Any] = {"name": "Test"}
    inner = agent
    for name in outer:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return agent


RANGES = [
    (f"{DEAD_AIR}.silence_timeout_normal", 1, 120),
    (f"{DEAD_AIR}.silence_timeout_hold_on", 1, 600),
    (f"{DEAD_AIR}.max_checkins_before_disconnect", 0, 10),
    (f"{DEAD_AIR}.max_call_duration", 30, 14400),
    (f"{DEAD_AIR}.final_wait", 0, 60),
    (f"{TURN_TAKING}.min_interruption_s", 0.1, 3),
    (f"{TURN_TAKING}.min_endpointing_delay_s", 0.1, 3),
    (f"{TURN_TAKING}.max_endpointing_delay_s", 0.5, 15),
    (f"{NO_PROGRESS}.filler_after_s", 1, 7),
    (f"{NO_PROGRESS}.retry_after_s", 5, 19),
    (f"{NO_PROGRESS}.give_up_after_s", 9, 120),
    ("temperature", 0, 2),
]


@pytest.mark.parametrize(("path", "least", "most"), RANGES)
def test_a_number_may_be_at_its_limits(path: str, least: float, most: float) -> None:
    """Both ends belong to the range (for the ordered ones: as far as their neighbours allow)."""
    for value in (least, most):
        AgentConfig.model_validate(agent_with(path, value))


BAD = [
    *((path, value) for path, least, most in RANGES for value in (least - 1000, most + 20000, "soon", None)),
    ("name", ""),
    ("name", "x" * 81),
    ("name", "bell\x07"),
    ("greeting", "x" * 501),
    ("greeting", "\ud800"),
    ("instructions", "x" * 20001),
    ("language", "English"),
    ("voice", ""),
    ("fallback_voice", "x" * 81),
    ("model", "x" * 121),
    ("fallback_model", "x" * 121),
    ("tools", ["dance"]),
    ("tools", ["hold"] * 11),
    ("phone_numbers", ["0123"]),
    ("phone_numbers", ["+0123456789"]),
    ("phone_numbers", ["+13125550100"] * 51),
    ("transfer_targets", [{**TARGET, "name": "a;b"}]),
    ("transfer_targets", [{**TARGET, "number": "911"}]),
    ("transfer_targets", [{**TARGET, "description": "x" * 501}]),
    ("audio_delivery", "pigeon"),
    ("answering_machine", "argue"),
    ("machine_message", "x" * 501),
    (f"{DEAD_AIR}.checkin_message", ""),
    (f"{DEAD_AIR}.checkin_message", "x" * 501),
    (f"{DEAD_AIR}.checkin_messages", [" "]),
    (f"{DEAD_AIR}.checkin_messages", ["Hello?"] * 11),
    (f"{DEAD_AIR}.goodbye_message", "x" * 501),
    (f"{DEAD_AIR}.silence_timout", 7),
    (f"{TURN_TAKING}.barge_in", "perhaps"),
    (f"{TURN_TAKING}.ignored_words", ["x" * 41]),
    (f"{TURN_TAKING}.ignored_words", ["ok"] * 101),
    (f"{NO_PROGRESS}.filler_message", ""),
    (f"{NO_PROGRESS}.apology_message", ""),
    ("colour", "blue"),
]


@pytest.mark.parametrize(("path", "value"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_refused_with_the_name_of_its_field(path: str, value: object) -> None:
    """The form shows the error beside the field."""
    with pytest.raises(ValidationError) as refused:
        AgentConfig.model_validate(agent_with(path, value))

    places = [".".join(str(part) for part in error["loc"]) for error in refused.value.errors()]
    assert any(place.startswith(path) for place in places), places


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (TURN_TAKING, {"min_endpointing_delay_s": 2, "max_endpointing_delay_s": 1}, "max_endpointing_delay_s"),
        (NO_PROGRESS, {"filler_after_s": 9}, "retry_after_s: must come later"),
        (NO_PROGRESS, {"retry_after_s": 20}, "give_up_after_s: must come later"),
        (f"{NO_PROGRESS}.transfer_target", "nobody", "settings.no_progress.transfer_target"),
        ("transfer_targets", [TARGET, {**TARGET, "name": "Sales"}], "transfer_targets"),
        ("answering_machine", "leave_message", "machine_message"),
    ],
)
def test_fields_that_contradict_each_other_are_named(path: str, value: object, named: str) -> None:
    """No single field is wrong, so the message says which."""
    with pytest.raises(ValidationError, match=named):
        AgentConfig.model_validate(agent_with(path, value))


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com/x", "https://", "https://user:word@example.com/", "https://example.com/#part", "example.com",
        "https://exa mple.com/", "https://example.com/a b", "https://example.com/\n", "https://exämple.com/",
        "//example.com", "https://example.com\\@evil.test/", "https://example.com@evil.test/",
    ],
)  # fmt: skip
def test_a_webhook_is_a_plain_address(address: str) -> None:
    """Nothing secret in it, since viewers see it, and nothing that two programs could read differently."""
    with pytest.raises(ValidationError, match="webhook_url"):
        AgentConfig.model_validate(agent_with(f"{AFTER_CALL}.webhook_url", address))


@pytest.mark.parametrize(
    "address", ["", "https://example.com", "https://a.b-c.example:8443/p/q?token=1&x=%20", "http://[::1]:80/x"]
)
def test_usual_webhook_addresses_are_taken(address: str) -> None:
    agent = AgentConfig.model_validate(agent_with(f"{AFTER_CALL}.webhook_url", address))

    assert agent.settings.after_call.webhook_url == address


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ([{"name": "Reason"}], "name"),
        ([{"name": "mood", "type": "choice", "choices": ["calm"]}], "choices"),
        ([{"name": "mood", "type": "choice", "choices": ["calm", "calm"]}], "choices"),
        ([{"name": "mood", "choices": ["calm", "angry"]}], "choices"),
        ([{"name": "mood"}, {"name": "mood"}], "the same name"),
    ],
)
def test_fields_of_the_summary_that_nobody_could_fill_are_refused(fields: list[dict[str, object]], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        AgentConfig.model_validate(agent_with(f"{AFTER_CALL}.summary_fields", fields))


def test_the_defaults_are_those_of_the_requirement() -> None:
    """B1, word by word."""
    assert DeadAirSettings().model_dump() == {
        "silence_timeout_normal": 7.0,
        "silence_timeout_hold_on": 25.0,
        "max_checkins_before_disconnect": 2,
        "checkin_message": "Are you still there?",
        "checkin_messages": [],
        "max_call_duration": 1500.0,
        "final_wait": 5.0,
        "goodbye_message": "",
    }


def test_every_duration_states_its_unit_in_the_schema() -> None:
    """The form is made from the schema."""
    definitions = AgentConfig.model_json_schema()["$defs"]
    durations = [
        field
        for definition in definitions.values()
        for name, field in definition["properties"].items()
        if name.endswith("_s") or "timeout" in name or "duration" in name or name == "final_wait"
    ]

    assert len(durations) == 12
    assert all(field["unit"] == "s" and "title" in field and "default" in field for field in durations)


def test_a_transfer_target_is_found_by_name_in_any_case() -> None:
    """The model does not always keep the case."""
    agent = AgentConfig.model_validate(agent_with("transfer_targets", [TARGET]))

    assert agent.target(" SALES ") == agent.transfer_targets[0]
    assert agent.target("nobody") is None
