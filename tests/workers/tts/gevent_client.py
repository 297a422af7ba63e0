"""A child that is patched like a web worker and runs one script against voices; see processes.run_client."""

from gevent import monkey

monkey.patch_all()

import itertools  # noqa: E402 - nothing may be imported before the patching
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from backend import errors  # noqa: E402
from backend.engines.base import SynthesisRequest  # noqa: E402
from backend.engines.tts_grpc import GrpcTts  # noqa: E402

_numbers = itertools.count()


def ask(text: str = "Hello there.", **fields: Any) -> SynthesisRequest:
    return SynthesisRequest(**{"synthesis_id": f"synthesis-{next(_numbers)}", "text": text, "voice": "en-us", **fields})


def main() -> None:
    result: dict[str, Any] = {}
    names = {
        "tts": GrpcTts,
        "ask": ask,
        "clock": time.perf_counter,
        "gevent": gevent,
        "result": result,
        "arguments": sys.argv[2:],
        **{name: getattr(errors, name) for name in ("EngineError", "EngineBusy", "EngineFailed", "EngineTimedOut")},
    }
    exec(compile(sys.argv[1], "script", "exec"), names)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
