"""What a person wrote in organisations: it goes with the person. Source: PRI-24; GDPR Art. 17."""

from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import AccountId, OrganisationId
from glasshouse.organisations import members
from glasshouse.subject.inventory import rows_written_by


def forget_written(actor: Actor) -> None:
    """Delete what the actor wrote in any organisation, also in one that the actor left before; as a job. Safe to repeat."""
    organisations = {str(getattr(row, "organisation_id", "")) for row in rows_written_by(str(actor.account))}
    for organisation in sorted(organisations):
        members.forget_words(OrganisationId(organisation), AccountId(str(actor.account)))
