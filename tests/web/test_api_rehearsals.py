"""backend/web/api_rehearsals.py, rehearsing.py and rehearsal_answers.py"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.call.agent_config import AgentConfig
from backend.records.rehearsal_runs import BROKEN, FAILED, PASSED, TimelineLine
from backend.rehearsal.recording import write_stereo
from backend.rehearsal.scenario import shipped_names
from backend.web.rehearsing import MOST_WAITING
from tests.web.conftest import Stage, fields_of

MINE = "name: mine\ntitle: Mine\ncaller:\n  - say: Hello?\n"


def put(client: FlaskClient, yaml: str = MINE, name: str = "mine", **fields: Any) -> Any:
    return client.put(f"/api/rehearsals/{name}", json={"yaml": yaml, **fields})


def begin(client: FlaskClient, name: str = "mine", agent_id: str | None = None) -> str:
    answer = client.post(f"/api/rehearsals/{name}/runs", json={"agent_id": agent_id})
    assert answer.status_code == 202, answer.get_json()
    return str(answer.get_json()["run_id"])


def finish(stage: Stage, run_id: str, state: str = PASSED, greeting_at: float = 1.0) -> None:
    """As the player does it."""
    result = {
        "passed": state == PASSED, "heard": [{"started_at": greeting_at, "ended_at": 2.0, "kind": "greeting", "text": "Hi"}],
        "said": [], "hang_up": {"at": 4.0}, "longest_gap_s": 1.0, "problem": "",
        "checks": [{"name": "greeting", "passed": state == PASSED, "expected": "a", "measured": "b", "tolerance": "",
                    "deviation_s": None}],
    }  # fmt: skip
    stage.clock.now += 1
    assert stage.runs.take() is not None
    stage.runs.add_lines(run_id, [TimelineLine(n, n / 2, "answered", f"<b>{n}</b>", False) for n in range(3)], "v3:abc")
    stage.runs.finish(run_id, state, result=result)


def events_of(answer: Any) -> list[tuple[str, str, str]]:
    """(event, id, data) of each."""
    found = []
    for block in answer.get_data(as_text=True).strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields["event"], fields.get("id", ""), fields["data"]))
    return found


def test_the_list_holds_ones_own_first_then_what_is_shipped(stage: Stage, client: FlaskClient) -> None:
    """With the caller in plain words and the last run."""
    put(client)
    finish(stage, begin(client))
    found = client.get("/api/rehearsals").get_json()["rehearsals"]

    assert [one["name"] for one in found] == ["mine", *shipped_names()]
    assert (found[0]["is_own"], found[0]["title"], found[0]["caller"]) == (True, "Mine", ["says “Hello?”"])
    assert found[0]["last_run"]["state"] == "passed" and found[1]["last_run"] is None
    assert client.get("/api/rehearsals/dtmf").get_json()["yaml"].startswith("name: dtmf")


def test_ones_own_can_be_stored_changed_and_removed_with_its_runs(stage: Stage, client: FlaskClient) -> None:
    assert put(client, version=0).get_json()["version"] == 1
    assert put(client, MINE + "codec: PCMA\n", version=1).get_json()["version"] == 2
    run_id = begin(client)
    finish(stage, run_id)

    assert client.get("/api/rehearsals/mine").get_json()["yaml"].endswith("PCMA\n")
    assert client.delete("/api/rehearsals/mine").status_code == 204
    for path in ("/api/rehearsals/mine", f"/api/rehearsals/runs/{run_id}"):
        assert client.get(path).status_code == 404


def test_a_stale_or_a_shipped_one_is_not_overwritten(client: FlaskClient) -> None:
    put(client)
    put(client)

    assert put(client, version=1).get_json()["error"]["code"] == "stale_version"
    assert put(client, "name: dtmf", name="dtmf").get_json()["error"]["code"] == "shipped_rehearsal"
    assert client.delete("/api/rehearsals/dtmf").status_code == 409


@pytest.mark.parametrize(
    ("yaml", "line", "column", "path"),
    [
        ("name: mine\ncaller:\n  - sya: hi", 3, 5, "caller[0].sya"),
        ("title: x\nname: other", 2, 1, "name"),
        ("a: [", 1, 5, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    client: FlaskClient, yaml: str, line: int, column: int, path: str
) -> None:
    """When it is stored and, but for the name of the address, when it is checked."""
    answer = put(client, yaml)
    (problem,) = answer.get_json()["problems"]

    assert answer.status_code == 422 and (problem["line"], problem["column"], problem["path"]) == (line, column, path)
    assert fields_of(answer)["yaml"].startswith(f"line {line}: ")
    checked = client.post("/api/rehearsals/check", json={"yaml": yaml}).get_json()["problems"]
    assert checked == ([] if path == "name" else [problem])


@pytest.mark.parametrize("name", ["runs", "check"])
def test_a_name_that_is_an_address_cannot_be_stored(client: FlaskClient, name: str) -> None:
    """PUT finds the rehearsal's address there, GET would find the other."""
    assert put(client, f"name: {name}", name).status_code in (405, 422)


def test_a_run_says_how_it_stands_and_how_it_compares(stage: Stage, client: FlaskClient) -> None:
    """From waiting to the verdict; the second is held against the first."""
    put(client)
    first = begin(client)
    stage.clock.now += 1
    second = begin(client)
    waiting = client.get(f"/api/rehearsals/runs/{second}").get_json()
    finish(stage, first)
    finish(stage, second, FAILED, greeting_at=1.5)
    found = client.get(f"/api/rehearsals/runs/{second}").get_json()

    assert (waiting["state"], waiting["ahead"], waiting["compared"]) == ("queued", 1, None)
    assert (found["state"], found["call_control_id"], found["failed_checks"]) == ("failed", "v3:abc", ["greeting"])
    assert [one["number"] for one in found["timeline"]] == [0, 1, 2]
    assert found["compared"]["run"]["id"] == first
    assert found["compared"]["differences"][0] == {
        "name": "greeting", "before_s": 1.0, "now_s": 1.5, "change": "slower",
    }  # fmt: skip
    assert found["compared"]["changed_checks"][0]["now"] is False
    listed = client.get("/api/rehearsals/runs?name=mine&limit=1").get_json()["runs"]
    assert [one["id"] for one in listed] == [second]


def test_a_run_is_played_with_the_agent_as_it_is_now(stage: Stage, client: FlaskClient) -> None:
    agent = stage.agents.create(AgentConfig(name="Ada"))
    run = stage.runs.get(begin(client, "dtmf", agent.id))

    assert (run.agent_id, run.agent_version, run.agent_name) == (agent.id, 1, "Ada")
    for body, status in [({"agent_id": "nobody"}, 404), ({"agent_id": 1}, 422), ({"speed": 2}, 422)]:
        assert client.post("/api/rehearsals/dtmf/runs", json=body).status_code == status
    assert client.post("/api/rehearsals/nothing/runs", json={}).status_code == 404


def test_no_more_runs_wait_than_somebody_can_mean(client: FlaskClient) -> None:
    for _ in range(MOST_WAITING):
        begin(client, "dtmf")
    answer = client.post("/api/rehearsals/dtmf/runs", json={})

    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0


def test_a_run_can_be_broken_off_until_it_is_over(client: FlaskClient) -> None:
    run_id = begin(client, "dtmf")

    assert client.post(f"/api/rehearsals/runs/{run_id}/cancel").status_code == 202
    assert client.post(f"/api/rehearsals/runs/{run_id}/cancel").get_json()["error"]["code"] == "run_over"
    assert client.get(f"/api/rehearsals/runs/{run_id}").get_json()["state"] == BROKEN


def test_the_events_of_a_run_are_all_of_it_and_go_on_where_a_reader_was(stage: Stage, client: FlaskClient) -> None:
    """A reconnect misses nothing and hears nothing twice."""
    run_id = begin(client, "dtmf")
    finish(stage, run_id)
    path = f"/api/rehearsals/runs/{run_id}/events"
    answer = client.get(path)
    events = events_of(answer)
    later = events_of(client.get(path, headers={"Last-Event-ID": "1"}))

    assert answer.content_type.startswith("text/event-stream")
    assert [(name, number) for name, number, _ in events] == [
        ("run", ""), ("line", "0"), ("line", "1"), ("line", "2"), ("over", ""),
    ]  # fmt: skip
    assert "<b>" in events[1][2] and "\n" not in events[1][2]
    assert [number for name, number, _ in later if name == "line"] == ["2"]
    assert client.get("/api/rehearsals/runs/ffff/events").status_code == 404


def test_the_events_grow_while_the_run_is_running(stage: Stage, client: FlaskClient) -> None:
    """Each look finds what has been written since; time passes only where the reader waits."""
    from backend.web.services import EXTENSION

    run_id = begin(client, "dtmf")
    steps = iter(
        [
            lambda: stage.runs.take(),
            lambda: stage.runs.add_lines(run_id, [TimelineLine(0, 0, "ring", "rings", False)], "v3:abc"),
            lambda: stage.runs.add_lines(run_id, [TimelineLine(1, 1, "answered", "answered", False)]),
            lambda: stage.runs.finish(run_id, PASSED, result={"passed": True}),
        ]
    )
    rehearsing = stage.app.extensions[EXTENSION].rehearsing
    names = [event.split("\n")[0] for event in rehearsing.events(run_id, -1, lambda _s: next(steps)())]

    assert names == [
        "event: run", "event: run", "event: run", "id: 0", "id: 1", "event: run", "event: over",
    ]  # fmt: skip


def test_the_recording_is_served_whole_or_in_parts(stage: Stage, client: FlaskClient, tmp_path: Path) -> None:
    """As a player in a browser asks for it."""
    run_id = begin(client, "dtmf")
    path = f"/api/rehearsals/runs/{run_id}/recording"
    assert client.get(path).status_code == 404
    folder = tmp_path / "rehearsals" / run_id
    folder.mkdir(parents=True)
    stage.runs.take()
    stage.runs.finish(run_id, PASSED, recording_s=write_stereo(folder / "recording.wav", bytes(800), bytes(1600)))
    whole = client.get(path, buffered=True)
    part = client.get(path, headers={"Range": "bytes=4-11"}, buffered=True)

    assert whole.content_type == "audio/wav" and whole.data[:4] == b"RIFF"
    assert part.status_code == 206 and part.data == whole.data[4:12]
    assert client.get(path, headers={"Range": "bytes=999999-"}, buffered=True).status_code == 416


def test_a_rehearsal_of_an_older_release_that_is_no_longer_valid_is_listed_and_says_so(
    stage: Stage, client: FlaskClient
) -> None:
    """It can be opened and corrected; it cannot be played."""
    from backend.web.services import EXTENSION

    stage.app.extensions[EXTENSION].rehearsing._rehearsals.put("old", "name: old\nspeed: 3\n", None)
    found = client.get("/api/rehearsals").get_json()["rehearsals"][0]

    assert (found["name"], found["is_valid"], found["caller"]) == ("old", False, [])
    assert client.get("/api/rehearsals/old").status_code == 200
    assert client.post("/api/rehearsals/old/runs", json={}).get_json()["problems"][0]["path"] == "speed"


def test_runs_are_newest_first(stage: Stage, client: FlaskClient) -> None:
    for _ in range(3):
        stage.clock.now += 1
        begin(client, "dtmf")
    at = [run["queued_at"] for run in client.get("/api/rehearsals/runs").get_json()["runs"]]

    assert len(at) == 3 and all(newer > older for newer, older in pairwise(at))
