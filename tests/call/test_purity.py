"""The borders of the design, read from the source itself (invariants 1 and 2)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "backend"
FORBIDDEN = {
    "asyncio", "flask", "gevent", "grpc", "os", "queue", "random", "redis", "requests", "secrets", "select", "signal",
    "socket", "ssl", "subprocess", "threading", "time", "urllib", "uuid",
}  # fmt: skip
PURE_SHELLS = ("backend.session", "backend.store", "backend.web", "backend.clock", "backend.logs", "backend.metrics")
TELNYX_ALLOWED = ("carrier/telnyx/", "rehearsal/", "app.py", "settings/")
KEY_PREFIX = re.compile(r"^(call|flag|seen|calls|dials|web|worker):(\{|live|$)")


def sources() -> list[Path]:
    return sorted(path for path in BACKEND.rglob("*.py") if "_pb2" not in path.name)


def pure_sources() -> list[Path]:
    telnyx = BACKEND / "carrier" / "telnyx"
    folders = [*(BACKEND / "call").rglob("*.py"), *(BACKEND / "audio").rglob("*.py")]
    return sorted(folders) + [telnyx / f"{name}.py" for name in ("wire", "webhooks", "stream")]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def place(path: Path) -> str:
    return path.relative_to(BACKEND).as_posix()


@pytest.mark.parametrize("path", pure_sources(), ids=place)
def test_the_core_touches_neither_clock_nor_wire(path: Path) -> None:
    """No socket, Redis, gevent, thread, clock, randomness or environment, and nothing that has them."""
    names = set(imported(path))

    assert not {name for name in names if name.split(".")[0] in FORBIDDEN}
    assert not {name for name in names if name.startswith(PURE_SHELLS)}


@pytest.mark.parametrize("path", sorted((BACKEND / "call").glob("*.py")), ids=place)
def test_the_core_knows_no_carrier_and_no_engine(path: Path) -> None:
    """`call/` imports itself, the errors and plain libraries."""
    ours = {name for name in imported(path) if name.split(".")[0] == "backend"}

    assert all(name.startswith(("backend.call", "backend.errors")) for name in ours), ours


def test_the_vendors_name_stands_only_where_the_vendor_is() -> None:
    """Adapter, wiring, settings, rehearsal carrier."""
    found = [place(path) for path in sources() if "telnyx" in path.read_text().lower()]

    elsewhere = {name for name in found if not name.startswith(TELNYX_ALLOWED)}
    assert elsewhere == set(TELNYX_EXCEPTIONS), "keep the table of exceptions true"


TELNYX_EXCEPTIONS: dict[str, str] = {
    "cli/rehearsal_commands.py": "options that take the settings' own names",
    "doctor.py": "says which setting is wrong",
    "logs.py": "the name of the library's logger, which is silenced",
    "store/audio_clips.py": "a docstring says who builds the address",
    "web/access.py": "the address of the webhooks stands in the table of roles",
}
"""File → why the word must stand there."""


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and beginning of every string literal that is not a docstring; of an f-string its first literal part."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def test_redis_keys_are_spelled_in_one_file() -> None:
    """`store/keys.py` is the legend of every key."""
    spelled = [
        f"{place(path)}:{line}: {text}"
        for path in sources()
        if path != BACKEND / "store" / "keys.py"
        for line, text in strings(path)
        if KEY_PREFIX.match(text)
    ]

    assert spelled == []


def test_the_key_check_can_fail() -> None:
    """It finds the keys where they are spelled."""
    assert sum(bool(KEY_PREFIX.match(text)) for _, text in strings(BACKEND / "store" / "keys.py")) >= 10
