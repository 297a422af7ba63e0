"""The tools a model may use during a call, and the words that mean “hold on”.

Decides: which tools this agent's model sees, with which arguments. The model picks a transfer target by name; it never
supplies a number. `parse_tool_use` says what a call for a tool means; `conversation.py` does it. The specs are plain JSON
schema.
"""

import re
from dataclasses import dataclass
from typing import Any

from backend.call.agent_config import AgentConfig, TransferTarget

DTMF_DIGITS = re.compile(r"^[0-9A-D*#wW]{1,32}$")

_HOLD_PHRASES: dict[str, tuple[str, ...]] = {
    "en": (
        "hold on", "one moment", "a moment", "one second", "a second", "one sec", "just a sec", "a minute", "one minute",
        "hang on", "let me check", "let me see", "let me look", "bear with me", "wait a", "please wait", "stay on the line",
    ),
    "de": ("moment", "augenblick", "sekunde", "einen kleinen", "warten sie", "bleiben sie dran", "ich schaue"),
    "es": ("un momento", "un segundo", "espere", "espera", "un minuto", "déjeme ver", "déjame ver", "no cuelgue"),
    "fr": ("un moment", "un instant", "une seconde", "une minute", "attendez", "patientez", "ne quittez pas", "je regarde"),
    "it": ("un momento", "un attimo", "un secondo", "un minuto", "aspetti", "attenda", "resti in linea", "vediamo"),
    "pt": ("um momento", "um segundo", "um minuto", "espere", "aguarde", "deixe-me ver", "só um"),
    "nl": ("een moment", "momentje", "een seconde", "een minuut", "ogenblik", "wacht even", "blijf aan de lijn"),
}  # fmt: skip
_MOST_WORDS_IN_A_HOLD = 14
"""A longer utterance says more than “hold on”; the model then uses its tool."""


def asks_to_hold(text: str, language: str) -> bool:
    """True if the caller asks for time, in the agent's language (English where we know no phrases)."""
    phrases = _HOLD_PHRASES.get(language.split("-")[0].lower(), _HOLD_PHRASES["en"])
    plain = " ".join(re.findall(r"[\w'-]+", text.lower()))
    return len(plain.split()) <= _MOST_WORDS_IN_A_HOLD and any(
        re.search(rf"\b{re.escape(phrase)}\b", plain) for phrase in phrases
    )


def tool_specs(agent: AgentConfig) -> list[dict[str, Any]]:
    """name, description and JSON schema of each tool this agent's model may use."""
    targets = [target.name for target in agent.transfer_targets]
    specs: dict[str, dict[str, Any]] = {
        "hold": {
            "description": "The caller asked you to wait. Gives them more time before you check in on them.",
            "parameters": _object({}),
        },
        "hang_up": {
            "description": "End the call. Use it when the conversation is over; say goodbye first.",
            "parameters": _object({}),
        },
        "transfer": {
            "description": "Connect the caller with a person. Targets: "
            + "; ".join(
                f"{target.name}: {target.description or 'no description'}" for target in agent.transfer_targets
            ),
            "parameters": _object({"target": {"type": "string", "enum": targets}}),
        },
        "send_dtmf": {
            "description": "Press keys on the telephone keypad, for example in a menu.",
            "parameters": _object({"digits": {"type": "string", "pattern": DTMF_DIGITS.pattern}}),
        },
    }
    wanted = [name for name in agent.tools if name != "transfer" or targets]
    return [{"name": name, **specs[name]} for name in wanted]


@dataclass(frozen=True, slots=True)
class Hold:
    """Give the caller time."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up once everything was heard."""


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """Transfer the caller once everything was heard."""

    target: TransferTarget


@dataclass(frozen=True, slots=True)
class PressKeys:
    digits: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be used like that; `reason` tells the model."""

    reason: str


ToolUse = Hold | EndCall | ConnectTo | PressKeys | Refused


def parse_tool_use(agent: AgentConfig, name: str, arguments: dict[str, Any]) -> ToolUse:
    """What the model's call for a tool means. It may name anything and give anything."""
    if name not in agent.tools:
        return Refused(f"There is no tool {name!r}.")
    match name:
        case "hold":
            return Hold()
        case "hang_up":
            return EndCall()
        case "transfer":
            target = agent.target(str(arguments.get("target", "")))
            allowed = ", ".join(target.name for target in agent.transfer_targets)
            return ConnectTo(target) if target else Refused(f"Not an allowed target. Allowed: {allowed}.")
    digits = str(arguments.get("digits", ""))
    if DTMF_DIGITS.match(digits):
        return PressKeys(digits)
    return Refused("Not sent: digits may be 0-9, A-D, *, #, w and W, at most 32.")


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
