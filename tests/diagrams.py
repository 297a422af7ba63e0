"""Draws docs/state-diagrams.md from the tables in the code: `make diagrams`. A test holds the file against them.

Nothing is drawn from memory: turn.py's table is read, the machines of leg.py, playback.py and hangup.py are walked over
every state and event, and what moved becomes an arrow.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from backend.call import leg
from backend.call.events import (
    CallAnswered,
    CallHungUp,
    CallInitiated,
    Event,
    StreamingStarted,
    StreamingStopped,
)
from backend.call.hangup import HangUpConfirmation, HangUpStep
from backend.call.leg import LegPhase, LegState
from backend.call.playback import Ledger, Piece, PieceState
from backend.call.turn import MOVES, TurnState

FILE = Path(__file__).parents[1] / "docs" / "state-diagrams.md"
Arrow = tuple[str, str, str]
"""From, to, label."""


def turn_arrows() -> list[Arrow]:
    return [(origin.name, to.name, "") for origin in TurnState for to in TurnState if to in MOVES[origin]]


LEG_EVENTS: dict[str, Event] = {
    "initiated (in)": CallInitiated("incoming", "+13125550100", "+13125550101"),
    "initiated (out)": CallInitiated("outgoing", "+13125550100", "+13125550101"),
    "answered": CallAnswered(),
    "streaming started": StreamingStarted(),
    "streaming failed": StreamingStopped(),
    "hung up": CallHungUp(),
}


def leg_arrows() -> list[Arrow]:
    arrows = []
    for phase in LegPhase:
        for name, event in LEG_EVENTS.items():
            state = LegState(phase=phase, direction="incoming")
            moved, commands = leg.handle(state, event, 0.0)
            if moved is not state:
                asked = ", ".join(type(command).__name__ for command in commands)
                arrows.append((phase.name, moved.phase.name, f"{name} / {asked}" if asked else name))
    return arrows


PIECE_EVENTS: dict[str, Callable[[Ledger, Piece], object]] = {
    "audio started": lambda ledger, piece: ledger.started(piece.playback_id, 2.0),
    "all handed over": lambda ledger, piece: ledger.handed_over(piece.playback_id, 5.0, 2.0),
    "ended": lambda ledger, piece: ledger.ended(piece.playback_id, 2.0),
    "failed": lambda ledger, piece: ledger.failed(piece.playback_id, 0.0, 2.0),
    "failed after some audio": lambda ledger, piece: ledger.failed(piece.playback_id, 1.0, 2.0),
    "cleared": lambda ledger, piece: ledger.clear(2.0),
    "past its deadline": lambda ledger, piece: ledger.expire(1000.0),
}


def piece_arrows() -> list[Arrow]:
    arrows = []
    for state in PieceState:
        for name, happen in PIECE_EVENTS.items():
            ledger = Ledger()
            piece = ledger.ask("answer", "A sentence.", 0.0)
            piece.state = state
            piece.starts_at = piece.bound_from = 1.0
            happen(ledger, piece)
            if piece.state != state:
                arrows.append((state.name, piece.state.name, name))
    return arrows


def hangup_arrows() -> list[Arrow]:
    hangup, now, state = HangUpConfirmation(), 0.0, "NOT_ASKED"
    arrows: list[Arrow] = []

    def move(to: str, label: str) -> str:
        arrows.append((state, to, label))
        return to

    state = move(f"ASKED_{hangup.ask(now)}", "the call is to end")
    while (due_at := hangup.deadline()) is not None:
        step, waited_s = hangup.due(due_at), due_at - now
        now = due_at
        arrows.append((state, "OVER", "confirmed"))
        to = f"ASKED_{hangup.ask(now)}" if step == HangUpStep.ASK else "LEFT_TO_THE_RECONCILER"
        state = move(to, f"{waited_s:g} s without an answer")
    return arrows


def drawn(arrows: Iterable[Arrow], first: str) -> str:
    """One Mermaid picture; arrows between the same two states share a line."""
    labels: dict[tuple[str, str], list[str]] = {}
    for origin, to, label in arrows:
        labels.setdefault((origin, to), []).append(label)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    for (origin, to), names in labels.items():
        text = ", or ".join(name for name in names if name)
        lines.append(f"    {origin} --> {to}" + (f": {text}" if text else ""))
    return "\n".join([*lines, "```"])


def document() -> str:
    """The whole file."""
    return (
        "\n\n".join(
            [
                "# State diagrams",
                "Drawn by `make diagrams` from the tables in `backend/call/`; a test fails when they differ. Do not edit.",
                "## Whose turn it is (`turn.py`)",
                drawn(turn_arrows(), "IDLE"),
                "## The carrier leg until it has an owner (`leg.py`)\n\nAfter the stroke: what is asked of the carrier.",
                drawn(leg_arrows(), "UNKNOWN"),
                "## One piece of agent speech (`playback.py`)",
                drawn(piece_arrows(), "REQUESTED"),
                "## Hanging up (`hangup.py`)",
                drawn(hangup_arrows(), "NOT_ASKED"),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(document())
    print(f"wrote {FILE}")
