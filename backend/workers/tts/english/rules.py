"""What the rules of this package are made of. Pure."""

import re
from collections.abc import Callable

Found = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Found], str]]
"""A pattern, and what is said instead of what it finds."""

NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,40})(?:\.\d{1,40})?"
START = r"(?<![\w.,$€£¥₹])"
"""In front of a number that is not the end of another."""

_ENDS_TEXT = re.compile(r"[\"')]*(?:\s+[A-Z]|\s*$)")


def words(table: str) -> frozenset[str]:
    return frozenset(table.split())


def always(said: str) -> Callable[[Found], str]:
    return lambda _found: said


def full_stop(found: Found) -> str:
    """The dot of an abbreviation is also its sentence's when that ends here."""
    return "." if found.group().endswith(".") and _ENDS_TEXT.match(found.string, found.end()) else ""


def run(rules: tuple[Rule, ...], text: str) -> str:
    for pattern, say in rules:
        text = pattern.sub(say, text)
    return text
