"""Events and commands: facts that nobody can change on the way."""

import dataclasses
import inspect

import pytest

from backend.call import commands, events

KINDS = [
    kind
    for module, base in ((events, events.Event), (commands, commands.Command))
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, base)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_frozen_compares_by_value_and_says_what_it_means(kind: type) -> None:
    """They travel between greenlets and into logs."""
    parameters = getattr(kind, "__dataclass_params__", None)

    assert parameters is not None and parameters.frozen and parameters.eq
    assert hasattr(kind, "__slots__")
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
    assert all(field.type for field in dataclasses.fields(kind))


def test_no_event_has_the_name_of_a_command() -> None:
    """Past tense and imperative."""
    names = [kind.__name__ for kind in KINDS]

    assert len(set(names)) == len(names) > 40
