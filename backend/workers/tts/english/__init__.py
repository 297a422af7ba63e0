"""English as it is said: numbers, money, telephone numbers, dates, times, units, addresses, abbreviations, acronyms.

Pure. Lists of rules, one file for each kind, run in the order below: the special before the general, so that "$5-10k",
"555-0123" and "2026-11-21" are gone before a plain number is looked for. What comes out looks like words ("twenty-one",
"P M"), so no later rule takes it up again. Input is free of markup (normalise_text.py). American forms;
`month_first=False` reads "3/4/2026" as other English speakers do.
"""

import re

from backend.workers.tts.english.addresses import ADDRESSES
from backend.workers.tts.english.dates import DATES, NUMERIC_DATES
from backend.workers.tts.english.money import MONEY, PER
from backend.workers.tts.english.quantities import QUANTITIES
from backend.workers.tts.english.rules import Rule, run
from backend.workers.tts.english.short_forms import DOTTED_LETTERS, SHORT_FORMS, has_short_form
from backend.workers.tts.english.signs import ABOUT, CAPITALS, SIGN, SIGNS
from backend.workers.tts.english.telephone import TELEPHONE
from backend.workers.tts.english.times import TIMES, WITHOUT_DIGITS

MOST_WRITTEN_OUT = 1000
"""Characters in sentences that need rules, two minutes of speech. Beyond them a text stays as it is: no answer is so long,
and a list of thousands of numbers must not hold up other calls."""

_WITH_DIGITS: tuple[Rule, ...] = (*DATES, *TIMES, *ABOUT, *MONEY, *TELEPHONE, *QUANTITIES)
_ALWAYS: tuple[Rule, ...] = (*WITHOUT_DIGITS, *DOTTED_LETTERS, *PER, *SIGNS, *CAPITALS)

_SENTENCES = re.compile(r"(?<=[a-z]{5}[.])(?<!pprox\.)(?<!essrs\.)(?<!hurs\.)\s+|(?<=[!?;])\s+")
_NEEDS_RULES = re.compile(rf"[\d/<>{SIGN}]|[A-Z]{{2}}|\.\w|day ?[-–]")
_DIGIT = re.compile(r"\d")


def write_out(text: str, *, month_first: bool) -> str:
    """The text in words. White space and punctuation may be left untidy."""
    left, out = MOST_WRITTEN_OUT, []
    for sentence in _SENTENCES.split(text):
        if left > 0 and (_NEEDS_RULES.search(sentence) or has_short_form(sentence)):
            sentence, rest = _cut(sentence, left)
            left -= len(sentence)
            out.append(_write_out(sentence, month_first) + rest)
        else:
            out.append(sentence)
    return " ".join(out)


def _cut(text: str, most: int) -> tuple[str, str]:
    """An endless sentence in two, at white space if there is some."""
    if len(text) <= most:
        return text, ""
    at = text.rfind(" ", 0, most)
    at = at if at > 0 else most
    return text[:at], text[at:]


def _write_out(text: str, month_first: bool) -> str:
    if not text.isascii():
        text = "".join(str(int(each)) if each.isdecimal() and not each.isascii() else each for each in text)
    if "." in text or "@" in text or "://" in text:
        text = run(ADDRESSES, text)
    if "." in text or "/" in text:
        text = run(SHORT_FORMS, text)
    if _DIGIT.search(text):
        text = run(_WITH_DIGITS, run(NUMERIC_DATES[month_first], text))
    return run(_ALWAYS, text)
