"""The engine before it is loaded: its settings, and what it says where it cannot be."""

import sys
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings, parse_settings


def test_without_an_environment_it_takes_its_defaults() -> None:
    """A models folder beside the program, 32 rows, English, whatever device there is."""
    assert parse_settings({}) == PocketSettings(Path("models/pocket"), 32, "en", "")


def test_every_setting_is_read() -> None:
    """As the module's docstring lists them."""
    environment = {
        "TTS_MODELS_DIR": "/srv/models",
        "TTS_POCKET_SLOTS": "200",
        "TTS_POCKET_LANGUAGE": "de",
        "TTS_POCKET_DEVICE": "cuda:1",
        "TTS_MAX_SESSIONS": "5",
    }

    assert parse_settings(environment) == PocketSettings(Path("/srv/models/pocket"), 200, "de", "cuda:1")


def test_rows_are_as_many_as_sessions_unless_said_otherwise() -> None:
    """Nobody who was let in waits for a row."""
    assert parse_settings({"TTS_MAX_SESSIONS": "64"}).slots == 64


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("TTS_POCKET_SLOTS", "0", "1 to 1024"),
        ("TTS_POCKET_SLOTS", "1025", "1 to 1024"),
        ("TTS_POCKET_SLOTS", "many", "1 to 1024"),
        ("TTS_POCKET_DEVICE", "tpu", "cpu"),
    ],
)
def test_a_wrong_setting_names_the_field_and_what_is_allowed(field: str, value: str, allowed: str) -> None:
    """E4."""
    with pytest.raises(SettingsError, match=f"{field}.*{value}.*{allowed}"):
        parse_settings({field: value})


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker does not start with a traceback."""
    for name in ("batch", "model", "pieces", "stepper"):
        monkeypatch.delitem(sys.modules, f"backend.workers.tts.pocket.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(EngineBroken, match=r"requirements-gpu\.txt"):
        Pocket(PocketSettings()).load()


def test_before_it_is_loaded_it_has_no_voice_and_does_not_speak() -> None:
    """And unloading nothing is nothing."""
    engine = Pocket(PocketSettings())
    engine.unload()

    assert not engine.voices()
    assert not engine.has_voice("anna")
    with pytest.raises(EngineBroken, match="not loaded"):
        next(iter(engine.synthesize("Hello.", "anna", bool)))
