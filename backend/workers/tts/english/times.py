"""Times of the day, and days of the week."""

import re

from backend.workers.tts.english.numbers import cardinal
from backend.workers.tts.english.rules import Found, Rule, always, full_stop

_DAYS = re.compile(r"(?<=day)s? ?[-–] ?(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)")
_HALF_DAY = r"(?P<half>[AaPp])(?:\.[Mm]\b\.?|[Mm]\b)"
_TIME_RANGE = re.compile(r"(?<=[\dMm.]) ?[-–] ?(?=\d{1,2}(?::\d\d| ?[AaPp]\.?[Mm]\b))")
_CLOCK = re.compile(
    rf"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4])"
    r":(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d{1,9})?)?(?:Z\b)?"
    rf"(?: ?{_HALF_DAY}| o'?clock)?(?![\d:])"
)
_HOUR = re.compile(rf"(?<![\w:.,/$€£])(?P<hour>1[0-2]|0?[1-9]) ?{_HALF_DAY}")
_HALF_DAY_ALONE = re.compile(r"(?<![\w.])(?P<half>[ap])\.m\.(?!\w)", re.IGNORECASE)


def _clock(found: Found) -> str:
    hour, minute = int(found["hour"]), int(found["minute"])
    half = _half_day(found) if found["half"] else ""
    if minute:
        said = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif half or found["second"]:
        said = cardinal(hour)
    elif hour in (0, 24):
        said = "midnight"
    else:
        said = f"{cardinal(hour)} o'clock" if hour <= 12 else f"{cardinal(hour)} hundred"
    if found["second"] and int(found["second"]):
        said += f" and {cardinal(int(found['second']))} seconds"
    return said + half


def _half_day(found: Found) -> str:
    return f" {found['half'].upper()} M{full_stop(found)}"


def _hour(found: Found) -> str:
    return cardinal(int(found["hour"])) + _half_day(found)


TIMES: tuple[Rule, ...] = ((_TIME_RANGE, always(" to ")), (_CLOCK, _clock), (_HOUR, _hour))
WITHOUT_DIGITS: tuple[Rule, ...] = ((_HALF_DAY_ALONE, lambda found: _half_day(found).strip()), (_DAYS, always(" to ")))
