"""README and RUNBOOK name only what is there: files, make targets, settings, commands. Prose goes stale; this says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import main as command_line
from backend.settings import Settings
from tests.bench import __main__ as bench

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "deploy" / "RUNBOOK.md"]
_CODE = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_FOLDERS = ("backend/", "tests/", "deploy/", "docs/", "frontend/", ".ci/")
_FILES = re.compile(r"^[\w.-]+\.(md|txt|toml|py|conf|yaml|service)$|^(Makefile|LICENSE)$")
_ELSEWHERE = {"offhook.yaml", "agent.yaml"}
"""Files that the reader makes."""
_SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_READ_BEFORE_SETTINGS = {"OFFHOOK_CONFIG", "OFFHOOK_SECRETS_FILE", "OFFHOOK_URL"}
"""Where settings are read from, and where the command line finds the product."""


def _pages() -> dict[str, str]:
    return {page.name: page.read_text(encoding="utf-8") for page in PAGES}


def _quoted(text: str) -> list[str]:
    """What stands in backticks in running text."""
    return _CODE.findall(_FENCED.sub("", text))


def _commands(text: str) -> str:
    """Everything a reader may type: what is quoted and what is fenced."""
    return "\n".join([*_quoted(text), *_FENCED.findall(text)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    """A path in backticks or in a link leads to a file or folder of the repository."""
    text = page.read_text(encoding="utf-8")
    words = [word for quoted in _quoted(text) for word in quoted.split()]
    named = {word for word in words if word.startswith(_FOLDERS) or _FILES.match(word)} - _ELSEWHERE
    linked = {target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target}

    missing = [path for path in sorted(named) if not (ROOT / path).exists()]
    missing += [target for target in sorted(linked) if not (page.parent / target).exists()]

    assert len(named) >= 5
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """`make demo` and its like are rules of the Makefile."""
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(_quoted(page.read_text(encoding="utf-8")))))

    assert named - rules == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    """A name in capitals is a setting, or a variable that supervisord.conf reads."""
    of_supervisord = set(re.findall(r"%\(ENV_(\w+)\)s", (ROOT / "supervisord.conf").read_text(encoding="utf-8")))
    settings = {name.upper() for name in Settings.model_fields}
    named = set(_SETTING.findall(_commands(page.read_text(encoding="utf-8"))))

    assert named & settings
    assert named - settings - of_supervisord - _READ_BEFORE_SETTINGS == set()


def test_every_subcommand_that_is_named_exists() -> None:
    """`python -m backend …` is followed by a command of the command line."""
    named = {name for text in _pages().values() for name in re.findall(r"-m backend ([a-z][a-z-]*)", _commands(text))}

    assert named - set(command_line.commands) == set()


def test_every_module_that_is_run_exists() -> None:
    """`python -m some.module` names a module of ours, or one that the virtual environment holds."""
    named = {name for text in _pages().values() for name in re.findall(r"-m ((?:backend|tests)[\w.]*)", text)}
    files = [ROOT.joinpath(*name.rstrip(".").split(".")) for name in named]

    assert [str(file) for file in files if not (file.with_suffix(".py").exists() or file.is_dir())] == []


def test_every_figure_of_the_table_is_printed_by_something() -> None:
    """The last column names a benchmark, what needs the neural voices, or a test file (whose path is checked above)."""
    table = _pages()["README.md"].partition("## Figures")[2].partition("\n## ")[0]
    rows = [line.rstrip(" |").rpartition("|")[2].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    named = [row.strip("`") for row in rows]

    assert len(named) >= 10
    assert [
        name
        for name in named
        if name not in (*bench.BENCHES, "make bench-gpu", "make bench-barge-in") and "pytest tests/" not in name
    ] == []


def test_the_example_of_settings_is_the_present_one() -> None:
    """deploy/env.example is what the settings module writes."""
    written = subprocess.run(
        [sys.executable, "-m", "backend.settings", "--example"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert (ROOT / "deploy" / "env.example").read_text(encoding="utf-8") == written


def test_the_example_for_supervisord_names_what_its_file_reads() -> None:
    """deploy/supervisor.env.example has every %(ENV_…)s of supervisord.conf."""
    wanted = set(re.findall(r"%\(ENV_(\w+)\)s", (ROOT / "supervisord.conf").read_text(encoding="utf-8")))
    example = (ROOT / "deploy" / "supervisor.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))

    assert wanted - named == set()
