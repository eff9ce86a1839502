"""What the sender of a mail wrote: without earlier mails that it quotes, and without the signature under it."""

from glasshouse.requests.classification.phrases import Phrase, Vocabulary, folded, words_of

MOST_READ, MOST_LINES = 20_000, 1_000  # characters, lines; a longer text is read up to here
LONGEST_HEADER, LONGEST_SIGNATURE_LINE, MOST_CLOSING_WORDS = 200, 60, 8  # characters; words
SEPARATORS = ("-- ", "--", "__", "---")
HEADER_MARKS = ("from:", "von:", "de:", "van:", "da:", "od:", "desde:")
PS = ("ps", "p.s", "nb", "n.b")


def own_words(text: str, vocabulary: Vocabulary) -> str:
    """A text without what it quotes and its signature; the whole text where nothing else is left.

    vocabulary: with the concepts `closing` (words that end a letter), `disclaimer` (of what stands under every mail of a company)
    and `quoting` (a line that says who wrote what follows).
    """
    lines = text[:MOST_READ].splitlines()[:MOST_LINES]
    known: dict[str, list[Phrase]] = {}
    own: list[str] = []
    has_text = False
    in_signature = False
    for number, line in enumerate(lines):
        bare = line.strip()
        if bare.startswith((">", "|")):
            continue
        if _begins_quotation(bare, lines[number + 1 : number + 4], vocabulary, known) and has_text:
            break
        if line.rstrip("\r\n") in SEPARATORS and has_text:
            break
        if in_signature:
            if _is_disclaimer(bare, vocabulary, known):
                break
            # Whoever goes on in whole sentences has not signed yet.
            if len(bare) <= LONGEST_SIGNATURE_LINE and not folded(bare).startswith(PS):
                continue
            in_signature = False
        has_text = has_text or any(map(str.strip, own[-1:]))
        before, is_closing = _before_closing(line, vocabulary, known)
        if is_closing and (before.strip() or has_text):
            own.append(before)
            in_signature = True
        else:
            own.append(line)
    result = "\n".join(own)
    return result if result.strip() else text[:MOST_READ]


def _begins_quotation(line: str, following: list[str], vocabulary: Vocabulary, known: dict[str, list[Phrase]]) -> bool:
    if len(line) > LONGEST_HEADER:
        return False
    if line.startswith("-----") and line.endswith("-----"):
        return True
    small = line.casefold()
    if small.startswith(HEADER_MARKS):  # The head of a mail that follows: several lines of the form "Name: value".
        return sum(":" in other[:20] for other in following) >= 2
    if not line.endswith((":", ">")):
        return False
    return any(hit.concept == "quoting" for hit in vocabulary.hits(words_of(folded(line)), known))


def _is_disclaimer(line: str, vocabulary: Vocabulary, known: dict[str, list[Phrase]]) -> bool:
    """Whether a line under a signature is what a company puts under every mail."""
    return any(hit.concept == "disclaimer" for hit in vocabulary.hits(words_of(folded(line[:LONGEST_HEADER])), known))


def _before_closing(line: str, vocabulary: Vocabulary, known: dict[str, list[Phrase]]) -> tuple[str, bool]:
    """What a line says before the words that end a letter, and whether it has them."""
    position = max(0, len(line) - 3 * LONGEST_SIGNATURE_LINE)
    for part in line[position:].replace("!", ".").replace(",", ".").split("."):
        tokens = words_of(folded(part)) if len(part) <= LONGEST_SIGNATURE_LINE else []
        if 0 < len(tokens) <= MOST_CLOSING_WORDS:
            hits = vocabulary.hits(tokens, known)
            if any(hit.concept == "closing" and hit.begin <= 1 for hit in hits):
                return line[:position], True
        position += len(part) + 1
    return line, False
