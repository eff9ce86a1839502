"""Checks of passwords and second factors: SEC-05, SEC-06."""

import re

from django.urls import reverse

from glasshouse.access import api as access
from glasshouse.access.models import Organisation
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.models import Account, SecondFactor
from glasshouse.accounts.rules import Visit
from glasshouse.kernel import clock
from glasshouse.kernel.errors import GlasshouseError, ThrottledError
from glasshouse.kernel.ids import AccountId, new_id
from glasshouse.promises import evidence, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.probe import Grower
from glasshouse.promises.registry import check

ARGON2 = re.compile(r"^argon2\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")
LEAST_MEMORY_KIB, LEAST_TURNS = 19_456, 2  # OWASP Password Storage Cheat Sheet


@check("SEC-05")
def passwords() -> Finding:
    """Every stored credential is Argon2id of at least the recommended cost; guessing at one address is slowed."""
    total = weak = 0
    for stored in Account.objects.values_list("password", flat=True).iterator():
        total += 1
        match = ARGON2.match(stored)
        weak += not match or int(match[1]) < LEAST_MEMORY_KIB or int(match[2]) < LEAST_TURNS
    open_door = not _guessing_is_throttled()
    figure = f"{total - weak} of {total} stored passwords are Argon2id of the recommended cost"
    return judge(weak == 0 and not open_door, f"{figure}; guessing is {'not ' if open_door else ''}slowed")


def _guessing_is_throttled() -> bool:
    address = f"probe{new_id()}@canary.invalid"
    for _ in range(11):
        try:
            accounts.sign_in(address, "not it, surely", Visit(f"probe-{address}"))
        except ThrottledError:
            return True
        except GlasshouseError:
            continue
    return False


@check("SEC-06")
def sign_in_needs_both() -> Finding:
    """A password alone opens nothing where there is a second factor; nobody gets past a requirement without one."""
    with probe.customers(1) as (customer,):
        wrong = [] if _requirement_holds(customer) else ["a member without a second factor got past the requirement"]
        SecondFactor.objects.create(
            account_id=str(customer.actor.account),
            key_owner=str(customer.actor.person),
            kind="app",
            name="Probe",
            secret={"seed": "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"},
            confirmed_at=clock.now(),
            created_at=clock.now(),
        )
        signed_in = accounts.sign_in(customer.address, customer.password, probe.VISIT)
        if not signed_in.pending or sessions.actor_of(signed_in.secret).account is not None:
            wrong.append("a password alone opened an account with a second factor")
        if not evidence.is_refused(
            lambda: second_factor.finish_sign_in(signed_in.secret, "000000", probe.VISIT, trust=False)
        ):
            wrong.append("a made-up code was taken")
    total = Account.objects.count()
    having = SecondFactor.objects.exclude(confirmed_at=None).values("account_id").distinct().count()
    return judge(
        not wrong,
        "; ".join(wrong)
        or f"{having} of {total} accounts have a second factor; none gets past a requirement without one",
    )


def _requirement_holds(customer: Grower) -> bool:
    with access.organisation_transaction(customer.actor):
        Organisation.objects.filter(id=customer.organisation).update(
            second_factor_roles=[], second_factor_from=clock.now()
        )
    client = probe.door(session=probe.begin_session(customer))
    held = (
        client.get(reverse("overview", args=[customer.organisation])).headers.get("location", "")
        == "/account/security?needed=1"
    )
    with access.organisation_transaction(customer.actor):
        Organisation.objects.filter(id=customer.organisation).update(second_factor_roles=None, second_factor_from=None)
    return held and second_factor.has_second_factor(AccountId(str(customer.actor.account))) is False
