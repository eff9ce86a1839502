"""One sentence with the phrases that it has: what stands in which clause, and what a negation reaches."""

from glasshouse.requests.classification.phrases import Hit
from glasshouse.requests.classification.sentences import Sentence

NEGATED_REACH, LATE_REACH, CANCEL_REACH = 8, 10, 4  # words
MOST_OF_CONCEPT = 8  # hits in a sentence: more would only cost time
ACTS = ("erase", "copy", "access", "correct", "restrict")


class SentenceReader:
    """One sentence with the phrases that it has."""

    def __init__(self, sentence: Sentence, hits: list[Hit]) -> None:
        self.tokens, self.clauses, self.is_question = sentence.tokens, sentence.clauses, sentence.is_question
        self.hits: dict[str, list[Hit]] = {}
        for hit in hits:
            same = self.hits.setdefault(hit.concept, [])
            if len(same) < MOST_OF_CONCEPT:
                same.append(hit)

    def of(self, concept: str) -> list[Hit]:
        """Where the sentence has a concept."""
        return self.hits.get(concept, [])

    def in_clause(self, concept: str, hit: Hit) -> bool:
        """Whether a concept stands in the clause of a hit, apart from the hit's own words."""
        clause = self.clauses[hit.begin]
        return any(
            self.clauses[other.begin] == clause and not (hit.begin <= other.begin < hit.end)
            for other in self.of(concept)
        )

    def beside(self, concept: str, hit: Hit) -> bool:
        """Whether a concept stands anywhere in the sentence, apart from the hit's own words."""
        return any(not (hit.begin <= other.begin < hit.end) for other in self.of(concept))

    def asks_how(self, hit: Hit) -> bool:
        """Whether the sentence asks, before a hit, how something is done."""
        return any(
            how.begin < hit.begin and (self.is_question or (how.end - how.begin > 1 and self.begins_clause(how)))
            for how in self.of("how")
        )

    def begins_clause(self, hit: Hit) -> bool:
        """Whether a hit stands at the beginning of its clause."""
        return hit.begin <= 1 or self.clauses[hit.begin - 1] != self.clauses[hit.begin]

    def between(self, concept: str, begin: int, end: int) -> bool:
        return any(begin <= hit.begin < end for hit in self.of(concept))

    def negated(self, hit: Hit) -> bool:
        """Whether a hit is negated in its clause."""
        clause = self.clauses[hit.begin]
        for negation in self.of("negation"):
            if (
                self.clauses[negation.begin] != clause
                or self._is_complaint(negation)
                or self._is_cancelled(negation, hit)
            ):
                continue
            if negation.end <= hit.begin <= negation.end + NEGATED_REACH and not self._is_cut(negation.end, hit.begin):
                return True
        for negation in self.of("late_negation"):
            if (
                self.clauses[negation.begin] != clause
                or self._is_complaint(negation)
                or self._is_cancelled(negation, hit)
            ):
                continue
            if hit.end <= negation.begin <= hit.end + LATE_REACH and not (
                self.between("adversative", hit.end, negation.begin)
                or self.between("conjunction", hit.end, negation.begin)
            ):
                return True
        return False

    def _is_complaint(self, negation: Hit) -> bool:
        """Whether a negation says that something was not done yet, which asks for it to be done."""
        return self.in_clause("perfect", negation) and any(
            late.begin <= negation.begin < late.end for late in self.of("not_yet")
        )

    def _is_cancelled(self, negation: Hit, hit: Hit) -> bool:
        """`Do not forget to delete`, `if you do not delete`: the act is wanted."""
        begin, end = min(negation.begin, hit.begin), max(negation.end, hit.end)
        return any(
            begin - CANCEL_REACH <= other.begin < end and self.clauses[other.begin] == self.clauses[hit.begin]
            for other in self.of("cancels_negation")
            if not negation.begin <= other.begin < negation.end
        )

    def _is_cut(self, begin: int, end: int) -> bool:
        """Whether a negation's reach ends between two places: at `but`, or at `and` after the act that it negates."""
        if self.between("adversative", begin, end):
            return True
        acts = [hit for concept in (*ACTS, "use", "keep") for hit in self.of(concept) if begin <= hit.begin < end]
        return any(
            begin <= join.begin < end and any(act.begin < join.begin for act in acts) for join in self.of("conjunction")
        )

    def text(self, hit: Hit, *concepts: str) -> list[str]:
        """The words of a hit, and the nearest of some concepts in its clause, in their order."""
        places = set(range(hit.begin, hit.end))
        for concept in concepts:
            near = [other for other in self.of(concept) if self.clauses[other.begin] == self.clauses[hit.begin]]
            if near:
                nearest = min(near, key=lambda other: abs(other.begin - hit.begin))
                places |= set(range(nearest.begin, nearest.end))
        return [self.tokens[place] for place in sorted(places)]
