"""Watchers of running calls: `python -m tests.bench.bench_live [watchers] [calls]` (200, 20).

A whole product with four web workers, the rehearsal carrier in front. So many calls run at once, each to the end of the
default dead air; so many event streams are open meanwhile, over a process of their own, spread over the calls. Printed:

| figure                | is                                                                                            |
|-----------------------|-----------------------------------------------------------------------------------------------|
| `late_ms`             | by how much the carrier's playout ran out of agent audio, per spoken piece: late frames       |
| `event_ms`            | from the event's own instant at the session until the client had read it                      |
| `missed`, `doubled`   | of the watchers that were away for ten seconds and came back with `Last-Event-ID`, one for    |
|                       | each call, beside one of the same call that stayed                                            |

Exits 2 when an event is missed or doubled. The last line is the result as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import aiohttp

from backend.rehearsal.load import quantiles
from tests.fakes.live_stack import LiveStack

AWAY_S = 10.0
LISTED_WITHIN_S = 60.0


class Client:
    """One event stream."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, call: str) -> None:
        self._session = session
        self._url = f"{base_url}/api/live/{call}/events"
        self.ids: list[str] = []
        self.delays_s: list[float] = []
        self.is_ended = False
        self._opened_at = 0.0

    async def watch(self, away_after: int | None = None) -> None:
        """To the end of the call; after `away_after` events away for a while."""
        while not self.is_ended:
            headers = {"Last-Event-ID": self.ids[-1]} if self.ids else {}
            timeout = aiohttp.ClientTimeout(total=None)
            async with self._session.get(self._url, headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    return
                self._opened_at = time.time()
                async for raw in answer.content:
                    self._take(raw.decode().rstrip("\n"))
                    if away_after is not None and len(self.ids) >= away_after:
                        break
            if away_after is not None:
                away_after = None
                await asyncio.sleep(AWAY_S)

    def _take(self, line: str) -> None:
        name, _, value = line.partition(": ")
        if name == "id":
            self.ids.append(value)
        elif name == "event" and value == "ended":
            self.is_ended = True
        elif name == "data" and (at := json.loads(value)["at"]) > self._opened_at:
            self.delays_s.append(time.time() - at)  # what is told of the time before it came is not late


async def clients(base_url: str, key: str, watchers: int, calls: int) -> dict[str, Any]:
    """What the process of the watchers does."""
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"}, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        running: list[str] = []
        until = time.monotonic() + LISTED_WITHIN_S
        while len(running) < calls and time.monotonic() < until:
            async with session.get(base_url + "/api/live") as answer:
                running = [call["call_control_id"] for call in (await answer.json())["calls"]]
            await asyncio.sleep(0.2)
        assert running, "no call ran"
        everybody = [Client(session, base_url, running[number % len(running)]) for number in range(watchers)]
        away = everybody[: len(running)]
        steady = everybody[len(running) : 2 * len(running)]
        await asyncio.gather(*(client.watch(away_after=10 if client in away else None) for client in everybody))
    delays = [delay for client in everybody for delay in client.delays_s]
    missed = doubled = 0
    for one, other in zip(away, steady, strict=False):
        missed += len(set(other.ids) - set(one.ids))
        doubled += sum(count - 1 for count in Counter(one.ids).values())
    return {
        "watchers": len(everybody),
        "calls_watched": len(running),
        "ended": sum(client.is_ended for client in everybody),
        "events": sum(len(client.ids) for client in everybody),
        "delays_s": [round(delay, 4) for delay in delays],
        "missed": missed,
        "doubled": doubled,
    }


def main(watchers: int, calls: int) -> int:
    with LiveStack() as live:
        command = [sys.executable, "-m", "tests.bench.bench_live", "--clients", live.stack.base_url, live.stack.api_key]
        process = subprocess.Popen([*command, str(watchers), str(calls)], stdout=subprocess.PIPE, text=True)
        _, outcomes = live.load("default_dead_air", calls=calls)
        output, _ = process.communicate(timeout=120)
    seen = json.loads(output.splitlines()[-1])
    late = quantiles(1000 * piece.starved_s for outcome in outcomes for piece in outcome.facts.heard)
    event = quantiles(1000 * delay for delay in seen.pop("delays_s"))
    result = {
        **seen,
        "late_ms": {"p50": round(late.p50, 1), "p95": round(late.p95, 1), "p99": round(late.p99, 1)},
        "event_ms": {"p50": round(event.p50, 1), "p95": round(event.p95, 1), "p99": round(event.p99, 1)},
    }
    print(json.dumps(result))
    return 2 if seen["missed"] or seen["doubled"] else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--clients"]:
        base_url, key, watchers, calls = sys.argv[2:]
        print(json.dumps(asyncio.run(clients(base_url, key, int(watchers), int(calls)))))
        sys.exit(0)
    numbers = [int(number) for number in sys.argv[1:]]
    sys.exit(main(*(numbers + [200, 20][len(numbers) :])))
