"""Signs, and words in capitals: acronyms are spelled, loud words are not."""

import re

from backend.workers.tts.english.rules import Found, Rule, always, words

_SIGNS = {
    "&": "and", "@": "at", "%": "percent", "=": "equals", "+": "plus", "×": "times", "÷": "divided by", "±": "plus or minus",
    "≈": "approximately", "≤": "at most", "≥": "at least", "≠": "is not", "°": "degrees", "$": "dollars", "€": "euros",
    "£": "pounds", "¥": "yen", "₹": "rupees", "¢": "cents", "§": "section", "−": "minus", "#": "", "~": "", "^": "",
}  # fmt: skip
_SIGN = re.compile(f"[{re.escape(''.join(_SIGNS))}]")
_ABOUT = re.compile(r"(?<!\w)~ ?(?=[\d$€£.])")
_SLASH = re.compile(r"(?<=\w) ?/ ?(?=\w)|/")
_COMPARE = re.compile(r"(?<=\s)([<>])=?(?=\s)|(?<!\w)([<>])=?(?= ?[\d$€£])")
_ROMAN = re.compile(r"(?<=[a-z] )(II|III|IV|VI|VII|VIII|IX)\b(?!-)")
_ROMANS = {"II": "two", "III": "three", "IV": "four", "VI": "six", "VII": "seven", "VIII": "eight", "IX": "nine"}
_CAPITALS_JOINED = re.compile(r"(?<![\w])[A-Z]&[A-Z]\b|\b[A-Z]{2}&[A-Z]\b")
_SHOUTED = re.compile(r"(?<!\w)[A-Z]{2,30}(?: [A-Z]{1,30}){2,60}(?![\w])")
_CAPITALS = re.compile(r"(?<![\w'])([A-Z]{2,30})('?s)?(?![\w])")
_LONGEST_SPELLED = 5
_NAMES = words("NASA NATO UNICEF UNESCO OPEC FIFA UEFA IKEA SWAT AIDS COVID JPEG SAAS PAAS CRUD AJAX HIPAA OSHA FEMA")
_EVERYDAY = words("""
    PIN SIM RAM ROM LAN WAN GIF ASAP YOLO LASER RADAR SCUBA A I AM AN AND ARE AS AT BE BEEN BUT BY CALL CAN DO DONE
    DOWN EVER FOR FREE FROM FULL GET GO GOOD GOT HAS HAVE HE HELLO HELP HER HERE HI HIM HIS HOLD HOT HOW IF IN INTO IS
    JUST KEEP LAST LATE LET LIKE LOOK LOVE MAKE MANY MAY ME MORE MOST MUST MY NEED NEVER NEW NEXT NICE NO NOT NOTE NOW
    OF OFF OH ON ONE ONLY OPEN OR OUR OUT OVER PAY READ REAL SAY SEE SHE SO SOME SORRY STAY STOP SURE TAKE TELL THAN
    THANK THANKS THAT THE THEM THEN THERE THEY THIS TIME TO TODAY TOO TRY TWO UP VERY WAIT WANT WARM WAS WE WELL WERE
    WHAT WHEN WHERE WHO WHY WILL WITH WORK WOW YES YET YOU YOUR ZERO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN SALE
    PRESS DIAL RIGHT LEFT BACK FIRST EVERY AGAIN MON TUE SUN WEEK DAY HOUR
""")


def _compare(found: Found) -> str:
    sign = found[1] or found[2]
    equal = " or equal to" if found.group().endswith("=") else ""
    return f" {'less' if sign == '<' else 'more'} than{equal} "


def _shouted(found: Found) -> str:
    """Three words and more in capitals are loud, not acronyms; one long or everyday word among them says so."""
    loud = found.group().split()
    if any(len(word) > _LONGEST_SPELLED or word in _EVERYDAY for word in loud if len(word) > 1):
        return " ".join(word if word == "I" else word.lower() for word in loud)
    return found.group()


def _capitals(found: Found) -> str:
    word, plural = found[1], found[2] or ""
    if word == "OK":
        return "okay"
    if word in _EVERYDAY:
        return word.lower() + plural
    if len(word) > _LONGEST_SPELLED or word in _NAMES:
        return word.capitalize() + plural
    return " ".join(word) + ("'s" if plural else "")


ABOUT: tuple[Rule, ...] = ((_ABOUT, always("about ")),)
SIGNS: tuple[Rule, ...] = (
    (_CAPITALS_JOINED, lambda found: " ".join(found.group()).replace("&", "and")),
    (_COMPARE, _compare),
    (_SIGN, lambda found: f" {_SIGNS[found.group()]} "),
    (_SLASH, always(" or ")),
)
CAPITALS: tuple[Rule, ...] = (
    (_ROMAN, lambda found: _ROMANS[found.group()]),
    (_SHOUTED, _shouted),
    (_CAPITALS, _capitals),
)
SIGN = re.escape("".join(_SIGNS))
"""All signs, as the inside of a character class."""
