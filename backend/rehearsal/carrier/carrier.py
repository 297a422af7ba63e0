"""The rehearsal carrier: a stand-in for Telnyx that calls the running product over real sockets.

One object holds everything: the REST server the product commands, the sender of signed webhooks, the media sockets it
opens to the product, and one ticker that moves all calls on in steps of 20 ms at absolute times, so that nothing
drifts. Runs inside any asyncio loop (the scenario runner, the load mode, a test). Decides nothing about a call: that is
in `leg.py`, `rules.py` and `playout.py`; what the far end does is up to the rehearsal.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from nacl.signing import SigningKey

from backend.rehearsal.carrier.codec import FRAME_S
from backend.rehearsal.carrier.config import CarrierConfig
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.faults import Dice
from backend.rehearsal.carrier.leg import LegRecord, LegState, iso
from backend.rehearsal.carrier.log import CarrierLog
from backend.rehearsal.carrier.playout import next_slot
from backend.rehearsal.carrier.server import RestServer
from backend.rehearsal.carrier.webhooks import WebhookSender


class RehearsalCarrier:
    """`start`, then `ring` (or let the product dial), then `stop`. Not thread-safe: one loop."""

    def __init__(self, config: CarrierConfig, log: CarrierLog | None = None) -> None:
        self.config = config
        self.log = log if log is not None else CarrierLog()
        self.dice = Dice(config.faults, config.seed)
        self.legs: dict[str, Leg] = {}
        """All legs there ever were, ended ones included."""
        self._live: list[Leg] = []
        self.on_dialled: Callable[[Leg], Awaitable[None]] | None = None
        """Called with each leg that the product dials; it answers, declines or lets it ring."""
        seed = config.signing_key_seed
        self._key = SigningKey(seed) if seed is not None else SigningKey.generate()
        self.public_key = base64.b64encode(bytes(self._key.verify_key)).decode()
        self.webhooks = WebhookSender(
            config, self._key, self.dice, lambda leg, kind, data: self._write(leg, kind, data)
        )
        self._started_at = time.monotonic()
        self._port = config.port
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """What TELNYX_BASE_URL is set to; complete after `start` when the port was left open."""
        return f"http://{self.config.host}:{self._port}/v2"

    async def start(self) -> None:
        """Serves REST and starts the clock."""
        self._started_at = time.monotonic()
        self._runner = web.AppRunner(RestServer(self).app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Ends every leg, lets the last webhooks go out (2 s at most) and closes all sockets."""
        for leg in list(self.legs.values()):
            leg.end("unspecified", "unknown")
        await self.webhooks.drain(self.config.webhook_timeout_s)
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=0.5)
        for task in [*self._tasks, *([self._ticker] if self._ticker else [])]:
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._ticker] if self._ticker else []), return_exceptions=True)
        await self.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def ring(self, *, from_number: str, to_number: str, codec: str | None = None) -> Leg:
        """Somebody calls the product. Returns at once, with the phone ringing."""
        leg = self.new_leg(
            direction="incoming",
            state=LegState.PARKED,
            from_number=from_number,
            to_number=to_number,
            codec=codec,
        )
        leg.log("ring", from_=from_number, to=to_number, codec=leg.codec)
        leg.announce()
        self.spawn(self._await_first_command(leg))
        return leg

    def ring_out(self, leg: Leg, timeout_s: float, time_limit_s: float) -> None:
        """The far end of a dialled leg rings; the rehearsal says what happens."""
        self.spawn(self._limit(leg, timeout_s, time_limit_s))
        if self.on_dialled is not None:
            self.spawn(self.on_dialled(leg))

    # -- for the other parts of the carrier ---------------------------------------------------------------------------

    def now(self) -> float:
        """The carrier's clock: seconds since `start`."""
        return time.monotonic() - self._started_at

    def wall(self) -> float:
        return time.time()

    def record(self, call_control_id: str, kind: str, **data: Any) -> None:
        self._write(call_control_id, kind, data)

    def _write(self, call_control_id: str, kind: str, data: dict[str, Any]) -> None:
        self.log.add(self.now(), call_control_id, kind, data)

    def new_leg(
        self,
        *,
        direction: str,
        state: LegState,
        from_number: str,
        to_number: str,
        codec: str | None = None,
        call_session_id: str | None = None,
    ) -> Leg:
        record = LegRecord(direction, from_number, to_number, self.config.connection_id, state, iso(self.wall()))
        if call_session_id is not None:
            record.call_session_id = call_session_id
        leg = Leg(self, record, codec or self.config.codec)
        self.legs[record.call_control_id] = leg
        self._live.append(leg)
        return leg

    def spawn(self, work: Awaitable[None]) -> None:
        """Runs in the background until it is done or the carrier stops. A failure is logged as a fault of our own."""
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # a bug in one call's background work must be seen and must not end the others
            self.record("", "fault", what="carrier bug", problem=f"{type(error).__name__}: {error}")

    async def _await_first_command(self, leg: Leg) -> None:
        await leg.wait_ended(self.config.first_command_timeout_s)
        if not leg.has_had_command:
            leg.end("timeout", "unknown")

    async def _limit(self, leg: Leg, timeout_s: float, time_limit_s: float) -> None:
        """How long a dialled leg may ring, and how long it may last after that."""
        await leg.wait_ended(timeout_s)
        if not leg.is_answered:
            leg.end("timeout", "unknown")
            return
        answered_at = leg.record.answered_at or 0.0
        if not await leg.wait_ended(max(0.0, answered_at + time_limit_s - self.now())):
            leg.end("time_limit", "unknown")

    async def _tick(self) -> None:
        """Every slot once, in order, at its absolute time; after a stall the missed ones are made up for."""
        slot = next_slot(self.now())
        while True:
            await asyncio.sleep(max(0.0, slot * FRAME_S - self.now()))
            while slot * FRAME_S <= self.now():
                for leg in self._live:
                    try:
                        leg.tick(slot)
                    except Exception as error:  # one call's bug must be seen and must not stop the clock of all
                        self.record(leg.call_control_id, "fault", what="carrier bug", problem=repr(error))
                        leg.end("unspecified", "unknown")
                self._live = [leg for leg in self._live if not leg.ended]
                slot += 1
