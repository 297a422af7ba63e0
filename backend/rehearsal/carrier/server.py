"""The carrier's REST side: who may ask, which leg is meant, whether the command is legal, and the log of it.

Order of the checks: token, requested fault, leg (90015), repeated `command_id`, values, state, the leg's stream. A
refused command is not remembered: it may come again under the same id. What a command does is in `commands.py`.
"""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from backend.rehearsal.carrier.commands import Commands
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.leg import COMMAND_STATES, DEDUPE_S, LegState, refuse_in_state
from backend.rehearsal.carrier.media import StreamParams
from backend.rehearsal.carrier.rules import Refusal, refuse_body

if TYPE_CHECKING:
    from backend.rehearsal.carrier.carrier import RehearsalCarrier

_FORGOTTEN_AFTER_S = 600.0
"""An ended leg can be looked up for so long."""


class RestServer:
    """The handlers. `app()` is what the carrier serves."""

    def __init__(self, carrier: "RehearsalCarrier") -> None:
        self._carrier = carrier
        self._commands = Commands(carrier)
        self._dials: dict[str, tuple[float, Leg]] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_post("/v2/calls", self._dial)
        app.router.add_get("/v2/calls/{call_control_id}", self._status)
        app.router.add_post("/v2/calls/{call_control_id}/actions/{action}", self._action)
        app.router.add_put("/v2/calls/{call_control_id}/actions/client_state_update", self._update_client_state)
        app.router.add_get("/v2/connections/{connection_id}/active_calls", self._active_calls)
        return app

    # -- requests -----------------------------------------------------------------------------------------------------

    async def _update_client_state(self, request: web.Request) -> web.Response:
        return await self._command(request, "client_state_update")

    async def _action(self, request: web.Request) -> web.Response:
        name = request.match_info["action"]
        if name not in COMMAND_STATES or name == "client_state_update":
            return _refused(Refusal("10005", "There is no such action.", status=404))
        return await self._command(request, name)

    async def _command(self, request: web.Request, name: str) -> web.Response:
        call_control_id = request.match_info["call_control_id"]
        body = await self._body(request)
        if isinstance(body, Refusal):
            return self._answer(call_control_id, name, {}, body)
        fault = self._carrier.dice.command_fault(name)
        if fault is not None and not fault.takes_effect:
            return self._answer(call_control_id, name, body, _as_refusal(fault.status, fault.code), faulty=True)
        reply = self._execute(call_control_id, name, body)
        if reply == "duplicate":
            return self._answer(call_control_id, name, body, {}, duplicate=True)
        if fault is not None:
            reply = _as_refusal(fault.status, fault.code)
        return self._answer(call_control_id, name, body, reply, faulty=fault is not None)

    def _execute(self, call_control_id: str, name: str, body: dict[str, Any]) -> Any:
        leg = self._carrier.legs.get(call_control_id)
        if leg is None:
            return Refusal("90015", "The provided call_control_id was not valid.", "/call_control_id")
        record, now, command_id = leg.record, self._carrier.now(), body.get("command_id")
        if record.is_duplicate(command_id, now):
            return "duplicate"
        refusal = refuse_body(name, body) or refuse_in_state(name, record.state)
        if refusal is not None:
            return refusal
        before = record.client_state
        record.client_state = body.get("client_state") or before
        leg.has_had_command = True
        reply = self._commands.effects[name](leg, body)
        if isinstance(reply, Refusal):
            record.client_state = before
        else:
            record.remember(command_id, now)
        return reply

    async def _dial(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if isinstance(body, Refusal):
            return self._answer("", "dial", {}, body)
        fault = self._carrier.dice.command_fault("dial")
        if fault is not None and not fault.takes_effect:
            return self._answer("", "dial", body, _as_refusal(fault.status, fault.code), faulty=True)
        dialled_at, leg = self._dials.get(body.get("command_id") or "", (-DEDUPE_S, None))
        is_duplicate = leg is not None and self._carrier.now() - dialled_at < DEDUPE_S
        if leg is None or not is_duplicate:
            refusal = refuse_body("dial", body, self._carrier.config.connection_id)
            if refusal is not None:
                return self._answer("", "dial", body, refusal)
            leg = self._new_outbound(body)
        data = {**leg.record.status(self._carrier.now()), "is_alive": False}
        reply = data if fault is None else _as_refusal(fault.status, fault.code)
        response = self._answer(
            leg.call_control_id, "dial", body, reply, duplicate=is_duplicate, faulty=fault is not None
        )
        if not is_duplicate:
            leg.announce()
            self._carrier.ring_out(leg, body.get("timeout_secs", 30), body.get("time_limit_secs", 14400))
        return response

    def _new_outbound(self, body: dict[str, Any]) -> Leg:
        leg = self._carrier.new_leg(
            direction="outgoing",
            state=LegState.DIALLING,
            from_number=body["from"],
            to_number=body["to"],
        )
        if body.get("command_id"):
            self._dials[body["command_id"]] = (self._carrier.now(), leg)
        leg.record.client_state = body.get("client_state")
        leg.webhook_url = body.get("webhook_url") or ""
        leg.amd_mode = body.get("answering_machine_detection") or "disabled"
        leg.log("dialled", to=leg.to_number, from_=leg.from_number)
        if body.get("stream_url"):
            leg.open_stream(StreamParams.from_body(body))
        return leg

    async def _status(self, request: web.Request) -> web.Response:
        refusal = self._refuse_token(request)
        leg = self._carrier.legs.get(request.match_info["call_control_id"])
        if refusal is not None:
            return _refused(refusal)
        now = self._carrier.now()
        if leg is None or (leg.record.ended_at is not None and now - leg.record.ended_at > _FORGOTTEN_AFTER_S):
            return _refused(Refusal("10005", "The requested resource could not be found.", status=404))
        return web.json_response({"data": leg.record.status(now)})

    async def _active_calls(self, request: web.Request) -> web.Response:
        """Paged by number, as the vendor's SDK asks, and by cursor, as the reference says."""
        refusal = self._refuse_token(request)
        if refusal is None and request.match_info["connection_id"] != self._carrier.config.connection_id:
            refusal = Refusal("10005", "The requested resource could not be found.", status=404)
        if refusal is not None:
            return _refused(refusal)
        now = self._carrier.now()
        live = [leg.record.status(now) for leg in self._carrier.legs.values() if not leg.ended]
        query = request.query
        try:
            size = min(250, max(1, int(query.get("page[size]") or query.get("page[limit]") or 20)))
            number = max(1, int(query.get("page[number]") or 1))
            begin = int(query["page[after]"]) if "page[after]" in query else (number - 1) * size
        except ValueError:
            return _refused(Refusal("10015", "The page is not a number.", status=400))
        shown = live[begin : begin + size]
        meta = {
            "page_number": begin // size + 1,
            "page_size": size,
            "total_pages": max(1, -(-len(live) // size)),
            "total_results": len(live),
            "total_items": len(live),
            "cursors": {"after": str(begin + size) if begin + size < len(live) else None, "before": None},
        }
        return web.json_response({"data": shown, "meta": meta})

    # -- pieces -------------------------------------------------------------------------------------------------------

    def _refuse_token(self, request: web.Request) -> Refusal | None:
        if request.headers.get("Authorization") == f"Bearer {self._carrier.config.api_key}":
            return None
        return Refusal("10009", "The required authentication headers were invalid or not included.", status=401)

    async def _body(self, request: web.Request) -> dict[str, Any] | Refusal:
        refusal = self._refuse_token(request)
        if refusal is not None:
            return refusal
        if self._carrier.dice.faults.command_latency_s:
            await asyncio.sleep(self._carrier.dice.faults.command_latency_s)
        raw = await request.read()
        try:
            body = json.loads(raw) if raw.strip() else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return Refusal("10015", "The request failed because it was not well-formed.", status=400)
        return body

    def _answer(
        self,
        call_control_id: str,
        name: str,
        body: dict[str, Any],
        reply: dict[str, Any] | Refusal,
        *,
        duplicate: bool = False,
        faulty: bool = False,
    ) -> web.Response:
        """The reply, and its line in the log."""
        is_refusal = isinstance(reply, Refusal)
        self._carrier.record(
            call_control_id,
            "command",
            name=name,
            command_id=body.get("command_id"),
            status=reply.status if isinstance(reply, Refusal) else 200,
            error_code=reply.code if isinstance(reply, Refusal) else "",
            duplicate=duplicate,
            body=_without_secrets(body),
        )
        if faulty and is_refusal:
            self._carrier.record(call_control_id, "fault", what="command refused", command=name)
        if isinstance(reply, Refusal):
            return _refused(reply)
        return web.json_response({"data": reply if name == "dial" else {"result": "ok", **reply}})


def _as_refusal(status: int, code: str) -> Refusal:
    return Refusal(code, "Refused on the rehearsal's request.", status=status)


def _refused(refusal: Refusal) -> web.Response:
    headers = {"x-ratelimit-reset": "1"} if refusal.status == 429 else None
    return web.json_response(refusal.body(), status=refusal.status, headers=headers)


def _without_secrets(body: dict[str, Any]) -> dict[str, Any]:
    """The body for the log: audio and tokens only by their length."""
    hidden = ("playback_content", "stream_auth_token")
    return {key: f"<{len(str(value))} characters>" if key in hidden else value for key, value in body.items()}
