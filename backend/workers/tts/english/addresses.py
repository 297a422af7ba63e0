"""E-mail and web addresses as they are read out."""

import re

from backend.workers.tts.english.numbers import digits
from backend.workers.tts.english.rules import Found, Rule, words

_TOP_LEVEL = "com org net edu gov info biz io ai app dev co uk ca de fr eu nl es ch au nz".replace(" ", "|")
_ADDRESS_MARKS = {".": "dot", "-": "dash", "_": "underscore", "+": "plus", "~": "tilde", "/": "slash", ":": "colon",
                  "@": "at", "%": "percent", "=": "equals"}  # fmt: skip
_SAID_AS_WORD = words("com org net edu gov info biz app dev co me ww")
_EMAIL = re.compile(r"(?<![\w.+%@-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}(?![\w@])")
_URL = re.compile(r"(?<!\w)(?:(?:https?|ftp)://|www\.)[^\s,;!\"'()]{1,2000}", re.IGNORECASE)
_DOMAIN = re.compile(
    rf"(?<![\w.@-])[a-z0-9][a-z0-9-]{{0,62}}(?:\.[a-z0-9-]{{1,63}}){{0,4}}\.(?:{_TOP_LEVEL})"
    r"(?![\w-]|\.\w)(?:/[^\s,;!\"'()]{0,500})?"
)
_ADDRESS_PART = re.compile(r"[^\W\d_]+|\d+|[.\-_+~/:@%=]")
_LONGEST_PATH = 80


def _address(found: Found) -> str:
    """ "jo.doe@example.com" is "jo dot doe at example dot com"; what follows "?" or "#" nobody can note down."""
    text = found.group()
    kept = text.rstrip(".:?…")
    tail = text[len(kept) : len(kept) + 1]
    plain = re.split(r"[?#]", kept.partition("://")[2] or kept, maxsplit=1)[0].rstrip("/")
    host, _, path = plain.partition("/")
    if len(path) > _LONGEST_PATH:
        plain = host
    said = []
    for part in _ADDRESS_PART.findall(plain):
        if part in _ADDRESS_MARKS:
            said.append(_ADDRESS_MARKS[part])
        elif part[0].isdecimal():
            said.append(digits(part))
        elif part.lower() == "www" or (len(part) == 2 and part.lower() not in _SAID_AS_WORD and said[-1:] == ["dot"]):
            said.append(" ".join(part.upper()))
        else:
            said.append(part.lower())
    return " ".join(said) + tail


ADDRESSES: tuple[Rule, ...] = ((_EMAIL, _address), (_URL, _address), (_DOMAIN, _address))
