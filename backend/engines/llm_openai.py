"""The model behind any server that speaks the OpenAI chat-completions protocol.

Keeps one connection pool per worker and gives each connection back after an answer: the SDK stops reading at
`data: [DONE]` and would drop the connection, so the transport reads the last few bytes itself (a handshake less per
turn), and keeps it for as long as a caller may talk between two turns. `cancel` closes the stream from another greenlet,
which ends the request at the server too.

Requests go through the SDK's `post` with plain JSON both ways. Its typed method checks every field of the request and
builds a model of every token: measured, 3.3 ms of CPU to the first token instead of 1.9.
Run by `session/thinker.py`, one greenlet per answer. Make it after the fork.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import gevent
import httpx2
import openai
from gevent import Greenlet

from backend.engines.base import AnswerRequest, TextDelta, ToolCall
from backend.errors import EngineFailed, EngineTimedOut

NAME = "openai"
CONNECT_TIMEOUT_S = 2.0
BETWEEN_CHUNKS_TIMEOUT_S = 8.0
"""Longer than the no-progress clock's retry: that clock decides, this only frees the greenlet in the end."""
KEEP_IDLE_S = 55.0
"""How long a connection nobody uses is kept. Just below the minute after which many servers close it."""
DRAIN_S = 0.05
_DONE = b"data: [DONE]"
_CANNED_ANSWER = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello."}}]}\n\n' + _DONE + b"\n\n"
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)
"""What the SDK lets through when the server streams something else than the protocol: it checks nothing."""

log = logging.getLogger(__name__)


class _Cancelled(BaseException):
    """Thrown into the greenlet that waits for the model; BaseException, so that the SDK's own retries cannot eat it."""


class _DrainedStream(httpx2.SyncByteStream):
    """The response's bytes; on close, what follows `[DONE]` is read so that the connection can be used again."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream
        self._iterator: Iterator[bytes] | None = None
        self._tail = b""

    def __iter__(self) -> Iterator[bytes]:
        self._iterator = iter(self._stream)
        for piece in self._iterator:
            self._tail = (self._tail + piece)[-64:]
            yield piece

    def close(self) -> None:
        if self._iterator is not None and _DONE in self._tail:
            try:
                with gevent.Timeout(DRAIN_S, False):
                    for _ in self._iterator:
                        pass
            except httpx2.HTTPError:
                pass  # the connection is gone; closing is all that is left
        self._stream.close()


class _DrainingTransport(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _DrainedStream(response.stream)
        return response


class _Running:
    """One answer under way."""

    def __init__(self) -> None:
        self.stream: Any = None
        self.waiting: Greenlet | None = None
        self.is_cancelled = False


class OpenAiLlm:
    """Implements `Llm`. `model` is used where a request names none."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        model: str,
        between_chunks_timeout_s: float = BETWEEN_CHUNKS_TIMEOUT_S,
    ) -> None:
        timeout = httpx2.Timeout(between_chunks_timeout_s, connect=CONNECT_TIMEOUT_S)
        transport = _DrainingTransport(
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=KEEP_IDLE_S)
        )
        self._client = openai.OpenAI(
            api_key=api_key or "none",
            base_url=base_url or None,
            max_retries=0,  # the conversation decides about second tries, and with which model
            timeout=timeout,
            http_client=httpx2.Client(transport=transport, timeout=timeout),
        )
        self._model = model
        self._running: dict[str, _Running] = {}

    def warm_up(self) -> None:
        """One answer through everything but the network: what the SDK imports and builds for its first request, and gevent
        for its first look at a name, takes about a tenth of a second, which the first caller would wait for."""
        gevent.get_hub().resolver.getaddrinfo("127.0.0.1", 80)
        canned = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=_CANNED_ANSWER)
        with httpx2.Client(transport=httpx2.MockTransport(lambda request: canned)) as nowhere:
            stream = _ask(
                self._client.with_options(http_client=nowhere), self._parameters(AnswerRequest("warm-up", ()))
            )
            for _ in _pieces(stream):
                pass
            stream.close()

    def answer(self, request: AnswerRequest) -> Iterator[TextDelta | ToolCall]:
        running = self._running[request.turn_id] = _Running()
        try:
            running.waiting = gevent.getcurrent()
            running.stream = _ask(self._client, self._parameters(request))
            running.waiting = None
            if not running.is_cancelled:
                yield from _pieces(running.stream)
        except _Cancelled:
            return
        except openai.APITimeoutError as error:
            if not running.is_cancelled:
                raise EngineTimedOut("the model did not answer in time", engine=NAME) from error
        except (openai.OpenAIError, httpx2.HTTPError, *_UNREADABLE) as error:
            # The class only: the message may quote what the caller said.
            if not running.is_cancelled:
                raise EngineFailed(f"the model failed: {type(error).__name__}", engine=NAME) from error
        finally:
            running.waiting = None
            self._running.pop(request.turn_id, None)
            if running.stream is not None:
                running.stream.close()

    def cancel(self, turn_id: str) -> None:
        running = self._running.pop(turn_id, None)
        if running is None or running.is_cancelled:
            return
        running.is_cancelled = True
        if running.waiting is not None:
            running.waiting.kill(_Cancelled, block=False)
        elif running.stream is not None:
            running.stream.close()

    def _parameters(self, request: AnswerRequest) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "model": request.model or self._model,
            "messages": list(request.messages),
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "stream": True,
        }
        if request.tools:
            parameters["tools"] = [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
                }
                for tool in request.tools
            ]
        if request.answer_schema is not None:
            schema = {"name": "answer", "strict": True, "schema": request.answer_schema}
            parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
        return parameters


def _ask(client: openai.OpenAI, parameters: dict[str, Any]) -> openai.Stream[dict[str, Any]]:
    """The chunks of the answer as they come, as parsed JSON."""
    return client.post(
        "/chat/completions",
        cast_to=dict[str, Any],
        body=parameters,
        stream=True,
        stream_cls=openai.Stream[dict[str, Any]],
    )


def _pieces(stream: openai.Stream[dict[str, Any]]) -> Iterator[TextDelta | ToolCall]:
    """Text as it comes; tool calls when the answer is over, since their arguments arrive in fragments."""
    fragments: dict[int, dict[str, str]] = {}
    for chunk in stream:
        if not (choices := chunk.get("choices")):
            continue
        delta = choices[0].get("delta") or {}
        if content := delta.get("content"):
            yield TextDelta(content)
        for call in delta.get("tool_calls") or ():
            tool = fragments.setdefault(call.get("index", 0), {"id": "", "name": "", "arguments": ""})
            tool["id"] = call.get("id") or tool["id"]
            if function := call.get("function"):
                tool["name"] += function.get("name") or ""
                tool["arguments"] += function.get("arguments") or ""
    for index, tool in sorted(fragments.items()):
        yield ToolCall(tool["id"] or f"call-{index}", tool["name"], _parse_arguments(tool["arguments"]))


def _parse_arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
