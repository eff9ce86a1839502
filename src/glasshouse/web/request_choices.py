"""What a privacy request may be about, and where one may live."""

from glasshouse.requests import legal_deadlines

KINDS = {
    "access": "See what you hold of me",
    "copy": "Have an export of it",
    "correct": "Have something put right",
    "erase": "Be erased",
    "restrict": "Have its use restricted",
    "object": "Object to its use",
    "question": "Ask something else",
}
CHOICES: dict[str, object] = {
    "kinds": KINDS.items(),
    "regions": [(key, title) for key, (title, _) in legal_deadlines.REGIONS.items()],
}
