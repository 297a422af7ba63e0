"""Text as a voice should get it: what is written for the eye removed or written out, so that every engine says the same.

Pure; runs in the thread that computes, before the engine, so that a chat-minded model, an engine without a front end and
an SSML-minded author all end in plain words. The history keeps the text as it was. Not decided here: where a text is cut
(engines/sentences.py), how a word sounds (the engines).

    always                       entities, control characters, emoji, emoticons, markdown, tags (SSML too) and brackets go;
                                 lines end with a full stop, repeated punctuation is said once
    English                      numbers, money, telephone numbers, dates, times, units, addresses, abbreviations and
                                 acronyms become words (english/), for every engine: none has them all right
    other languages              numbers become words (foreign_numbers.py), unless the engine reads them itself. espeak-ng
                                 and Piper, which speaks through it, do so in a hundred languages and are left to it

The result is "" when nothing is left to be said; a text with a letter or digit in it never is. Time is linear: every
pattern is bounded or ends at the character it begins with.
"""

import html
import re
import unicodedata

from backend.workers.tts.english import write_out
from backend.workers.tts.foreign_numbers import FOREIGN, write_foreign_numbers

MOST_PASSES = 4
MOST_WORK = 6000
"""Characters, over all passes."""
MOST_GROWTH = 1000

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,10});")
_JOINER = re.compile(r"(?<!\S)[\u200c\u200d]|[\u200c\u200d](?![^\W\d_])")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t|]*(?:[-*_=:|][ \t]*){3,}$", re.MULTILINE)
_LINE_START = re.compile(
    r"^(?:[ \t]*(?:#{1,6}(?=[ \t])|>|[-*+•◦▪‣·](?=[ \t])|\[[ xX]\](?=[ \t])))+[ \t]*", re.MULTILINE
)
_LINE_END = re.compile(r"[ \t]+#+[ \t]*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,1000}(?:\s+[\"'][^\"'()\n]{0,200}[\"'])?\)")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,20}\]:?")
_BARE_LINK = re.compile(r"<((?:https?://|mailto:)?[^<>\s@]{0,200}(?:@|://)[^<>\s]{1,300})>")
_BREAK = re.compile(r"<(?:br|/?p|/?li|/?h[1-6]|/?div|/?tr|/?s)(?:\s[^<>]{0,500})?/?>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--[^<>]{0,2000}-->")
_TAG = re.compile(r"<[/!?]?[A-Za-z][^<>]{0,1000}>")
_EMOTICON = re.compile(r"(?<!\S)(?:[:;=8]['’]?-?[()DPpOo|/*]|<3|\^_?\^|[xX]D)(?=[\s.!?,]|$)")
_STARS = re.compile(r"(?<!\d)\*+(?=\S)|(?<=\S)\*+(?!\d)")
_UNDERSCORES = re.compile(r"(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_TIMES = re.compile(r"(?<=\d) ?\* ?(?=\d)")
_LINE_BREAK = re.compile(r"[ \t]*\n\s*")
_LEFTOVER = re.compile(r"[\[\]{}<>|_^~\\`*]+")
_EMPTY_PAIR = re.compile(r"\(\s*\)|\"\s*\"")
_SPACE_BEFORE = re.compile(r"\s+([,;:!?.]+)(?=\s|$)")
_SPACES = re.compile(r"\s+")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_MARKS = re.compile(r"([,;:.!?،؛؟。、，！？；：])\s*[,;:.!?،؛؟。、，！？；：]+(?=[\s\"')]|$)|[!?]{2,}|,{2,}|\.{2,}")
_DASHES = re.compile(r"[-–—]{2,}")
_LEADING = re.compile(r"^(?:[\s,;:!?)\]}–—/=&@%]|\.(?!\d)|-(?!\d))+")
_AMPERSAND = re.compile(r"\s*&\s*(?=#?\w{1,12};)")
_SAID_SIGNS = frozenset("%&+=@#$€£¥°×÷±")


def normalise(text: str, language: str = "en", *, reads_numbers: bool = False) -> str:
    """What to hand to an engine. `reads_numbers`: it says plain numbers well in every language it has."""
    plain = _to_the_end(text, language, reads_numbers)
    if any(map(str.isalnum, plain)):
        return plain
    if any(map(str.isalnum, text)):
        # All of it looked like markup: then its letters are the text.
        letters = "".join(each if each.isalnum() else " " for each in text)
        return _to_the_end(letters, language, reads_numbers)
    return plain if _SAID_SIGNS.intersection(plain) else ""


def _to_the_end(text: str, language: str, reads_numbers: bool) -> str:
    """What one rule leaves may be what another looks for. Nearly always the second pass finds nothing; a text that nobody
    would listen to has only one."""
    work = 0
    while work < MOST_WORK:
        before, text = text, _pass(text, language, reads_numbers)
        if text == before:
            break
        work += max(len(before), len(text), MOST_WORK // MOST_PASSES)
    return text


def _pass(text: str, language: str, reads_numbers: bool) -> str:
    text = _without_markup(text)
    base, _, region = language.lower().replace("_", "-").partition("-")
    if base == "en":
        text = write_out(text, month_first=region in ("", "us"))
    elif base in FOREIGN and not reads_numbers:
        text = write_foreign_numbers(text, base)
    return _tidy(text)


def _without_markup(text: str) -> str:
    if text.isascii() and text.isprintable() and not _MARKUP_SIGN.search(text):
        return text
    for _ in range(3):
        if "&" not in text or (plain := _ENTITY.sub(_entity, text)) == text:
            break
        text = plain
    if not text.isascii():
        text = _in_plain_letters(text)
        text = _JOINER.sub("", text)
    text = _BLANKS.sub(" ", text.translate(_CHARACTERS))
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    if "]" in text:
        text = _LINK.sub(r"\1", _FOOTNOTE.sub("", text))
    if ">" in text and "<" in text:
        text = _TAG.sub(" ", _BREAK.sub("\n", _COMMENT.sub(" ", _BARE_LINK.sub(r"\1", text))))
        text = _BLANKS.sub(" ", text)
    text = _LINE_END.sub("", _LINE_START.sub("", _RULE.sub("", _FENCE.sub("", text))))
    text = _EMOTICON.sub(" ", text)
    if "*" in text:
        text = _STARS.sub("", _TIMES.sub(" × ", text))
    if "_" in text:
        text = _UNDERSCORES.sub("", text)
    text = text.replace("`", "").replace("~~", "").replace("|", ", ")
    return _LINE_BREAK.sub(_line_break, _BLANKS.sub(" ", text).strip())


_MARKUP_SIGN = re.compile(r"[&\\\[\]<>#*_`~|^:;=+-]")


def _in_plain_letters(text: str) -> str:
    """Ligatures, fractions and fancy letters as ordinary ones; unless there are so many that the text would swell."""
    plain = unicodedata.normalize("NFKC", text)
    return plain if len(plain) <= len(text) + MOST_GROWTH else unicodedata.normalize("NFC", text)


def _entity(found: re.Match[str]) -> str:
    return html.unescape(found.group())


def _line_break(found: re.Match[str]) -> str:
    """A line that ends without a mark ends its sentence all the same."""
    before = found.string[found.start() - 1 : found.start()]
    if before.isalnum() or before in "\"')%":
        return "。" if "\u3040" <= before <= "\u9fff" else ". "
    return " "


class _Characters(dict[int, str | None]):
    """Code point → what it becomes; filled as they are met."""

    def __missing__(self, point: int) -> str | None:
        self[point] = became = _become(chr(point))
        return became


def _become(character: str) -> str | None:
    if " " <= character <= "~" or character == "\n":
        return character
    if character in "\x85\v\f\u2028\u2029":
        return "\n"
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    category = unicodedata.category(character)
    if category in ("Cf", "Me", "Sk") or "\ufe00" <= character <= "\ufe0f":
        return character if character in "\u200c\u200d" else None
    if category[0] in "CZ" or "\u2190" <= character <= "\u21ff":
        return " "
    if category == "So":
        return character if character == "°" else " "
    return character


_LOOKALIKES = {
    **dict.fromkeys("‐‑−﹣－", "-"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′´", "'"),
    "‒": "–",
    "―": "—",
    "⁄": "/",
}
_CHARACTERS = _Characters()


def _tidy(text: str) -> str:
    """Single spaces, single marks, and nothing at the ends that is neither sound nor pause."""
    if not _UNTIDY.search(text):
        return text
    text = _SPACES.sub(" ", _LEFTOVER.sub(" ", text))
    text = _AMPERSAND.sub(" & ", text)
    for _ in range(3):
        before = text
        text = _EMPTY_PAIR.sub(" ", text)
        text = _SPACE_BEFORE.sub(r"\1", text)
        text = _MARKS.sub(_one_mark, _DASHES.sub("—", text))
        text = _LEADING.sub("", _SPACES.sub(" ", text)).rstrip(" -–—/&@=(#")
        if text == before:
            break
    return text


_UNTIDY = re.compile(r"^[^\w\"'(¿¡]|[^\w.!?)\"']$|[\[\]{}<>|_^~\\`*&()]|\s[^\w\"'(]|\s\s|[^\w\s\"']{2}|\n")


def _one_mark(found: re.Match[str]) -> str:
    """Of several marks the one that says most: a question, an exclamation, an ellipsis, an end, a pause."""
    marks = found.group()
    for mark in "?!؟？！":
        if mark in marks:
            return mark
    if "..." in marks:
        return "..."
    for mark in ".。":
        if mark in marks:
            return mark
    return marks[0]
