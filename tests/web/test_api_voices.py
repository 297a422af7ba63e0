"""backend/web/api_voices.py"""

import io
import wave
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.errors import EngineBusy
from backend.web.voice_samples import LONGEST_TEXT
from tests.fakes.fake_tts import Voice
from tests.web.conftest import Stage, fields_of


def test_each_voice_is_listed_once_with_its_engine(client: FlaskClient) -> None:
    """By language; the one that speaks its language by default says so."""
    voices = client.get("/api/voices").get_json()["voices"]

    assert [(voice["name"], voice["language"], voice["engine"]) for voice in voices] == [
        ("anna", "de", "pocket"),
        ("bob", "en-gb", "pocket"),
        ("en-us", "en-us", "espeak"),
    ]
    assert all(voice["default"] for voice in voices)


def test_without_a_worker_the_list_is_empty(stage: Stage) -> None:
    """And no error: the page says so."""
    stage.voices.clear()

    assert stage.client().get("/api/voices").get_json() == {"voices": []}


def test_a_sample_is_a_wav_file_in_that_voice(stage: Stage) -> None:
    """With the text that was typed, or a sentence in the language."""
    client = stage.client()
    answer = client.post("/api/voices/sample", json={"voice": "anna", "language": "de", "text": " Guten Tag "})
    client.post("/api/voices/sample", json={"voice": "anna", "language": "de"})
    with wave.open(io.BytesIO(answer.data)) as file:
        shape = (file.getnchannels(), file.getframerate(), file.getnframes())

    assert (answer.status_code, answer.mimetype, shape) == (200, "audio/wav", (1, 24000, 2400))
    assert stage.tts.texts() == [("anna", "Guten Tag"), ("anna", "Guten Tag, was kann ich für Sie tun?")]
    assert stage.tts.running == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x" * (LONGEST_TEXT + 1)}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"voice": "x" * 81}, "voice"),
        ({"voice": "nobody"}, "voice"),
        ({"language": "<script>"}, "language"),
        ({"rate": 8000}, "rate"),
    ],
)
def test_what_cannot_be_said_is_named_and_costs_no_voice(stage: Stage, body: dict[str, Any], field: str) -> None:
    """Before anything is asked of a TTS worker."""
    answer = stage.client().post("/api/voices/sample", json={"voice": "anna", "language": "de", **body})

    assert answer.status_code == 422 and set(fields_of(answer)) == {field} and stage.tts.requests == []


def test_listening_has_a_limit_for_each_who_listens(stage: Stage) -> None:
    """429 with the time to wait; somebody else still may."""
    client, other = stage.client(), stage.client(stage.accounts.api_keys.create("k", "editor", "test")[1])
    answers = [client.post("/api/voices/sample", json={"voice": "anna"}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].get_json()["error"]["code"] == "too_many_samples" and int(answers[3].headers["Retry-After"]) > 0
    assert other.post("/api/voices/sample", json={"voice": "anna"}).status_code == 200


@pytest.mark.parametrize("voice", [Voice(error=EngineBusy("full", engine="fake")), Voice(hangs_after=1)])
def test_a_voice_that_is_busy_or_hangs_is_503(stage: Stage, voice: Voice) -> None:
    """And nothing of it is left running."""
    stage.tts.voices["anna"] = voice
    answer = stage.client().post("/api/voices/sample", json={"voice": "anna"})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "voice_unavailable")
    assert stage.tts.running == {} and len(stage.tts.cancelled) == 1
