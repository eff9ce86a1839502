"""Pure rules of requests: what a text most likely asks for."""

from glasshouse.requests.classification.interpretation import interpret


def likely_kind(text: str) -> str:
    """What a text most likely asks for: a value of RequestKind. What must be proved does not depend on it."""
    return interpret(text).kind
