"""The console: its style and types, its own tests, its generated types, and how much a browser loads at first."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.console import npm

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

FIRST_LOAD_LIMIT_KB = 250


def test_style_and_types_are_clean() -> None:
    """tsc in strict mode; eslint with the rules of accessibility; a warning is an error."""
    done = npm.run("run", "lint")
    assert done.returncode == 0, done.stdout


def test_its_own_tests_pass() -> None:
    """vitest."""
    done = npm.run("test")
    assert done.returncode == 0, done.stdout


def test_the_types_are_what_the_document_says() -> None:
    """tests/web/test_export_schemas.py holds the document against the code; this, the types against the document."""
    done = npm.run("run", "schemas", "--", "--check")
    assert done.returncode == 0, f"api.ts is stale: run `make console-schemas`\n{done.stdout}"


def test_the_lock_file_names_no_registry() -> None:
    """It was made on a machine with a registry of its own; others must be able to install from it."""
    packages = json.loads((npm.FRONTEND / "package-lock.json").read_text("utf-8"))["packages"]
    assert [path for path, entry in packages.items() if "resolved" in entry] == []


def test_versions_are_exact() -> None:
    """What was tested is what gets installed."""
    package = json.loads((npm.FRONTEND / "package.json").read_text("utf-8"))
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert {name: version for name, version in wanted.items() if not version[0].isdigit()} == {}


def test_the_first_page_loads_little(tmp_path: Path) -> None:
    """Of every page that can be the first: its own script and all that it imports at once, compressed."""
    done = npm.run("exec", "--", "vite", "build", "--outDir", str(tmp_path), "--logLevel", "warn")
    assert done.returncode == 0, done.stdout
    manifest: dict[str, Any] = json.loads((tmp_path / ".vite" / "manifest.json").read_text("utf-8"))
    # What a page itself loads later, such as the editor of rehearsals, is no page.
    pages = [name for name, chunk in manifest.items() if chunk.get("isDynamicEntry") and name.endswith("Page.tsx")]
    assert len(pages) > 5, "pages are no longer loaded one by one"

    sizes = {page: _first_load_kb(tmp_path, manifest, page) for page in pages}
    largest = max(sizes, key=lambda page: sizes[page])
    print(
        f"\nfirst load, JavaScript, gzip: {sizes[largest]:.1f} kB at most ({largest}), {min(sizes.values()):.1f} at least"
    )
    assert {page: size for page, size in sizes.items() if size > FIRST_LOAD_LIMIT_KB} == {}


def _first_load_kb(folder: Path, manifest: dict[str, Any], page: str) -> float:
    wanted, seen = ["index.html", page], set[str]()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += manifest[name].get("imports", [])
    files = {manifest[name]["file"] for name in seen}
    return sum(len(gzip.compress((folder / file).read_bytes())) for file in files) / 1000
