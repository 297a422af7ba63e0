"""The console: the files that `make console` built, at every address that nothing else answers.

| address                                   | answer                                                                   |
|-------------------------------------------|--------------------------------------------------------------------------|
| `/`, and any that is no file and no API   | index.html, never cached: it names the present files                     |
| `/assets/…`, which has a hash in its name | the file, cached for ever; its gzip twin where the browser takes it      |
| another file of the build (`favicon.svg`) | the file, asked for again each time                                      |
| `/assets/…` that is not there             | 404: a page of before an update asks for it; HTML would not help         |
| under /api, /webhooks, /media, …          | not ours: 404 in the API's shape                                         |
| any, when nothing was built               | 503 with a sentence                                                      |

No route: it answers where the router found nothing, so it can hide no address of the API, and only GET and HEAD. The files
are those that were in the folder when it was last looked through; a request's path is only compared with their names, so
no path leads out of the folder. A new build is noticed by its index.html.
"""

import mimetypes
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from backend.web.security_headers import PAGE

FOLDER = Path(__file__).resolve().parents[2] / "frontend" / "dist"
FOR_EVER = "public, max-age=31536000, immutable"
_OTHERS = ("api", "metrics", "webhooks", "media", "audio", "healthz", "readyz", "openapi.json")
"""First parts of addresses that are for programs."""
_TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".wasm": "application/wasm"}
_NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Offhook</title>"
    "<h1>The console is not built</h1><p>Run <code>make console</code> on this machine and load the page again. "
    "The API and the command line work without it."
)


class Console:
    """The files of one build, looked through again when there is a new one."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}
        self._built = 0

    def find(self, path: str) -> Path | None:
        """The file of this address; None where there is none."""
        self._look()
        return self._files.get(path.lstrip("/"))

    @property
    def index(self) -> Path | None:
        """None when nothing was built."""
        return self.find("index.html")

    def _look(self) -> None:
        try:
            built = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            self._files, self._built = {}, 0
            return
        if built != self._built:
            files = (path for path in self._folder.rglob("*") if path.is_file() and not path.is_symlink())
            named = {path.relative_to(self._folder).as_posix(): path for path in files}
            # What begins with a dot is about the build, not of it.
            self._files = {name: path for name, path in named.items() if not name.startswith(".")}
            self._built = built


def install(app: Flask, folder: Path = FOLDER) -> None:
    """After `access`: it decides first what is closed."""
    console = Console(folder)

    @app.before_request
    def serve() -> Response | None:
        if not isinstance(request.routing_exception, NotFound) or request.method not in ("GET", "HEAD"):
            return None
        if request.path.split("/")[1] in _OTHERS:
            return None
        return _answer(console)


def _answer(console: Console) -> Response | None:
    index, found = console.index, console.find(request.path)
    if index is None:
        return Response(_NOT_BUILT, 503, content_type="text/html; charset=utf-8", headers={"Retry-After": "60"})
    is_asset = request.path.startswith("/assets/")
    if found is None and is_asset:
        return None
    path = found or index
    try:
        if is_asset:
            return _file(path, FOR_EVER)
        return _file(path, "no-store" if path == index else "no-cache")
    except OSError:
        return None  # gone in this very moment: a new build has taken its place


def _file(path: Path, cached: str) -> Response:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    twin = path.with_name(path.name + ".gz")
    takes_gzip = request.accept_encodings["gzip"] > 0 and twin.exists()
    answer = Response((twin if takes_gzip else path).read_bytes(), mimetype=kind)
    answer.headers["Cache-Control"] = cached
    answer.headers["Vary"] = "Accept-Encoding"
    if takes_gzip:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Content-Security-Policy"] = PAGE
    answer.add_etag()
    answer.make_conditional(request)
    return answer
