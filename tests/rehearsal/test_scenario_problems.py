"""backend/rehearsal/scenario_problems.py: every mistake has its place."""

import pytest

from backend.rehearsal.scenario import SHIPPED, shipped_names
from backend.rehearsal.scenario_problems import LONGEST_TEXT, Problem, check_scenario, read_scenario

WRONG = """\
name: x
caller:
  - sya: hi
  - wait_until: nix
agent:
  greting: hi
  settings:
    dead_air_settings: {silence_timeout_normal: -3}
expect: {heard: [{kind: bla}]}
name: y
"""


@pytest.mark.parametrize("name", shipped_names())
def test_nothing_is_wrong_with_what_is_shipped(name: str) -> None:
    text = (SHIPPED / f"{name}.yaml").read_text()

    assert check_scenario(text) == [] and read_scenario(text).name == name


def test_each_mistake_is_told_at_its_line_and_column_with_its_path() -> None:
    """Unknown keys at the key, wrong values at the value, the agent's inside the agent."""
    found = check_scenario(WRONG)

    assert [(one.line, one.column, one.path) for one in found] == [
        (3, 5, "caller[0].sya"),
        (4, 17, "caller[1].wait_until"),
        (6, 3, "agent.greting"),
        (8, 49, "agent.settings.dead_air_settings.silence_timeout_normal"),
        (9, 25, "expect.heard[0].kind"),
        (10, 1, "name"),
    ]
    assert "allowed: say, press" in found[0].message and "greater than or equal to 1" in found[3].message
    assert found[5].message == "stands here for the second time"


def test_what_is_missing_is_told_where_it_should_be() -> None:
    assert check_scenario("caller: [{}]") == [
        Problem(1, 1, "name", "Field required"),
        Problem(
            1, 10, "caller[0]",
            "needs exactly one of: say, press, play, wait_s, wait_until, hang_up, stay_silent",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "must hold fields"),
        ("- a", 1, 1, "must hold fields"),
        ("name: x\ncaller: [", 2, 10, "not valid YAML"),
        ("name: x\ncaller: &a [*a]", 2, 9, "holds itself"),
        ("name: x\n\x00", 2, 1, "character that is not allowed"),
        ("x: 2001-99-99", 1, 1, "cannot be read"),
        ("x: " + "1" * 5000, 1, 1, "cannot be read"),
        ("a: !!python/object:os.system x", 1, 4, "not valid YAML"),
        ("[" * 3000, 1, 1, "nested too deep"),
        ("x" * (LONGEST_TEXT + 1), 1, 1, "too long"),
        ("? [a, b]\n: 1", 1, 3, "not valid YAML"),
    ],
)
def test_hostile_text_is_refused_in_words(text: str, line: int, column: int, words: str) -> None:
    """No exception of a library gets out, and the place is right where it is known."""
    (found,) = check_scenario(text)

    assert (found.line, found.column) == (line, column) and words in found.message


def test_aliases_that_would_fill_the_memory_are_refused_before_they_are_unfolded() -> None:
    """Nine lines that mean a thousand million values."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (found,) = check_scenario("\n".join(lines))

    assert "aliases unfolded" in found.message
