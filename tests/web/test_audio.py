"""backend/web/audio.py, through the address that the carrier is given."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.carrier.telnyx.audio_url import audio_path, parse_audio_path
from backend.web.audio import audio_blueprint
from backend.web.worker import Worker, install
from tests.session.rig import CALL, Rig

SECRET = "A" * 22
WAV = b"RIFF....WAVE"


@pytest.fixture
def client(rig: Rig) -> Iterator[FlaskClient]:
    app = Flask("test")
    app.register_blueprint(audio_blueprint(parse_audio_path))
    install(app, Worker(rig.services, max_live_calls=10))
    rig.ring()
    rig.stores.audio_clips.put(CALL, "1-2", SECRET, WAV)
    yield app.test_client()


def test_whoever_knows_the_secret_gets_the_piece(client: FlaskClient) -> None:
    """As often as wanted, uncached on the way."""
    for _ in range(2):
        answer = client.get(audio_path(CALL, 1, 2, SECRET))

        assert (answer.status_code, answer.data, answer.mimetype) == (200, WAV, "audio/wav")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        audio_path(CALL, 1, 2, "B" * 22),
        audio_path(CALL, 1, 3, SECRET),
        audio_path("v3:other", 1, 2, SECRET),
        audio_path(CALL, 1, 2, SECRET)[:-4],
        "/audio/x",
        "/audio/%00/1-2-" + SECRET + ".wav",
    ],
)
def test_every_miss_looks_the_same(client: FlaskClient, path: str) -> None:
    """Nobody learns which part was wrong."""
    answer = client.get(path)

    assert (answer.status_code, answer.data) == (404, b"")


def test_the_pieces_of_a_finished_call_are_gone(rig: Rig, client: FlaskClient) -> None:
    """With all its keys."""
    rig.stores.legs.finish(CALL)

    assert client.get(audio_path(CALL, 1, 2, SECRET)).status_code == 404


def test_a_piece_expires(rig: Rig, client: FlaskClient) -> None:
    """After five minutes nobody fetches it any more."""
    rig.clock.advance(301)

    assert client.get(audio_path(CALL, 1, 2, SECRET)).status_code == 404


def test_without_redis_the_carrier_is_asked_to_come_back(rig: Rig, client: FlaskClient) -> None:
    """Not told that there is no such piece."""
    rig.database.is_away = True
    answer = client.get(audio_path(CALL, 1, 2, SECRET))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_an_id_that_cannot_be_a_key_is_not_found(client: FlaskClient) -> None:
    """A forged path must not look like a broken store."""
    assert client.get(audio_path("v3:{x}", 1, 2, SECRET)).status_code == 404
