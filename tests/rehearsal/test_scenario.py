"""The scenario files: what they mean, and how a wrong one says what is wrong with it."""

import pytest

from backend.rehearsal.scenario import ScenarioError, load_scenario, parse_scenario, shipped_names

MINIMAL = "name: short\n"


def mistake(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "mine.yaml")
    return str(caught.value)


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_can_be_read_and_bears_the_name_of_its_file(name: str) -> None:
    """A broken shipped scenario is found before anybody rehearses with it."""
    scenario = load_scenario(name)

    assert scenario.name == name
    assert scenario.title


def test_the_brief_minimum_is_a_silent_caller_with_a_default_agent() -> None:
    """Everything but the name has a default."""
    scenario = parse_scenario(MINIMAL, "mine.yaml")

    assert scenario.caller[0].stay_silent is True
    assert scenario.agent_config.settings.dead_air_settings.silence_timeout_normal == 7.0
    assert scenario.codec == "PCMU"


def test_part_of_an_agent_can_be_given_and_the_rest_keeps_its_defaults() -> None:
    """Overrides are the agent's own fields, under their own names."""
    text = MINIMAL + "agent: {settings: {dead_air_settings: {final_wait: 2}}, audio_delivery: playback}\n"

    agent = parse_scenario(text, "mine.yaml").agent_config

    assert agent.settings.dead_air_settings.final_wait == 2
    assert agent.settings.dead_air_settings.silence_timeout_normal == 7.0
    assert agent.audio_delivery == "playback"


def test_the_delivery_can_be_changed_for_a_whole_run() -> None:
    """The benchmark plays one scenario in both deliveries."""
    assert load_scenario("default_dead_air").with_delivery("playback").agent_config.audio_delivery == "playback"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("caller: []\n", ["mine.yaml", "name", "required"]),
        ("- a\n- b\n", ["mine.yaml", "must hold fields", "expect"]),
        ("name: [\n", ["mine.yaml", "not valid YAML"]),
        ("name: a b\n", ["name", "a b"]),
        (MINIMAL + "codec: G722\n", ["codec", "PCMU", "PCMA", "G722"]),
        (MINIMAL + "callr: []\n", ["callr", "is not a field", "caller"]),
        (MINIMAL + "caller: [{say: hi, press: '1'}]\n", ["caller[0]", "exactly one of", "say", "stay_silent"]),
        (MINIMAL + "caller: [{}]\n", ["caller[0]", "exactly one of"]),
        (MINIMAL + "caller: [{say: hi}, {shout: hi}]\n", ["caller[1].shout", "allowed", "wait_until"]),
        (MINIMAL + "caller: [{wait_until: later}]\n", ["caller[0].wait_until", "agent_said_N", "later"]),
        (MINIMAL + "caller: [{press: 'x'}]\n", ["caller[0].press"]),
        (MINIMAL + "caller: [{play: drums}]\n", ["caller[0].play", "hold_music"]),
        (MINIMAL + "caller: [{wait_s: 1, interrupt_after_s: 1}]\n", ["caller[0]", "interrupt_after_s", "say or play"]),
        (MINIMAL + "model: [{when: '(', say: hi}]\n", ["model[0].when", "regular expression"]),
        (MINIMAL + "model: [{when: any}]\n", ["model[0]", "say, tool, status"]),
        (MINIMAL + "faults: {drop_everything: true}\n", ["faults.drop_everything", "drop_marks"]),
        (MINIMAL + "expect: {heard: [{after: lunch}]}\n", ["expect.heard[0].after", "said_N", "lunch"]),
        (MINIMAL + "expect: {ends: {who: nobody}}\n", ["expect.ends.who", "caller", "nobody"]),
        (MINIMAL + "expect: {heards: []}\n", ["expect.heards", "allowed", "check_ins"]),
        (MINIMAL + "agent: {voicee: x}\n", ["agent.voicee"]),
        (
            MINIMAL + "agent: {settings: {dead_air_settings: {silence_timeout_normal: 0}}}\n",
            ["agent.settings.dead_air_settings.silence_timeout_normal", "greater than or equal to 1", "'0'"],
        ),
    ],
)
def test_a_mistake_names_the_file_the_field_and_what_is_allowed(text: str, words: list[str]) -> None:
    """Whoever wrote the file can repair it from the message alone."""
    message = mistake(text)

    assert [word for word in words if word not in message] == []


def test_all_mistakes_are_told_at_once() -> None:
    """One run of the command shows everything there is to repair."""
    assert len(mistake(MINIMAL + "codec: x\ncaller: [{}]\nfaults: {x: 1}\n").splitlines()) == 3


def test_a_missing_file_tells_which_scenarios_there_are() -> None:
    """A mistyped name of a shipped scenario leads to the right one."""
    with pytest.raises(ScenarioError, match="default_dead_air"):
        load_scenario("default_ded_air")
