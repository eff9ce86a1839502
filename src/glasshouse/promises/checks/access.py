"""Checks of what stands between a caller and a customer's data: SEC-01, SEC-03."""

import ssl

import httpx
from django.conf import settings
from django.db import connection
from django.urls import reverse

from glasshouse.access import api as access
from glasshouse.access import pages
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Role
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.errors import ForbiddenError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.organisations import members
from glasshouse.promises import evidence, matrix, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.probe import Grower
from glasshouse.promises.registry import check


@check("SEC-01")
def layers() -> Finding:
    """Each layer refuses by itself a request that the other layers would let pass."""
    with probe.customers(2) as (customer, other):
        page = reverse("overview", args=[customer.organisation])
        anonymous, owner = (
            probe.door(session=probe.begin_session(other)),
            probe.door(session=probe.begin_session(customer)),
        )
        refusals = {
            "transport": _old_tls_refused(),
            "perimeter": anonymous.get("/trust", headers={"Host": "elsewhere.invalid"}).status_code == 400
            and owner.post("/sign-out", headers={"Referer": "https://elsewhere.invalid/"}).status_code == 403,
            "authentication": probe.door().get(page).headers.get("location", "").startswith("/sign-in"),
            "authorisation": _a_viewer_is_refused(customer, other),
            "tenant": anonymous.get(page).status_code in (403, 404) and _rows_hidden(customer, other),
            "encryption": _name_is_sealed(customer),
        }
    wrong = [name for name, held in refusals.items() if not held]
    return judge(
        not wrong,
        f"{', '.join(wrong)} let through"
        if wrong
        else f"{len(refusals)} of {len(refusals)} layers refuse by themselves",
    )


def _old_tls_refused() -> bool:
    authority = settings.TLS_FOLDER / "ca.crt"
    for port in evidence.listeners():
        evidence.handshake(port, authority)  # A listener that is not there has refused nothing.
        try:
            evidence.handshake(port, authority, version=ssl.TLSVersion.TLSv1_1)
            return False
        except OSError:
            continue
    return True


def _a_viewer_is_refused(customer: Grower, other: Grower) -> bool:
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(customer.organisation))):
        Membership.objects.create(
            organisation_id=customer.organisation,
            account_id=str(other.actor.account),
            role=Role.VIEWER,
            created_at=clock.now(),
        )
    viewer = other.actor.for_organisation(OrganisationId(customer.organisation))
    held = evidence.is_refused(lambda: members.members(viewer), ForbiddenError)
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(customer.organisation))):
        Membership.objects.filter(account_id=other.actor.account, organisation_id=customer.organisation).delete()
    return held


def _rows_hidden(customer: Grower, other: Grower) -> bool:
    with access.organisation_transaction(other.actor.for_organisation(OrganisationId(customer.organisation))):
        return not Organisation.objects.filter(id=customer.organisation).exists()


def _name_is_sealed(customer: Grower) -> bool:
    with access.organisation_transaction(customer.actor), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM access_organisation WHERE id = %s", [customer.organisation])
        return b"Probe" not in bytes(cursor.fetchone()[0])


@check("SEC-03")
def permissions() -> Finding:
    """Role × route × own and foreign customer, walked at the live door."""
    with probe.customers(len(Role) + 1) as (*people, foreign):
        home = people[0]
        clients: dict[Role, httpx.Client] = {}
        for role, person in zip(
            [Role.ADMINISTRATOR, *(role for role in Role if role is not Role.ADMINISTRATOR)], people, strict=True
        ):
            if person is not home:
                with access.organisation_transaction(JOB.for_organisation(OrganisationId(home.organisation))):
                    Membership.objects.create(
                        organisation_id=home.organisation,
                        account_id=str(person.actor.account),
                        role=role,
                        created_at=clock.now(),
                    )
            clients[role] = probe.door(session=probe.begin_session(person))
            clients[role].get("/sign-in")  # for the anti-forgery cookie
        steps = list(matrix.walk(clients, home.organisation, foreign.organisation))
        with access.organisation_transaction(JOB.for_organisation(OrganisationId(home.organisation))):
            Membership.objects.filter(organisation_id=home.organisation).exclude(account_id=home.actor.account).delete()
    wrong = [step.wrong for step in steps if step.wrong]
    unlisted = sorted(set(matrix.names()) ^ {page.name for page in pages.pages()})
    problems = "; ".join([*wrong[:2], *(f"{name} is not declared" for name in unlisted[:2])])
    return judge(
        not wrong and not unlisted,
        problems or f"{len(steps)} of {len(steps)} cells of role × route × customer as declared",
    )
