"""One whole product with a rehearsal carrier in front, shared by all end-to-end tests of a session.

The carrier needs an asyncio loop that keeps running between tests, so it has a thread of its own; a test hands its work
over with `run`. Use in a conftest:

    @pytest.fixture(scope="session")
    def live_stack() -> Iterator[LiveStack]:
        with LiveStack() as running:
            yield running

    def test_x(live_stack): outcome = live_stack.rehearse("default_dead_air")
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from backend.rehearsal.load import LoadReport, run_load
from backend.rehearsal.runner import Outcome, Stage, run_scenario
from backend.rehearsal.scenario import Scenario, load_scenario
from backend.rehearsal.stack import Stack, StackSettings
from backend.rehearsal.stage import own_stage

Result = TypeVar("Result")


class LiveStack:
    """`stage` and `stack` are there while the context is open."""

    stage: Stage
    stack: Stack

    def __init__(self, settings: StackSettings | None = None, say: Callable[[str], None] = print) -> None:
        self._settings = settings
        self._say = say
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="live-stack")
        self._finish = asyncio.Event()
        self._ended: Future[None] | None = None

    def run(self, work: Coroutine[Any, Any, Result], timeout_s: float = 300.0) -> Result:
        """Does `work` in the carrier's loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def rehearse(self, scenario: str | Scenario, **options: Any) -> Outcome:
        """One rehearsal; a name means a shipped scenario or a file."""
        wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
        return self.run(run_scenario(wanted, self.stage, **options))

    def load(self, scenario: str | Scenario, *, calls: int, spread_s: float = 2.0) -> tuple[LoadReport, list[Outcome]]:
        """Many calls at once."""
        wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
        return self.run(run_load(wanted, self.stage, calls=calls, spread_s=spread_s, say=self._say))

    def __enter__(self) -> Self:
        self._thread.start()
        begun: Future[None] = Future()
        self._ended = asyncio.run_coroutine_threadsafe(self._hold(begun), self._loop)
        try:
            begun.result(200)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._finish.set)
        try:
            if self._ended is not None:
                self._ended.result(120)
        finally:
            self._close()

    async def _hold(self, begun: "Future[None]") -> None:
        """The stage is opened and closed by one task."""
        try:
            async with own_stage(self._settings, self._say) as (self.stage, self.stack):
                begun.set_result(None)
                await self._finish.wait()
        except BaseException as error:
            if not begun.done():
                begun.set_exception(error)
                return
            raise

    def _close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
