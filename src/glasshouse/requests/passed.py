"""To which customers privacy requests were passed, for officers and for the people who asked."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

from glasshouse.access import api as access
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import OrganisationId


class PassedTo(NamedTuple):
    """A customer that a request was passed to, as its opaque id. answered_at: None until it answered the person."""

    organisation: OrganisationId
    due_at: datetime
    answered_at: datetime | None


def passed_to(numbers: list[str]) -> dict[str, list[PassedTo]]:
    """To which customers each request was passed, in that order, with one query; requests that were not are left out."""
    customers: dict[str, list[PassedTo]] = {}
    with access.organisation_transaction(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_referrals_of(%s)", [numbers])
        for request, organisation, due_at, answered_at in cursor.fetchall():
            customers.setdefault(request, []).append(PassedTo(OrganisationId(organisation), due_at, answered_at))
    return customers
