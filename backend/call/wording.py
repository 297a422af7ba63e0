"""Two texts of a recogniser, compared by their words. Pure; marks, spaces and capitals do not count.

Recognisers send a stretch of speech several times: longer and longer interim texts, then the final one with its marks set.
"""

import re
import unicodedata


def words_of(text: str) -> list[str]:
    """The words in one form: "It’s" and "it's" are the same, "Ä" and "A" are not."""
    return re.findall(r"[\w']+", unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


def same_words(one: str, other: str) -> bool:
    """The two differ in marks, spaces and capitals at most."""
    return words_of(one) == words_of(other)


def is_beginning_of(text: str, whole: str) -> bool:
    """The words of `text` are the first ones of `whole`, or all of them."""
    words = words_of(text)
    return words_of(whole)[: len(words)] == words
