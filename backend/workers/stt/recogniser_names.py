"""The table of recognisers, by name: so that settings can be checked, and a recogniser's libraries are only imported where
it is used. A new recogniser is one row here and one class in a file of its own (`recogniser.py` says what it must offer)."""

RECOGNISERS = {
    "scripted": "backend.workers.stt.scripted:Scripted",
    "sphinx": "backend.workers.stt.sphinx:Sphinx",
    "nemotron": "backend.workers.stt.nemotron.recogniser:Nemotron",
}
"""Recogniser name → module:class. The class takes the settings (`backend/settings.py`) as its one argument."""
