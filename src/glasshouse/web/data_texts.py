"""Marked for the catalogues: what public registers say beside the data map: kinds of recipients, outcomes of legal requests."""

from django.utils.translation import gettext_noop

MARKED = (
    # A category of `vault.datamap.NAMES` that no column has so far, and a provider may receive.
    gettext_noop("Telephone number"),
    # Kinds of recipients, of `disclosures.rules.TITLES`.
    gettext_noop("company of the operator's group"),
    gettext_noop("customer that the person belongs to"),
    gettext_noop("service provider"),
    gettext_noop("authority"),
    gettext_noop("buyer of the business"),
    gettext_noop("other, by consent"),
    # What became of a legal request.
    gettext_noop("answered"),
    gettext_noop("nothing"),
    gettext_noop("refused"),
    gettext_noop("open"),
)
