"""One client's connection to the sidecar, from its first message to its close code.

Decides when which message may come, when a client is told to go, and that all it held is given back, whatever happened.
What a message may look like is in `messages.py`, the recogniser's side in `compute.py`, who has a seat in `sidecar.py`.

| step | wants                         | else                                               |
|------|-------------------------------|----------------------------------------------------|
| 1    | `auth` within AUTH_WITHIN_S   | 1008; a wrong token takes as long as a right one   |
| 2    | model loaded, a seat free     | 1013                                               |
| 3    | `start`, before anything else | 1003 (`stop` is heard at once: 1000)               |
| 4    | audio, `flush`, `reset`       | 1003 for anything else, an odd message is skipped  |
| 5    | `stop`                        | last words, 1000                                   |

Three tasks live with a seated client: one reads, one writes, one says `alive` and sees that the client still reads. A
client whose unread messages grow beyond MOST_UNSENT, or that answers no ping for READS_WITHIN_S, is closed with 1013. One
that sends faster than it can be recognised is not read for a while, so that its own sending blocks; nothing is dropped.
While it is not read its pongs cannot be seen either, so that clock stands.

The end is one: whichever task ends first decides the code, the others are cancelled, what was already said is sent, the
recogniser's state is closed in the compute thread, and only then is the seat free.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.engines import stt_protocol as protocol
from backend.workers.stt import messages
from backend.workers.stt.compute import Compute
from backend.workers.stt.figures import SidecarFigures
from backend.workers.stt.lane import Flush, Heard, Lane, Output, Reset
from backend.workers.stt.recogniser import RecogniserBroken

MOST_UNSENT = 256
"""Messages a client may leave unread on our side, after those that the sockets hold."""
READS_WITHIN_S = 10.0
MOST_WAITING_S = 5.0
"""Seconds of audio that may wait for the recogniser before the client is not read for a while."""
LAST_MESSAGES_WITHIN_S = 1.0
CLOSES_WITHIN_S = 2.0
LAST_WORDS_WITHIN_S = 2.0
"""How long a client that is told to go elsewhere may wait for the words that are still on their way."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class SessionOver(Exception):
    """The session ends with this code. The reason goes into the close frame and into the log."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Seats:
    """How many sessions there may be, and are."""

    def __init__(self, seats: int, figures: SidecarFigures) -> None:
        self.seats = seats
        self.taken = 0
        self._figures = figures

    def take(self) -> None:
        if self.taken >= self.seats:
            raise SessionOver(protocol.TRY_AGAIN_LATER, "no seat free")
        self.taken += 1
        self._figures.seated(self.taken)

    def give_back(self) -> None:
        self.taken -= 1
        self._figures.seated(self.taken)


@dataclass(slots=True)
class House:
    """What all sessions share."""

    token: str
    compute: Compute[Any]
    seats: Seats
    figures: SidecarFigures
    is_loaded: bool = False


class Session:
    """`run` it once. `go_away` from outside ends it with 1001."""

    def __init__(self, house: House, connection: ServerConnection) -> None:
        self._house = house
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[str] = deque()
        self._has_unsent = asyncio.Event()
        self._has_room = asyncio.Event()
        self._throttled_at = 0.0
        self._opening: asyncio.Task[Lane[Any]] | None = None
        self._lane: Lane[Any] | None = None
        self._is_seated = False
        self._is_stopping = False
        self._over: asyncio.Future[SessionOver] = self._loop.create_future()
        self._end_code, self._end_reason = protocol.NORMAL, "stopped"
        """What follows the last words, once they are asked for."""
        self._call = ""
        self._odd_messages = 0

    async def run(self) -> None:
        """Returns when the connection is closed and all it held is given back. Raises nothing."""
        over: SessionOver | None = None
        try:
            over = await self._live()
        except SessionOver as error:
            over = error
        except ConnectionClosed:
            pass  # the client is gone: nothing to tell it
        except Exception:  # our own bug costs this session, and is seen
            log.exception("stt.session_failed", call_control_id=self._call)
            over = SessionOver(protocol.FAILED, "failed inside")
        finally:
            try:
                await self._hang_up(over)
            finally:
                await self._give_back()

    def go_away(self) -> None:
        """The sidecar is shutting down: the last words, then 1001."""
        self._end_code, self._end_reason = protocol.GOING_AWAY, "shutting down"
        if self._lane is None:
            self._end(protocol.GOING_AWAY, self._end_reason)
        elif not self._is_stopping:
            self._is_stopping = True
            self._house.compute.push(self._lane, Flush(None))
            self._loop.call_later(LAST_WORDS_WITHIN_S, self._end, protocol.GOING_AWAY, self._end_reason)

    # -- the compute thread's answers ---------------------------------------------------------------------------------

    def on_step(self, outputs: Sequence[Output]) -> None:
        self._has_room.set()
        for output in outputs:
            if isinstance(output, Heard):
                self._say(messages.transcript(output))
            elif output.id is not None:
                self._say(messages.flushed(output.id))
            else:
                self._end(self._end_code, self._end_reason)

    def on_broken(self, message: str) -> None:
        self._say(messages.error(message))
        self._end(protocol.FAILED, "the recogniser failed")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _end(self, code: int, reason: str) -> None:
        if not self._over.done():
            self._over.set_result(SessionOver(code, reason))

    def _say(self, message: str) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            self._end(protocol.TRY_AGAIN_LATER, "does not read")
            return
        self._unsent.append(message)
        self._has_unsent.set()

    async def _live(self) -> SessionOver:
        await self._authenticate()
        if not self._house.is_loaded:
            raise SessionOver(protocol.TRY_AGAIN_LATER, "the model is not loaded yet")
        self._house.seats.take()
        self._is_seated = True
        self._say(messages.ready(self._house.compute.recogniser.name))
        tasks: list[asyncio.Future[Any]] = [
            self._over,
            *(asyncio.create_task(part) for part in (self._read(), self._write(), self._keep_alive())),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks[1:]:
                task.cancel()
            ended = await asyncio.gather(*tasks[1:], return_exceptions=True)
        if self._over.done():
            return self._over.result()
        for error in ended:
            if isinstance(error, Exception):
                raise error
        raise AssertionError("none of the tasks returns")

    async def _authenticate(self) -> None:
        refused = SessionOver(protocol.POLICY, "not authenticated")
        try:
            async with asyncio.timeout(protocol.AUTH_WITHIN_S):
                first = await self._first_message()
        except TimeoutError:
            raise SessionOver(protocol.POLICY, "no auth in time") from None
        if isinstance(first, bytes):
            raise refused
        try:
            asked = messages.parse(first)
        except messages.TooLarge:
            raise SessionOver(protocol.TOO_BIG, "text too large") from None
        except messages.NoPlace:
            raise refused from None
        token = asked.token if isinstance(asked, messages.Auth) else ""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._house.token.encode()):
            raise refused

    async def _first_message(self) -> str | bytes:
        """The first message; but a shutdown does not wait for it."""
        reading = asyncio.create_task(self._connection.recv())
        try:
            await asyncio.wait((reading, self._over), return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                raise self._over.result()
            return await reading
        finally:
            reading.cancel()

    async def _read(self) -> None:
        while True:
            message = await self._connection.recv()
            if self._is_stopping:
                continue  # what comes after `stop` is not heard
            if isinstance(message, bytes):
                await self._hear(message)
            else:
                await self._obey(message)

    async def _hear(self, audio: bytes) -> None:
        if self._lane is None:
            raise SessionOver(protocol.UNSUPPORTED, "audio before start")
        if len(audio) % 2:
            self._odd_messages += 1
            self._house.figures.odd_message()
            return
        self._house.compute.push(self._lane, audio)
        while self._lane.waiting_s > MOST_WAITING_S:
            self._throttled_at = self._loop.time()
            self._has_room.clear()
            await self._has_room.wait()

    async def _obey(self, text: str) -> None:
        try:
            asked = messages.parse(text)
        except messages.TooLarge:
            raise SessionOver(protocol.TOO_BIG, "text too large") from None
        except messages.NoPlace as error:
            raise SessionOver(protocol.UNSUPPORTED, str(error)) from None
        compute = self._house.compute
        if isinstance(asked, messages.Start) and self._opening is None:
            self._call = asked.call
            self._opening = asyncio.create_task(compute.open(asked.language, asked.sample_rate, self))
            try:
                self._lane = await asyncio.shield(self._opening)
                log.info("stt.session_began", call_control_id=self._call, sample_rate=asked.sample_rate)
            except RecogniserBroken as error:
                self.on_broken(str(error))
        elif isinstance(asked, messages.StopAsked):
            self._is_stopping = True
            if self._lane is None:
                raise SessionOver(protocol.NORMAL, "stopped")
            compute.push(self._lane, Flush(None))
        elif self._lane is None or isinstance(asked, messages.Auth | messages.Start):
            raise SessionOver(protocol.UNSUPPORTED, "no place for it here")
        elif isinstance(asked, messages.FlushAsked):
            compute.push(self._lane, Flush(asked.id))
        else:
            compute.push(self._lane, Reset())

    async def _write(self) -> None:
        while True:
            while self._unsent:
                await self._connection.send(self._unsent.popleft())
            self._has_unsent.clear()
            await self._has_unsent.wait()

    async def _keep_alive(self) -> None:
        pong: Awaitable[float] | None = None
        asked_at = 0.0
        while True:
            await asyncio.sleep(protocol.ALIVE_EVERY_S)
            self._say(messages.alive(self._lane.recognised_s if self._lane is not None else 0.0))
            if pong is None or (isinstance(pong, asyncio.Future) and pong.done()):
                try:
                    async with asyncio.timeout(READS_WITHIN_S):
                        pong = await self._connection.ping()
                except TimeoutError:
                    raise SessionOver(protocol.TRY_AGAIN_LATER, "does not read") from None
                asked_at = self._loop.time()
            elif self._loop.time() - max(asked_at, self._throttled_at) > READS_WITHIN_S:
                raise SessionOver(protocol.TRY_AGAIN_LATER, "does not read")

    async def _hang_up(self, over: SessionOver | None) -> None:
        """Sends what was said, then the code. A client that does not take it is cut off."""
        connection = self._connection
        if over is not None:
            try:
                if over.code != protocol.TRY_AGAIN_LATER:
                    async with asyncio.timeout(LAST_MESSAGES_WITHIN_S):
                        while self._unsent:
                            await connection.send(self._unsent.popleft())
            except (TimeoutError, ConnectionClosed):
                pass  # it does not read, or is gone
            try:
                async with asyncio.timeout(CLOSES_WITHIN_S):
                    await connection.close(over.code, over.reason)
            except TimeoutError:
                connection.transport.abort()
        code, reason = (over.code, over.reason) if over is not None else self._how_it_ended()
        self._house.figures.closed(code)
        log.info(
            "stt.session_over",
            call_control_id=self._call,
            code=code,
            reason=reason,
            audio_s=round(self._lane.recognised_s, 1) if self._lane is not None else 0.0,
            odd_messages=self._odd_messages,
        )

    def _how_it_ended(self) -> tuple[int, str]:
        """Without our doing: the library refused a message (too large, not UTF-8), or the client left."""
        sent, received = self._connection.protocol.close_sent, self._connection.protocol.close_rcvd
        if sent is not None and received is None:
            return int(sent.code), "refused"
        return int(received.code) if received is not None else 1006, "the client left"

    async def _give_back(self) -> None:
        try:
            if self._opening is not None:
                lane = await self._opening
                await self._house.compute.close(lane)
        except RecogniserBroken:
            pass  # it never opened
        except Exception:  # a recogniser that cannot even close costs no seat
            log.exception("stt.not_given_back", call_control_id=self._call)
        finally:
            self._lane = None
            if self._is_seated:
                self._house.seats.give_back()
