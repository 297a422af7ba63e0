"""backend/web/console.py, over a small build of its own."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from backend.web import console
from backend.web.api import register_api
from backend.web.openapi import new_app
from backend.web.security_headers import DATA, PAGE
from backend.web.services import EXTENSION, install
from tests.web.conftest import API_KEY, Stage

INDEX = b"<!doctype html><script type=module src=/assets/index-abc.js></script>"
SCRIPT = b"console.log('x');" * 50


@dataclass
class Built:
    client: FlaskClient
    folder: Path


def write(folder: Path, index: bytes = INDEX) -> None:
    files = {
        "index.html": index,
        "assets/index-abc.js": SCRIPT,
        "assets/font-abc.woff2": b"font",
        "favicon.svg": b"<svg/>",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in ("index.html", "assets/index-abc.js"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    (folder / ".built-from").write_text("x")
    (folder / ".vite").mkdir(exist_ok=True)
    (folder / ".vite" / "manifest.json").write_text("{}")


@pytest.fixture
def built(stage: Stage, tmp_path: Path) -> Built:
    """The API with the console, nothing built yet."""
    app = new_app()
    register_api(app)
    install(app, stage.app.extensions[EXTENSION])
    console.install(app, tmp_path / "dist")
    return Built(app.test_client(), tmp_path / "dist")


@pytest.mark.parametrize(
    "path", ["/", "/agents", "/calls/v3:abc.def", "/users/new/", "/index.html", "/x/../../etc/passwd"]
)
def test_every_page_is_the_index_and_is_never_cached(built: Built, path: str) -> None:
    """The page itself reads the address. Nobody needs to be signed in for it: it holds nothing."""
    write(built.folder)
    answer = built.client.get(path)

    assert (answer.status_code, answer.data, answer.mimetype) == (200, INDEX, "text/html")
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Content-Security-Policy"] == PAGE


def test_assets_are_kept_for_ever_and_come_compressed_to_who_takes_it(built: Built) -> None:
    """The same bytes either way."""
    write(built.folder)
    plain = built.client.get("/assets/index-abc.js")
    small = built.client.get("/assets/index-abc.js", headers={"Accept-Encoding": "br, gzip"})
    refused = built.client.get("/assets/index-abc.js", headers={"Accept-Encoding": "gzip;q=0"})
    font = built.client.get("/assets/font-abc.woff2", headers={"Accept-Encoding": "gzip"})

    assert plain.data == refused.data == gzip.decompress(small.data) == SCRIPT
    assert small.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in font.headers
    for answer in (plain, small, font):
        assert answer.headers["Cache-Control"] == console.FOR_EVER and answer.headers["Vary"] == "Accept-Encoding"
    assert (plain.mimetype, font.mimetype) == ("text/javascript", "font/woff2")
    again = built.client.get("/assets/index-abc.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_asset_of_a_build_before_is_404_and_not_a_page(built: Built) -> None:
    """HTML where a script was asked for only makes a worse error."""
    write(built.folder)

    assert built.client.get("/assets/index-old.js").status_code == 404


@pytest.mark.parametrize(
    "path", ["/.built-from", "/.vite/manifest.json", "/assets/../.built-from", "/%2e%2e/secret", "//etc/passwd"]
)
def test_nothing_beside_the_build_is_served(built: Built, path: str) -> None:
    """Neither what it says about itself nor what lies around it."""
    write(built.folder)
    (built.folder.parent / "secret").write_text("secret")
    answer = built.client.get(path)

    assert answer.status_code in (301, 308, 404) or answer.data == INDEX


def test_a_link_in_the_folder_leads_nowhere(built: Built) -> None:
    """Only files that the build made."""
    write(built.folder)
    (built.folder.parent / "secret").write_text("secret")
    os.symlink(built.folder.parent / "secret", built.folder / "assets" / "link.js")

    assert built.client.get("/assets/link.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/metrics/x",
        "/webhooks/other",
        "/media",
        "/audio",
        "/healthz/x",
        "/openapi.json/x",
    ],
)
def test_what_programs_ask_for_is_answered_as_to_programs(built: Built, path: str) -> None:
    """JSON, and under /api 401 before anything else."""
    write(built.folder)
    closed = path.startswith(("/api", "/metrics"))
    anonymous = built.client.get(path)
    known = built.client.get(path, headers={"Authorization": f"Bearer {API_KEY}"})

    assert (anonymous.status_code, known.status_code) == (401 if closed else 404, 404)
    assert known.mimetype == anonymous.mimetype == "application/json"
    assert known.headers["Content-Security-Policy"] == DATA


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading_finds_a_page(built: Built, method: str) -> None:
    """A form that was sent to nowhere does not seem to have worked."""
    write(built.folder)

    assert built.client.open("/agents", method=method).status_code == 404
    assert built.client.open("/", method="HEAD").status_code == 200


def test_when_nothing_was_built_a_sentence_says_so_until_it_is(built: Built) -> None:
    """Without a restart; the API works meanwhile. A later build is served at once too."""
    missing = built.client.get("/")
    assert missing.status_code == 503 and b"make console" in missing.data and missing.mimetype == "text/html"
    assert built.client.get("/healthz").status_code == 200
    write(built.folder)
    assert built.client.get("/").data == INDEX
    write(built.folder, index=b"another")
    os.utime(built.folder / "index.html", (1, 1))

    assert built.client.get("/").data == b"another"
