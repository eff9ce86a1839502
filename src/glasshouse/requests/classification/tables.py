"""The tables of the languages, read once. What each list is for: README.md."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from glasshouse.requests.classification.phrases import Vocabulary, folded

FOLDER = Path(__file__).parent / "languages"
# A language in which ü may be written ue.
WITH_UMLAUTS = ("de",)
FUNCTION_WORDS = "function_words"


@dataclass(frozen=True, slots=True)
class Tables:
    """What is known of all languages. weights: of a word, how much it speaks for each language that has it."""

    vocabularies: dict[str, Vocabulary] = field(default_factory=dict)
    weights: dict[str, dict[str, float]] = field(default_factory=dict)


@cache
def _table(path: Path) -> dict[str, list[str]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def tables() -> Tables:
    """Every language's table."""
    result, having = Tables(), dict[str, list[str]]()
    for path in sorted(FOLDER.glob("*.toml")):
        language, vocabulary = path.stem, Vocabulary()
        umlauts = language in WITH_UMLAUTS
        for concept, phrases in _table(path).items():
            if concept == FUNCTION_WORDS:
                for word in {folded(phrase) for phrase in phrases}:
                    having.setdefault(word, []).append(language)
                continue
            for phrase in phrases:
                vocabulary.add(concept, phrase, umlauts=umlauts)
        result.vocabularies[language] = vocabulary
    for word, languages in having.items():
        result.weights[word] = {language: 1 / len(languages) for language in languages}
    return result


@cache
def letters_vocabulary() -> Vocabulary:
    """How letters end, and how mails quote one another, in every language: known before the language is."""
    vocabulary = Vocabulary()
    for path in sorted(FOLDER.glob("*.toml")):
        table = _table(path)
        for concept in ("closing", "disclaimer", "quoting"):
            for phrase in table[concept]:
                vocabulary.add(concept, phrase, umlauts=path.stem in WITH_UMLAUTS)
    return vocabulary
