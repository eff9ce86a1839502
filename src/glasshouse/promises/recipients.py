"""A recipient that received something of a probe, for checks of who is told what."""

from glasshouse.disclosures.models import Disclosure, Recipient
from glasshouse.kernel import clock
from glasshouse.promises.stage import Resident, Stage
from glasshouse.vault import api as vault

TEXTS = dict.fromkeys(("name", "what", "region", "purpose", "basis", "agreement"), "probe of a promise check")


def received(stage: Stage, subject: Resident) -> str:
    """Register a recipient that received a person's name and address; returns its own address, where its mail arrives.

    No page gives a recipient something of a probe, so both rows are written as their verbs write them. It is registered as an
    authority, which no public list names, for no channel, so that nothing of anybody else goes there.
    """
    address, now = stage.new_address(), clock.now()
    # Whoever enters it is not the subject, of whom an erasure leaves nothing.
    writer = next((other for other in stage.residents if other.account != subject.account), None) or stage.grower()
    recipient = Recipient.objects.create(
        kind="authority",
        contact=address,
        address_hash=vault.lookup("address", address),
        channels=[],
        fields=["user.contact.email", "user.name"],
        written_by=writer.account,
        announced_at=now,
        active_from=now,
        **TEXTS,
    )
    Disclosure.objects.create(key_owner=subject.person, recipient=recipient, first_at=now, last_at=now)
    return address
