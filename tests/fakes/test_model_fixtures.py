"""`make model-fixtures`: a worker finds a voice in every engine, and nobody's own models are overwritten."""

from pathlib import Path

import numpy as np
import pytest

from backend.settings import load_settings
from backend.workers.stt.recogniser import Piece, build_recogniser
from backend.workers.tts.adapter import build_engine

pytestmark = pytest.mark.needs("torch", "pocket_tts", "kokoro", "piper", "transformers")

VOICES = {"pocket-tts": "anna", "kokoro": "af_heart", "piper": "en_US-hum-medium"}


@pytest.mark.filterwarnings("ignore")  # the packages warn of their own age
def test_every_engine_speaks_with_the_settings_that_are_printed(tmp_path: Path) -> None:
    """Through the settings and the table of engines, as in a worker."""
    from tests.fakes.model_fixtures import settings_for, write_models

    write_models(tmp_path / "models")
    write_models(tmp_path / "models")  # again is harmless
    settings = load_settings(settings_for(tmp_path / "models"), working_dir=tmp_path)

    assert settings.tts_engine_names == [*VOICES, "espeak-ng"]
    for name, voice in VOICES.items():
        engine = build_engine(name, settings)
        engine.load()
        assert engine.has_voice(voice), name
        said = np.concatenate(list(engine.synthesize("Hello there.", voice, bool)))
        assert len(said) > 0.2 * engine.native_sample_rate and np.abs(said).max() > 100, name
        engine.unload()
    recogniser = build_recogniser(
        load_settings({"STT_RECOGNISER": "nemotron", "STT_MODELS_DIR": str(tmp_path / "models")}, working_dir=tmp_path)
    )
    recogniser.load()
    state = recogniser.open("en")
    recogniser.step([Piece(state, np.zeros(recogniser.wants(state), np.int16), ends=True)])
    recogniser.close(state)
    recogniser.unload()


def test_a_folder_with_other_models_is_refused(tmp_path: Path) -> None:
    """Real weights took an hour to download."""
    from tests.fakes.model_fixtures import main

    (tmp_path / "kokoro").mkdir()

    assert main(tmp_path) == 1
    assert list(tmp_path.rglob("*")) == [tmp_path / "kokoro"]
