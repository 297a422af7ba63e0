"""Every source file has its test file in the same place, or stands in the table below with the reason why not."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PENDING = "pending: its author is still at it"

EXCEPTIONS: dict[str, str] = {
    "__main__": "only calls cli.main",
    "app": "the wiring list; every live test runs it",
    "call/commands": "facts without behaviour, tested with the events in call/test_events.py",
    "carrier/base": "contracts without behaviour",
    "carrier/telnyx/inbound": PENDING,
    "carrier/telnyx/media_stream": PENDING,
    "carrier/telnyx/stream": PENDING,
    "carrier/telnyx/wire": PENDING,
    "clock": "two calls into the standard library",
    "engines/base": "contracts without behaviour",
    "engines/vad": PENDING,
    "errors": "classes without behaviour, raised and checked by every other test",
    "records/errors": PENDING,
    "records/migrations/env": "run by records/test_migrate.py",
    "records/migrations/versions/v0001_first_tables": "run by records/test_migrate.py",
    "records/models": "tables without behaviour, held against the migrations by records/test_migrate.py",
    "rehearsal/carrier/carrier": PENDING,
    "rehearsal/carrier/codec": PENDING,
    "rehearsal/carrier/config": PENDING,
    "rehearsal/carrier/far_end": PENDING,
    "rehearsal/carrier/faults": PENDING,
    "rehearsal/carrier/line": PENDING,
    "rehearsal/carrier/log": PENDING,
    "rehearsal/carrier/media": PENDING,
    "rehearsal/carrier/mouth": PENDING,
    "rehearsal/carrier/rules": PENDING,
    "rehearsal/carrier/server": PENDING,
    "rehearsal/carrier/speech": PENDING,
    "rehearsal/carrier/transcription": PENDING,
    "rehearsal/product_api": PENDING,
    "rehearsal/stage": PENDING,
    "session/services": "a record of what is handed around",
    "store/audio_clips": "store/test_small_stores.py",
    "store/database": "every test of tests/store runs through it",
    "store/dial_limits": "store/test_small_stores.py",
    "store/event_json": PENDING,
    "store/flags": "store/test_small_stores.py and store/test_playbacks.py",
    "store/memory": "the twin: every test of tests/store runs over it and over Redis",
    "store/owners": "store/test_small_stores.py",
    "store/redis_binary": PENDING,
    "store/seen_events": "store/test_small_stores.py",
    "store/stores": "wiring; the fixture of every store test",
    "store/stream_tokens": "store/test_small_stores.py",
    "web/bodies": PENDING,
    "web/dialling": PENDING,
    "web/media": PENDING,
    "web/openapi": PENDING,
    "web/services": PENDING,
    "workers/tts/engine_names": "a table; workers/tts/test_espeak.py builds every row",
    "workers/tts/adapter": PENDING,
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
    """An exception outlives neither its file nor its reason: a pending one goes when its test comes."""
    gone = set(EXCEPTIONS) - sources()
    done = {name for name, reason in EXCEPTIONS.items() if reason != PENDING} - untested()

    assert (sorted(gone), sorted(done)) == ([], [])
