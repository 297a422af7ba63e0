"""Cut a model's stream of text into pieces that can be spoken, as early as it is safe.

Pure. Decides where a sentence ends; not what is spoken or when. No character is lost or doubled except white space at a
cut, and the pieces do not depend on how the text was divided into deltas.

    a piece ends after                            unless
    . and nothing but it                          it belongs to a number, an abbreviation, an initial or an address
    ... or …                                      the text goes on in lower case
    ! ? and their kin, also several               no white space follows
    。！？ and their kin                           –
    a new line                                    –
    , ; : and dashes                              only in the first piece, and only when it is long enough to be worth it
    the last good place before `max_chars`        –

A sentence's end takes the closing quotes and brackets with it. A piece without a letter or digit is not cut off: it
stays with what follows. Where a mark's meaning hangs on what comes next, the cut waits for that, never for more.
"""

import re
import unicodedata
from enum import Enum

LOOK_AHEAD = 16
"""How much white space is read past a mark to find what follows it; more than that is a pause in itself."""

_MARK = re.compile(r"[.…!?。！？｡．؟۔।॥\n,;:—–、，；：]")
_STOPS = "!?؟۔।॥"
_WIDE_STOPS = "。！？｡．"
_DOTS = ".…"
_CLAUSE_MARKS = ",;:—–、，；："
_WIDE_CLAUSE_MARKS = "、，；："
_TERMINATORS = _STOPS + _WIDE_STOPS + _DOTS
_CLOSERS = "\"')]}»”’」』）】》*_"


def _words(table: str) -> frozenset[str]:
    return frozenset(table.split())


_NEVER_ENDS = _words("""
    dr mr mrs ms prof st sr jr rev hon gen col capt lt sgt maj cpt gov sen rep pres supt messrs mme mlle e.g i.e cf
    vs viz approx esp fig figs eq vol ed eds pp ch sec ext z.b d.h u.a s.o s.u bzw ca nr hr fr tel ggf evtl inkl
    exkl zzgl str p.ex sra srta ud uds
""")
"""Abbreviations, without their last dot, after which a sentence goes on whatever follows."""
_MAY_END = _words("""
    etc al a.m p.m u.s u.k u.s.a u.n d.c b.c a.d inc ltd co corp bros dept est min max no ave blvd rd apt jan feb
    mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun usw etw bzgl
""")
"""Abbreviations, or words that are also abbreviations, after which a sentence goes on if the next word says so."""
_ALSO_WORDS = _words("""
    no co sun sat mar may max min al est
""")
"""Of those, the ones that end a sentence unless a digit or lower case follows."""
_ORDINAL_LANGUAGES = _words("""
    de da nb nn no fi cs sk pl hu sl hr sr et lv tr is
""")
"""Languages that write "3." for "third"."""


class _Verdict(Enum):
    CUT = 1
    GO_ON = 2
    WAIT = 3


class SentenceSplitter:
    """`push` the deltas, take the pieces; `flush` at the answer's end. A cut early in an answer (`first_clause_chars`)
    lets the caller hear the agent while the model still writes its first sentence."""

    def __init__(self, language: str = "en", *, max_chars: int = 250, first_clause_chars: int = 60) -> None:
        if max_chars < 2 * LOOK_AHEAD:
            raise ValueError(f"max_chars: {max_chars}; allowed are {2 * LOOK_AHEAD} and more")
        self._max_chars = max_chars
        self._first_clause_chars = first_clause_chars
        self._has_ordinals = language.lower().partition("-")[0] in _ORDINAL_LANGUAGES
        self._text = ""
        self._is_first = True

    def push(self, delta: str) -> list[str]:
        """The pieces that are complete now, each without white space around it."""
        self._text += delta
        pieces: list[str] = []
        while True:
            self._text = self._text.lstrip()
            cut = self._next_cut()
            if cut == 0:
                return pieces
            pieces.append(self._text[:cut].rstrip())
            self._text = self._text[cut:]
            self._is_first = False

    def flush(self) -> list[str]:
        """What is left; the splitter is then as new."""
        # White space decides every mark that still waits for what follows it.
        pieces = self.push("\n" + " " * LOOK_AHEAD)
        rest = self._text.strip()
        while rest:
            cut = self._cut_by_length(rest) if len(rest) > self._max_chars else len(rest)
            pieces.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        self._text = ""
        self._is_first = True
        return pieces

    def _next_cut(self) -> int:
        """How many characters the next piece takes; 0: not known yet."""
        text = self._text
        spoken = 0
        for found in _MARK.finditer(text):
            if found.start() < spoken:
                continue  # within a run of marks that was judged as one
            verdict, end = self._judge(found.start())
            spoken = end
            if end > self._max_chars:
                break
            if verdict is _Verdict.WAIT:
                return 0
            if verdict is _Verdict.CUT and any(map(str.isalnum, text[:end])):
                return end
        # One character more than the longest mark with its look-ahead, so that no mark before the cut is undecided.
        if len(text) > self._max_chars + LOOK_AHEAD:
            return self._cut_by_length(text)
        return 0

    def _judge(self, start: int) -> tuple[_Verdict, int]:
        """What the mark at `start` means, and where the piece or the mark would end."""
        mark = self._text[start]
        if mark == "\n":
            return _Verdict.CUT, start + 1
        if mark in _CLAUSE_MARKS:
            return self._judge_clause(start), start + 1
        end = self._skip(start, _TERMINATORS)
        run = self._text[start:end]
        end = self._skip(end, _CLOSERS)
        if end > self._max_chars:
            return _Verdict.GO_ON, end
        if end == len(self._text):
            return _Verdict.WAIT, end
        if any(character in _WIDE_STOPS for character in run):
            return _Verdict.CUT, end
        if not self._text[end].isspace():
            return _Verdict.GO_ON, end
        if any(character in _STOPS for character in run):
            return _Verdict.CUT, end
        if run == ".":
            return self._judge_dot(start, end), end
        return self._judge_by_next(end, is_end_before_digit=True), end

    def _judge_clause(self, start: int) -> _Verdict:
        if not self._is_first or start + 1 < self._first_clause_chars:
            return _Verdict.GO_ON
        if self._text[start] in _WIDE_CLAUSE_MARKS:
            return _Verdict.CUT
        if start + 1 == len(self._text):
            return _Verdict.WAIT
        return _Verdict.CUT if self._text[start + 1].isspace() else _Verdict.GO_ON

    def _judge_dot(self, start: int, end: int) -> _Verdict:
        """A single dot with white space after it."""
        word = _word_before(self._text, start)
        low = word.lower()
        if low.isdigit():
            if len(low) == start or self._text[start - len(low) - 1] == "\n":
                return _Verdict.GO_ON  # "1. Milk": the number of a list's line
            if len(low) <= 2 and self._has_ordinals:
                return _Verdict.GO_ON
            return _Verdict.CUT
        if low in _NEVER_ENDS:
            return _Verdict.GO_ON
        if len(word) == 1 and word.isupper() and word != "I":
            return _Verdict.GO_ON  # an initial
        if low in _MAY_END or (len(low) >= 3 and low[1::2] == "." * (len(low) // 2)):
            return self._judge_by_next(end, is_end_before_digit=low not in _ALSO_WORDS)
        return _Verdict.CUT

    def _judge_by_next(self, end: int, *, is_end_before_digit: bool) -> _Verdict:
        """Does the next word look as if it began a sentence?"""
        ahead = self._text[end : end + LOOK_AHEAD]
        following = ahead.lstrip()
        if "\n" in ahead[: len(ahead) - len(following)]:
            return _Verdict.CUT
        if not following:
            return _Verdict.CUT if len(ahead) == LOOK_AHEAD else _Verdict.WAIT
        if following[0].islower():
            return _Verdict.GO_ON
        if following[0].isdigit():
            return _Verdict.CUT if is_end_before_digit else _Verdict.GO_ON
        return _Verdict.CUT

    def _skip(self, start: int, among: str) -> int:
        end = start
        while end < len(self._text) and self._text[end] in among:
            end += 1
        return end

    def _cut_by_length(self, text: str) -> int:
        """Where to cut a piece that is too long: after a clause, else at white space, else between two characters."""
        window = text[: self._max_chars]
        least = self._max_chars // 2
        for index in range(len(window) - 1, least, -1):
            wide = window[index] in _WIDE_CLAUSE_MARKS
            if wide or (window[index] in _CLAUSE_MARKS and text[index + 1 : index + 2].isspace()):
                return index + 1
        for index in range(len(window) - 1, 0, -1):
            if window[index].isspace():
                return index
        cut = len(window)
        while cut > least and unicodedata.category(text[cut]) in ("Mn", "Mc", "Me", "Cf", "Sk"):
            cut -= 1  # an accent stays with its letter
        return cut


def _word_before(text: str, end: int) -> str:
    """The letters, digits and inner dots just before `end`."""
    start = end
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "."):
        start -= 1
    return text[start:end].lstrip(".")
