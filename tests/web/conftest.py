"""The API as the product serves it, over a SQLite file, the store in memory and a carrier that does as it is told.

Every answer that a test receives is held against the OpenAPI document: a status that is not documented fails the test.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request
from flask.testing import FlaskClient

from backend.carrier.base import DialledCall
from backend.engines.voice_routing import Voice, VoiceWorker
from backend.errors import BackendError
from backend.records.after_call import AfterCalls
from backend.records.agents import Agents
from backend.records.api_keys import ApiKeys
from backend.records.calls import Calls
from backend.records.database import Database
from backend.records.migrate import migrate
from backend.records.recording_files import RecordingFiles
from backend.records.recordings import Recordings
from backend.records.rehearsal_runs import RehearsalRuns
from backend.records.rehearsals import Rehearsals
from backend.records.users import Users
from backend.settings import Settings
from backend.store.database import Database as StoreDatabase
from backend.store.dial_limits import DialLimits
from backend.store.legs import Legs
from backend.store.memory import MemoryDatabase
from backend.store.sign_ins import SignIns
from backend.store.stores import stores_over
from backend.store.tries import Tries
from backend.web.accounts import Accounts
from backend.web.api import register_api
from backend.web.dialling import dial_out
from backend.web.hanging_up import hang_up
from backend.web.openapi import OffhookApp, new_app
from backend.web.rehearsing import Rehearsing
from backend.web.services import Services, install
from backend.web.voice_samples import VoiceSamples
from tests.fakes.fake_tts import FakeTts
from tests.records.conftest import StillClock

VOICES = (
    VoiceWorker("gpu-1", "gpu-1:1", voices=(Voice("anna", "de", "pocket@2"), Voice("bob", "en-gb", "pocket@2"))),
    VoiceWorker("cpu-1", "cpu-1:1", voices=(Voice("en-us", "en-us", "espeak"), Voice("anna", "de", "pocket@2"))),
)
API_KEY = "test-key-0123456789"


@dataclass
class ObedientCarrier:
    """Takes every dial, or refuses as told."""

    refusal: BackendError | None = None
    dials: list[dict[str, Any]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    def dial(self, **wanted: Any) -> DialledCall:
        if self.refusal:
            raise self.refusal
        self.dials.append(wanted)
        return DialledCall(call_control_id=f"v3:dialled-{len(self.dials)}", call_session_id="s")

    def hang_up(self, call_control_id: str, *, command_id: str) -> None:
        if self.refusal:
            raise self.refusal
        self.hung_up.append(call_control_id)


@dataclass
class Stage:
    """Everything a test of the API may look at or change."""

    app: OffhookApp
    agents: Agents
    calls: Calls
    recordings: Recordings
    carrier: ObedientCarrier
    store: StoreDatabase
    readiness: dict[str, Any]
    clock: StillClock
    runs: RehearsalRuns
    accounts: Accounts
    tts: FakeTts
    voices: list[VoiceWorker]
    """Who there is to speak."""
    after_calls: AfterCalls

    def client(self, key: str | None = API_KEY) -> FlaskClient:
        client = self.app.test_client()
        if key is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return client


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    migrate(url)
    database, clock, carrier = Database(url), StillClock(), ObedientCarrier()
    agents, calls, store = Agents(database, clock), Calls(database), MemoryDatabase(clock)
    recordings = Recordings(database, RecordingFiles(tmp_path / "recordings"))
    limits = DialLimits(store, per_number=2, overall=4, window_s=60)
    dial = partial(dial_out, agents=agents, limits=limits, legs=Legs(store, clock), carrier=carrier, ring_timeout_s=30)  # type: ignore[arg-type]  # of the carrier, only what a dial needs
    end = partial(hang_up, stores=stores_over(store, clock), calls=calls, carrier=carrier)  # type: ignore[arg-type]  # likewise
    readiness: dict[str, Any] = {"database": database.ping}
    runs = RehearsalRuns(database, clock)
    rehearsing = Rehearsing(Rehearsals(database, clock), runs, agents, tmp_path)
    tries = Tries(store, "sign_in", of_one=3, of_group=6, window_s=60)
    accounts = Accounts(Users(database, clock), ApiKeys(database, clock), SignIns(store, clock), tries)
    tts, voices = FakeTts(), list(VOICES)
    app = new_app()
    register_api(app)
    services = Services(
        settings=Settings(offhook_env="test", data_dir=tmp_path), clock=clock, agents=agents, calls=calls,
        carrier=carrier, dial_out=dial, hang_up=end, api_key=API_KEY, readiness=readiness, store=store,  # type: ignore[arg-type]
        rehearsing=rehearsing, after_calls=AfterCalls(database), webhook_secret=lambda agent_id: f"whsec_{agent_id}",
        recordings=recordings,
        accounts=accounts, voice_samples=VoiceSamples(
            tts, lambda: voices, Tries(store, "sample", of_one=3, of_group=9, window_s=60), give_up_after_s=0.05
        ),
    )  # fmt: skip
    install(app, services)
    undocumented: list[str] = []

    @app.after_request
    def _compare(response: Response) -> Response:
        if request.url_rule is not None and request.path != "/openapi.json":
            path = request.url_rule.rule
            for kind in ("string:", "int:"):
                path = path.replace(f"<{kind}", "<")
            operation = app.api_doc["paths"][path.replace("<", "{").replace(">", "}")].get(request.method.lower())
            if operation and str(response.status_code) not in operation["responses"]:
                undocumented.append(f"{request.method} {path}: {response.status_code}")
        return response

    yield Stage(
        app, agents, calls, recordings, carrier, store, readiness, clock, runs, accounts, tts, voices,
        services.after_calls,
    )  # fmt: skip
    assert undocumented == []
    database.close()


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    return stage.client()


def fields_of(answer: Any) -> dict[str, str]:
    """The wrong fields an answer names, with their messages."""
    return {field["field"]: field["message"] for field in answer.get_json()["error"]["fields"]}
