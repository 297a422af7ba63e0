"""Numbers with units, ranges, fractions, years, codes, and plain numbers."""

import re

from backend.workers.tts.english.numbers import amount, cardinal, digit_groups, digits, ordinal, year
from backend.workers.tts.english.rules import NUMBER, START, Found, Rule, always, words

_UNITS = {
    "%": ("percent", "percent"), "°C": ("degree Celsius", "degrees Celsius"), "°": ("degree", "degrees"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "km/h": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"), "km2": ("square kilometer", "square kilometers"),
    "m2": ("square meter", "square meters"), "m3": ("cubic meter", "cubic meters"),
    "sq ft": ("square foot", "square feet"), "sqft": ("square foot", "square feet"), "km": ("kilometer", "kilometers"),
    "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "mi": ("mile", "miles"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"), "mg": ("milligram", "milligrams"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "l": ("liter", "liters"), "L": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"), "gal": ("gallon", "gallons"), "kB": ("kilobyte", "kilobytes"),
    "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"), "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"), "V": ("volt", "volts"), "mA": ("milliamp", "milliamps"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "h": ("hour", "hours"), "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"), "sec": ("second", "seconds"), "secs": ("second", "seconds"), "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"), "wks": ("week", "weeks"), "yrs": ("year", "years"), "x": ("times", "times"),
}  # fmt: skip
_DECADE_NOT_SECONDS = re.compile(r"\d0")
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_QUANTITY = re.compile(
    rf"{START}(?P<minus>-)?(?P<amount>{NUMBER})(?: ?[-–] ?(?P<to>{NUMBER}))?(?P<space> ?)"
    rf"(?P<unit>{_UNIT})(?![\w/])(?:\.(?= [a-z]))?"
)
_ORDINAL = re.compile(rf"{START}(\d{{1,3}}(?:,\d{{3}}){{0,4}}|\d{{1,15}})(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"(?<![\w.,])'?((?:1[1-9]|20)?\d0)'?s\b")
_FRACTION = re.compile(r"(?<![\w./,-])(?:(\d{1,3}) )?(\d{1,3})/(\d{1,3})(?![\w/]|[.,]\d)")
_FRACTIONS = {(1, 2): "one half", (1, 4): "one quarter", (3, 4): "three quarters", (24, 7): "twenty-four seven"}
_DOTTED_NUMBER = re.compile(r"(?<![\w.])v?(\d{1,9}(?:\.\d{1,9}){2,8})(?!\w)")
_RATIO = re.compile(r"(?<![\w:.])(\d{1,6}):(\d{1,6})(?![\w:])")
_YEARS = re.compile(r"(?<![\w.,-])((?:1[1-9]|20)\d\d) ?[-–] ?((?:1[1-9]|20)\d\d|\d\d)(?![\w-]|[.,]\d)")
_FROM_TO = re.compile(
    r"\b((?:from|between) )((?:1[1-9]|20)\d\d)( (?:to|and|until|till|through) )((?:1[1-9]|20)\d\d)(?![\w-]|[.,]\d)",
    re.I,
)
_RANGE = re.compile(rf"(?<![\w.,-])({NUMBER})(?:-| ?– ?| - (?!.{{0,20}}=))({NUMBER})(?![\w-]|[.,]\d)")
_DIMENSIONS = re.compile(r"(?<=\d) ?x ?(?=\d)")
_MINUS = re.compile(r"(?<=\d) [-–] (?=\d)")
_NUMBER_SIGN = re.compile(r"#(?=\d)")
_JOINT = re.compile(r"(?<=[^\W\d_])-?(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=\d)-(?=[^\W\d_])")
_PLAIN = re.compile(rf"(?P<minus>(?<![\w)\].,-])-)?(?P<amount>{NUMBER}|\.\d{{1,40}})")
_CODE_WORDS = words("""
    code pin passcode password otp zip postcode number no id account acct extension ext reference ref confirmation ticket
    invoice policy flight ending digits room suite
""")
_BETWEEN_CODE_AND_DIGITS = words("is are was in with the your")
_YEAR_WORDS = words("in since until till year during circa early late mid spring summer autumn fall winter")
_WORD = re.compile(r"[^\W\d_]+")


def _said_amount(written: str, before: str) -> str:
    """A plain number, by what stands before it: a code, a year, or a quantity."""
    if written.isdecimal() and len(written) >= 3:
        if len(written) >= 7:
            return digit_groups(written)
        words = _WORD.findall(before.lower())[-3:]
        while words and words[-1] in _BETWEEN_CODE_AND_DIGITS and words[-1] not in _YEAR_WORDS:
            words.pop()
        if words and words[-1] == "in" and words[-2:-1] == ["ending"]:
            words.pop()
        if words and words[-1] in _CODE_WORDS:
            return digit_groups(written)
        if len(written) == 4 and words and words[-1] in _YEAR_WORDS and 1100 <= int(written) <= 2099:
            return year(int(written))
    if written.startswith("."):
        return f"point {digits(written)}"
    return amount(written)


def _plain(found: Found) -> str:
    said = _said_amount(found["amount"], found.string[max(0, found.start() - 30) : found.start()])
    return f" minus {said} " if found["minus"] else f" {said} "


def _quantity(found: Found) -> str:
    unit, written = found["unit"], found["amount"]
    if unit == "s" and not found["space"] and _DECADE_NOT_SECONDS.fullmatch(written[-2:]) and len(written) in (2, 4):
        return found.group()  # "the 90s", "the 1990s"
    one, many = _UNITS[unit]
    to = f" to {amount(found['to'])}" if found["to"] else ""
    minus = "minus " if found["minus"] else ""
    return f"{minus}{amount(written)}{to} {one if written == '1' and not to else many}"


def _ordinal(found: Found) -> str:
    return ordinal(int(found[1].replace(",", "")))


def _decade(found: Found) -> str:
    number = int(found[1])
    said = year(number) if number >= 1100 else cardinal(number)
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _fraction(found: Found) -> str:
    whole, over, under = found[1], int(found[2]), int(found[3])
    said = _FRACTIONS.get((over, under))
    if said is None and whole is None and not (3 <= under <= 10 and 0 < over < under):
        return f"{amount(found[2])} slash {amount(found[3])}"
    if said is None:
        said = f"{cardinal(over)} {ordinal(under)}{'' if over == 1 else 's'}"
    if whole is None:
        return said
    return f"{amount(whole)} and {said.replace('one ', 'a ') if over == 1 else said}"


def _dotted_number(found: Found) -> str:
    return " point ".join(map(amount, found[1].split(".")))


def _years(found: Found) -> str:
    first, last = found.groups()
    return f"{year(int(first))} to {year(int(last)) if len(last) == 4 else cardinal(int(last))}"


QUANTITIES: tuple[Rule, ...] = (
    (_DIMENSIONS, always(" by ")),
    (_QUANTITY, _quantity),
    (_ORDINAL, _ordinal),
    (_DECADE, _decade),
    (_YEARS, _years),
    (_FROM_TO, lambda found: f"{found[1]}{year(int(found[2]))}{found[3]}{year(int(found[4]))}"),
    (_DOTTED_NUMBER, _dotted_number),
    (_FRACTION, _fraction),
    (_RATIO, lambda found: f"{amount(found[1])} to {amount(found[2])}"),
    (_RANGE, lambda found: f"{_said_amount(found[1], '')} to {_said_amount(found[2], '')}"),
    (_MINUS, always(" minus ")),
    (_NUMBER_SIGN, always("number ")),
    (_JOINT, always(" ")),
    (_PLAIN, _plain),
)
