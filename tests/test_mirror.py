"""Every source file has its test file in the same place, or stands in the table below with the reason why not."""

from pathlib import Path

ROOT = Path(__file__).parents[1]

EXCEPTIONS: dict[str, str] = {
    "__main__": "only calls cli.main",
    "app": "the wiring list; every live test runs it",
    "call/commands": "facts without behaviour, tested with the events in call/test_events.py",
    "carrier/base": "contracts without behaviour",
    "carrier/telnyx/inbound": "two lines of glue each; live/test_media_socket.py and web/test_webhooks.py run them",
    "carrier/telnyx/wire": "words, checked against fixtures by carrier/telnyx/test_webhooks.py",
    "clock": "two calls into the standard library",
    "engines/base": "contracts without behaviour",
    "engines/grpc_call": "engines/test_grpc_channel.py, with the connection that carries it",
    "engines/stt_protocol": "words and numbers; engines/test_stt_sidecar.py and workers/stt/test_sidecar.py speak them",
    "engines/vad": "a table of two rows; every live test builds one",
    "errors": "classes without behaviour, raised and checked by every other test",
    "records/errors": "classes without behaviour",
    "records/migrations/env": "run by records/test_migrate.py",
    "records/migrations/versions/v0001_first_tables": "run by records/test_migrate.py",
    "records/migrations/versions/v0005_after_calls": "run by records/test_migrate.py",
    "records/migrations/versions/v0002_rehearsals": "run by records/test_migrate.py",
    "records/migrations/versions/v0003_recordings": "run by records/test_migrate.py",
    "records/migrations/versions/v0004_users_and_keys": "run by records/test_migrate.py",
    "records/models": "tables without behaviour, held against the migrations by records/test_migrate.py",
    "rehearsal/carrier/carrier": "rehearsal/carrier/test_calls.py",
    "rehearsal/carrier/codec": "rehearsal/carrier/test_codec_and_speech.py",
    "rehearsal/carrier/config": "fields without behaviour",
    "rehearsal/carrier/far_end": "rehearsal/carrier/test_calls.py and test_commands.py",
    "rehearsal/carrier/faults": "rehearsal/carrier/test_small_parts.py",
    "rehearsal/carrier/line": "rehearsal/carrier/test_calls.py and test_media_stream.py",
    "rehearsal/carrier/log": "rehearsal/carrier/test_small_parts.py",
    "rehearsal/carrier/media": "rehearsal/carrier/test_media_stream.py",
    "rehearsal/carrier/mouth": "rehearsal/carrier/test_media_stream.py",
    "rehearsal/carrier/rules": "rehearsal/carrier/test_commands.py",
    "rehearsal/carrier/server": "rehearsal/carrier/test_commands.py",
    "rehearsal/carrier/speech": "rehearsal/carrier/test_codec_and_speech.py",
    "rehearsal/carrier/transcription": "rehearsal/carrier/test_calls.py",
    "rehearsal/playing": "workers/test_rehearsals.py and live/test_rehearsals.py",
    "rehearsal/product_api": "every live test makes its agents with it",
    "rehearsal/talk_client": "live/test_talk.py and cli/test_talk_command.py talk with it",
    "rehearsal/stage": "every live test stands on it",
    "session/services": "a record of what is handed around",
    "settings/__main__": "run by settings/test_documents.py",
    "settings/hearing": "declarations; settings/test_sources.py tries wrong values",
    "settings/installation": "declarations and their checks; settings/test_sources.py tries wrong values",
    "settings/tone": "declarations; settings/test_sources.py tries wrong values",
    "settings/words": "settings/test_sources.py tries wrong values of every kind",
    "workers/tts/client_options": "options without behaviour; tests/cli and rehearsal/test_voice_check.py connect with them",
    "store/audio_clips": "store/test_small_stores.py",
    "store/database": "every test of tests/store runs through it",
    "store/dial_limits": "store/test_small_stores.py",
    "store/event_json": "round-trips of all events: store/test_mailbox.py",
    "store/flags": "store/test_small_stores.py and store/test_playbacks.py",
    "store/memory": "the twin: every test of tests/store runs over it and over Redis",
    "store/memory_streams": "the twin of some scripts: store/test_live_feeds.py runs over it and over Redis",
    "store/owners": "store/test_small_stores.py",
    "store/redis_binary": "starts the server of every store test",
    "store/seen_events": "store/test_small_stores.py",
    "store/stores": "wiring; the fixture of every store test",
    "store/stream_tokens": "store/test_small_stores.py",
    "web/bodies": "web/test_errors.py",
    "web/dialling": "web/test_api_calls.py",
    "web/openapi": "web/test_api.py",
    "web/rehearsal_answers": "answers without behaviour; web/test_api_rehearsals.py holds them against the views",
    "web/rehearsing": "web/test_api_rehearsals.py",
    "web/secret_file": "web/test_api_key.py and web/test_first_admin.py, several processes at once",
    "web/talk": "two lines of glue each; live/test_talk.py runs them",
    "web/voice_samples": "web/test_api_voices.py",
    "web/services": "a record of what is handed around",
    "workers/stt/recogniser": "a contract and a table; every other test of workers/stt",
    "workers/stt/recogniser_names": "a table; workers/stt builds every row",
    "workers/tts/engine_names": "a table; workers/tts/test_espeak.py builds every row",
    "workers/tts/asking": "cli/test_voice_commands.py and test_doctor.py ask real workers",
    "workers/tts/adapter": "a contract and a table; workers/tts/test_engines.py",
    "workers/tts/proto/generate": "a build step; workers/tts/test_proto.py checks what it made",
}


def sources() -> set[str]:
    """backend/**/x.py as `folder/x`, without packages and generated code."""
    paths = (ROOT / "backend").rglob("*.py")
    return {
        path.relative_to(ROOT / "backend").with_suffix("").as_posix()
        for path in paths
        if path.name != "__init__.py" and "_pb2" not in path.name and "__pycache__" not in path.parts
    }


def untested() -> set[str]:
    """Sources whose test file does not exist. The test of `folder/x` is `tests/folder/test_x.py`."""
    return {
        name for name in sources() if not (ROOT / "tests" / Path(name).parent / f"test_{Path(name).name}.py").exists()
    }


def test_every_source_file_has_its_test_file() -> None:
    """A new file without one fails here."""
    assert sorted(untested() - set(EXCEPTIONS)) == []


def test_the_table_names_no_file_that_is_gone() -> None:
    """An exception outlives neither its file nor its reason."""
    gone = set(EXCEPTIONS) - sources()
    done = set(EXCEPTIONS) - untested()

    assert (sorted(gone), sorted(done)) == ([], [])
