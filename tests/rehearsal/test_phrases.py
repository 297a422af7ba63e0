"""What the callers of rehearsals say, as a phrase book."""

from backend.rehearsal.phrases import phrase_file, phrases_of, shipped_phrases
from backend.rehearsal.scenario import load_scenario, parse_scenario
from backend.workers.stt.phrase_book import Phrase, parse


def test_every_line_of_a_caller_is_in_the_book_as_it_sounds() -> None:
    """And what a called party says on picking up."""
    scenario = parse_scenario(
        "name: x\ndirection: outbound\ncalled_party: {says: 'Hello?'}\n"
        "caller:\n  - say: Yes.\n  - wait_s: 1\n  - {say: No., voice: de, rate_wpm: 140}\n",
        "x.yaml",
    )

    assert phrases_of(scenario) == [Phrase("Yes."), Phrase("No.", "de", 140), Phrase("Hello?")]


def test_the_shipped_callers_are_readable_as_a_phrase_file() -> None:
    """Nothing of a scenario is lost on the way."""
    book = parse(phrase_file(shipped_phrases()))

    assert set(book) == {Phrase(" ".join(p.text.split()), p.voice, p.rate_wpm) for p in shipped_phrases()}
    (said,) = [step.say for step in load_scenario("question_and_answer").caller if step.say][:1]
    assert Phrase(said) in book
