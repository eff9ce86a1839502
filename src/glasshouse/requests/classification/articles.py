"""Articles of laws that a text names, and the region that it speaks of. Source: the laws, as `BY_LAW` names them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from glasshouse.requests.classification.phrases import Vocabulary

ARTICLE_STEMS = ("article", "artikel", "articulo", "artigo", "articol", "artykul")
ARTICLE_WORDS = ("art", "arts", "artt", "section", "sec", "par", "s", "ss")
JOINS = ("and", "und", "et", "en", "to", "bis", "al", "ao", "au", "tot", "through", "or", "oder", "abs", "lit", "ust")
PARAGRAPHS = ("abs", "par", "ust", "lit", "lid", "absatz", "paragraph", "n")
NEAR, MOST_JOINED = 12, 6  # words
# By the law's own numbers. GDPR Art. 7(3): withdrawing consent. FADP Art. 25, 28, 30, 32; LGPD Art. 18 by its items.
BY_LAW = {
    "gdpr": {
        "7": "object",
        "15": "access",
        "16": "correct",
        "17": "erase",
        "18": "restrict",
        "20": "copy",
        "21": "object",
        "22": "object",
    },
    "ch": {"25": "access", "28": "copy", "30": "object", "32": "correct"},
    "br": {"ii": "access", "iii": "correct", "iv": "erase", "v": "copy", "vi": "erase", "ix": "object"},
    "us-ca": {
        "100": "access",
        "105": "erase",
        "106": "correct",
        "110": "access",
        "115": "access",
        "120": "object",
        "121": "restrict",
        "135": "object",
    },
}
CONTRACTS = frozenset(
    {
        "contract",
        "agreement",
        "terms",
        "vertrag",
        "vertrags",
        "agb",
        "contrat",
        "contrato",
        "contratto",
        "overeenkomst",
        "umowy",
    }
)


class Article(NamedTuple):
    """An article, and the kind of request that it gives a right to. position: of its number among the sentence's words."""

    kind: str
    name: str
    position: int


@cache
def region_vocabulary() -> Vocabulary:
    """The words that name regions and laws; each one's concept is the region."""
    vocabulary = Vocabulary()
    path = Path(__file__).parent / "regions.toml"
    for region, phrases in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for phrase in phrases:
            vocabulary.add(region, phrase, umlauts=True)
    return vocabulary


@cache
def region_order() -> list[str]:
    """The regions that a text may name, those that count first before the others."""
    path = Path(__file__).parent / "regions.toml"
    return list(tomllib.loads(path.read_text(encoding="utf-8")))


def articles_in(tokens: list[str], region: str) -> list[Article]:
    """The articles that a sentence names and that give a right. region: the one that the text speaks of, "" if none."""
    result: list[Article] = []
    for position, word in enumerate(tokens):
        if word == "1798" and position + 1 < len(tokens):
            kind = BY_LAW["us-ca"].get(tokens[position + 1])
            if kind:
                result.append(Article(kind, f"1798.{tokens[position + 1]}", position))
        elif word in ARTICLE_WORDS or word.startswith(ARTICLE_STEMS):
            result += _numbered(tokens, position, region)
    return result


def _numbered(tokens: list[str], position: int, region: str) -> list[Article]:
    around = tokens[max(0, position - NEAR) : position + NEAR]
    if CONTRACTS.intersection(around):
        return []
    law = region if region in ("ch", "br") and not {"gdpr", "dsgvo", "rgpd"}.intersection(around) else "gdpr"
    result: list[Article] = []
    for place in range(position + 1, min(position + 1 + MOST_JOINED, len(tokens))):
        word = tokens[place]
        if law == "br":
            if word in BY_LAW["br"] and "18" in tokens[position + 1 : place]:
                result.append(Article(BY_LAW["br"][word], f"Art. 18 {word.upper()}", place))
        # Art. 15(3) is said as "15 abs 3": the paragraph is no article.
        elif word in BY_LAW[law] and tokens[place - 1] not in PARAGRAPHS:
            result.append(Article(BY_LAW[law][word], f"Art. {word}", place))
        if not (word[:1].isdigit() or word in JOINS or len(word) <= 2 or law == "br"):
            break
    return [
        article
        for article in result
        if article.name != "Art. 7" or "3" in tokens[article.position : article.position + 4]
    ]
