"""Dates."""

import re
from functools import partial

from backend.workers.tts.english.numbers import digits, ordinal, year
from backend.workers.tts.english.rules import Found, Rule

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH = r"(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r"|Sept)\b\.?"
_ISO_DATE = re.compile(r"(?<![\w.-])(\d{4})-(\d{2})-(\d{2})(?:T(?=\d{2}:)|(?![\w-]|[.,]\d))")
_SLASH_DATE = re.compile(r"(?<![\w./-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|[.,]\d)")
_MONTH_DAY = re.compile(
    rf"\b{_MONTH} ?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: ?[-–] ?(?P<to>\d{{1,2}})(?:st|nd|rd|th)?)?"
    r"(?:,? (?P<year>\d{4}))?(?![\w:/]|[.,-]\d|-\w)"
)
_DAY_MONTH = re.compile(
    rf"(?<![\w.,:/$€£-])(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}"
    r"(?:,? (?P<year>\d{4}))?(?![\w:/]|[.,-]\d)"
)
_MONTH_YEAR = re.compile(rf"\b{_MONTH},? (?P<year>\d{{4}})(?![\w:/]|[.,-]\d)")


def _month_name(text: str) -> str:
    return next(name for name in _MONTHS if name[:3] == text[:3])


def _is_date(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def _date(day: int, month: int, of_year: int) -> str:
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(of_year)}"


def _iso_date(found: Found) -> str:
    of_year, month, day = map(int, found.groups())
    if not _is_date(day, month):
        return ", ".join(map(digits, found.groups())) + " "
    return _date(day, month, of_year) + (", " if found.group().endswith("T") else "")


def _slash_date(found: Found, month_first: bool) -> str:
    first, second, of_year = int(found[1]), int(found[3]), int(found[4])
    if len(found[4]) == 2:
        if found[2] != "/":
            return found.group()
        of_year += 2000 if of_year < 70 else 1900
    is_month_first = month_first and found[2] != "."
    day, month = (second, first) if is_month_first else (first, second)
    if not _is_date(day, month):
        day, month = month, day
    if not _is_date(day, month):
        return ", ".join(map(digits, (found[1], found[3], found[4])))
    return _date(day, month, of_year)


def _month_day(found: Found) -> str:
    if not _is_date(int(found["day"]), 1):
        return found.group()
    said = f"{_month_name(found['month'])} {ordinal(int(found['day']))}"
    if found["to"]:
        said += f" to {ordinal(int(found['to']))}"
    return said + (f", {year(int(found['year']))}" if found["year"] else "")


def _day_month(found: Found) -> str:
    if not _is_date(int(found["day"]), 1):
        return found.group()
    said = f"the {ordinal(int(found['day']))} of {_month_name(found['month'])}"
    return said + (f", {year(int(found['year']))}" if found["year"] else "")


def _month_year(found: Found) -> str:
    return f"{_month_name(found['month'])} {year(int(found['year']))}"


DATES: tuple[Rule, ...] = (
    (_ISO_DATE, _iso_date),
    (_MONTH_DAY, _month_day),
    (_DAY_MONTH, _day_month),
    (_MONTH_YEAR, _month_year),
)
NUMERIC_DATES: dict[bool, tuple[Rule, ...]] = {
    month_first: ((_SLASH_DATE, partial(_slash_date, month_first=month_first)),) for month_first in (False, True)
}
"""By whether 3/4 is March fourth."""
