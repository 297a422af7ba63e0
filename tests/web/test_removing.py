"""backend/web/removing.py"""

from flask.testing import FlaskClient

from backend.records.recordings import RecordingFacts
from tests.web.conftest import Stage
from tests.web.test_api_calls import FINISH, START
from tests.web.test_api_recordings import CALL, record


def test_every_trace_of_a_call_goes(stage: Stage, client: FlaskClient) -> None:
    """Record, recording, waveform."""
    record(stage)
    client.get(f"/api/calls/{CALL}/waveform")
    assert client.delete(f"/api/calls/{CALL}").status_code == 204

    assert list(stage.recordings.files.folder.iterdir()) == [] and stage.recordings.get(CALL) is None
    assert client.get(f"/api/calls/{CALL}").status_code == 404


def test_a_running_call_and_its_recording_stay(stage: Stage, client: FlaskClient) -> None:
    """Its end would write them again."""
    stage.calls.start(START)
    stage.recordings.began(CALL, 1002.0)
    stage.recordings.files.create(CALL).close()

    assert client.delete(f"/api/calls/{CALL}").status_code == 404
    assert stage.recordings.get(CALL) is not None and stage.recordings.files.path(CALL).exists()


def test_a_disk_that_refuses_leaves_the_call_to_be_removed_again(stage: Stage, client: FlaskClient) -> None:
    """503, and nothing is forgotten. Here a folder stands in the file's place."""
    stage.calls.finish(START, FINISH)
    stage.recordings.ended(CALL, RecordingFacts("complete", 1002.0, 1.0, 100))
    in_the_way = stage.recordings.files.path(CALL)
    (in_the_way / "x").mkdir(parents=True)
    refused = client.delete(f"/api/calls/{CALL}").status_code
    (in_the_way / "x").rmdir()
    in_the_way.rmdir()

    assert (refused, client.delete(f"/api/calls/{CALL}").status_code) == (503, 204)
