"""Live checks of who gets in: SEC-01 to SEC-04 and SEC-06. Probe customers walk through the live door and are gone afterwards."""

import ssl
from collections.abc import Callable

import httpx
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from psycopg.errors import InsufficientPrivilege

from glasshouse.access import api as access
from glasshouse.access import pages
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Role
from glasshouse.access.policies import customer_models, customer_tables
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_step, sessions
from glasshouse.accounts.models import Account, SecondStep
from glasshouse.accounts.rules import Visit
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, NotFoundError
from glasshouse.kernel.ids import AccountId, InvitationId, OrganisationId
from glasshouse.organisations import invitations, members
from glasshouse.organisations.models import Invitation
from glasshouse.promises import evidence, matrix, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.probe import Grower

PROBE = Visit("probe", "promise check")


def _session(one: Grower) -> str:
    """The secret of a session of the probe, begun as after a right password."""
    account = Account.objects.select_related("person").get(id=one.actor.account)
    with transaction.atomic():
        return sessions.begin(account, PROBE, pending=False).secret


def _refused(act: Callable[[], object], *kinds: type[Exception]) -> bool:
    try:
        act()
    except GlasshouseError as error:
        return not kinds or isinstance(error, kinds)
    return False


# -- SEC-01 --------------------------------------------------------------------------------------------------------


def layers() -> Finding:
    """SEC-01: each layer, asked by itself, refuses: what passes the others is brought to it on purpose."""
    with probe.customers(2) as (one, other):
        page = reverse("overview", args=[one.organisation])
        stranger, owner = probe.door(session=_session(other)), probe.door(session=_session(one))
        found = {
            "transport": _old_tls_refused(),
            "perimeter": stranger.get("/trust", headers={"Host": "elsewhere.invalid"}).status_code == 400
            and owner.post("/sign-out", headers={"Referer": "https://elsewhere.invalid/"}).status_code == 403,
            "authentication": probe.door().get(page).headers.get("location", "").startswith("/sign-in"),
            "authorisation": _a_viewer_is_refused(one, other),
            "tenant": stranger.get(page).status_code in (403, 404) and _rows_hidden(one, other),
            "encryption": _name_is_sealed(one),
        }
    wrong = [name for name, held in found.items() if not held]
    return judge(
        not wrong,
        f"{', '.join(wrong)} let through" if wrong else f"{len(found)} of {len(found)} layers refuse by themselves",
    )


def _old_tls_refused() -> bool:
    for port in evidence.listeners():
        try:
            evidence.handshake(port, settings.TLS_FOLDER / "ca.crt", version=ssl.TLSVersion.TLSv1_1)
            return False
        except OSError:
            continue
    return True


def _a_viewer_is_refused(one: Grower, other: Grower) -> bool:
    with access.acting(JOB.within(OrganisationId(one.organisation))):
        Membership.objects.create(
            organisation_id=one.organisation,
            account_id=str(other.actor.account),
            role=Role.VIEWER,
            created_at=clock.now(),
        )
    viewer = other.actor.within(OrganisationId(one.organisation))
    held = _refused(lambda: members.members(viewer), ForbiddenError)
    with access.acting(JOB.within(OrganisationId(one.organisation))):
        Membership.objects.filter(account_id=other.actor.account, organisation_id=one.organisation).delete()
    return held


def _rows_hidden(one: Grower, other: Grower) -> bool:
    with access.acting(other.actor.within(OrganisationId(one.organisation))):
        return not Organisation.objects.filter(id=one.organisation).exists()


def _name_is_sealed(one: Grower) -> bool:
    with access.acting(one.actor), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM access_organisation WHERE id = %s", [one.organisation])
        return b"Probe" not in bytes(cursor.fetchone()[0])


# -- SEC-02 --------------------------------------------------------------------------------------------------------


def invitation() -> Finding:
    """SEC-02: the life of a probe invitation: the wrong account, twice, revoked, expired; and once, rightly."""
    with probe.customers(4) as (one, right, wrong, late):
        first, second = (_invited(one, who.address) for who in (right, wrong))
        steps = {
            "another address is refused": _refused(lambda: invitations.accept(wrong.actor, first[1]), ForbiddenError),
            "the invited one is let in": invitations.accept(right.actor, first[1]) == one.organisation,
            "a second time is refused": _refused(lambda: invitations.accept(right.actor, first[1]), NotFoundError),
        }
        invitations.revoke(one.actor, second[0])
        steps["a revoked one is refused"] = _refused(lambda: invitations.accept(wrong.actor, second[1]), NotFoundError)
        third = _invited(one, late.address)
        with access.acting(one.actor):
            Invitation.objects.filter(id=third[0]).update(expires_at=clock.now())
        steps["an expired one is refused"] = _refused(lambda: invitations.accept(late.actor, third[1]), NotFoundError)
    broken = [step for step, held in steps.items() if not held]
    return judge(
        not broken,
        f"not so: {', '.join(broken)}"
        if broken
        else f"{len(steps)} of {len(steps)} steps in the life of a probe invitation as promised",
    )


def _invited(one: Grower, address: str) -> tuple[InvitationId, str]:
    with access.acting(one.actor):
        number = invitations.invite(one.actor, address, invitations.Offer(Role.VIEWER))
        return number, probe.taken_link(address, "invitation")


# -- SEC-03 --------------------------------------------------------------------------------------------------------


def permissions() -> Finding:
    """SEC-03: role × route × own and foreign customer, walked at the live door."""
    with probe.customers(len(Role) + 1) as (*people, foreign):
        home = people[0]
        clients: dict[Role, httpx.Client] = {}
        for role, person in zip(
            [Role.ADMINISTRATOR, *(role for role in Role if role is not Role.ADMINISTRATOR)], people, strict=True
        ):
            if person is not home:
                with access.acting(JOB.within(OrganisationId(home.organisation))):
                    Membership.objects.create(
                        organisation_id=home.organisation,
                        account_id=str(person.actor.account),
                        role=role,
                        created_at=clock.now(),
                    )
            clients[role] = probe.door(session=_session(person))
            clients[role].get("/sign-in")  # for the anti-forgery cookie
        steps = list(matrix.walk(clients, home.organisation, foreign.organisation))
        with access.acting(JOB.within(OrganisationId(home.organisation))):
            Membership.objects.filter(organisation_id=home.organisation).exclude(account_id=home.actor.account).delete()
    wrong = [step.wrong for step in steps if step.wrong]
    unlisted = sorted(set(matrix.names()) ^ {page.name for page in pages.pages()})
    told = "; ".join([*wrong[:2], *(f"{name} is not declared" for name in unlisted[:2])])
    return judge(
        not wrong and not unlisted,
        told or f"{len(steps)} of {len(steps)} cells of role × route × customer as declared",
    )


# -- SEC-04 --------------------------------------------------------------------------------------------------------


def support() -> Finding:
    """SEC-04: with no grant the support role reads no row of any customer table, and can become nobody else."""
    seen: list[str] = []
    with probe.customers(1) as (one,), transaction.atomic(), connection.cursor() as cursor:
        staff = Account.objects.exclude(staff_role="").values_list("id", flat=True).first() or ""
        cursor.execute(
            "SELECT set_config('glasshouse.organisation', %s, true), set_config('glasshouse.account', %s, true)",
            [one.organisation, staff],
        )
        cursor.execute("SET LOCAL ROLE glasshouse_support")
        for model in customer_models():
            table = model._meta.db_table
            if (rows := _count(table)) > 0:
                seen.append(f"{rows} rows of {table}")
        cursor.execute("RESET ROLE")
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = 'glasshouse_support' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
        )
        seen[:0] = [f"{row[0]} may pass over the policies" for row in cursor.fetchall()]
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY (%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
            [list(customer_tables())],
        )
        seen += [f"{row[0]} has no forced policy" for row in cursor.fetchall()]
    return judge(not seen, "; ".join(seen[:3]) or f"0 rows of {len(customer_tables())} customer tables without a grant")


def _count(table: str) -> int:
    with transaction.atomic():
        try:
            with connection.cursor() as inner:
                inner.execute(f"SELECT count(*) FROM {table}")
                return int(inner.fetchone()[0])
        except DatabaseError as error:
            if not isinstance(error.__cause__, InsufficientPrivilege):
                raise
            transaction.set_rollback(True)
            return 0  # No right to the table at all.


# -- SEC-06 --------------------------------------------------------------------------------------------------------


def two_steps() -> Finding:
    """SEC-06: a password alone opens nothing where there is a second step; nobody gets past a requirement without one."""
    with probe.customers(1) as (one,):
        wrong = [] if _requirement_holds(one) else ["a member without a second step got past the requirement"]
        SecondStep.objects.create(
            account_id=str(one.actor.account),
            holder=str(one.actor.person),
            kind="app",
            name="Probe",
            secret={"seed": "MFRGGZDFMZTWQ2LK"},
            confirmed_at=clock.now(),
            created_at=clock.now(),
        )
        done = accounts.sign_in(one.address, one.password, PROBE)
        if not done.pending or sessions.actor_of(done.secret).account is not None:
            wrong.append("a password alone opened an account with a second step")
        if not _refused(lambda: second_step.finish_sign_in(done.secret, "000000", PROBE, trust=False)):
            wrong.append("a made-up code was taken")
    total = Account.objects.count()
    having = SecondStep.objects.exclude(confirmed_at=None).values("account_id").distinct().count()
    return judge(
        not wrong,
        "; ".join(wrong)
        or f"{having} of {total} accounts have a second step; none gets past a requirement without one",
    )


def _requirement_holds(one: Grower) -> bool:
    with access.acting(one.actor):
        Organisation.objects.filter(id=one.organisation).update(step_roles=[], step_from=clock.now())
    client = probe.door(session=_session(one))
    held = (
        client.get(reverse("overview", args=[one.organisation])).headers.get("location", "")
        == "/account/security?needed=1"
    )
    with access.acting(one.actor):
        Organisation.objects.filter(id=one.organisation).update(step_roles=None, step_from=None)
    return held and second_step.has_step(AccountId(str(one.actor.account))) is False
