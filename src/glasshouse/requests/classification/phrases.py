"""Words and phrases of a language, as its table names them, and where a text has them.

A phrase is words with spaces between them. `delet*` is each word that begins so, `a/b` one of two, `_` up to three words of any
kind. A text and a table are folded alike (`folded`), so that case, accents and the way of writing ß or ü make no difference.
Each step takes a time that is bounded by the number of words: anybody may have written the text.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
GAP, MOST_GAP = "_", 3
LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "’": "'", "`": "'", "´": "'"})
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
SHORTEST_STEM, LONGEST_STEM, SHORTEST_SQUEEZED = 2, 24, 6
ANY: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    """Whether a character is an accent, or shows nothing at all (a soft hyphen, a zero-width space)."""
    return unicodedata.category(character) in ("Mn", "Cf")


def folded(text: str) -> str:
    """A text in small letters without accents; ß is ss, every apostrophe is the same."""
    small = unicodedata.normalize("NFKC", text.replace("´", "'")).casefold().translate(LETTERS)
    if small.isascii():
        return small
    return "".join(character for character in unicodedata.normalize("NFD", small) if not _is_mark(character))


def words_of(text: str) -> list[str]:
    """The words of a folded text. `don't` is one word, `dont`; `l'accès` is two."""
    tokens: list[str] = []
    for word in WORD.findall(text):
        if "'" not in word:
            tokens.append(word)
        elif word.endswith("n't"):
            tokens.append(word.replace("'", ""))
        else:
            tokens.extend(word.split("'"))
    return tokens


def _squeezed(word: str) -> str:
    """A word with each doubled letter once."""
    return "".join(letter for letter, before in zip(word, " " + word, strict=False) if letter != before)


class Hit(NamedTuple):
    """Where a text has a phrase: words from `begin` to `end`, which is past the last."""

    concept: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Element:
    """One word of a phrase: any of some words, or any that begins with one of some stems."""

    exact: frozenset[str]
    stems: tuple[str, ...]

    def fits(self, word: str) -> bool:
        return word in self.exact or word.startswith(self.stems)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What the words of one entry of a table mean."""

    concept: str
    elements: tuple[_Element | None, ...]  # None: a gap


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The phrases of a language, found by their first word."""

    by_word: dict[str, list[Phrase]] = field(default_factory=dict)
    by_stem: dict[str, list[Phrase]] = field(default_factory=dict)
    by_squeezed: dict[str, list[Phrase]] = field(default_factory=dict)  # phrases of one word, each doubled letter once

    def add(self, concept: str, phrase: str, *, umlauts: bool = False) -> None:
        """Take a phrase in. umlauts: ü may be written ue as well."""
        writings = {folded(phrase)} | ({folded(phrase.casefold().translate(UMLAUTS))} if umlauts else set())
        for writing in writings:
            elements = tuple(None if part == GAP else _element(part) for part in writing.split())
            first = elements[0]
            if first is None:
                raise ValueError(f"A phrase begins with a word: {phrase}")
            for word in first.exact:
                self.by_word.setdefault(word, []).append(Phrase(concept, elements))
            for stem in first.stems:
                self.by_stem.setdefault(stem, []).append(Phrase(concept, elements))
            if len(elements) == 1:
                for word in (*first.exact, *first.stems):
                    if len(word) >= SHORTEST_SQUEEZED:
                        self.by_squeezed.setdefault(_squeezed(word), []).append(
                            Phrase(concept, (_Element(ANY, ("",)),))
                        )

    def starting_with(self, word: str) -> list[Phrase]:
        """The phrases whose first word this may be."""
        phrases = list(self.by_word.get(word, ()))
        for length in range(SHORTEST_STEM, min(len(word), LONGEST_STEM) + 1):
            phrases += self.by_stem.get(word[:length], ())
        if phrases or len(word) < SHORTEST_SQUEEZED - 1:
            return phrases
        # `acount`, `adress`, `datta`: people double letters wrongly more often than anything else.
        squeezed = _squeezed(word)
        for length in range(SHORTEST_SQUEEZED - 1, min(len(squeezed), LONGEST_STEM) + 1):
            phrases += self.by_squeezed.get(squeezed[:length], ())
        return phrases

    def hits(self, tokens: list[str], known: dict[str, list[Phrase]]) -> list[Hit]:
        """Every phrase that a sentence has. known: what a caller that reads many sentences keeps for all of them."""
        hits = []
        for begin, word in enumerate(tokens):
            phrases = known.get(word)
            if phrases is None:
                phrases = known[word] = self.starting_with(word)
            following = tokens[begin + 1] if begin + 1 < len(tokens) else ""
            for phrase in phrases:
                if (
                    len(phrase.elements) > 1
                    and (second := phrase.elements[1]) is not None
                    and not second.fits(following)
                ):
                    continue
                if end := _end(phrase, tokens, begin):
                    hits.append(Hit(phrase.concept, begin, end))
        return hits


def _element(part: str) -> _Element:
    choices = part.split("/")
    stems = tuple(choice[:-1] for choice in choices if choice.endswith("*"))
    if any(not SHORTEST_STEM <= len(stem) <= LONGEST_STEM for stem in stems):
        raise ValueError(f"A stem has {SHORTEST_STEM} to {LONGEST_STEM} letters: {part}")
    return _Element(frozenset(choice for choice in choices if not choice.endswith("*")), stems)


def _end(phrase: Phrase, tokens: list[str], begin: int) -> int:
    """Past the last word of a phrase that begins at a word; 0 if it is not there."""
    position, gap = begin, 0
    for element in phrase.elements:
        if element is None:
            gap = MOST_GAP
            continue
        last = min(position + gap, len(tokens) - 1)
        while position <= last and not element.fits(tokens[position]):
            position += 1
        if position > last:
            return 0
        position, gap = position + 1, 0
    return position
