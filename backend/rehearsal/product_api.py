"""The product's REST API, as a rehearsal and the command line use it: agents, calls, readiness. No shortcut past it."""

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

TIMEOUT_S = 10.0


class ApiError(Exception):
    """The product refused or did not answer. `status` is 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ProductApi:
    """`async with ProductApi(base_url, api_key) as api`."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def create_agent(self, agent: dict[str, Any]) -> str:
        """The new agent's id."""
        reply = await self.ask("POST", "/api/agents", agent)
        return str(reply["id"])

    async def update_agent(self, agent_id: str, agent: dict[str, Any], version: int) -> int:
        """Changes an agent that is at `version` now; returns the new version."""
        reply = await self.ask("PUT", f"/api/agents/{agent_id}?version={version}", agent)
        return int(reply["version"])

    async def delete_agent(self, agent_id: str) -> None:
        await self.ask("DELETE", f"/api/agents/{agent_id}")

    async def list_agents(self) -> list[dict[str, Any]]:
        """All agents: id, version, config."""
        reply = await self.ask("GET", "/api/agents")
        agents: list[dict[str, Any]] = reply["agents"]
        return agents

    async def show_agent(self, agent_id: str) -> dict[str, Any]:
        reply: dict[str, Any] = await self.ask("GET", f"/api/agents/{agent_id}")
        return reply

    async def dial(self, *, agent_id: str, to_number: str, from_number: str | None = None) -> str:
        """Places an outbound call and returns its call_control_id. `from_number` None: the agent's first number."""
        body = {"agent_id": agent_id, "to_number": to_number, "from_number": from_number}
        reply = await self.ask("POST", "/api/calls", {name: value for name, value in body.items() if value is not None})
        return str(reply["call_control_id"])

    async def show_call(self, call_control_id: str) -> dict[str, Any]:
        """A call's record: turns, latencies, events. ApiError with status 404 until it is stored, after the call's end."""
        reply: dict[str, Any] = await self.ask("GET", f"/api/calls/{quote(call_control_id, safe='')}")
        return reply

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Any address; the answer as JSON, {} where it is empty. Raises ApiError."""
        assert self._session is not None, "use `async with`"
        try:
            async with self._session.request(method, self.base_url + path, json=body) as response:
                text = await response.text()
                if not 200 <= response.status < 300:
                    raise ApiError(f"{method} {path}: {response.status} {text[:500]}", response.status)
                return await response.json(content_type=None) if text else {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            what = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__} {error}"
            raise ApiError(f"{method} {path}: {what}; is the product running at {self.base_url}?") from error
