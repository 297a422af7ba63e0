"""For the whole suite: fast tests first, live ones last, and the fixtures that several folders share."""

import pytest

from tests.session.fixtures import agent, log_text, logged, migrated, records, rig

__all__ = ["agent", "log_text", "logged", "migrated", "records", "rig"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mistake shows within seconds; the whole product is started only when everything small works. Stable: within
    its part every test keeps its place."""
    items.sort(key=_part)


def _part(item: pytest.Item) -> int:
    """0 in this process only, 1 with processes of its own, 2 with the whole product."""
    if item.nodeid.startswith("tests/live/"):
        return 2
    return 1 if item.get_closest_marker("live") is not None else 0
