"""Amounts of money, and what they are for."""

import re

from backend.workers.tts.english.numbers import LONGEST_NUMBER, amount, cardinal
from backend.workers.tts.english.rules import NUMBER, START, Found, Rule

_SCALE = r"(?: ?(?P<scale>thousand|million|billion|trillion|mn|bn|[kKmMbB])(?![\w]))?"
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
}
_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CHF": "CHF"}
_COUNTRIES = {"US": "U S ", "CA": "Canadian ", "AU": "Australian ", "NZ": "New Zealand ", "HK": "Hong Kong "}
_CODE = "|".join(_CODES)
_MONEY_BEFORE = re.compile(
    rf"(?<![\w$€£¥₹])(?P<minus>-)?(?P<country>US|CA|AU|NZ|HK)?"
    rf"(?P<sign>[$€£¥₹]|(?:{_CODE})(?= ?\d)) ?(?P<minus2>-)?"
    rf"(?P<amount>{NUMBER})(?: ?[-–] ?[$€£¥₹]?(?P<to>{NUMBER}))?{_SCALE}"
)
_MONEY_AFTER = re.compile(
    rf"{START}(?P<minus>-)?(?P<amount>{NUMBER})(?: ?[-–] ?(?P<to>{NUMBER}))?{_SCALE} ?(?P<sign>[€£]|(?:{_CODE})\b)"
)
_CENTS = re.compile(rf"{START}(?P<amount>\d{{1,6}}) ?¢")
_PER = re.compile(
    r"(?<=[a-z%])(?: ?/ ?| per )(day|week|wk|month|mo|year|yr|hour|hr|h|minute|min|second|sec|s|person|night|user|call|"
    r"kg|lb|mile|km|unit|seat|item|line|page|piece)(?![\w/])"
)
_PER_SAID = {"wk": "week", "mo": "month", "yr": "year", "hr": "hour", "h": "hour", "min": "minute", "sec": "second",
             "s": "second", "kg": "kilogram", "lb": "pound", "km": "kilometer"}  # fmt: skip


def _money(found: Found) -> str:
    groups = found.groupdict()
    sign = _CODES.get(groups["sign"], groups["sign"])
    one, many, _, _ = _CURRENCIES[sign]
    country = _COUNTRIES.get(groups.get("country") or "", "")
    minus = "minus " if groups["minus"] or groups.get("minus2") else ""
    scale = groups["scale"]
    written = groups["amount"]
    if groups["to"] or scale:
        said = amount(written) + (f" to {amount(groups['to'])}" if groups["to"] else "")
        if scale:
            said += f" {_SCALES.get(scale.lower(), scale)}"
        return f"{minus}{said} {country}{many}"
    return minus + _coins(written, sign, f"{country}{one}", f"{country}{many}")


def _coins(written: str, sign: str, one: str, many: str) -> str:
    """ "twelve dollars and fifty cents"."""
    whole, point, part = written.replace(",", "").partition(".")
    _, _, small, smalls = _CURRENCIES[sign]
    if not point or len(part) != 2 or not small or len(whole) > LONGEST_NUMBER:
        return f"{amount(written)} {one if written == '1' else many}"
    cents = f"{cardinal(int(part))} {small if int(part) == 1 else smalls}"
    if int(whole) == 0 and int(part):
        return cents
    said = f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"
    return f"{said} and {cents}" if int(part) else said


def _cents(found: Found) -> str:
    return f"{amount(found['amount'])} {'cent' if found['amount'] == '1' else 'cents'}"


def _per(found: Found) -> str:
    return f" per {_PER_SAID.get(found[1], found[1])}"


MONEY: tuple[Rule, ...] = ((_MONEY_BEFORE, _money), (_MONEY_AFTER, _money), (_CENTS, _cents))
PER: tuple[Rule, ...] = ((_PER, _per),)
"""For later: "$5/month" and "5 km/day" alike."""
