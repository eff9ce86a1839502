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
    # What the installation itself registers as its first recipient (`disclosures.api.install`).
    gettext_noop("The operator's mail server"),
    gettext_noop("Carries the mail that the service sends to people."),
    gettext_noop("where the operator runs it"),
    gettext_noop("run by the operator itself, or under its contract with the mail provider"),
    gettext_noop("TLS on the way"),
    gettext_noop("delivering mail"),
    # Classifications and whom a field is about, of the record of processing.
    gettext_noop("anonymous"),
    gettext_noop("confidential"),
    gettext_noop("crop"),
    gettext_noop("personal"),
    gettext_noop("technical"),
    gettext_noop("customer"),
    gettext_noop("nobody"),
    gettext_noop("person"),
    # Purposes of what is of no person, which a person's own pages never show.
    gettext_noop("showing the climate and the crop"),
)
