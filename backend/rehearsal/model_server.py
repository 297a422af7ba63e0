"""A small scripted model behind the OpenAI chat-completions protocol, for machines without a key or a GPU.

It answers the caller's last words with the first rule that fits, streamed word by word or whole, with tool calls where
the rule says so and the request offers the tool. Which script: the one that `POST /script` stored under the id in the
marker `[script: ID]` somewhere in the system messages, else the default small talk below. The same words always get the
same answer. Decides nothing about a call; the product talks to it as to any other model server.

Run: `python -m backend.rehearsal.model_server --port N`.
"""

import argparse
import asyncio
import json
import re
import time
import uuid
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.rehearsal.scenario import ModelRule, ToolCall

MARKER = re.compile(r"\[script:\s*([A-Za-z0-9_-]{1,80})\]")
_MAX_SCRIPTS = 1000
_MAX_BODY = 4 * 1024 * 1024
_SCRIPTS: web.AppKey["ScriptedModel"] = web.AppKey("scripted_model")

SMALL_TALK: list[ModelRule] = [
    ModelRule(
        when=r"\b(hold on|one moment|one second|a second|a minute|let me check|hang on)\b",
        say="Take your time.",
        tool=ToolCall(name="hold"),
    ),
    ModelRule(
        when=r"\b(goodbye|good bye|bye|that is all|that's all)\b",
        say="Thank you for calling. Goodbye.",
        tool=ToolCall(name="hang_up"),
    ),
    ModelRule(when=r"\b(open|opening|hours|close)\b", say="We are open from nine to five, Monday to Friday."),
    ModelRule(when=r"\b(where|address|find you)\b", say="We are at one Main Street, next to the station."),
    ModelRule(when=r"\b(price|cost|how much)\b", say="It costs twenty dollars. Would you like to order one?"),
    ModelRule(when=r"\bhow are you\b", say="I am very well, thank you. What can I do for you?"),
    ModelRule(when=r"\b(who are you|your name)\b", say="I am an automatic assistant. I am glad to help."),
    ModelRule(when=r"\b(thank you|thanks)\b", say="You are welcome. Is there anything else?"),
    ModelRule(when=r"\b(hello|hi|good morning|good evening)\b", say="Hello. What can I do for you?"),
    ModelRule(when=r"^\s*(yes|yeah|sure)\b", say="Very well. I have made a note of it."),
    ModelRule(when=r"^\s*no\b", say="All right. Is there anything else?"),
]
_OTHERWISE = (
    "I see. Could you tell me a little more?",
    "I understand. What would you like to do?",
    "Thank you, I have noted that. What else can I do?",
    "Let me think about that. Could you say it in other words?",
)


class Script(BaseModel):
    """What `POST /script` takes."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")
    rules: list[ModelRule]


class ScriptedModel:
    """The scripts and who used which rule how often. Pure but for the counting."""

    def __init__(self) -> None:
        self._scripts: dict[str, list[ModelRule]] = {}
        self._used: Counter[tuple[str, int]] = Counter()
        self.requests: deque[dict[str, Any]] = deque(maxlen=2000)
        """The last answers: script, when each began and ended (wall clock, s; None: still under way), and whether the
        client left before the end."""

    def store(self, script: Script) -> None:
        """Keeps it, in place of an older one of that id; the oldest goes when there are too many."""
        self._scripts.pop(script.id, None)
        self._scripts[script.id] = script.rules
        for key in [key for key in self._used if key[0] == script.id]:
            del self._used[key]
        while len(self._scripts) > _MAX_SCRIPTS:
            self._scripts.pop(next(iter(self._scripts)))

    def answer(self, messages: list[dict[str, Any]], tools: set[str]) -> tuple[str, ModelRule]:
        """(script id, rule). A rule whose tool was not offered is only spoken."""
        script_id = find_script_id(messages)
        if messages and messages[-1].get("role") == "tool":
            return script_id, ModelRule.model_construct(say="", token_delay_s=0.0)
        words = last_words(messages)
        rules = self._scripts.get(script_id)
        for index, rule in enumerate(rules if rules is not None else SMALL_TALK):
            key = (script_id, index)
            if not rule.fits(words) or (rule.times is not None and self._used[key] >= rule.times):
                continue
            if rules is not None:
                self._used[key] += 1
            if rule.tool is not None and rule.tool.name not in tools:
                rule = rule.model_copy(update={"tool": None})
            return script_id, rule
        say = _OTHERWISE[zlib.crc32(words.lower().encode()) % len(_OTHERWISE)]
        return script_id, ModelRule(say=say)


def find_script_id(messages: list[dict[str, Any]]) -> str:
    """The id in the first marker of the system messages, "" without one."""
    for message in messages:
        found = MARKER.search(_text(message)) if message.get("role") in ("system", "developer") else None
        if found:
            return found.group(1)
    return ""


def last_words(messages: list[dict[str, Any]]) -> str:
    """What the caller said last."""
    return next((_text(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def create_app(model: ScriptedModel | None = None) -> web.Application:
    """The server, ready for a runner or a test."""
    app = web.Application(client_max_size=_MAX_BODY)
    app[_SCRIPTS] = model if model is not None else ScriptedModel()
    app.router.add_get("/healthz", _health)
    app.router.add_get("/requests", _requests)
    app.router.add_post("/script", _store_script)
    app.router.add_get("/v1/models", _models)
    app.router.add_post("/v1/chat/completions", _complete)
    return app


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _models(_: web.Request) -> web.Response:
    entry = {"id": "scripted", "object": "model", "created": 0, "owned_by": "rehearsal"}
    return web.json_response({"object": "list", "data": [entry]})


async def _requests(request: web.Request) -> web.Response:
    return web.json_response({"requests": list(request.app[_SCRIPTS].requests)})


async def _store_script(request: web.Request) -> web.Response:
    try:
        script = Script.model_validate_json(await request.read())
    except ValidationError as error:
        return _refusal(422, str(error))
    request.app[_SCRIPTS].store(script)
    return web.json_response({"id": script.id, "rules": len(script.rules)})


async def _complete(request: web.Request) -> web.StreamResponse:
    try:
        body = json.loads(await request.read())
        messages = body["messages"]
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise TypeError
        tools = {str(tool["function"]["name"]) for tool in body.get("tools") or []}
    except (ValueError, KeyError, TypeError, RecursionError):
        return _refusal(400, "the body must be JSON with a list of messages")
    model = request.app[_SCRIPTS]
    script_id, rule = model.answer(messages, tools)
    record: dict[str, Any] = {"script": script_id, "at": time.time(), "ended_at": None, "aborted": False}
    model.requests.append(record)
    try:
        return await _send(request, body, rule)
    except (ConnectionResetError, asyncio.CancelledError):
        record["aborted"] = True
        raise
    finally:
        record["ended_at"] = time.time()


async def _send(request: web.Request, body: dict[str, Any], rule: ModelRule) -> web.StreamResponse:
    """The answer, at the script's pace."""
    if rule.delay_s:
        await asyncio.sleep(rule.delay_s)
    if rule.status is not None:
        return _refusal(rule.status, "refused by the script")
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.get("model", "scripted")}
    if not body.get("stream"):
        return web.json_response(_whole(head, rule))
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    async for chunk in _chunks(head, rule, wants_usage):
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _chunks(head: dict[str, Any], rule: ModelRule, wants_usage: bool) -> AsyncIterator[dict[str, Any]]:
    """The answer as the protocol streams it: role, words, tool call, reason of the end, usage."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**head, "object": "chat.completion.chunk", "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    for token in tokens_of(rule.say):
        yield chunk({"content": token})
        if rule.token_delay_s:
            await asyncio.sleep(rule.token_delay_s)
    if rule.tool is not None:
        call = _tool_call(rule.tool)
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        first = {**call, "index": 0, "function": {**call["function"], "arguments": arguments[:half]}}
        yield chunk({"tool_calls": [first]})
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments[half:]}}]})
    yield chunk({}, "tool_calls" if rule.tool else "stop")
    if wants_usage:
        yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(rule)}


def tokens_of(text: str) -> list[str]:
    """Words with the space before them, as models stream them."""
    return re.findall(r"\s*\S+", text)


def _whole(head: dict[str, Any], rule: ModelRule) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": rule.say}
    if rule.tool is not None:
        message["tool_calls"] = [_tool_call(rule.tool)]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if rule.tool else "stop", "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(rule)}


def _tool_call(tool: ToolCall) -> dict[str, Any]:
    function = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _usage(rule: ModelRule) -> dict[str, int]:
    count = len(tokens_of(rule.say))
    return {"prompt_tokens": 0, "completion_tokens": count, "total_tokens": count}


def _refusal(status: int, message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=status)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.rehearsal.model_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    print(f"scripted model on http://{asked.host}:{asked.port}/v1", flush=True)
    # A client that leaves is noticed at once, not at the next word: the record says when.
    web.run_app(
        create_app(),
        host=asked.host,
        port=asked.port,
        print=lambda *_: None,
        access_log=None,
        handler_cancellation=True,
    )


if __name__ == "__main__":
    main()
