"""What in a text speaks for which kind of request: acts, what they are done to, and whether they are negated.

An act alone (`delete`) says little; together with something personal in its clause (`my data`) it says what somebody asks for.
With a part of the product (`a sensor`) it is a question about the product. A negation reaches from its word to the end of its
clause, and not over a word like `but`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from glasshouse.requests.classification.articles import articles_in
from glasshouse.requests.classification.phrases import Hit, Phrase, Vocabulary
from glasshouse.requests.classification.sentence_reader import ACTS, SentenceReader
from glasshouse.requests.classification.sentences import Sentence

RIGHT, ARTICLE, IN_CLAUSE, IN_SENTENCE, BEFORE, BARE, FOR_ME = 2.75, 2.5, 2.0, 1.75, 1.5, 0.75, 0.25
WHOLE_WISH = 3  # words of a phrase that says by itself what is to be gone
FAR, NEAR = 1_000, 2  # words
MOST_REASONS, MOST_REASON_WORDS = 40, 9
RIGHTS = {f"{kind}_right": kind for kind in ("erase", "copy", "access", "correct", "restrict", "object")}
OTHER_ACTS = ("erase", "correct", "restrict", "object_act", "object_right")
ROLES = ("executor", "lawyer", "parent", "agent", "employer", "relative", "authority")


@dataclass(slots=True)
class Evidence:
    """What a text has, in one language. scores: by kind. negated: kinds that are asked not to be done."""

    scores: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    negated: set[str] = field(default_factory=set)
    reasons: list[tuple[str, str]] = field(default_factory=list)  # (kind, words)
    signs: Counter[str] = field(default_factory=Counter)  # of whatever is no kind: product, how, spam, privacy, roles …
    weak_object: float = 0.0

    def add(self, kind: str, score: float, tokens: list[str]) -> None:
        """Count for a kind, because of words."""
        if score == BARE:  # An act without anything that it is done to does not get surer by being repeated.
            self.scores[kind] = max(self.scores[kind], BARE)
        else:
            self.scores[kind] += score
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append((kind, " ".join(tokens[:MOST_REASON_WORDS])))


def read_sentence(
    sentence: Sentence, vocabulary: Vocabulary, known: dict[str, list[Phrase]], region: str, evidence: Evidence
) -> None:
    """Add what one sentence says to the evidence. known: see `Vocabulary.hits`."""
    reader = SentenceReader(sentence, vocabulary.hits(sentence.tokens, known))
    before = dict(evidence.scores)
    for concept in ("product", "how", "cannot", "spam", "privacy", "complaint", "preserve", "yours", *ROLES):
        evidence.signs[concept] += len({reader.tokens[hit.begin] for hit in reader.of(concept)})
    evidence.signs["question"] += reader.is_question
    if reader.of("yours"):  # `Is it correct that …?` asks about us.
        return
    if reader.of("listing"):  # `… the existence of the right to request erasure`: what Art. 15(1) has us tell.
        return
    if reader.of("withdraws"):
        evidence.negated.add("request")
        return
    if _breach(reader, evidence):  # The rest of the sentence tells what happened.
        return
    if _asks_who_received(reader, evidence):
        return
    rights = _rights(reader, evidence)
    for kind in ACTS:
        for hit in reader.of(kind):
            if not any(right.begin <= hit.begin < right.end for right in rights):
                _act(reader, evidence, kind, hit)
    _objection(reader, evidence)
    _keeping(reader, evidence)
    _holding(reader, evidence)
    for article in articles_in(sentence.tokens, region):
        evidence.add(article.kind, ARTICLE, [article.name])
    for concept in ("data", "account"):
        evidence.signs[concept] += len(reader.of(concept))
    if evidence.scores == before:
        _wrong(reader, evidence)


def _asks_who_received(reader: SentenceReader, evidence: Evidence) -> bool:
    """`Have you passed my data on?`: whether the sentence asks for the recipients, which Art. 15(1)(c) has us tell."""
    if not reader.is_question or reader.of("product") or reader.of("erase"):
        return False
    for hit in reader.of("passed_on"):
        if reader.in_clause("data", hit) and reader.in_clause("me", hit) and not reader.negated(hit):
            evidence.add("access", RIGHT, reader.text(hit, "data"))
            return True
    return False


def _rights(reader: SentenceReader, evidence: Evidence) -> list[Hit]:
    """Phrases that name a right by themselves."""
    counted: list[Hit] = []
    for concept, kind in RIGHTS.items():
        for hit in reader.of(concept):
            if any(other.concept == concept and other.begin <= hit.begin < other.end for other in counted):
                continue
            if _is_product(reader, hit) and not any(
                reader.in_clause(other, hit) for other in ("data", "marketing", "privacy")
            ):
                evidence.signs["product_act"] += 1
                continue
            if concept == "access_right" and _is_part_of_another_act(reader, hit):
                continue
            counted.append(hit)
            if reader.negated(hit):
                evidence.negated.add(kind)
            else:
                evidence.add(kind, RIGHT, reader.text(hit))
    return counted


def _is_part_of_another_act(reader: SentenceReader, hit: Hit) -> bool:
    """`Delete everything that you have about me`: what is held is what the act is done to."""
    clause = reader.clauses[hit.begin]
    for concept in (
        "erase",
        "erase_right",
        "object_right",
        "object_act",
        "restrict",
        "restrict_right",
        "correct",
        "keep",
    ):
        for act in reader.of(concept):
            is_before, first = act.begin < hit.begin, min(act.begin, hit.begin)
            if (is_before or concept == "erase") and reader.clauses[act.begin] == clause:
                last = max(act.begin, hit.begin)
                is_thing = is_before and _is_all_that_is_held(reader, first, hit)
                if reader.between("conjunction", first, last) and not is_thing:
                    continue
                is_negated = reader.negated(act)
                if is_negated == (concept == "keep") or concept not in ("erase", "keep"):
                    return True
    return False


def _is_all_that_is_held(reader: SentenceReader, first: int, hit: Hit) -> bool:
    """`… my account and everything you have on me`: whether what is held is named as a thing, and nothing is asked about it."""
    is_named = any(0 <= hit.begin - everything.end <= NEAR for everything in reader.of("all"))
    return is_named and not reader.between("ask", first, hit.begin)


def _is_product(reader: SentenceReader, hit: Hit) -> bool:
    """Whether an act is done to a part of the product: no word for something of one's own is nearer to it."""

    def nearest(*concepts: str) -> int:
        others = [
            other for concept in concepts for other in reader.of(concept) if not hit.begin <= other.begin < hit.end
        ]
        clause = reader.clauses[hit.begin]
        return min(
            (abs(other.begin - hit.begin) for other in others if reader.clauses[other.begin] == clause), default=FAR
        )

    product = nearest("product")
    return product < FAR and not (reader.in_clause("me", hit) and nearest("data", "account", "field") < product)


def _act(reader: SentenceReader, evidence: Evidence, kind: str, hit: Hit) -> None:
    """An act that is a kind of request if it is done to something personal."""
    clause = reader.clauses[hit.begin]
    if any(cannot.begin < hit.begin and reader.clauses[cannot.begin] == clause for cannot in reader.of("cannot")):
        evidence.signs["problem"] += 1
        return
    if kind == "access" and _is_part_of_another_act(reader, hit):
        return
    is_negated = reader.negated(hit)
    has_object = any(reader.in_clause(concept, hit) for concept in ("data", "account", "all", "field", "me"))
    if _is_product(reader, hit) or (reader.of("product") and not has_object):
        evidence.signs["product_act"] += 1
        return
    if kind == "erase" and reader.in_clause("marketing", hit) and not reader.in_clause("data", hit):
        evidence.add("object", IN_CLAUSE, reader.text(hit, "marketing"))
        return
    score = _score(reader, kind, hit)
    signs = evidence.signs
    if score == BARE and kind == "erase" and (signs["account"] or signs["data"]) and not signs["product"]:
        score = BEFORE
    if reader.asks_how(hit) and (kind == "correct" or not (reader.beside("data", hit) or reader.beside("all", hit))):
        evidence.signs["how_act" if kind == "correct" or score < IN_SENTENCE else f"how_{kind}"] += 1
        return
    if is_negated:
        evidence.negated.add(kind)
    elif score:
        evidence.add(kind, score, reader.text(hit, "data", "account", "all", "field", "me"))


def _score(reader: SentenceReader, kind: str, hit: Hit) -> float:
    objects = {
        "erase": ("data", "all", "account", "field"),
        "copy": ("data", "all"),
        "access": ("data",),
        "correct": ("data", "field", "wrong"),
        "restrict": ("data", "use"),
    }[kind]
    if kind == "erase" and hit.end - hit.begin >= WHOLE_WISH:
        return IN_CLAUSE  # `out of your system`
    for_me = FOR_ME if reader.in_clause("me", hit) else 0.0
    if any(reader.in_clause(concept, hit) for concept in objects):
        if kind == "correct" and not (
            reader.beside("field", hit) or reader.beside("data", hit) or reader.in_clause("me", hit)
        ):
            return BARE
        if kind == "access" and not for_me and not reader.of("privacy"):
            return BARE
        return IN_CLAUSE + for_me
    if kind != "access" and any(reader.beside(concept, hit) for concept in objects):
        return IN_SENTENCE
    if (kind == "erase" and for_me) or (kind == "access" and reader.of("privacy")):
        return IN_SENTENCE
    return BARE


def _objection(reader: SentenceReader, evidence: Evidence) -> None:
    """Acts against a use: objecting, no more advertising, `stop using`, `do not send`."""
    rights = reader.of("object_right")
    for hit in reader.of("object_act"):
        if any(right.begin <= hit.begin < right.end for right in rights):
            continue
        if reader.negated(hit):
            evidence.negated.add("object")
        elif any(reader.beside(concept, hit) for concept in ("data", "use", "marketing", "privacy")):
            evidence.add("object", IN_CLAUSE, reader.text(hit, "data", "use", "marketing"))
        else:
            evidence.add("object", BARE, reader.text(hit))
    for hit in reader.of("no_consent"):
        evidence.weak_object += RIGHT
        evidence.add("object", RIGHT, reader.text(hit))
        return
    if rights or reader.of("cannot"):
        return
    for hit in reader.of("marketing"):
        if reader.negated(hit) or _is_stopped(reader, hit):
            evidence.add("object", RIGHT, reader.text(hit, "negation", "stop"))
            return
        if reader.in_clause("me", hit) and not reader.is_question:
            evidence.add("object", BARE, reader.text(hit, "me"))
    if any(reader.of(concept) for concept in ("copy", "product", "account")):
        return
    for hit in reader.of("use"):
        is_personal = reader.in_clause("data", hit) or reader.in_clause("me", hit) or reader.in_clause("field", hit)
        if is_personal and (reader.negated(hit) or _is_stopped(reader, hit)):
            evidence.weak_object += IN_CLAUSE
            evidence.add("object", IN_CLAUSE, reader.text(hit, "negation", "stop", "data", "me"))
            return


def _is_stopped(reader: SentenceReader, hit: Hit) -> bool:
    """Whether the clause is told to stop, or the one before it ends with that: `Hört auf, mir Werbung zu schicken`."""
    clause = reader.clauses[hit.begin]
    for stop in reader.of("stop"):
        ends_clause = stop.end < len(reader.clauses) and reader.clauses[stop.end] == clause
        if (reader.clauses[stop.begin] == clause or ends_clause) and not reader.negated(stop):
            return True
    return False


def _keeping(reader: SentenceReader, evidence: Evidence) -> None:
    """`I do not want you to keep anything about me` asks for erasure."""
    for hit in reader.of("keep"):
        is_whole = hit.end - hit.begin >= WHOLE_WISH  # `be in your system`
        is_personal = is_whole or any(reader.in_clause(concept, hit) for concept in ("data", "all", "account"))
        if is_personal and (reader.negated(hit) or _is_stopped(reader, hit)) and not reader.of("product"):
            evidence.add("erase", IN_CLAUSE + FOR_ME, reader.text(hit, "negation", "stop", "data", "all", "me"))
            return


def _holding(reader: SentenceReader, evidence: Evidence) -> None:
    """`What do you hold about me?` asks for access."""
    if reader.of("access_right") or reader.of("product"):
        return
    if not any(reader.of(concept) for concept in ("data", "all", "about_me")):
        return
    for hit in reader.of("hold"):
        what = [other for other in reader.of("what") if not hit.begin <= other.begin < hit.end]
        asked = what or [other for other in reader.of("ask") if other.begin != hit.begin]
        asked = asked or (
            reader.of("about_me") if reader.is_question and reader.of("data") and not reader.asks_how(hit) else []
        )
        if not asked or reader.negated(hit) or _is_part_of_another_act(reader, hit) or reader.of("erase"):
            continue
        if reader.in_clause("me", hit) or (reader.beside("me", hit) and what):
            evidence.add("access", RIGHT - FOR_ME, reader.text(hit, "what", "data", "me"))
            return
        if what and reader.of("data") and not reader.asks_how(hit):
            evidence.add("access", IN_SENTENCE, reader.text(hit, "what", "data"))
            return
    for hit in reader.of("about_me"):
        if reader.in_clause("ask", hit) and reader.in_clause("data", hit) and not any(map(reader.of, OTHER_ACTS)):
            evidence.add("access", IN_CLAUSE, reader.text(hit, "ask", "data"))
            return


def _breach(reader: SentenceReader, evidence: Evidence) -> bool:
    """Whether the sentence reports that something of somebody's was seen or taken."""
    for hit in reader.of("breach"):
        if hit.end - hit.begin == 1 and _is_product(reader, hit) and not reader.of("data"):
            continue
        if not (reader.is_question and reader.asks_how(hit)):
            evidence.add("breach", RIGHT, reader.text(hit))
            return not any(reader.of(kind) for kind in RIGHTS) and not reader.of("erase")
    return False


def _wrong(reader: SentenceReader, evidence: Evidence) -> None:
    """`My name is spelled wrong` asks for rectification, where nothing else is asked."""
    if evidence.signs["product"] or reader.of("how"):
        return
    for hit in reader.of("wrong"):
        if reader.beside("field", hit) and (reader.of("me") or reader.of("hold")):
            evidence.add("correct", IN_SENTENCE, reader.text(hit, "field", "me"))
            return
