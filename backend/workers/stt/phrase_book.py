"""The phrases that the recognisers without a model can hear: a text file, one phrase in each line. Pure but for `read`.

    # how the shipped scenarios' callers speak
    What are your opening hours?
    Hold on a second.<TAB>en-us<TAB>140

After a tab: the voice of espeak-ng that says it, and its words per minute. Both may be left out; they matter to the
scripted recogniser only, which knows a phrase by its sound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.workers.stt.recogniser import RecogniserBroken

VOICE, RATE_WPM = "en-us", 170
MOST_PHRASES = 1000
LONGEST_PHRASE = 1000


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something a caller may say, and how it sounds."""

    text: str
    voice: str = VOICE
    rate_wpm: int = RATE_WPM


class WrongPhrases(ValueError):
    """The file does not have the form above. The message names the line."""


def parse(content: str) -> list[Phrase]:
    """The phrases in order, each once. Raises WrongPhrases, also when there is none."""
    found: dict[Phrase, None] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        text, *how = (part.strip() for part in line.split("\t"))
        if not text or len(text) > LONGEST_PHRASE or len(how) > 2:
            raise WrongPhrases(
                f"line {number}: must be a phrase of at most {LONGEST_PHRASE} characters, a voice, a rate"
            )
        voice = how[0] if how and how[0] else VOICE
        rate = how[1] if len(how) > 1 and how[1] else str(RATE_WPM)
        if not rate.isascii() or not rate.isdigit() or not 80 <= int(rate) <= 450:
            raise WrongPhrases(f"line {number}: the rate must be 80 to 450 words per minute")
        found[Phrase(text, voice, int(rate))] = None
    if not found:
        raise WrongPhrases("it holds no phrase")
    if len(found) > MOST_PHRASES:
        raise WrongPhrases(f"it holds more than {MOST_PHRASES} phrases")
    return list(found)


def render(phrases: Iterable[Phrase]) -> str:
    """What `parse` reads. White space inside a phrase becomes a space."""
    lines = [f"{' '.join(phrase.text.split())}\t{phrase.voice}\t{phrase.rate_wpm}\n" for phrase in phrases]
    return "".join(dict.fromkeys(lines))


def read(path: str, recogniser: str) -> list[Phrase]:
    """The phrases of STT_PHRASES_FILE. Raises RecogniserBroken naming the recogniser that needs them."""
    if not path:
        raise RecogniserBroken(f"{recogniser}: STT_PHRASES_FILE must name the file with the phrases that it can hear")
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except WrongPhrases as error:
        raise RecogniserBroken(f"{recogniser}: STT_PHRASES_FILE {path}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecogniserBroken(
            f"{recogniser}: STT_PHRASES_FILE {path} cannot be read ({type(error).__name__})"
        ) from None
