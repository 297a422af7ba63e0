"""The table for the docs and the example file."""

import subprocess
import sys
from pathlib import Path

from backend.settings import Settings
from backend.settings import documents as module

ROOT = Path(__file__).parents[2]


def test_the_example_file_is_the_one_the_settings_write() -> None:
    """`python -m backend.settings --example > deploy/env.example` after a change."""
    assert (ROOT / "deploy" / "env.example").read_text() == module.example_file()


def test_the_table_for_the_docs_holds_every_setting_and_its_meaning() -> None:
    """Run as the docs are made."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.settings"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    for name, info in Settings.model_fields.items():
        assert f"| `{name.upper()}` |" in done.stdout
        assert info.description and info.description in done.stdout
