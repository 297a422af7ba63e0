"""Who is asking, and may they: decided here, before any view runs, for every address of the web process.

`TABLE` says for each address and method which role it takes. Roles are `viewer` < `editor` < `admin`: a viewer reads;
an editor also writes agents, runs rehearsals, steers live calls, talks and dials; an admin also deletes calls and manages
users and keys. A `*` in the table stands for one parameter of the address, whatever its name. **A new address is a new
row**: `tests/web/test_access.py` holds the table against every route of the app. One that has none is an admin's:
forgetting a row shuts a door, it never opens one.

| shown                         | who it is                                                                       |
|-------------------------------|---------------------------------------------------------------------------------|
| `Authorization: Bearer <key>` | the installation's own key: admin; a program's: its role; any other: nobody     |
| else `offhook_session`        | the user who signed in and got this cookie (`web/accounts.py`)                  |
| else                          | nobody: 401, also where there is nothing (no 404)                               |

A browser sends the cookie whoever wrote the page, so it alone changes nothing: such a request must repeat the session's
token in `X-CSRF-Token`, which no page of another origin can read (the cookie is also SameSite=Strict). A WebSocket cannot
carry a header; its `Origin` must be ours. A key is never sent by a browser by itself and needs neither.

A view that must know who asks calls `asking()`.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from flask import Flask, Response, g, request

from backend.records.users import ROLES, Role
from backend.store.sign_ins import LONGEST_S
from backend.web.accounts import SignedIn
from backend.web.errors import error_response
from backend.web.services import services

COOKIE = "offhook_session"
CSRF_HEADER = "X-CSRF-Token"
OPEN = "open"
"""Instead of a role: for anybody. The comment beside such a row says why that is right."""

_VIEW, _EDIT, _ADMIN = ROLES

TABLE: tuple[tuple[str, str, str], ...] = (
    ("GET", "/healthz", OPEN),  # a balancer has no key; tells that a process answers
    ("GET", "/readyz", OPEN),  # likewise; names parts, never values
    ("GET", "/openapi.json", OPEN),  # the same for every installation
    ("POST", "/webhooks/telnyx", OPEN),  # signed by the carrier (web/webhooks.py)
    ("GET", "/media/*", OPEN),  # a one-time token of this call (web/media.py)
    ("GET", "/audio/*", OPEN),  # a secret in the name (web/audio.py)
    ("GET", "/metrics", _VIEW),
    # signing in, users, keys
    ("POST", "/api/session", OPEN),  # here one gets in; counted (web/accounts.py)
    ("GET", "/api/session", _VIEW),
    ("DELETE", "/api/session", _VIEW),
    ("GET", "/api/users", _ADMIN),
    ("POST", "/api/users", _ADMIN),
    ("PUT", "/api/users/*", _VIEW),  # everybody their own password; the rest is an admin's (web/api_users.py)
    ("DELETE", "/api/users/*", _ADMIN),
    ("GET", "/api/keys", _ADMIN),
    ("POST", "/api/keys", _ADMIN),
    ("DELETE", "/api/keys/*", _ADMIN),
    # agents
    ("GET", "/api/agents", _VIEW),
    ("POST", "/api/agents", _EDIT),
    ("GET", "/api/agents/schema", _VIEW),
    ("GET", "/api/agents/*", _VIEW),
    ("PUT", "/api/agents/*", _EDIT),
    ("DELETE", "/api/agents/*", _EDIT),
    ("GET", "/api/agents/*/versions", _VIEW),
    ("GET", "/api/agents/*/versions/*", _VIEW),
    ("GET", "/api/agents/*/webhook-secret", _EDIT),
    # calls
    ("GET", "/api/calls", _VIEW),
    ("POST", "/api/calls", _EDIT),
    ("GET", "/api/calls/*", _VIEW),
    ("DELETE", "/api/calls/*", _ADMIN),
    ("POST", "/api/calls/*/hangup", _EDIT),
    ("POST", "/api/calls/*/after-call", _EDIT),
    ("GET", "/api/calls/*/recording", _VIEW),
    ("GET", "/api/calls/*/waveform", _VIEW),
    # live calls
    ("GET", "/api/live", _VIEW),
    ("GET", "/api/live/*", _VIEW),
    ("GET", "/api/live/events", _VIEW),
    ("GET", "/api/live/*/events", _VIEW),
    ("GET", "/api/live/*/listen", _VIEW),
    ("POST", "/api/live/*/whisper", _EDIT),
    ("POST", "/api/live/*/transfer", _EDIT),
    # talking from a browser or a program
    ("GET", "/api/talk/*", _EDIT),
    # rehearsals
    ("GET", "/api/rehearsals", _VIEW),
    ("GET", "/api/rehearsals/*", _VIEW),
    ("PUT", "/api/rehearsals/*", _EDIT),
    ("DELETE", "/api/rehearsals/*", _EDIT),
    ("POST", "/api/rehearsals/check", _EDIT),
    ("POST", "/api/rehearsals/*/runs", _EDIT),
    ("POST", "/api/rehearsals/runs/*/cancel", _EDIT),
    ("GET", "/api/rehearsals/runs", _VIEW),
    ("GET", "/api/rehearsals/runs/*", _VIEW),
    ("GET", "/api/rehearsals/runs/*/recording", _VIEW),
    ("GET", "/api/rehearsals/runs/*/events", _VIEW),
    # voices
    ("GET", "/api/voices", _VIEW),
    ("POST", "/api/voices/sample", _EDIT),
)

_SAFE = ("GET", "HEAD", "OPTIONS")
_PARAMETER = re.compile(r"<[^>]+>")
_REALM = 'Bearer realm="offhook"'


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `name` is for people and records: a user's name, or "key: " and what the key is called."""

    name: str
    role: Role
    session: SignedIn | None = None
    """None for a key."""

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


def install(app: Flask) -> None:
    """Ask every request of `app`."""
    app.before_request(_check)


def asking() -> Identity:
    """Who sent the present request. For views that need a role; a bug elsewhere."""
    return cast(Identity, g.offhook_identity)


def needed(method: str, rule: str) -> str | None:
    """The row of a route: a role, `OPEN`, or None where there is none. `rule` as the router spells it."""
    if method == "OPTIONS":  # only says which methods there are
        roles = [role for (_, row), role in _rows().items() if row == pattern(rule)]
        return min(roles, key=lambda role: (OPEN, *ROLES).index(role), default=None)
    return _rows().get(("GET" if method == "HEAD" else method, pattern(rule)))


def pattern(rule: str) -> str:
    """The table's spelling of a route: `/api/agents/<string:agent_id>` is `/api/agents/*`."""
    return _PARAMETER.sub("*", rule)


def is_closed(path: str) -> bool:
    """True for paths that are never open for want of a row, whether or not there is anything."""
    return path in ("/api", "/metrics") or path.startswith(("/api/", "/metrics/"))


@cache
def _rows() -> dict[tuple[str, str], str]:
    return {(method, rule): role for method, rule, role in TABLE}


def _check() -> Response | None:
    role = _role_of_request()
    if role == OPEN:
        return None
    found = _identify()
    if found is None:
        answer = error_response(401, "unauthorized", "sign in, or show an API key: Authorization: Bearer <key>")
        answer.headers["WWW-Authenticate"] = _REALM
        return answer
    if not found.may(cast(Role, role)):
        return error_response(403, "forbidden", f"this takes the role {role}; yours is {found.role}")
    if found.session is not None and (refusal := _refuse_other_pages(found.session)) is not None:
        return refusal
    g.offhook_identity = found
    return None


def _role_of_request() -> str:
    if request.url_rule is None:
        # Nothing there, or not with this method: the router says so, but under /api only to those who may be here.
        return "viewer" if is_closed(request.path) else OPEN
    return needed(request.method, request.url_rule.rule) or "admin"


def _identify() -> Identity | None:
    header = request.headers.get("Authorization")
    if header is not None:
        return _holder_of(_shown(header))
    token = request.cookies.get(COOKIE)
    session = services().accounts.session(token) if token else None
    return Identity(session.user.name, session.user.role, session) if session is not None else None


def _holder_of(key: str) -> Identity | None:
    if _is_installation_key(key):
        return Identity("key: installation", "admin")
    found = services().accounts.role_of_key(key)
    return Identity(f"key: {found[0]}", found[1]) if found is not None else None


def _is_installation_key(shown: str) -> bool:
    """Compares in a time that says nothing about the key, its length included."""
    expected = services().api_key
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, expected)]
    return bool(expected) and hmac.compare_digest(digests[0], digests[1])


def _shown(header: str) -> str:
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refuse_other_pages(session: SignedIn) -> Response | None:
    """A request that a page of somebody else made the browser send."""
    if request.headers.get("Upgrade", "").lower() == "websocket":
        if is_own_origin(request.headers.get("Origin", "")):
            return None
        return error_response(403, "foreign_origin", "a page of another origin may not open this")
    if request.method in _SAFE:
        return None
    shown = request.headers.get(CSRF_HEADER, "")
    if hmac.compare_digest(shown.encode("utf-8", "replace"), session.csrf_token.encode()):
        return None
    return error_response(403, "csrf", f"show the session's csrf_token in {CSRF_HEADER}")


def is_own_origin(origin: str) -> bool:
    """Whether a page of ours sent this. Ours is the address the browser itself asked for (`Host`), or PUBLIC_BASE_URL."""
    scheme, _, host = origin.partition("://")
    own = services().settings.public_base_url.rstrip("/")
    return scheme in ("http", "https") and (host == request.host or (bool(own) and origin == own))


def set_cookie(answer: Response, token: str) -> None:
    """Give the browser its session."""
    answer.set_cookie(COOKIE, token, max_age=int(LONGEST_S), **_cookie_habits())


def clear_cookie(answer: Response) -> None:
    """Take it back."""
    answer.delete_cookie(COOKIE, **_cookie_habits())


def _cookie_habits() -> dict[str, Any]:
    # Secure by the address that people use, not by the connection: behind a proxy that ends TLS ours is plain HTTP.
    is_https = services().settings.public_base_url.startswith("https://")
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": is_https}
