"""One JSON line per event, whoever logs it: `ts`, `level`, `event`, `worker`, and `call_control_id` where bound.

Decides what may be written. Values under telling names (keys, tokens, words of the caller, numbers) are replaced, phone
numbers inside other texts too, and every secret of the settings wherever it turns up, tracebacks included. Whatever the
text holds, it stays one line: everything outside printable ASCII is escaped. The standard library's loggers take the
same way out.

    log = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(call_control_id=...):
        log.info("check-in spoken", number_of_check_in=2)
"""

import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"
_SECRET_NAMES = re.compile(r"key|token|secret|passw|authorization|cookie|credential|signature", re.IGNORECASE)
_CALLER_NAMES = re.compile(
    r"^(from|to|caller|callee|msisdn|phone|digits?|dtmf|message|messages|content|prompt|instructions|greeting|said|"
    r"words|utterance|sentence|body|payload|client_state)$|number|text|transcript|phone",
    re.IGNORECASE,
)
_PHONE_NUMBER = re.compile(r"\+\d[\d \-().]{5,18}\d")
_OURS = frozenset({"event", "level", "ts", "worker", "call_control_id", "logger", "exception"})
_MAX_TEXT = 16_000
_MAX_DEPTH = 6
_MAX_ITEMS = 100
_NOISY = ("httpx", "httpcore", "httpx2", "httpcore2", "openai", "urllib3", "telnyx", "alembic", "asyncio")


def configure(
    level: str = "INFO", *, worker: str = "", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Set up logging for this process. Call it again after a fork to change `worker`."""
    renderer = _Renderer(secrets)

    def add_worker(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        event.setdefault("worker", worker)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_worker,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("gunicorn.error", "gunicorn.access", "werkzeug"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Replace what must not be logged; see the module's docstring. Small numbers under such names are counts."""
    return {key: value if key == "call_control_id" else _clean(str(key), value, 0) for key, value in event.items()}


def _clean(name: str, value: Any, depth: int) -> Any:
    if name not in _OURS and (_SECRET_NAMES.search(name) or _CALLER_NAMES.search(name)):
        is_count = isinstance(value, (bool, float)) or value is None or (isinstance(value, int) and abs(value) < 10**6)
        return value if is_count else REDACTED
    if isinstance(value, str):
        return value if name == "ts" else _PHONE_NUMBER.sub(REDACTED, value[:_MAX_TEXT])
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseException):
        return _PHONE_NUMBER.sub(REDACTED, f"{type(value).__name__}: {value}"[:_MAX_TEXT])
    if depth >= _MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {str(k)[:200]: _clean(str(k), v, depth + 1) for k, v in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean("", item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    # Anything else might print what it holds: a settings object, a request, bytes.
    return f"<{type(value).__name__}>"


class _Renderer:
    """The last step: one line of ASCII without any of the known secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= 6 for form in (secret, json.dumps(secret)[1:-1])}
        self._secrets = (
            re.compile("|".join(re.escape(f) for f in sorted(forms, key=len, reverse=True))) if forms else None
        )

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        first = {key: event[key] for key in ("ts", "level", "event") if key in event}
        line = json.dumps({**first, **event}, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f")
        return self._secrets.sub(REDACTED, line) if self._secrets else line
