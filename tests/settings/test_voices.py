"""Settings of the voices."""

from pathlib import Path

from backend.workers.tts.engine_names import ENGINES
from tests.settings.loading import load, problems


def test_the_voices_are_named_with_commas(tmp_path: Path) -> None:
    """Spaces do not matter; an unknown one is named together with those there are."""
    assert load(tmp_path, TTS_ENGINES=" espeak-ng ").tts_engine_names == ["espeak-ng"]
    assert f"TTS_ENGINES: 'espeak-ng,flite' is wrong; allowed: {', '.join(ENGINES)}" in problems(
        tmp_path, TTS_ENGINES="espeak-ng,flite"
    )
