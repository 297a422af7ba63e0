"""How the caller's words end: like a finished sentence, or like somebody who is about to go on.

Pure, a few small tables, no grammar. Decides what the end of a text looks like; `endpointing.py` decides how long that
makes the agent wait. It can be wrong in both directions and the costs differ: taken for unfinished, the caller waits a
second longer; taken for finished, the caller is talked over.

| the text ends                                                        | reads as  |
|----------------------------------------------------------------------|-----------|
| with a question or exclamation mark                                  | SENTENCE  |
| with digits being dictated, whatever mark follows them               | DIGITS    |
| with a word of `HANGING` (“and”, “um”, “because”), whatever follows  | HANGING   |
| with a comma, a colon, a dash, three dots                            | HANGING   |
| with a full stop                                                     | SENTENCE  |
| otherwise                                                            | NO_MARK   |

Digits are being dictated when the text ends in two or more numbers in a row (“five five”, “555 01”, “oh seven”), or in
one of three figures and more (“555”). “at ten”, “room 12”, “10:30” and “$500” are none. Recognisers like to close an
unfinished stretch with a full stop (“And.”, “It is 555.”): so the last word counts more than that mark.

Languages are told by their first part (“de-AT” is “de”). One we have no words for goes by marks and figures alone.
"""

import enum
import re

HANGING: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """and or but because cause so if when while although though since unless until than
            um uhm umm uh uhh er erm hmm the a an my your our their to of for with from at by into about
            is are was were i'm it's that's like""",
        "de": """und oder aber weil denn sondern dass wenn ob als während obwohl bevor damit
            äh ähm ehm hm der die das den dem des ein eine einen einem einer mein meine meinen
            mit von zu zum zur für aus bei nach ist sind""",
        "es": """y e o u pero porque que si cuando aunque mientras sino pues eh em este
            el la los las un una mi mis su sus de del a al con por para en es son""",
        "fr": """et ou mais parce que car si quand lorsque puisque donc comme
            euh heu hum le la les un une des mon ma mes de du à au aux avec pour dans chez est sont""",
        "it": """e ed o ma perché perche che se quando mentre però quindi ehm eh mmm
            il lo la i gli le un uno una mio mia di del della a al alla con per da in è sono""",
        "pt": """e ou mas porque que se quando embora enquanto então pois hum eh é
            o a os as um uma meu minha de do da dos das em no na com por para são""",
        "nl": """en of maar omdat want dat als toen terwijl hoewel dus eh ehm uh uhm
            de het een mijn van voor met naar bij op te is zijn""",
    }.items()
}  # fmt: skip
"""Words after which a sentence goes on: conjunctions, hesitations, articles, possessives, prepositions that seldom end a
statement. (A question that ends in one, “What is it for?”, has its mark.)"""

SPOKEN_DIGITS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "zero oh nought one two three four five six seven eight nine double triple",
        "de": "null eins zwei zwo drei vier fünf sechs sieben acht neun",
        "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "fr": "zéro un deux trois quatre cinq six sept huit neuf",
        "it": "zero uno due tre quattro cinque sei sette otto nove",
        "pt": "zero um dois três quatro cinco seis meia sete oito nove",
        "nl": "nul een één twee drie vier vijf zes zeven acht negen",
    }.items()
}
"""Digits as recognisers write them that spell numbers out."""

LONG_NUMBER = 3
"""Figures of one number from which on it is taken as part of a longer one."""

_NONE: frozenset[str] = frozenset()
_GOES_ON = (",", ";", ":", "-", "–", "—", "…", "...", "、", "，")
_ENDS = (".", "。", "।", "؟", "۔")
_ASKS = ("?", "!", "？", "！", "؟")
_CLOSERS = "\"')]»”’ "
_FIGURES = re.compile(r"^[+(]*\d[\d()./-]*$")
_AROUND_A_WORD = ".,;:!?…-–—\"'()[]«»“”‘’¿¡。，"


class WordsEnd(enum.Enum):
    SENTENCE = "sentence"
    NO_MARK = "no_mark"
    HANGING = "hanging"
    DIGITS = "digits"


def how_words_end(text: str, language: str = "en") -> WordsEnd:
    """What the end of `text` looks like. Blank text is HANGING: nothing was finished."""
    plain = text.rstrip(_CLOSERS)
    words = plain.lower().split()
    if not words:
        return WordsEnd.HANGING
    if plain.endswith(_ASKS):
        return WordsEnd.SENTENCE
    primary = language.lower().partition("-")[0]
    if _are_digits_dictated(words, SPOKEN_DIGITS.get(primary, _NONE)):
        return WordsEnd.DIGITS
    if words[-1].strip(_AROUND_A_WORD) in HANGING.get(primary, _NONE) or plain.endswith(_GOES_ON):
        return WordsEnd.HANGING
    return WordsEnd.SENTENCE if plain.endswith(_ENDS) else WordsEnd.NO_MARK


def _are_digits_dictated(words: list[str], spoken: frozenset[str]) -> bool:
    numbers = figures = 0
    for word in reversed(words):
        bare = word.strip(_AROUND_A_WORD)
        if bare in spoken:
            numbers += 1
        elif _FIGURES.match(bare):
            numbers += 1
            figures += sum(character.isdigit() for character in bare)
        else:
            break
    return numbers >= 2 or figures >= LONG_NUMBER
