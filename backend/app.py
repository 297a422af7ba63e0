"""The wiring, to be read as a table of contents; no logic.

`create_app()` runs in gunicorn's master, before the fork: it reads the settings and registers addresses. `start_worker(app)`
runs in each worker after the fork: it makes everything that holds a connection, a channel or a greenlet.
"""

import os
from functools import partial
from pathlib import Path

from flask import Flask, Response, current_app

from backend import logs
from backend.carrier import call_id
from backend.carrier.telnyx.audio_url import audio_path, parse_audio_path
from backend.carrier.telnyx.client import TelnyxClient, TelnyxOptions
from backend.carrier.telnyx.inbound import TelnyxInbound
from backend.carrier.telnyx.wire import TRANSCRIPTION_ENGINE
from backend.clock import SystemClock
from backend.engines.llm_openai import OpenAiLlm
from backend.engines.stt import make_recognisers
from backend.engines.turn_model import make_turn_model
from backend.engines.vad import make_vad
from backend.engines.voices import RoutedTts, fixed_worker
from backend.live.feed import Feed
from backend.live.tone.analyser import make_tone_analyser
from backend.records.after_call import AfterCalls
from backend.records.agents import Agents
from backend.records.api_keys import ApiKeys
from backend.records.calls import Calls
from backend.records.database import Database
from backend.records.recording_files import RecordingFiles
from backend.records.recordings import Recordings
from backend.records.rehearsal_runs import RehearsalRuns
from backend.records.rehearsals import Rehearsals
from backend.records.users import Users
from backend.session.ready_speech import ReadySpeech
from backend.session.services import CallServices
from backend.settings import Settings, load_settings, require_for_web
from backend.store.dial_limits import DialLimits
from backend.store.sign_ins import SignIns
from backend.store.stores import Stores, redis_stores
from backend.store.tries import Tries
from backend.web import console, dialling, hanging_up, openapi, services
from backend.web import worker as workers
from backend.web.accounts import TRIES_OF_A_NAME, TRIES_OF_AN_ADDRESS, TRIES_WINDOW_S, Accounts
from backend.web.api import register_api
from backend.web.api_key import read_or_make_api_key
from backend.web.audio import audio_blueprint
from backend.web.kept_secret import read_or_make_secret
from backend.web.listen import listen_blueprint
from backend.web.media import media_blueprint
from backend.web.rehearsing import Rehearsing
from backend.web.talk import talk_blueprint
from backend.web.voice_samples import SAMPLES_OF_ALL, SAMPLES_OF_ONE, SAMPLES_WINDOW_S, VoiceSamples
from backend.web.webhooks import webhooks_blueprint
from backend.workers.after_call import AfterCallWorker
from backend.workers.safe_post import safe_post
from backend.workers.webhook import WebhookSecrets

SETTINGS = "offhook_settings"


def create_app(settings: Settings | None = None) -> Flask:
    """The application without anything that must not cross a fork."""
    settings = settings or load_settings(os.environ)
    require_for_web(settings)
    app = openapi.new_app()
    app.extensions[SETTINGS] = settings
    # The SDKs take seconds to import: once here, before the fork, instead of once in every worker. Opens no connection.
    make_carrier(settings).close()
    inbound = TelnyxInbound(settings.telnyx_public_key, settings.telnyx_stream_codec)
    app.register_blueprint(webhooks_blueprint(inbound))
    app.register_blueprint(media_blueprint(inbound))
    app.register_blueprint(audio_blueprint(parse_audio_path))
    app.register_blueprint(talk_blueprint())
    app.register_blueprint(listen_blueprint())
    register_api(app)
    console.install(app)
    app.after_request(_name_worker)
    return app


def start_worker(app: Flask) -> workers.Worker:
    """Everything of one worker process. Call after the fork, in a patched process."""
    settings: Settings = app.extensions[SETTINGS]
    worker_id = workers.new_worker_id(os.getpid())
    api_key = read_or_make_api_key(settings)
    logs.configure(settings.log_level, worker=worker_id, secrets=[*settings.secret_values(), api_key])
    call_services = make_call_services(settings, worker_id)
    worker = workers.Worker(
        call_services,
        max_live_calls=settings.max_calls_per_worker * settings.web_concurrency,
        max_connections=settings.client_max_connections,
        max_watchers=settings.max_watchers_per_worker,
        session_idle_ttl_s=settings.session_idle_ttl_s,
    )
    workers.install(app, worker)
    services.install(app, _web_services(settings, call_services, api_key))
    start_voices(call_services)
    worker.start()
    return worker


def make_call_services(settings: Settings, worker_id: str) -> CallServices:
    """What calls work with; also for the sweeper."""
    clock = SystemClock()
    database = Database(settings.records_url)
    llm = OpenAiLlm(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.openai_model,
    )
    llm.warm_up()
    stores = redis_stores(settings.redis_url, clock)
    tts = make_voices(settings, stores)
    public_url = settings.public_base_url.rstrip("/")
    media_base = public_url.replace("http", "ws", 1)
    return CallServices(
        worker_id=worker_id,
        clock=clock,
        carrier=make_carrier(settings),
        stores=stores,
        agents=Agents(database, clock),
        calls=Calls(database),
        tts=tts,
        llm=llm,
        vad=make_vad(settings.vad),
        turn_model=make_turn_model(settings.turn_detector),
        recognisers=make_recognisers(
            sidecar_urls=settings.stt_urls,
            sidecar_token=settings.stt_token.get_secret_value(),
            openai_api_key=settings.openai_api_key.get_secret_value(),
            openai_base_url=settings.openai_base_url,
            openai_model=settings.openai_transcription_model,
        ),
        stt_engine=settings.stt_engine,
        may_barge_in=settings.enable_barge_in,
        max_calls=settings.max_calls_per_worker,
        media_url=lambda call: f"{media_base}/media/{call_id.encode(call)}",
        audio_url=lambda *piece: public_url + audio_path(*piece),
        tone=make_tone_analyser(
            settings.tone_analyser,
            base_url=settings.tone_url,
            fixed_url=settings.tone_fixed_url,
            token=settings.tone_token.get_secret_value(),
        ),
        recordings=Recordings(database, RecordingFiles(settings.recordings_folder), settings.recording_keep_days),
        record_core_dir=Path(settings.record_core_dir) if settings.record_core_dir else None,
        feed=Feed(stores.live, clock),
        ready_speech=ReadySpeech(stores.speech_cache, tts, tts.model_of),
    )


def make_after_call_worker(settings: Settings, calls: CallServices) -> AfterCallWorker:
    """For the sweeper's process: summaries and webhooks of finished calls."""
    return AfterCallWorker(
        calls.clock,
        calls.calls,
        calls.agents,
        AfterCalls(Database(settings.records_url)),
        calls.llm,
        partial(safe_post, allow_private=settings.webhook_private_addresses),
        webhook_secrets(settings),
    )


def webhook_secrets(settings: Settings) -> WebhookSecrets:
    """Every agent's, from WEBHOOK_KEY or the key in DATA_DIR, which is made if there is none."""
    chosen = settings.webhook_key.get_secret_value()
    return WebhookSecrets(chosen or read_or_make_secret(settings.data_dir / "webhook_key"))


def make_voices(settings: Settings, stores: Stores) -> RoutedTts:
    """The worker at TTS_ADDRESS, or those that are registered in Redis. Looks for none before it is started."""
    fixed = fixed_worker(settings.tts_address) if settings.tts_address else None
    return RoutedTts(
        fixed or stores.voice_workers.list,
        strategy=settings.tts_routing,
        wait_s=settings.tts_wait_s,
    )


def make_carrier(settings: Settings) -> TelnyxClient:
    """The carrier's REST client, warmed up so that no call pays for its lazy imports."""
    options = TelnyxOptions(
        stream_codec=settings.telnyx_stream_codec,
        stream_target_legs=settings.telnyx_stream_target_legs,
        transcription_engine=settings.telnyx_transcription_engine or TRANSCRIPTION_ENGINE,
    )
    carrier = TelnyxClient(
        settings.telnyx_api_key.get_secret_value(), settings.telnyx_connection_id, settings.telnyx_base_url, options
    )
    carrier.warm_up()
    return carrier


def _web_services(settings: Settings, calls: CallServices, api_key: str) -> services.Services:
    stores: Stores = calls.stores
    database = Database(settings.records_url)

    def redis() -> None:
        stores.legs.live()

    return services.Services(
        settings=settings,
        clock=calls.clock,
        agents=calls.agents,
        calls=calls.calls,
        recordings=calls.recordings,
        carrier=calls.carrier,
        dial_out=partial(
            dialling.dial_out,
            agents=calls.agents,
            limits=DialLimits(
                stores.database,
                overall=settings.dials_per_minute,
                window_s=60,
                per_number=settings.dials_per_number_per_hour,
                number_window_s=3600,
            ),
            legs=stores.legs,
            carrier=calls.carrier,
            ring_timeout_s=settings.dial_ring_timeout_s,
        ),
        after_calls=AfterCalls(database),
        webhook_secret=webhook_secrets(settings).of,
        rehearsing=Rehearsing(
            Rehearsals(database, calls.clock), RehearsalRuns(database, calls.clock), calls.agents, settings.data_dir
        ),
        accounts=_accounts(database, calls),
        voice_samples=_voice_samples(calls),
        hang_up=partial(hanging_up.hang_up, stores=stores, calls=calls.calls, carrier=calls.carrier),
        api_key=api_key,
        readiness={"redis": redis, "database": database.ping, "voices": _voices_of(calls).check},
    )


def _accounts(database: Database, calls: CallServices) -> Accounts:
    store, clock = calls.stores.database, calls.clock
    tries = Tries(store, "sign_in", of_one=TRIES_OF_A_NAME, of_group=TRIES_OF_AN_ADDRESS, window_s=TRIES_WINDOW_S)
    return Accounts(Users(database, clock), ApiKeys(database, clock), SignIns(store, clock), tries)


def _voice_samples(calls: CallServices) -> VoiceSamples:
    voices, store = _voices_of(calls), calls.stores.database
    tries = Tries(store, "voice_sample", of_one=SAMPLES_OF_ONE, of_group=SAMPLES_OF_ALL, window_s=SAMPLES_WINDOW_S)
    return VoiceSamples(voices, lambda: voices.workers, tries)


def start_voices(calls: CallServices) -> None:
    """Look for voice workers from now on."""
    _voices_of(calls).start()


def _voices_of(calls: CallServices) -> RoutedTts:
    assert isinstance(calls.tts, RoutedTts)
    return calls.tts


def _name_worker(response: Response) -> Response:
    """Which worker answered: what an engineer needs first when one of several misbehaves."""
    worker = current_app.extensions.get(workers.EXTENSION)
    if worker is not None:
        response.headers["X-Worker"] = worker.worker_id
    return response
