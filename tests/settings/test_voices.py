"""Settings of the voices, and how they reach the engines."""

import re
from pathlib import Path

import pytest

from backend.workers.tts.engine_names import ENGINES
from backend.workers.tts.kokoro import Kokoro, KokoroSettings
from backend.workers.tts.piper import Piper, PiperSettings
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings
from tests.settings.loading import load, problems


def test_the_voices_are_named_with_commas(tmp_path: Path) -> None:
    """Spaces do not matter; an unknown one is named together with those there are."""
    assert load(tmp_path, TTS_ENGINES=" espeak-ng ").tts_engine_names == ["espeak-ng"]
    assert f"TTS_ENGINES: 'espeak-ng,flite' is wrong; allowed: {', '.join(ENGINES)}" in problems(
        tmp_path, TTS_ENGINES="espeak-ng,flite"
    )


def test_every_engine_gets_its_own_settings_from_any_source(tmp_path: Path) -> None:
    """The secrets file, YAML and the environment alike; nothing is imported that only a loaded engine needs."""
    (tmp_path / "offhook.yaml").write_text(
        "TTS_MODELS_DIR: /srv/models\nTTS_KOKORO_THREADS: 4\nTTS_POCKET_SLOTS: 200\n"
    )
    (tmp_path / "secrets").write_text("TTS_POCKET_DEVICE=cuda:1\nTTS_KOKORO_DEVICE=cpu\nTTS_POCKET_LANGUAGE=de\n")
    found = load(tmp_path, OFFHOOK_SECRETS_FILE=str(tmp_path / "secrets"), TTS_PIPER_THREADS="3")

    models = Path("/srv/models")
    assert Pocket.configured(found).settings == PocketSettings(models / "pocket", 200, "de", "cuda:1")
    assert Kokoro.configured(found).settings == KokoroSettings(models / "kokoro", "cpu", 4)
    assert Piper.configured(found).settings == PiperSettings(models / "piper", 3)


def test_without_settings_the_engines_have_their_defaults(tmp_path: Path) -> None:
    """A models folder beside the program, the GPU if there is one."""
    found = load(tmp_path)

    assert Pocket.configured(found).settings == PocketSettings()
    assert Kokoro.configured(found).settings == KokoroSettings()
    assert Piper.configured(found).settings == PiperSettings()


def test_pocket_has_as_many_rows_as_the_worker_has_sessions_unless_said_otherwise(tmp_path: Path) -> None:
    """Nobody who was let in waits for a row."""
    assert Pocket.configured(load(tmp_path, TTS_MAX_SESSIONS="64")).settings.slots == 64
    assert Pocket.configured(load(tmp_path, TTS_MAX_SESSIONS="64", TTS_POCKET_SLOTS="8")).settings.slots == 8


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("TTS_POCKET_SLOTS", "-1", "a whole number from 0 to 1024"),
        ("TTS_POCKET_SLOTS", "1025", "a whole number from 0 to 1024"),
        ("TTS_POCKET_SLOTS", "many", "a whole number from 0 to 1024"),
        ("TTS_POCKET_DEVICE", "tpu", "cpu, cuda or cuda:<number>"),
        ("TTS_KOKORO_DEVICE", "cuda:x", "cpu, cuda or cuda:<number>"),
        ("TTS_POCKET_LANGUAGE", "English!", "a language tag"),
        ("TTS_KOKORO_THREADS", "0", "a whole number from 1 to 16"),
        ("TTS_KOKORO_THREADS", "x", "a whole number from 1 to 16"),
        ("TTS_PIPER_THREADS", "65", "a whole number from 1 to 64"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, name: str, value: str, allowed: str) -> None:
    """E4."""
    assert f"{name}: {value!r} is wrong; allowed: {allowed}" in problems(tmp_path, **{name: value})


def test_no_engine_reads_the_environment() -> None:
    """What is not in Settings can neither stand in YAML nor be checked. HF_HUB_OFFLINE is written, for a library."""
    workers = Path(__file__).parents[2] / "backend" / "workers" / "tts"
    reads = re.compile(r"os\.environ(?!\[\"HF_HUB_OFFLINE\"\] = )|getenv")
    found = [path.name for path in workers.rglob("*.py") if reads.search(path.read_text())]

    assert found == ["server.py"]
