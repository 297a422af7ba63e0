"""For the whole suite: fast tests first, live ones last, the fixtures that several folders share. What needs the packages
of requirements-gpu.txt or requirements-stt.txt is collected where they are; elsewhere one line of the summary says that it
was not.

What runs in real time with processes of its own shares its machine with strangers: such a test that fails is played once
more, and what it said the first time stands at the end of the output, whatever became of it. Everything else has one try.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.session.fixtures import agent, log_text, logged, migrated, records, rig

__all__ = ["agent", "log_text", "logged", "migrated", "records", "rig"]


NEURAL = ("torch", "pocket_tts", "kokoro", "piper", "transformers")
"""The packages without which some test is not collected."""


MIRROR_OF_LIVE = {f"test_{path.name}" for path in (Path(__file__).parents[1] / "backend" / "live").rglob("*.py")}
"""Tests in tests/live of the package of that name; everything else there needs the whole product."""


def missing(packages: Iterable[str]) -> list[str]:
    return [package for package in packages if find_spec(package) is None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A mistake shows within seconds; the whole product is started only when everything small works. Stable: within
    its part every test keeps its place."""
    left_out = [item for item in items for mark in item.iter_markers("needs") if missing(mark.args)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_part)
    for item in items:
        if _part(item):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    # Not in the header: `-q`, with which we run, prints none.
    if gone := missing(NEURAL):
        terminalreporter.line(
            f"neural voices and recognisers: tests that need {', '.join(gone)} were not collected; see `make test-gpu`"
        )

    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"played once more: {report.nodeid}", sep="-")
        terminalreporter.line(report.longreprtext)


def _part(item: pytest.Item) -> int:
    """0 in this process only, 1 with processes of its own, 2 with the whole product, 3 with a browser before it."""
    if item.nodeid.startswith("tests/browser/"):
        return 3
    if item.nodeid.startswith("tests/live/") and item.path.name not in MIRROR_OF_LIVE:
        return 2
    return 1 if item.get_closest_marker("live") is not None else 0
