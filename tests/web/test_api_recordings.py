"""backend/web/api_recordings.py"""

from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.audio.g711 import encode_ulaw
from backend.records.recordings import RecordingFacts, RecordingState
from tests.web.conftest import Stage
from tests.web.test_api_calls import FINISH, START

CALL = START.call_control_id
ADDRESS = f"/api/calls/{CALL}/recording"
LOUD = encode_ulaw(np.full(1, 32000, np.int16))


def record(stage: Stage, state: RecordingState = "complete", seconds: float = 1.0) -> Path:
    stage.calls.finish(START, FINISH)
    file = stage.recordings.files.create(CALL)
    file.append((LOUD + b"\xff") * round(8000 * seconds))
    file.close()
    path = stage.recordings.files.path(CALL)
    stage.recordings.ended(CALL, RecordingFacts(state, 1002.0, seconds, path.stat().st_size))
    return path


def test_a_recording_is_served_whole_and_named_without_the_caller(stage: Stage, client: FlaskClient) -> None:
    """To be played, or to be saved."""
    path = record(stage)
    played, saved = client.get(ADDRESS, buffered=True), client.get(f"{ADDRESS}?download=1", buffered=True)

    assert played.data == saved.data == path.read_bytes() and played.mimetype == "audio/wav"
    assert "attachment" not in played.headers.get("Content-Disposition", "")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename=call-1002-")
    assert "+1312" not in saved.headers["Content-Disposition"] and "private" in played.headers["Cache-Control"]


def test_a_player_may_jump(stage: Stage, client: FlaskClient) -> None:
    """Ranges from the front, the middle and the end; one beyond it is refused."""
    data = record(stage).read_bytes()
    size = len(data)
    for wanted, start, stop in (("0-57", 0, 58), ("8000-8999", 8000, 9000), ("-100", size - 100, size)):
        part = client.get(ADDRESS, buffered=True, headers={"Range": f"bytes={wanted}"})

        assert (part.status_code, part.data) == (206, data[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    beyond = client.get(ADDRESS, buffered=True, headers={"Range": f"bytes={size}-"})

    assert beyond.status_code == 416 and beyond.get_json()["error"]["code"] == "bad_range"


def test_what_has_not_changed_is_not_sent_again(stage: Stage, client: FlaskClient) -> None:
    """304, by its tag."""
    record(stage)
    tag = client.get(ADDRESS, buffered=True).headers["ETag"]

    assert client.get(ADDRESS, buffered=True, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("what", ["recording", "waveform"])
def test_a_call_without_a_recording_has_none(stage: Stage, client: FlaskClient, what: str) -> None:
    """An unknown call, one that was not recorded, one whose file is gone."""
    answers = [client.get(f"/api/calls/{CALL}/{what}")]
    stage.calls.finish(START, FINISH)
    answers.append(client.get(f"/api/calls/{CALL}/{what}"))
    record(stage).unlink()
    answers.append(client.get(f"/api/calls/{CALL}/{what}"))

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_wrong_question_is_422(stage: Stage, client: FlaskClient) -> None:
    """Not silently the other answer."""
    record(stage)

    assert client.get(f"{ADDRESS}?download=maybe").status_code == 422


def test_the_waveform_tells_both_sides_apart(stage: Stage, client: FlaskClient) -> None:
    """Ten steps a second; only the caller was loud."""
    record(stage, seconds=0.5)
    found = client.get(f"/api/calls/{CALL}/waveform").get_json()

    assert found == {"step_s": 0.1, "caller": [98] * 5, "agent": [0] * 5}


def test_the_call_tells_of_its_recording(stage: Stage, client: FlaskClient) -> None:
    """State, beginning, length and size; null where there is none."""
    stage.calls.finish(START, FINISH)
    before = client.get(f"/api/calls/{CALL}").get_json()["recording"]
    size = record(stage, "incomplete").stat().st_size
    after = client.get(f"/api/calls/{CALL}").get_json()["recording"]

    assert before is None
    assert after == {"state": "incomplete", "started_at": 1002.0, "duration_s": 1.0, "bytes": size}
