"""Abbreviations, with and without dots."""

import re

from backend.workers.tts.english.rules import Found, Rule, always, full_stop, words

_TITLES = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Messrs": "Messieurs", "Prof": "Professor", "Rev": "Reverend",
    "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant",
    "Gov": "Governor", "Sen": "Senator", "Rep": "Representative", "Pres": "President", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
_ABBREVIATIONS = {
    "e.g": "for example", "eg": "for example", "i.e": "that is", "vs": "versus", "approx": "approximately",
    "etc": "et cetera", "inc": "incorporated", "ltd": "limited", "corp": "corporation", "dept": "department",
    "apt": "apartment", "ste": "suite", "ave": "avenue", "blvd": "boulevard", "rd": "road", "ln": "lane",
    "hwy": "highway", "pkwy": "parkway", "sq": "square", "bldg": "building", "jr": "junior", "sr": "senior",
    "tel": "telephone", "ext": "extension", "min": "minimum", "max": "maximum", "est": "established", "appt": "appointment",
    "assn": "association", "govt": "government", "mfg": "manufacturing", "incl": "including", "excl": "excluding",
    "temp": "temperature", "vol": "volume", "no": "number", "nos": "numbers", "p": "page", "pp": "pages",
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday",
    "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday", "dr": "Drive", "st": "Street",
}  # fmt: skip
_ONLY_BEFORE_A_NUMBER = words("no nos p pp vol ext")
_ONLY_CAPITALISED = words("mon tue tues wed thu thur thurs fri sat sun inc ltd corp est ave rd ln ste sq dr st")
_ALSO_UNITS = words("min sq")
_ALSO_WORDS = words("sat sun wed")
_TITLE = re.compile(rf"\b({'|'.join(_TITLES)})\. ?(?=[A-Z]|and\b|or\b|&)")
_DOCTOR = re.compile(r"(?<![\w.])(Dr|St)\. ?(?=[A-Z])")
_ABBREVIATION = re.compile(
    rf"(?<![\w.])({'|'.join(sorted(map(re.escape, _ABBREVIATIONS), key=len)[::-1])})\.(?!\w)", re.I
)
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Za-z]\.){2,8}(?:[A-Za-z](?!\w))?")
_DEGREE = re.compile(r"\b(Ph)\.? ?(D)\b\.?")
_SLASHED = re.compile(r"(?<!\w)(w/o|w/|and/or|n/a|c/o)(?=[\s\w]|$)", re.IGNORECASE)
_SLASHED_SAID = {"w/o": "without ", "w/": "with ", "and/or": "and or ", "n/a": "not applicable ", "c/o": "care of "}


def _doctor(found: Found) -> str:
    """ "Dr. Smith" and "St. John", but "Elm Dr. Next" and "Main St. Louis" after a name."""
    before = found.string[max(0, found.start() - 24) : found.start()].split()
    is_after_name = bool(before) and before[-1][0].isupper() and before[-1].isalnum() and len(before) > 1
    if found.group(1) == "Dr":
        return "Drive. " if is_after_name and before[-2][0].isdecimal() else "Doctor "
    return "Street. " if is_after_name and before[-2][0].isdecimal() else "Saint "


def _abbreviation(found: Found) -> str:
    short = found.group(1)
    key, after = short.lower(), found.string[found.end() : found.end() + 8]
    if key in _ONLY_BEFORE_A_NUMBER and not re.match(r" ?#?\d", after):
        return found.group()
    if key in _ONLY_CAPITALISED and not short[0].isupper():
        return found.group()
    if key in _ALSO_WORDS and not re.match(r",| ?[-–]| \d| [A-Z][a-z]{2}\b", after):
        return found.group()
    if key in _ALSO_UNITS and found.string[: found.start()].rstrip()[-1:].isdecimal():
        return found.group()
    if len(key) == 1 and not short.islower():
        return found.group()
    return _ABBREVIATIONS[key] + full_stop(found)


def _dotted(found: Found) -> str:
    at_end = not found.string[found.end() :].strip(" \"')")
    return " ".join(found.group().replace(".", "").upper()) + ("." if at_end and found.group().endswith(".") else "")


SHORT_FORMS: tuple[Rule, ...] = (
    (_SLASHED, lambda found: _SLASHED_SAID[found.group().lower()]),
    (_DOCTOR, _doctor),
    (_TITLE, lambda found: f"{_TITLES[found[1]]} "),
    (_ABBREVIATION, _abbreviation),
)
DOTTED_LETTERS: tuple[Rule, ...] = ((_DEGREE, always("P H D")), (_DOTTED, _dotted))
"""For later: "a.m." is the time's."""
_SHORT = frozenset(map(str.lower, (*_TITLES, *_ABBREVIATIONS)))
_BEFORE_DOT = re.compile(r"\b([A-Za-z]{1,8})\.")


def has_short_form(text: str) -> bool:
    """May be True for too many texts."""
    return "." in text and any(word.lower() in _SHORT for word in _BEFORE_DOT.findall(text))
