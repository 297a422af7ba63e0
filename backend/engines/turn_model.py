"""Which turn detector an installation uses. One table row per engine; "silence" needs none."""

from collections.abc import Callable

from backend.engines import smart_turn
from backend.engines.base import TurnModel

TURN_MODELS: dict[str, Callable[[], TurnModel | None]] = {"silence": lambda: None, "smart_turn": smart_turn.SmartTurn}


def make_turn_model(name: str) -> TurnModel | None:
    """The model of that name, None where silence and words decide alone. Settings allow no other names. Raises SettingsError
    when its file is not installed."""
    return TURN_MODELS[name]()


def check_turn_model(name: str) -> None:
    """The same question without loading anything, for the process that must refuse to start."""
    if name == "smart_turn":
        smart_turn.find_model()
