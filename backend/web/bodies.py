"""Reading a JSON body without trust: bounded, in UTF-8, an object, no deeper than any of ours, no NaN.

The standard parser takes NaN and Infinity, and gives up on deep nesting with RecursionError, which no handler expects.
"""

import json
from typing import Any, NoReturn

from flask import Flask, Request, Response, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
_WITHOUT_BODY = ("/hangup", "/cancel", "/after-call")
"""How addresses end whose POST says everything with the address: a body is not read there."""


class StrictJson(DefaultJSONProvider):
    """Flask's JSON with a parser that raises ValueError, and nothing else, for all it does not like.

    Keys keep their order on the way out: the form is drawn in the order of the schema.
    """

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return parse_json(s)


class JsonRequest(Request):
    """Says that it was the JSON which was wrong, without repeating any of it."""

    def on_json_loading_failed(self, e: ValueError | None) -> NoReturn:
        if e is None:
            raise UnsupportedMediaType()
        raise BadRequest(f"JSON: {e}" if isinstance(e, BadJson) else "JSON: cannot be read")


class BadJson(ValueError):
    """Not JSON as we take it. The message is ours and holds nothing of the text."""


def parse_json(raw: str | bytes) -> Any:
    """The value. Raises BadJson."""
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError:
        raise BadJson("is not UTF-8") from None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except BadJson:
        raise
    except ValueError:
        raise BadJson("cannot be read") from None
    except RecursionError:
        raise BadJson("is nested too deep") from None
    if _depth(value) > MAX_DEPTH:
        raise BadJson("is nested too deep")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson("holds NaN or Infinity")


def _depth(value: Any) -> int:
    level, deepest = [value], 0
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return deepest


def install(app: Flask) -> None:
    """Bound every body of `app`, and read the JSON of /api before anything else looks at it."""
    app.json = StrictJson(app)
    app.request_class = JsonRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(_check)


def _check() -> Response | None:
    if not request.path.startswith("/api/") or request.method not in ("POST", "PUT", "PATCH") or not request.url_rule:
        return None
    if request.url_rule.rule.endswith(_WITHOUT_BODY):
        return None
    # Kept by the request: whoever asks again gets the same object.
    if not isinstance(request.get_json(), dict):
        raise BadRequest("JSON: must be an object")
    return None
