"""No greenlet may die of a bug unseen."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest


@pytest.fixture(autouse=True)
def greenlet_failures() -> Iterator[list[str]]:
    """What greenlets died of. A test that expects it empties the list."""
    hub, failures = gevent.get_hub(), list[str]()
    before = hub.handle_error

    def note(context: Any, kind: Any, value: Any, trace: Any) -> None:
        failures.append(f"{context}: {kind.__name__}: {value}")

    hub.handle_error = note
    yield failures
    hub.handle_error = before
    assert failures == []
