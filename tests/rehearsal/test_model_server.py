"""The scripted model over real sockets, asked as the product asks it: with the openai SDK."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from aiohttp import web

from backend.rehearsal.model_server import MARKER, ScriptedModel, create_app, find_script_id, tokens_of

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("hold", "hang_up")
]


class ServerThread:
    """The server in a loop of its own, as it runs in a process of its own."""

    def __init__(self) -> None:
        self.model = ScriptedModel()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "ServerThread":
        self._thread.start()
        assert self._is_up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(create_app(self.model), shutdown_timeout=0.5, handler_cancellation=True)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._is_up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    with ServerThread() as running:
        yield running


@pytest.fixture
def client(server: ServerThread) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0, timeout=5) as sdk:
        yield sdk


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def store(server: ServerThread, script_id: str, rules: list[dict[str, Any]]) -> None:
    assert requests.post(f"{server.url}/script", json={"id": script_id, "rules": rules}, timeout=5).status_code == 200


def ask(client: Any, *messages: dict[str, Any], tools: bool = True) -> tuple[str, list[tuple[str, str]], str]:
    """(words, tool calls as name and arguments, reason of the end), gathered from a stream."""
    extra = {"tools": TOOLS} if tools else {}
    words, calls, finish = "", dict[int, list[str]](), ""
    with client.chat.completions.create(model="m", messages=list(messages), stream=True, **extra) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                words += choice.delta.content or ""
                finish = choice.finish_reason or finish
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, ["", ""])
                    call[0] += part.function.name or ""
                    call[1] += part.function.arguments or ""
    return words, [(name, arguments) for name, arguments in calls.values()], finish


def test_the_same_sentence_always_gets_the_same_sensible_answer(client: Any) -> None:
    """Rehearsals must be repeatable."""
    first = ask(client, user("When do you open?"))

    assert first == ("We are open from nine to five, Monday to Friday.", [], "stop")
    assert ask(client, user("When do you open?")) == first
    assert ask(client, user("Colourless green ideas.")) == ask(client, user("colourless green ideas."))


def test_hold_on_calls_the_hold_tool_and_goodbye_hangs_up(client: Any) -> None:
    """Both say something first, so that the caller hears it."""
    assert ask(client, user("Please hold on.")) == ("Take your time.", [("hold", "{}")], "tool_calls")
    assert ask(client, user("Goodbye!"))[1] == [("hang_up", "{}")]


def test_a_tool_that_was_not_offered_is_not_called(client: Any) -> None:
    """A model calls only what the request lists."""
    assert ask(client, user("Please hold on."), tools=False) == ("Take your time.", [], "stop")


def test_the_answer_to_a_tool_result_is_empty(client: Any) -> None:
    """What there was to say was said with the call."""
    call = {"id": "c1", "type": "function", "function": {"name": "hold", "arguments": "{}"}}
    assistant = {"role": "assistant", "content": "Take your time.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "done"}

    assert ask(client, user("Hold on."), assistant, result) == ("", [], "stop")


def test_a_marker_in_the_instructions_chooses_the_script_of_one_call(server: ServerThread, client: Any) -> None:
    """Two calls with two scripts do not disturb each other."""
    store(server, "one", [{"when": "weather", "say": "Rain."}])
    arguments = {"target": "front desk"}
    store(server, "two", [{"when": "any", "say": "Wait.", "tool": {"name": "hold", "arguments": arguments}}])

    assert ask(client, system("Be kind.\n[script: one]"), user("What is the weather?"))[0] == "Rain."
    assert ask(client, system("[script: two]"), user("What is the weather?")) == (
        "Wait.",
        [("hold", json.dumps(arguments))],
        "tool_calls",
    )
    assert ask(client, system("[script: one]"), user("Something else"))[0] != "Rain."


def test_a_rule_with_a_number_of_times_is_passed_over_afterwards(server: ServerThread, client: Any) -> None:
    """So a script can answer the same words differently the second time."""
    store(server, "twice", [{"when": "any", "say": "First.", "times": 1}, {"when": "any", "say": "Then."}])

    answers = [ask(client, system("[script: twice]"), user("And?"))[0] for _ in range(3)]

    assert answers == ["First.", "Then.", "Then."]


def test_a_scripted_failure_reaches_the_sdk_as_the_real_one_would(server: ServerThread, client: Any) -> None:
    """So the product's fallback can be rehearsed."""
    store(server, "broken", [{"when": "any", "status": 503}])

    with pytest.raises(openai.InternalServerError):
        ask(client, system("[script: broken]"), user("Hello?"))


def test_without_streaming_the_whole_answer_comes_at_once(client: Any) -> None:
    """Both forms of the protocol are served."""
    answer = client.chat.completions.create(model="m", messages=[user("Hold on")], tools=TOOLS)

    assert answer.choices[0].message.content == "Take your time."
    assert answer.choices[0].message.tool_calls[0].function.name == "hold"
    assert answer.choices[0].finish_reason == "tool_calls"


def test_usage_is_streamed_when_it_was_asked_for(client: Any) -> None:
    """As the last chunk, without choices."""
    options = {"include_usage": True}
    with client.chat.completions.create(
        model="m", messages=[user("hi")], stream=True, stream_options=options
    ) as stream:
        last = list(stream)[-1]

    assert last.choices == []
    assert last.usage.completion_tokens == 7


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(server: ServerThread, client: Any) -> None:
    """Barge-in closes the stream at once; the next answer comes as ever."""
    store(server, "slow", [{"when": "any", "say": "one two three four five six", "token_delay_s": 0.02}])
    with client.chat.completions.create(
        model="m", messages=[system("[script: slow]"), user("x")], stream=True
    ) as stream:
        next(iter(stream))

    assert ask(client, user("When do you open?"))[0].startswith("We are open")


def test_the_moment_a_client_leaves_is_recorded(server: ServerThread, client: Any) -> None:
    """At once, not when the next word is due."""
    store(server, "left", [{"when": "any", "say": "one two three", "token_delay_s": 5}])
    stream = client.chat.completions.create(model="m", messages=[system("[script: left]"), user("x")], stream=True)
    next(iter(stream))
    left_at = time.time()
    stream.close()
    give_up_at = time.monotonic() + 5
    while (record := server.model.requests[-1])["ended_at"] is None and time.monotonic() < give_up_at:
        time.sleep(0.005)
    assert record["aborted"] and left_at <= record["ended_at"] < left_at + 4


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '{"messages": 5}', '{"messages": [5]}', '{"messages": [], "tools": [{}]}']
)
def test_a_malformed_request_is_refused_and_never_a_crash(server: ServerThread, body: str) -> None:
    """400 with the error object that SDKs expect."""
    reply = requests.post(f"{server.url}/v1/chat/completions", data=body, timeout=5)

    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_wrong_script_is_refused_with_the_field(server: ServerThread) -> None:
    """Whoever posts it learns what is wrong."""
    reply = requests.post(f"{server.url}/script", json={"id": "x y", "rules": [{"when": "("}]}, timeout=5)

    assert reply.status_code == 422
    assert "rules.0" in reply.json()["error"]["message"]


def test_scripts_are_bounded_in_number() -> None:
    """A long-running server does not grow with every rehearsal."""
    from backend.rehearsal.model_server import _MAX_SCRIPTS, Script

    model = ScriptedModel()
    for number in range(_MAX_SCRIPTS + 5):
        model.store(Script(id=f"s{number}", rules=[]))

    assert len(model._scripts) == _MAX_SCRIPTS
    assert "s0" not in model._scripts


def test_the_marker_is_read_from_system_messages_only() -> None:
    """A caller cannot choose the script by saying its name."""
    assert find_script_id([user("[script: x]")]) == ""
    assert find_script_id([{"role": "system", "content": [{"type": "text", "text": "a [script: x-1]"}]}]) == "x-1"
    assert MARKER.search("[script:y]") is not None
    assert tokens_of("It is nine.") == ["It", " is", " nine."]
