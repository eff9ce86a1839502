"""What a privacy request may be about, and where one may live. Pages translate both; the laws' own names stay as they are."""

from django.utils.translation import gettext_noop

from glasshouse.requests import legal_deadlines
from glasshouse.requests.kind_titles import KIND_TITLES

KINDS = {
    "access": gettext_noop("See what you hold of me"),
    "copy": gettext_noop("Have an export of it"),
    "correct": gettext_noop("Have something put right"),
    "erase": gettext_noop("Be erased"),
    "restrict": gettext_noop("Have its use restricted"),
    "object": gettext_noop("Object to its use"),
    "question": gettext_noop("Ask something else"),
    "breach": gettext_noop("Report that data were exposed"),
    "complaint": gettext_noop("Complain"),
    "unclear": gettext_noop("Something that a person has to read first"),
}
CHANNEL_TITLES = {
    "page": gettext_noop("the page"),
    "mail": gettext_noop("email"),
    "account": gettext_noop("their account"),
    "agent": gettext_noop("an agent"),
    "letter": gettext_noop("letter"),
    "phone": gettext_noop("telephone"),
}
# What a person is not asked to choose: mails are read as it, and the privacy officer decides.
OF_OFFICER = ("breach", "complaint", "unclear")
CHOICES: dict[str, object] = {
    "kinds": [(kind, title) for kind, title in KINDS.items() if kind not in OF_OFFICER],
    "regions": [(key, legal_deadlines.REGIONS[key][0]) for key in legal_deadlines.OFFERED],
    "channels": CHANNEL_TITLES.items(),
}
# For the privacy officer, who names what a person is not asked for.
OFFICERS_CHOICES: dict[str, object] = {
    "all_kinds": KIND_TITLES.items(),
    "all_regions": [(key, title) for key, (title, _) in legal_deadlines.REGIONS.items()],
}
# Marked for the catalogues: the regions and laws of `legal_deadlines`, which knows nothing of pages.
MARKED = (
    gettext_noop("European Union, Norway, Iceland, Liechtenstein"),
    gettext_noop("United Kingdom"),
    gettext_noop("Switzerland"),
    gettext_noop("United States"),
    gettext_noop("Brazil"),
    gettext_noop("Canada"),
    gettext_noop("elsewhere"),
    gettext_noop("GDPR (European Union)"),
    gettext_noop("UK GDPR"),
    gettext_noop("FADP (Switzerland)"),
    gettext_noop("CCPA (California)"),
    gettext_noop("LGPD (Brazil)"),
    gettext_noop("PIPEDA (Canada)"),
    gettext_noop("the strictest law that may apply"),
)
