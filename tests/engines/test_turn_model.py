"""The table of turn detectors."""

import importlib.util
from typing import get_args

import pytest

from backend.engines.turn_model import TURN_MODELS, check_turn_model, make_turn_model
from backend.errors import SettingsError
from backend.settings import Settings


def test_the_table_has_what_the_setting_allows() -> None:
    """And nothing else."""
    assert set(TURN_MODELS) == set(get_args(Settings.model_fields["turn_detector"].annotation))


def test_silence_needs_no_model() -> None:
    """It is the default."""
    check_turn_model("silence")

    assert make_turn_model("silence") is None
    assert Settings.model_fields["turn_detector"].default == "silence"


@pytest.mark.parametrize("ask", [check_turn_model, make_turn_model])
def test_a_missing_wheel_is_a_wrong_setting(ask: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the master before the start, and in a worker."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SettingsError):
        ask("smart_turn")  # type: ignore[operator]
