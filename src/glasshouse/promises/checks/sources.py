"""Checks of third-party data: PRI-08."""

from django.db import IntegrityError, transaction

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.sources import api as sources
from glasshouse.sources.models import Source
from glasshouse.vault.envelope import EMPTY_BYTES
from glasshouse.vault.fields import unreadable


@check("PRI-08")
def provenance() -> Finding:
    """Each value of a third party has source, licence and purpose, as the database requires; its person was told in time."""
    total, bare, late = sources.provenance()
    try:
        with transaction.atomic():
            full, empty = unreadable(EMPTY_BYTES + 1), unreadable(EMPTY_BYTES)
            Source.objects.create(
                kind="partner", name=full, licence=empty, purpose=full, written_by=new_id(), created_at=clock.now()
            )
            transaction.set_rollback(True)
        wrong = ["the database takes a source without a licence"]
    except IntegrityError:
        wrong = []
    if bare or late:
        wrong.append(f"{bare} values without provenance, {late} whose person was not told in time")
    return judge(
        not wrong,
        "; ".join(wrong) or f"{total} values of third parties, each with source, licence and purpose; 0 told late",
    )
