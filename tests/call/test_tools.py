"""The tools of the model, and the words that mean “hold on”."""

import json

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.tools import (
    DTMF_DIGITS,
    ConnectTo,
    EndCall,
    Hold,
    PressKeys,
    Refused,
    asks_to_hold,
    parse_tool_use,
    tool_specs,
)

TARGET = {"name": "sales", "number": "+13125550100", "description": "Orders and prices"}
ALL = ["hold", "hang_up", "transfer", "send_dtmf"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Hold on."),
        ("en-GB", "Uh, one moment, please!"),
        ("en", "let me check"),
        ("en", "Give me a second"),
        ("de", "Einen Moment bitte"),
        ("de-AT", "Warten Sie, ich schaue nach"),
        ("es", "Un momento, por favor"),
        ("fr", "Une seconde"),
        ("it", "Un attimo"),
        ("pt", "Só um minuto"),
        ("nl", "Momentje"),
        ("fi", "hold on"),
    ],
)
def test_the_caller_asks_for_time(language: str, text: str) -> None:
    """In the agent's language; English where we know no phrases (B3)."""
    assert asks_to_hold(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Yes, that is right."),
        ("en", "I am holding onto it"),
        ("de", "Hold on"),
        ("en", "Could you tell me how long I would have to hold on if I called you again tomorrow at noon?"),
        ("en", ""),
    ],
)
def test_the_caller_does_not_ask_for_time(language: str, text: str) -> None:
    """Other words, another language, or an utterance that says more than that."""
    assert not asks_to_hold(text, language)


def test_the_model_sees_the_tools_of_its_agent() -> None:
    """In the order of the agent, with JSON schemas, and no number anywhere."""
    agent = AgentConfig.model_validate({"name": "Test", "tools": ALL, "transfer_targets": [TARGET]})

    specs = tool_specs(agent)

    assert [spec["name"] for spec in specs] == ALL
    assert specs[2]["parameters"]["properties"]["target"] == {"type": "string", "enum": ["sales"]}
    assert "Orders and prices" in specs[2]["description"]
    assert "+1312" not in json.dumps(specs)
    assert all(spec["parameters"]["additionalProperties"] is False for spec in specs)


def test_without_targets_there_is_no_transfer() -> None:
    """An empty choice would only invite mistakes."""
    assert [spec["name"] for spec in tool_specs(AgentConfig(name="Test", tools=ALL))] == [
        "hold",
        "hang_up",
        "send_dtmf",
    ]


@pytest.mark.parametrize(
    ("digits", "is_valid"),
    [("1", True), ("12*#ABCDwW", True), ("", False), ("E", False), ("1 2", False), ("1" * 33, False)],
)
def test_which_keys_can_be_sent(digits: str, is_valid: bool) -> None:
    """What the carrier takes, at most 32."""
    assert bool(DTMF_DIGITS.match(digits)) is is_valid


def test_what_a_call_for_a_tool_means() -> None:
    """Names and targets in any case the model likes; numbers never."""
    agent = AgentConfig(name="Test", tools=ALL, transfer_targets=[TARGET])

    assert parse_tool_use(agent, "hold", {}) == Hold()
    assert parse_tool_use(agent, "hang_up", {"surprise": 1}) == EndCall()
    assert parse_tool_use(agent, "transfer", {"target": " Sales "}) == ConnectTo(agent.transfer_targets[0])
    assert parse_tool_use(agent, "send_dtmf", {"digits": "12#"}) == PressKeys("12#")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("order_pizza", {}),
        ("transfer", {}),
        ("transfer", {"target": "+13125550199"}),
        ("transfer", {"target": ["sales"]}),
        ("send_dtmf", {}),
        ("send_dtmf", {"digits": "1" * 33}),
        ("send_dtmf", {"digits": None}),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(name: str, arguments: dict[str, object]) -> None:
    """The model may name anything and give anything."""
    use = parse_tool_use(AgentConfig(name="Test", tools=ALL, transfer_targets=[TARGET]), name, arguments)

    assert isinstance(use, Refused) and use.reason


def test_a_tool_that_the_agent_does_not_have_is_refused() -> None:
    """Its model cannot know it, but may guess it."""
    assert isinstance(parse_tool_use(AgentConfig(name="Test", tools=["hold"]), "hang_up", {}), Refused)
