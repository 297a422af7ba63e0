"""English numbers as words: counted, ordered, as years, digit by digit. Pure; some microseconds each."""

from functools import lru_cache

LONGEST_NUMBER = 15
"""Digits; a longer one is no quantity and is said digit by digit."""

_ONES = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


@lru_cache(4096)
def cardinal(number: int) -> str:
    """0 to 999 trillion: "two thousand twenty-six"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ONES[hundreds]} hundred" + (f" {cardinal(rest)}" if rest else "")
    groups, parts = number, []
    for scale in _SCALES:
        groups, group = divmod(groups, 1000)
        if group:
            parts.append(cardinal(group) + scale)
    return " ".join(reversed(parts))


def ordinal(number: int) -> str:
    """ "twenty-first"."""
    words = cardinal(number)
    head, separator, last = words.rpartition("-") if "-" in words.rpartition(" ")[2] else words.rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "h" if last.endswith("t") else "th"
    return head + separator + last


def year(number: int) -> str:
    """As years are said: "nineteen eighty-four", "two thousand nine", "twenty twenty-six"."""
    century, rest = divmod(number, 100)
    if not 1100 <= number <= 2099 or 2000 <= number <= 2009:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """ "0123" is "zero one two three"; whatever is no digit is passed over."""
    return " ".join(_ONES[int(character)] for character in text if character.isdecimal())


def digit_groups(text: str) -> str:
    """Digit by digit with small pauses, as people read out long numbers: by threes, the last group up to four; by fours
    when there are as many digits as on a card."""
    if len(text) <= 5:
        return digits(text)
    size = 4 if len(text) >= 12 and len(text) % 4 == 0 else 3
    groups = [text[at : at + size] for at in range(0, len(text), size)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(map(digits, groups))


def amount(text: str) -> str:
    """A number as it is written, "1,234.50" or "007": words."""
    whole, point, part = text.replace(",", "").partition(".")
    words = (
        digit_groups(whole)
        if len(whole) > LONGEST_NUMBER or (len(whole) > 1 and whole[0] == "0")
        else cardinal(int(whole or "0"))
    )
    return f"{words} point {digits(part)}" if point and part else words
