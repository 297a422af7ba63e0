"""Telephone and card numbers: digit by digit, in the groups in which they are written."""

import re

from backend.workers.tts.english.numbers import amount, digit_groups, digits
from backend.workers.tts.english.rules import Found, Rule, words

_INTERNATIONAL = re.compile(r"(?<![\w+])\+(\d(?:[ ().\-]{0,2}\d){6,14})(?!\d)")
_NATIONAL = re.compile(r"(?<![\w.+])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d]|[.,-]\d)")
_TRUNK = re.compile(r"(?<![\w.,+])\(?0\d{1,5}\)?(?:[ -]\d{2,8}){1,4}(?![\w]|[.,-]\d)")
_LOCAL = re.compile(r"(?<![\w.,-])(\d{3})-(\d{4})(?![\w]|[.,-]\d)")
_GROUPED = re.compile(
    r"(?<![\w.,-])\d{2,6}(?:-\d{2,6}){2,6}(?![\w]|[.,-]\d)|(?<![\w.,-])\d{4}(?: \d{4}){2,4}(?![\w]|[.,-]\d)"
)
_SHORT = re.compile(r"(?<=\b(?i:call|dial|ring|text)\b )(\d11|112|999|988)\b")
_CALLING = words("call dial phone number tel telephone fax text at mobile cell line")
_TWO_DIGIT_CODES = words("""
    20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91
    92 93 94 95 98
""")


def _international(found: Found) -> str:
    groups = re.findall(r"\d+", found[1])
    if len(groups) == 1:
        whole = groups[0]
        code = 1 if whole[0] in "17" else 2 if whole[:2] in _TWO_DIGIT_CODES else 3
        rest = whole[code:]
        groups = [whole[:code], rest[:3], rest[3:6], rest[6:]] if len(rest) == 10 else [whole[:code], rest]
    return "plus " + ", ".join(digit_groups(group) for group in groups if group)


def _grouped(found: Found) -> str:
    """Every written group on its own."""
    return ", ".join(map(digit_groups, re.findall(r"\d+", found.group())))


def _local(found: Found) -> str:
    before = re.findall(r"\w+", found.string[max(0, found.start() - 24) : found.start()].lower())[-2:]
    is_range = found[2].endswith("00") and int(found[2]) > int(found[1]) and found[1] != "555"
    if is_range and not _CALLING.intersection(before):
        return f"{amount(found[1])} to {amount(found[2])}"
    return f"{digits(found[1])}, {digits(found[2])}"


TELEPHONE: tuple[Rule, ...] = (
    (_SHORT, lambda found: digits(found[1])),
    (_INTERNATIONAL, _international),
    (_NATIONAL, _grouped),
    (_LOCAL, _local),
    (_TRUNK, _grouped),
    (_GROUPED, _grouped),
)
