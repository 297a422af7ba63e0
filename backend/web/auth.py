"""Who may use the API: a bearer key, on everything under /api and on /metrics.

By path, before routing: a new page under /api is closed until somebody opens it, and an unknown one tells nothing.
Webhooks and media prove themselves in their own ways and stay outside.
"""

import hashlib
import hmac

from flask import Flask, Response, request

from backend.web.errors import error_response
from backend.web.services import services

_REALM = 'Bearer realm="offhook"'


def install(app: Flask) -> None:
    """Check every request to a closed path."""
    app.before_request(_check)


def is_closed(path: str) -> bool:
    """True for paths that need the key."""
    return path in ("/api", "/metrics") or path.startswith(("/api/", "/metrics/"))


def _check() -> Response | None:
    if not is_closed(request.path) or is_key(_shown(request.headers.get("Authorization", ""))):
        return None
    answer = error_response(401, "unauthorized", "show the API key: Authorization: Bearer <key>")
    answer.headers["WWW-Authenticate"] = _REALM
    return answer


def is_key(shown: str) -> bool:
    """Compares in a time that says nothing about the key, its length included."""
    expected = services().api_key
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, expected)]
    return bool(expected) and hmac.compare_digest(digests[0], digests[1])


def _shown(header: str) -> str:
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
