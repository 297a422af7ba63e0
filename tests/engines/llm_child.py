"""What the tests of the model run in a patched process, as the web workers are: prints one JSON object.

python -m tests.engines.llm_child SCRIPTED_URL STAND_IN_URL
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  after patching
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from backend.engines.base import AnswerRequest, TextDelta, ToolSpec  # noqa: E402
from backend.engines.llm_openai import OpenAiLlm  # noqa: E402
from backend.errors import EngineError  # noqa: E402
from tests.engines.llm_stand_in import STALL_S  # noqa: E402

HANG_UP = ToolSpec("hang_up", "End the call.", {"type": "object", "properties": {}})


class Listener:
    """One model and what its answers were."""

    def __init__(self, url: str) -> None:
        self.llm = OpenAiLlm(api_key="", base_url=url, model="ok", between_chunks_timeout_s=STALL_S)
        self._turns = 0

    def listen(
        self, words: str = "my secret words", model: str = "", cancel_after_s: float | None = None, kill: bool = False
    ) -> dict[str, Any]:
        self._turns += 1
        turn_id = f"t{self._turns}"
        messages = [{"role": "user", "content": words}]
        request = AnswerRequest(turn_id, messages, tools=[HANG_UP], model=model)
        heard: dict[str, Any] = {"pieces": [], "at": [], "error": "", "text": "", "retryable": None}
        began = time.monotonic()

        def pull() -> None:
            try:
                for piece in self.llm.answer(request):
                    heard["at"].append(time.monotonic() - began)
                    heard["pieces"].append(
                        piece.text if isinstance(piece, TextDelta) else [piece.name, piece.arguments]
                    )
            except EngineError as error:
                heard.update(error=type(error).__name__, text=str(error), retryable=error.retryable)

        greenlet = gevent.spawn(pull)
        if cancel_after_s is not None:
            gevent.sleep(cancel_after_s)
            began = time.monotonic()
            self.llm.cancel(turn_id)
            self.llm.cancel(turn_id)
            if kill:
                greenlet.kill(block=False)
        greenlet.join(5)
        heard.update(ended=greenlet.dead, seconds=time.monotonic() - began, running=len(self.llm._running))
        heard["bug"] = repr(greenlet.exception) if greenlet.exception is not None else ""
        return heard


def main() -> None:
    scripted, other = Listener(sys.argv[1]), Listener(sys.argv[2])
    nowhere = Listener("http://127.0.0.1:1/v1")
    for name in ("never", "never"):
        other.llm.cancel(name)
    nowhere.llm.warm_up()  # asks nobody: there is nobody
    result: dict[str, Any] = {"warm": {"running": len(nowhere.llm._running), "again": other.llm.warm_up()}}
    result["reused"] = [other.listen(model="ok") for _ in range(5)]
    result["words"] = scripted.listen("How are you?")
    result["tool"] = scripted.listen("Goodbye.")
    result["cancel-headers"] = other.listen(model="stall-headers", cancel_after_s=0.1)
    result["cancel-stream"] = other.listen(model="stall-stream", cancel_after_s=0.1)
    result["kill-headers"] = other.listen(model="stall-headers", cancel_after_s=0.1, kill=True)
    result["kill-stream"] = other.listen(model="stall-stream", cancel_after_s=0.1, kill=True)
    for model in ("stall-headers", "stall-stream", "status-429", "status-500", "reset", "cut", "rubbish"):
        result[model] = other.listen(model=model)
    result["nowhere"] = nowhere.listen()
    result["afterwards"] = other.listen(model="ok")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
