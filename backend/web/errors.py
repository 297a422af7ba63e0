"""One shape for every refusal, and the one place where our errors become HTTP statuses.

    {"error": {"code": "invalid", "message": "…", "fields": [{"field": "settings.turn_taking.barge_in", "message": "…"}]}}

`code` is for programs and never changes, `message` is for people. A surprise of our own is logged with its traceback
and answered 500 without a word about it.
"""

import math
import re
from collections.abc import Sequence

import structlog
from flask import Flask, Response, jsonify, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from backend.errors import BackendError, CarrierError, EngineError, Rejected, StoreError, Unavailable
from backend.live.watchers import NotLive, TooManyWatchers
from backend.records.errors import (
    LastAdmin,
    NameTaken,
    NumberTaken,
    RecordsUnavailable,
    StaleRehearsal,
    StaleVersion,
    UnknownRecord,
    UnstorableText,
)
from backend.web.accounts import TooManyTries, WrongCredentials
from backend.web.dialling import BadNumber, DialLimited
from backend.web.hanging_up import CallOver
from backend.web.passwords import Busy
from backend.web.voice_samples import TooManySamples, UnknownVoice

RETRY_AFTER_S = 5
MAX_FIELDS = 50

_CODES = {
    400: ("bad_request", "the request cannot be read"),
    401: ("unauthorized", "sign in, or show an API key"),
    403: ("forbidden", "you may not do this"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take this method"),
    408: ("too_slow", "the request did not arrive in time"),
    413: ("too_large", "the request is too large"),
    414: ("too_large", "the address is too long"),
    415: ("unsupported_media_type", "send JSON: Content-Type: application/json"),
    416: ("bad_range", "this recording has no such part"),
    431: ("too_large", "the headers are too large"),
    500: ("internal", "an error of ours; it has been logged"),
    503: ("unavailable", "not available now, try again later"),
}
# A validator that knows better than pydantic where the fault lies begins its message with that path.
_PATH_IN_MESSAGE = re.compile(r"^([a-z_]+(?:\.[a-z_]+)*): (.+)$", re.DOTALL)


class FieldError(BaseModel):
    """One wrong field. Lists are counted from 0: `phone_numbers.1`."""

    field: str = Field(description="Path of the field, its parts joined by dots.")
    message: str


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs; never changes.")
    message: str = Field(description="For people.")
    fields: list[FieldError] = Field(default_factory=list, description="Empty unless single fields are wrong.")


class ErrorAnswer(BaseModel):
    """The answer to every request that was not carried out."""

    error: ErrorBody


def error_response(
    status: int, code: str, message: str, fields: Sequence[FieldError] = (), *, retry_after_s: float | None = None
) -> Response:
    """An error in our shape."""
    answer = jsonify(ErrorAnswer(error=ErrorBody(code=code, message=message, fields=list(fields))).model_dump())
    answer.status_code = status
    if retry_after_s is not None:
        answer.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    return answer


def invalid(error: ValidationError) -> Response:
    """422 that names every wrong field. What was sent is not repeated: it may be a caller's number."""
    fields = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FIELDS]:
        path = [str(part) for part in item["loc"]]
        message = item["msg"].removeprefix("Value error, ")
        inside = _PATH_IN_MESSAGE.match(message)
        if inside:
            path, message = [*path, inside[1]], inside[2]
        fields.append(FieldError(field=".".join(path), message=message))
    return invalid_fields(fields)


def install(app: Flask) -> None:
    """Answer every error of `app` in our shape."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(BackendError, _backend_error)
    app.register_error_handler(Exception, _surprise)


def invalid_fields(fields: Sequence[FieldError]) -> Response:
    """422 that names these."""
    named = ", ".join(field.field for field in fields[:5] if field.field)
    return error_response(422, "invalid", f"wrong: {named}" if named else "the request is not valid", fields)


def _http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error  # a redirect
    code, message = _CODES.get(status, ("error", error.name.lower()))
    if status == 400 and isinstance(error.description, str) and error.description.startswith("JSON: "):
        message = error.description
    answer = error_response(status, code, message)
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Retry-After", "WWW-Authenticate", "Content-Range"):
            answer.headers[name] = value
    return answer


def _backend_error(error: BackendError) -> Response:
    match error:
        case BadNumber():
            return invalid_fields([FieldError(field=error.field, message=str(error))])
        case NumberTaken():
            field = FieldError(field=f"phone_numbers.{error.index}", message=str(error))
            return error_response(409, "number_taken", str(error), [field])
        case UnstorableText():
            return invalid_fields([FieldError(field=error.where, message="cannot be stored")])
        case UnknownRecord():
            return error_response(404, "not_found", str(error))
        case StaleVersion() | StaleRehearsal():
            return error_response(409, "stale_version", str(error))
        case NameTaken():
            return error_response(409, "name_taken", str(error), [FieldError(field="name", message=str(error))])
        case LastAdmin():
            return error_response(409, "last_admin", str(error))
        case WrongCredentials():
            return error_response(401, "wrong_credentials", str(error))
        case TooManyTries():
            return error_response(429, "too_many_tries", str(error), retry_after_s=error.retry_after_s)
        case TooManySamples():
            return error_response(429, "too_many_samples", str(error), retry_after_s=error.retry_after_s)
        case UnknownVoice():
            return invalid_fields([FieldError(field="voice", message=str(error))])
        case EngineError():
            structlog.get_logger().warning("voice does not answer", engine=error.engine, reason=error)
            return error_response(503, "voice_unavailable", "no voice answers now", retry_after_s=RETRY_AFTER_S)
        case Busy():
            return error_response(503, "unavailable", str(error), retry_after_s=RETRY_AFTER_S)
        case NotLive():
            return error_response(404, "not_live", str(error))
        case TooManyWatchers():
            return error_response(503, "too_many_watchers", str(error), retry_after_s=RETRY_AFTER_S)
        case CallOver():
            return error_response(409, "call_over", str(error))
        case DialLimited():
            return error_response(429, "too_many_calls", str(error), retry_after_s=error.retry_after_s)
        case RecordsUnavailable() | StoreError():
            structlog.get_logger().warning("storage does not answer", reason=error)
            return error_response(503, "unavailable", _CODES[503][1], retry_after_s=RETRY_AFTER_S)
        case Unavailable():
            structlog.get_logger().warning("carrier does not answer", status=error.status, code=error.code)
            return error_response(
                503, "carrier_unavailable", "the carrier does not answer", retry_after_s=RETRY_AFTER_S
            )
        case Rejected() | CarrierError():
            structlog.get_logger().warning("carrier refuses", status=error.status, code=error.code)
            suffix = f" (its code: {error.code})" if error.code else ""
            return error_response(502, "carrier_refused", f"the carrier refuses{suffix}")
    return _surprise(error)


def _surprise(error: Exception) -> Response:
    structlog.get_logger().error("request failed", method=request.method, rule=str(request.url_rule), exc_info=error)
    return error_response(500, *_CODES[500])
