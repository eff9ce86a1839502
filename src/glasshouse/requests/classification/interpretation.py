"""What a text most likely asks for, in which language, for whom, and by which words. For the privacy officer, who decides.

Nothing depends on it but the order of work and the deadline: what must be proved before anything is told or done is the same for
every kind. Several kinds, a negated one alone, or doubt give `unclear`.
"""

from collections import defaultdict
from dataclasses import dataclass

from glasshouse.requests.classification.articles import region_order, region_vocabulary
from glasshouse.requests.classification.evidence import BARE, ROLES, Evidence, read_sentence
from glasshouse.requests.classification.own_words import own_words
from glasshouse.requests.classification.phrases import Phrase
from glasshouse.requests.classification.sentences import Sentence, sentences_of
from glasshouse.requests.classification.tables import letters_vocabulary, tables

ENOUGH, CLEAR = 1.5, 2.0  # what a kind needs to be taken for asked; to be asked beside another one
DOMINANCE = 2.5  # so many times the next kind's score
SPAM, SURE_SPAM = 2, 3  # different words of advertising
MOST_WORDS_FOR_LANGUAGE, SHORT = 400, 60
KINDS = ("access", "copy", "correct", "erase", "object", "restrict", "breach")
ASKS_ABOUT_PRODUCT = ("product", "product_act", "problem", "how", "question", "how_act", "yours", "cannot")
# Whoever asks about another person without an office or a mandate that the law knows: the officer decides.
WITHOUT_MANDATE = ("employer", "relative", "authority")


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How a text is read.

    kind: a value of RequestKind. scores: of each kind that something speaks for. language: two letters, "" unknown.
    third_person: "" or who writes for somebody else: executor, lawyer, parent, agent, employer, relative, authority.
    region: the region that the text names, "" if none. is_advertising: it reads like an advertisement.
    reasons: of each kind, the words that speak for it.
    """

    kind: str
    scores: dict[str, float]
    language: str
    third_person: str
    region: str
    is_advertising: bool
    reasons: list[tuple[str, str]]

    @property
    def because(self) -> list[str]:
        """The words that speak for the kind; where it is unclear, all that speak for any."""
        return list(dict.fromkeys(tokens for kind, tokens in self.reasons if self.kind in (kind, "unclear")))


def interpret(text: str) -> Interpretation:
    """Read a text of any length, in a time that is bounded, whatever it holds. Raises nothing."""
    own = own_words(text, letters_vocabulary())
    sentences = sentences_of(own)
    region = _region(sentences)
    ranked = _languages(sentences)
    best: tuple[str, Evidence] = ("", Evidence())
    for number, (language, _) in enumerate(ranked):
        evidence = _evidence(sentences, language, region)
        if number == 0:
            best = (language, evidence)
        if _says_something(evidence, CLEAR if number else ENOUGH):
            best = (language, evidence)
            break
        if evidence.signs["product"] or evidence.signs["problem"]:
            break
    language, evidence = best
    role = next((role for role in ROLES if evidence.signs[role]), "")
    kind = _decided(evidence, role, language)
    scores = {name: score for name, score in evidence.scores.items() if score}
    is_advertising = evidence.signs["spam"] >= SPAM
    return Interpretation(kind, scores, language, role, region, is_advertising, evidence.reasons)


def _region(sentences: list[Sentence]) -> str:
    known: dict[str, list[Phrase]] = {}
    named = {hit.concept for sentence in sentences for hit in region_vocabulary().hits(sentence.tokens, known)}
    return next((region for region in region_order() if region in named), "")


def _languages(sentences: list[Sentence]) -> list[tuple[str, float]]:
    """The languages that a text may be in, the likeliest first."""
    weights, scores = tables().weights, defaultdict[str, float](float)
    tokens = [word for sentence in sentences for word in sentence.tokens][:MOST_WORDS_FOR_LANGUAGE]
    for word in tokens:
        for language, weight in weights.get(word, {}).items():
            scores[language] += weight
    if len(tokens) <= SHORT:
        for word in set(tokens):
            having = [name for name, vocabulary in tables().vocabularies.items() if vocabulary.starting_with(word)]
            for language in having:
                scores[language] += 0.4 / len(having)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    least = ranked[0][1] * (0.2 if len(tokens) <= SHORT else 0.4) if ranked else 0.0
    return [(language, score) for language, score in ranked if score >= least]


def _evidence(sentences: list[Sentence], language: str, region: str) -> Evidence:
    evidence, known = Evidence(), dict[str, list[Phrase]]()
    vocabulary = tables().vocabularies[language]
    for sentence in sentences:
        read_sentence(sentence, vocabulary, known, region, evidence)
    return evidence


def _says_something(evidence: Evidence, least: float) -> bool:
    return bool(evidence.negated) or any(evidence.scores[kind] >= least for kind in KINDS)


def _decided(evidence: Evidence, role: str, language: str) -> str:
    scores, signs = evidence.scores, evidence.signs
    kinds = {kind: scores[kind] for kind in KINDS if scores[kind] >= ENOUGH}
    if signs["spam"] >= SURE_SPAM or (signs["spam"] >= SPAM and set(kinds) <= {"object"}):
        return "unclear"
    if "access" in kinds and "copy" in kinds:  # An export is an answer to both (GDPR Art. 15(3)).
        del kinds["access" if kinds["copy"] > kinds["access"] else "copy"]
    if "erase" in kinds and kinds.get("object", 0) == evidence.weak_object:
        kinds.pop("object", None)  # Whoever is erased is not used any more.
    if not kinds:
        return _without_kind(evidence, role, language)
    kind, score = max(kinds.items(), key=lambda item: item[1])
    if kind == "access" and scores["erase"] == BARE:
        return "unclear"  # Something is to be deleted, and it is not said what.
    others = [other for name, other in kinds.items() if name != kind]
    if any(other >= CLEAR or other * DOMINANCE > score for other in others):
        return "unclear"
    return "unclear" if role in WITHOUT_MANDATE else kind


def _without_kind(evidence: Evidence, role: str, language: str) -> str:
    signs = evidence.signs
    is_others = role in WITHOUT_MANDATE and not (signs["product"] or signs["product_act"])
    if evidence.negated or is_others or not language or (role and signs["preserve"]):
        return "unclear"
    if any(name.startswith("how_") and name != "how_act" and signs[name] for name in signs):
        return "unclear"
    is_question = any(signs[name] for name in ASKS_ABOUT_PRODUCT)
    if signs["complaint"] and not is_question:
        return "complaint"
    if is_question:
        return "question"
    return (
        "unclear"
        if max(evidence.scores.values(), default=0) >= 0.75 or signs["privacy"] or signs["data"]
        else "question"
    )
