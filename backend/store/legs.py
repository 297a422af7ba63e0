"""The carrier legs, shared by all workers: read, let the pure machine decide, swap atomically.

Decides nothing about calls: that is `call/leg.py`. Whoever wins the swap gets the commands; the others retry on the new
state and usually get none. A swap carries a mark of its own and is valid for half a second: an answer that got lost on
the way is recognised, and a swap that hung longer than its sender waited does not happen, so no command is lost unseen.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace

from backend.call.commands import Command
from backend.call.events import CallInitiated, Event
from backend.call.leg import LegPhase, LegState, handle
from backend.clock import Clock, SystemClock
from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Database

SWAP_ATTEMPTS = 20
SWAP_VALID_MS = 500
SWAP_MARK = "swap"

Move = Callable[[LegState], tuple[LegState, list[Command]]]


class Legs:
    """The state of every leg, and which calls are live."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def apply(self, call_control_id: str, event: Event, now_wall: float) -> tuple[LegState, list[Command]]:
        """Move the leg by one event. The commands are given to exactly one of all workers that apply it."""
        return self._swap(call_control_id, lambda state: handle(state, event, now_wall))

    def get(self, call_control_id: str) -> LegState | None:
        """None: never heard of, expired, or finished."""
        text = self._database.get(keys.leg(call_control_id))
        return None if text is None else _parse(text)

    def put_agent(self, call_control_id: str, agent_id: str, version: int) -> LegState:
        """The agent this call runs with, from now on unchangeable by edits of the agent."""
        return self._swap(
            call_control_id, lambda state: (replace(state, agent_id=agent_id, agent_version=version), [])
        )[0]

    def begin_outgoing(
        self, call_control_id: str, from_number: str, to_number: str, agent_id: str, version: int
    ) -> LegState:
        """A dial was taken up. Its webhooks may have been here before us."""
        now_wall = self._clock.wall()
        event = CallInitiated(direction="outgoing", from_number=from_number, to_number=to_number)

        def move(state: LegState) -> tuple[LegState, list[Command]]:
            begun, _ = handle(state, event, now_wall)
            return replace(begun, agent_id=agent_id, agent_version=version), []

        return self._swap(call_control_id, move)[0]

    def begin_socket(self, call_control_id: str, agent_id: str, version: int) -> LegState:
        """A leg that is a socket to us: it streams from the first moment."""
        started_at = self._clock.wall()

        def move(state: LegState) -> tuple[LegState, list[Command]]:
            begun = replace(
                state, phase=LegPhase.STREAMING, direction="incoming", was_answered=True, started_at=started_at
            )
            return replace(begun, agent_id=agent_id, agent_version=version), []

        return self._swap(call_control_id, move)[0]

    def finish(self, call_control_id: str) -> None:
        """Delete everything the call has in the store. Late duplicates find a tombstone and recreate nothing."""
        others = [key for key in keys.all_of(call_control_id) if key != keys.audio_names(call_control_id)]
        self._database.run(
            "call_finish",
            [keys.gone(call_control_id), keys.audio_names(call_control_id), *others],
            [keys.GONE_TTL_S, keys.audio(call_control_id, "")],
        )
        self._database.run("live_remove", [keys.calls_live()], [call_control_id])

    def live(self) -> dict[str, float]:
        """call_control_id → started_at (wall) of every call not yet finished, oldest first."""
        oldest = self._clock.wall() - keys.CALL_TTL_S
        flat = self._database.run("live_list", [keys.calls_live()], [f"{oldest:.3f}"])
        return {flat[index].decode(): float(flat[index + 1]) for index in range(0, len(flat), 2)}

    def forget_live(self, call_control_id: str) -> None:
        """Take a call off the live ones without touching the rest (the sweeper, for one whose leg has expired)."""
        self._database.run("live_remove", [keys.calls_live()], [call_control_id])

    def _swap(self, call_control_id: str, move: Move) -> tuple[LegState, list[Command]]:
        gone_and_leg = [keys.gone(call_control_id), keys.leg(call_control_id)]
        for _ in range(SWAP_ATTEMPTS):
            gone, text, now_ms = self._database.run("leg_read", gone_and_leg)
            if gone:
                return LegState(phase=LegPhase.ENDED), []
            state = _parse(text) if text else LegState()
            moved, commands = move(state)
            if moved == state:
                return state, commands  # also for an unknown leg: an event that moves nothing writes nothing
            if moved.phase not in (LegPhase.UNKNOWN, LegPhase.ENDED):
                # Before the swap: listed too early is harmless, a live call that nobody lists is not.
                self._database.run(
                    "live_add",
                    [keys.calls_live()],
                    [call_control_id, f"{moved.started_at or self._clock.wall():.3f}", keys.CALL_TTL_S],
                )
            ttl_s = keys.ENDED_LEG_TTL_S if moved.phase == LegPhase.ENDED else keys.CALL_TTL_S
            result = self._database.run(
                "leg_swap", gone_and_leg, [text or b"", _build(moved), ttl_s, int(now_ms) + SWAP_VALID_MS]
            )
            if result == 1:
                return moved, commands
            if result == -1:
                self.forget_live(call_control_id)
                return LegState(phase=LegPhase.ENDED), []
        raise StoreError("the leg changed under us again and again")


def _parse(text: bytes) -> LegState:
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        return LegState.from_json(fields)
    except (ValueError, TypeError) as error:
        raise StoreError(f"a leg in the store does not parse: {error}") from error


def _build(state: LegState) -> str:
    return json.dumps({**state.to_json(), SWAP_MARK: secrets.token_hex(8)}, separators=(",", ":"))
