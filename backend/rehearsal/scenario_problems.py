"""What is wrong with the text of a rehearsal, and where: for an editor that shows each mistake at its line.

`scenario.py` decides what is allowed; here its mistakes get a line and a column. The text is hostile: it is bounded, an
alias that repeats itself a million times or holds itself is refused before anything unfolds it, and a key that stands twice
is told (YAML would let the last one win in silence). Pure.

| mistake                     | shown at                                  |
|-----------------------------|-------------------------------------------|
| not YAML                    | where the parser gave up                  |
| unknown field, key twice    | the key                                   |
| wrong value                 | the value                                 |
| missing field, wrong mix    | the beginning of the object               |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from backend.rehearsal.scenario import Scenario, explain, fields_at

LONGEST_TEXT = 64 * 1024
MOST_NODES = 10_000
"""Values in the text, each alias counted with all that it stands for."""
MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Line and column are counted from 1; `path` is like `caller[1].say`, "" for the whole."""

    line: int
    column: int
    path: str
    message: str


class ScenarioProblems(ValueError):
    """The text is not a rehearsal."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"line {one.line}: {one.path}: {one.message}" for one in problems[:5]))
        self.problems = problems


def check_scenario(text: str) -> list[Problem]:
    """All mistakes in the order of the lines; empty where there is none."""
    try:
        read_scenario(text)
    except ScenarioProblems as wrong:
        return wrong.problems
    return []


def read_scenario(text: str) -> Scenario:
    """The rehearsal. Raises ScenarioProblems."""
    if len(text) > LONGEST_TEXT:
        raise ScenarioProblems([Problem(1, 1, "", f"is too long: {len(text)} characters, allowed: {LONGEST_TEXT}")])
    root, content = _load(text)
    if not isinstance(root, yaml.MappingNode):
        raise ScenarioProblems([_at(root, "", f"must hold fields, `name: …`; allowed: {fields_at(())}")])
    problems = list(_keys_twice(root))
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        problems += [_locate(root, item) for item in _items(error)]
    except RecursionError:
        problems.append(_at(root, "", "is nested too deep"))
    if problems:
        raise ScenarioProblems(sorted(problems, key=lambda one: (one.line, one.column))[:MOST_PROBLEMS])
    return scenario


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """The text as nodes that know their lines, and as values."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None and _size(root, {}, set()) > MOST_NODES:
            raise ScenarioProblems([_at(root, "", f"holds more than {MOST_NODES} values, aliases unfolded")])
        return root, loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        message = str(error.problem or error.context or "cannot be read")
        raise ScenarioProblems([Problem(line, column, "", f"is not valid YAML: {message}")]) from None
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        before = text[:position]
        line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
        raise ScenarioProblems(
            [Problem(line, column, "", "is not valid YAML: a character that is not allowed")]
        ) from None
    except RecursionError:
        raise ScenarioProblems([Problem(1, 1, "", "is nested too deep")]) from None
    except _Cycle as cycle:
        raise ScenarioProblems([_at(cycle.node, "", "an alias that holds itself")]) from None
    except ScenarioProblems:
        raise
    except ValueError as error:  # a date that does not exist, a number of ten thousand digits
        raise ScenarioProblems([Problem(1, 1, "", f"holds a value that cannot be read: {str(error)[:100]}")]) from None


class _Cycle(Exception):
    def __init__(self, node: yaml.Node) -> None:
        self.node = node


def _size(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """Values in `node`, aliases unfolded; each node is looked at once."""
    if id(node) in above:
        raise _Cycle(node)
    if id(node) not in known:
        above.add(id(node))
        known[id(node)] = 1 + sum(_size(inner, known, above) for inner in _inside(node))
        above.discard(id(node))
    return known[id(node)]


def _inside(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _keys_twice(node: yaml.Node, path: tuple[Any, ...] = ()) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in seen:
                yield _at(key, _shown((*path, name)), "stands here for the second time")
            seen.add(name)
            yield from _keys_twice(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _keys_twice(value, (*path, index))


def _items(error: ValidationError, before: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
    """The mistakes; those of an agent, which is checked by a model of its own, under `agent`."""
    for item in error.errors(include_url=False):
        inner = (item.get("ctx") or {}).get("error")
        loc = (*before, *item["loc"])
        if isinstance(inner, ValidationError):
            yield from _items(inner, loc)
        else:
            yield {**item, "loc": loc}


def _locate(root: yaml.Node, item: dict[str, Any]) -> Problem:
    """`item` at the deepest node that its path leads to."""
    loc, node, found = item["loc"], root, 0
    at_key: yaml.Node | None = None
    for part in loc:
        step = _step(node, part)
        if step is None:
            break
        at_key, node = step
        found += 1
    path = _shown(loc[:found] if item["type"] != "missing" else loc)
    if item["type"] == "extra_forbidden" and at_key is not None:
        node = at_key
    return _at(node, path, explain(item))


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None


def _shown(loc: tuple[Any, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _at(node: yaml.Node | None, path: str, message: str) -> Problem:
    if node is None:
        return Problem(1, 1, path, message)
    return Problem(node.start_mark.line + 1, node.start_mark.column + 1, path, message)
