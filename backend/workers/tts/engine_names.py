"""The table of engines, by name: so that settings can be checked, and an engine's libraries are only imported where it is
used. A new engine is one row here and one class in a file of its own (`adapter.py` says what it must offer)."""

ENGINES = {
    "espeak-ng": "backend.workers.tts.espeak:Espeak",
    "pocket-tts": "backend.workers.tts.pocket.adapter:Pocket",
    "kokoro": "backend.workers.tts.kokoro:Kokoro",
    "piper": "backend.workers.tts.piper:Piper",
}
"""Engine name → module:class."""
