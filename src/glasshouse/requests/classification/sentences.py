"""The sentences of a text, each with its words and the clauses that they stand in."""

import re
import unicodedata
from dataclasses import dataclass

from glasshouse.requests.classification.phrases import WORD, folded, words_of

# Words after which a full stop ends no sentence.
ABBREVIATIONS = frozenset(
    {
        *(
            "art",
            "arts",
            "abs",
            "nr",
            "no",
            "num",
            "par",
            "sec",
            "sect",
            "ust",
            "lit",
            "pkt",
            "st",
            "str",
            "pag",
            "ex",
            "gem",
        ),
        *(
            "mr",
            "mrs",
            "ms",
            "dr",
            "sr",
            "sra",
            "sig",
            "dott",
            "avv",
            "prof",
            "fr",
            "hr",
            "ing",
            "mme",
            "mlle",
            "exmo",
            "exma",
        ),
        *("inc", "ltd", "co", "kg", "bzw", "ca", "tel", "vgl", "inkl", "evtl", "zb", "eg", "ie", "resp", "ul", "dna"),
    }
)
MOST_LETTERS, MOST_PIECES = 20_000, 4_000  # of a text
MOST_WORDS = 80  # of a sentence: a longer one is read in parts
PIECE = re.compile(r"[.!?;:,…()\n\u2013\u2014]|[^.!?;:,…()\n\u2013\u2014]+")
ENDS, PARTS = frozenset(".!?;…"), frozenset(",:()\u2013\u2014")
# After a comma these go on with what was wanted, or denied: `ich will nicht, dass …`, `alles, was ihr habt`.
GOES_ON_WITH = frozenset(
    {
        "dass",
        "das",
        "was",
        "welche",
        "that",
        "que",
        "che",
        "wat",
        "ze",
        "zeby",
        "zebyscie",
        "aby",
        "abyscie",
        "by",
        "co",
        "ktore",
    }
)
BULLETS = ("-", "*", "•", "–")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of a sentence, and of each word the number of its clause. is_question: it ends with a question mark."""

    tokens: list[str]
    clauses: list[int]
    is_question: bool


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a text. A line's end ends one only before an empty line or a list's next point."""
    # One character may stand for eighteen: what it stands for is cut off before any more is done to it.
    normal = unicodedata.normalize("NFKC", text[:MOST_LETTERS])[:MOST_LETTERS]
    plain = _with_paragraphs(folded(normal)[:MOST_LETTERS])
    sentences: list[Sentence] = []
    tokens: list[str] = []
    clauses: list[int] = []
    clause = count = 0
    for match in PIECE.finditer(plain):
        piece = match.group()
        if piece in PARTS:
            following = WORD.match(plain, match.end()) or WORD.match(plain, match.end() + 1)
            clause += not (piece == "," and following and following.group() in GOES_ON_WITH)
            continue
        is_end = piece == "\n" or (piece in ENDS and not _goes_on(piece, tokens, plain, match.end()))
        if is_end and tokens:
            sentences.append(Sentence(tokens, clauses, piece == "?"))
            tokens, clauses, clause = [], [], 0
        if piece in ENDS or piece == "\n":
            continue
        for token in words_of(piece):
            if len(tokens) == MOST_WORDS:
                sentences.append(Sentence(tokens, clauses, False))
                tokens, clauses, clause = [], [], 0
            tokens.append(token)
            clauses.append(clause)
        count += 1 + len(piece) // MOST_WORDS
        if count > MOST_PIECES:
            break
    if tokens:
        sentences.append(Sentence(tokens, clauses, False))
    return sentences


def _with_paragraphs(text: str) -> str:
    """A text in which a line's end stands only where a paragraph or a point of a list ends."""
    result: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare:
            result.append("\n")
        elif bare.startswith(BULLETS):
            result.append("\n" + bare)
        else:
            result.append(" " + bare)
    return "".join(result)


def _goes_on(mark: str, tokens: list[str], text: str, after: int) -> bool:
    """Whether a sentence goes on after a full stop: after an abbreviation, a single letter, or inside a number or a name."""
    if mark != ".":
        return False
    following = text[after : after + 1]
    if following and not following.isspace():
        return bool(WORD.match(following))
    return bool(tokens) and (tokens[-1] in ABBREVIATIONS or (len(tokens[-1]) == 1 and tokens[-1].isalpha()))
