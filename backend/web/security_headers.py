"""What every answer tells a browser about itself: take it for what it says it is, show it in no frame, run nothing in it.

| header                    | value                               | because                                              |
|---------------------------|-------------------------------------|------------------------------------------------------|
| X-Content-Type-Options    | nosniff                             | a transcript that looks like HTML stays JSON         |
| Content-Security-Policy   | `DATA`; the console's own: `PAGE`   | no script runs that is not a file of ours            |
| Referrer-Policy           | no-referrer                         | addresses hold ids of calls                          |
| Permissions-Policy        | the microphone, for us, and no more | talking in the browser                               |
| Cross-Origin-*-Policy     | same-origin                         | no other site reads our answers or holds our windows |
| Cache-Control             | no-store, unless the view says else | what callers said stays in no cache                  |
| Strict-Transport-Security | a year, if PUBLIC_BASE_URL is https | who was here once never tries http again             |

`PAGE` allows inline styles, and only those: the component library (Mantine) writes its theme's variables and what depends
on the window's width into <style> elements as it draws. Scripts, which is what an attacker needs, are files of ours, never
inline, never evaluated. `DATA` is for JSON and sound: should a browser ever show it as a page, nothing in it may load.
"""

from flask import Flask, Response, current_app

from backend.web.services import EXTENSION, services

PAGE = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
DATA = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    """On every answer of `app`, errors included."""
    app.after_request(_add)


def _add(answer: Response) -> Response:
    for name, value in _ALWAYS.items():
        answer.headers[name] = value
    answer.headers.setdefault("Content-Security-Policy", DATA)
    answer.headers.setdefault("Cache-Control", "no-store")
    if EXTENSION in current_app.extensions and services().settings.public_base_url.startswith("https://"):
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"
    return answer
