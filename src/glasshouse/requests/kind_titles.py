"""What the officer's pages call the kinds of requests: the right, and not what the person says. Pages translate them."""

from django.utils.translation import gettext_noop

KIND_TITLES = {
    "access": gettext_noop("See their data"),
    "copy": gettext_noop("Export"),
    "correct": gettext_noop("Correction"),
    "erase": gettext_noop("Erasure"),
    "restrict": gettext_noop("Restriction"),
    "object": gettext_noop("Objection"),
    "question": gettext_noop("Question"),
    "breach": gettext_noop("Report of a breach"),
    "complaint": gettext_noop("Complaint"),
    "unclear": gettext_noop("Unclear"),
}
