"""A tiny product for the carrier's tests: verifies webhooks, sends commands, holds one media socket per leg.

Real sockets on both sides. `running` gives the pair; nothing here decides what a call is about.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from nacl.signing import VerifyKey

from backend.rehearsal.carrier.carrier import RehearsalCarrier
from backend.rehearsal.carrier.config import CarrierConfig
from backend.rehearsal.carrier.far_end import Leg

API_KEY = "KEY-of-the-test"
CONNECTION = "7200000000000000001"
CALLER, CALLED = "+15550100001", "+15550100002"


class Product:
    """What the carrier talks to."""

    def __init__(self) -> None:
        self.carrier: RehearsalCarrier | None = None
        self.url = ""
        self.webhooks: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.raw: list[str] = []
        self.upgrades: list[dict[str, str]] = []
        self.messages: list[dict[str, Any]] = []
        """Everything on the media sockets but media."""
        self.media: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.statuses: list[int] = []
        """Answers to the next webhooks; 200 when there is none left."""
        self.webhook_delay_s = 0.0
        self.refuses_socket = False
        self.files: dict[str, bytes] = {}
        self.fetches: list[str] = []
        self.session = aiohttp.ClientSession()

    # -- the carrier asks ---------------------------------------------------------------------------------------------

    async def take_webhook(self, request: web.Request) -> web.Response:
        body = await request.text()
        assert self.carrier is not None
        key = VerifyKey(base64.b64decode(self.carrier.public_key))
        signed = f"{request.headers['Telnyx-Timestamp']}|{body}".encode()
        key.verify(signed, base64.b64decode(request.headers["Telnyx-Signature-Ed25519"]))
        self.webhooks.append(json.loads(body))
        self.headers.append(dict(request.headers))
        self.raw.append(body)
        if self.webhook_delay_s:
            await asyncio.sleep(self.webhook_delay_s)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"X-Worker": "4711"})

    async def take_socket(self, request: web.Request) -> web.StreamResponse:
        self.upgrades.append(dict(request.headers))
        if self.refuses_socket:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        socket.headers["X-Worker"] = "4712"
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            frame = json.loads(message.data)
            (self.media if frame["event"] == "media" else self.messages).append(frame)
        return socket

    async def give_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.fetches.append(name)
        if name not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[name], content_type="audio/wav")

    # -- the product asks ---------------------------------------------------------------------------------------------

    async def post(self, path: str, key: str = API_KEY, **body: Any) -> tuple[int, dict[str, Any]]:
        assert self.carrier is not None
        headers = {"Authorization": f"Bearer {key}"}
        async with self.session.post(self.carrier.base_url + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def get(self, path: str, key: str = API_KEY) -> tuple[int, dict[str, Any]]:
        assert self.carrier is not None
        headers = {"Authorization": f"Bearer {key}"}
        async with self.session.get(self.carrier.base_url + path, headers=headers) as response:
            return response.status, await response.json()

    async def command(self, leg: Leg, name: str, **body: Any) -> int:
        """The HTTP status of an action."""
        return (await self.post(f"/calls/{leg.call_control_id}/actions/{name}", **body))[0]

    async def error(self, leg: Leg, name: str, **body: Any) -> tuple[int, str]:
        """Status and code of an action that fails."""
        status, reply = await self.post(f"/calls/{leg.call_control_id}/actions/{name}", **body)
        return status, reply["errors"][0]["code"]

    async def start_stream(self, leg: Leg, **body: Any) -> int:
        wanted = {"stream_url": self.url.replace("http", "ws") + "/media", "stream_bidirectional_mode": "rtp", **body}
        return await self.command(leg, "streaming_start", **wanted)

    async def answered_call(self, **stream: Any) -> Leg:
        """Rings, answers, streams; returns when `start` has arrived."""
        assert self.carrier is not None
        leg = await self.carrier.ring(from_number=CALLER, to_number=CALLED)
        assert await self.command(leg, "answer") == 200
        assert await self.start_stream(leg, **stream) == 200
        await until(lambda: self.frames("start"))
        return leg

    async def send(self, message: dict[str, Any]) -> None:
        await self.sockets[-1].send_str(json.dumps(message))

    async def send_audio(self, encoded: bytes) -> None:
        await self.send({"event": "media", "media": {"payload": base64.b64encode(encoded).decode()}})

    async def send_mark(self, name: str) -> None:
        await self.send({"event": "mark", "mark": {"name": name}})

    # -- what arrived -------------------------------------------------------------------------------------------------

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The webhooks of one type, without the envelope."""
        found = [webhook["data"] for webhook in self.webhooks]
        return [data for data in found if not kind or data["event_type"] == kind]

    def frames(self, event: str) -> list[dict[str, Any]]:
        return [frame for frame in self.messages if frame["event"] == event]

    def marks(self) -> list[str]:
        return [frame["mark"]["name"] for frame in self.frames("mark")]


async def until(claim: Callable[[], Any], timeout_s: float = 2.0) -> None:
    """Waits until the claim holds; fails when it never does."""
    for _ in range(int(timeout_s / 0.005)):
        if claim():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("what the test waits for did not happen")


@asynccontextmanager
async def running(**config: Any) -> AsyncIterator[tuple[Product, RehearsalCarrier]]:
    """A product and a carrier that know each other."""
    product = Product()
    app = web.Application()
    app.router.add_post("/hook", product.take_webhook)
    app.router.add_get("/media", product.take_socket)
    app.router.add_get("/files/{name}", product.give_file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    product.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings: dict[str, Any] = {
        "api_key": API_KEY,
        "connection_id": CONNECTION,
        "webhook_url": product.url + "/hook",
        "webhook_backoff_s": 0.01,
        "comfort_noise_dbfs": None,
    }
    carrier = RehearsalCarrier(CarrierConfig(**{**settings, **config}))
    product.carrier = carrier
    await carrier.start()
    try:
        yield product, carrier
        bugs = [entry for entry in carrier.log.of("fault") if entry.data["what"] == "carrier bug"]
        assert bugs == []
    finally:
        await carrier.stop()
        for socket in product.sockets:
            await socket.close()
        await product.session.close()
        await runner.cleanup()


def call(test: Callable[[], Awaitable[None]]) -> None:
    """Runs an async test body to its end."""

    async def bounded() -> None:
        await asyncio.wait_for(test(), 20)

    asyncio.run(bounded())


def tone(seconds: float, amplitude: int = 8000) -> np.ndarray:
    """A tone of 400 Hz that is loud from its first to its last sample (a square wave)."""
    position = np.arange(round(8000 * seconds))
    return np.where(position // 10 % 2, amplitude, -amplitude).astype(np.int16)
