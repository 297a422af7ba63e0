"""What the callers of rehearsals say, as a phrase book for a recogniser without a model (`workers/stt/phrase_book.py`)."""

from collections.abc import Iterable

from backend.rehearsal.scenario import Scenario, load_scenario, shipped_names
from backend.workers.stt.phrase_book import Phrase, render


def phrases_of(scenario: Scenario) -> list[Phrase]:
    """Every line of its caller, and what a called party says on picking up."""
    said = [Phrase(step.say, step.voice, step.rate_wpm) for step in scenario.caller if step.say]
    return [*said, *([Phrase(scenario.called_party.says)] if scenario.called_party.says else [])]


def shipped_phrases() -> list[Phrase]:
    """Those of all shipped scenarios."""
    return [phrase for name in shipped_names() for phrase in phrases_of(load_scenario(name))]


def phrase_file(phrases: Iterable[Phrase]) -> str:
    """The text of STT_PHRASES_FILE."""
    return "# What the callers of the rehearsals say. Written by backend/rehearsal/stack.py.\n" + render(phrases)
