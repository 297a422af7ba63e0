"""Models with random weights for all neural engines: `python -m tests.fakes.model_fixtures [DIR]` (make model-fixtures).

Each is made through the engine's own package, and a worker loads it as it loads a published one, so that everything around
a voice or a recogniser can be tried without a download. What they say and hear is noise. Into .run/models unless DIR is
named:

    pocket/   0.7 MB   anna, bob; about a second of noise for each sentence
    kokoro/   234 MB   af_heart, am_adam, bf_emma, ff_siwis; the package fixes its decoder's widths, so it is no smaller
    piper/    40 kB    en_US-hum-medium, de_DE-choir-low#low and #high: hums whose pitch follows the phonemes
    nemotron/ 0.3 MB   syllables, about as many as somebody speaks

A folder that holds other models is refused. Prints the settings with which a worker speaks with them.
"""

import logging
import shlex
import sys
import warnings
from pathlib import Path

from tests.fakes.kokoro_fixture import FOR_THE_PACKAGES_DECODER, make_kokoro
from tests.fakes.nemotron_fixture import write_model as write_nemotron
from tests.fakes.piper_fixture import make_piper_voice
from tests.fakes.pocket_fixture import ALWAYS, write_model

MARK = "RANDOM_WEIGHTS.txt"


def write_models(directory: Path) -> None:
    """All of them. Raises FileExistsError for a folder with anything in it that is not ours."""
    if directory.exists() and any(directory.iterdir()) and not (directory / MARK).exists():
        raise FileExistsError(f"{directory} holds other models, which would be overwritten; name another folder")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARK).write_text("Made by make model-fixtures: noise, for trying things out. Delete it at will.\n")
    write_model(directory / "pocket", eos_threshold=ALWAYS)
    make_kokoro(directory / "kokoro", config=FOR_THE_PACKAGES_DECODER)
    make_piper_voice(directory / "piper")
    make_piper_voice(directory / "piper", "de_DE-choir-low", sample_rate=16000, speakers=("low", "high"))
    write_nemotron(directory / "nemotron")


def settings_for(directory: Path) -> dict[str, str]:
    """What a worker needs to be told."""
    return {"TTS_MODELS_DIR": str(directory.resolve()), "TTS_ENGINES": "pocket-tts,kokoro,piper,espeak-ng"}


def main(directory: Path) -> int:
    # Both packages warn of what is meant here.
    warnings.simplefilter("ignore")
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    try:
        write_models(directory)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    python = shlex.quote(sys.executable)
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings_for(directory).items())
    print(f"{directory}: {size / 1e6:.0f} MB. A worker that speaks with them, and a sentence from another terminal:")
    print(f"  {settings} TTS_ADDRESS=127.0.0.1:50051 {python} -m backend.workers.tts.server")
    print(f"  {python} -m backend voices --all --address 127.0.0.1:50051")
    print(f"  {python} -m backend say 'Hello there.' --voice anna --out hello.wav --address 127.0.0.1:50051")
    hears = f"STT_MODELS_DIR={shlex.quote(str(directory.resolve()))} STT_RECOGNISER=nemotron STT_TOKEN=secret"
    print("An STT sidecar that hears with them:")
    print(f"  {hears} {python} -m backend.workers.stt.server")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".run/models")))
