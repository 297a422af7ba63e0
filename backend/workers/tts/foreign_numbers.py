"""Numbers of other languages than English as words. Pure.

num2words knows their genders and compounds. It takes about a hundred microseconds for each, so only the first MOST_FOREIGN
of a text are asked of it; the rest stay digits.
"""

import re
from functools import lru_cache

from num2words import num2words

MOST_FOREIGN = 50
LONGEST_COUNTED = 6
"""Digits; anything longer without separators is taken for a code or a telephone number."""

FOREIGN = {
    "de": ("Prozent", "Euro", "Dollar", "Pfund"),
    "fr": ("pour cent", "euros", "dollars", "livres"),
    "es": ("por ciento", "euros", "dólares", "libras"),
    "it": ("per cento", "euro", "dollari", "sterline"),
    "pt": ("por cento", "euros", "dólares", "libras"),
    "nl": ("procent", "euro", "dollar", "pond"),
}
"""The languages, besides English, in which numbers are written out here, and their words for %, €, $ and £."""
_SIGNS = "%€$£"
_FOREIGN_NUMBER = re.compile(
    r"(?<![\w.,])(?P<before>[€$£] ?)?(?P<minus>-)?"
    r"(?P<whole>\d{1,3}(?:[. ']\d{3}){1,4}|\d{1,40})(?:[,.](?P<part>\d{1,12}))?(?![\d.,]\d|\d)(?P<after> ?[%€$£])?"
)


def write_foreign_numbers(text: str, language: str) -> str:
    """Numbers, percentages and amounts of money of one of FOREIGN's languages as its words."""
    names = dict(zip(_SIGNS, FOREIGN[language], strict=True))
    left = MOST_FOREIGN

    def write(found: re.Match[str]) -> str:
        nonlocal left
        if left <= 0:
            return found.group()
        left -= 1
        whole, part = found["whole"], found["part"]
        sign = (found["before"] or found["after"] or "").strip()
        if len(whole) > LONGEST_COUNTED and whole.isdecimal() or (len(whole) > 1 and whole[0] == "0"):
            words = " ".join(_foreign(int(digit), language) for digit in whole if digit.isdecimal())
            part_words = "".join(f" {_foreign(int(digit), language)}" for digit in part or "")
            return f"{words}{part_words}"
        number = "".join(filter(str.isdecimal, whole))
        if part and len(part) == 3 and not sign and len(number) <= 3:
            number, part = number + part, None  # "1.234" and "1,234" are thousands more often than thousandths
        words = _foreign(f"{number}.{part}" if part else int(number), language)
        if found["minus"]:
            words = f"{_minus(language)} {words}"
        return f"{words} {names[sign]}" if sign else words

    return _FOREIGN_NUMBER.sub(write, text)


@lru_cache(4096)
def _foreign(number: int | str, language: str) -> str:
    return str(num2words(number, lang=language))


@lru_cache(16)
def _minus(language: str) -> str:
    return _foreign(-1, language).removesuffix(_foreign(1, language)).strip()
