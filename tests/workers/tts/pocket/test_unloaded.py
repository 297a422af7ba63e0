"""The engine before it is loaded: what it says where it cannot be."""

import sys

import pytest

from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings


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
