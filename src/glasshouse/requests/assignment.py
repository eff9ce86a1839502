"""Verbs of who sees to a request: any privacy officer may take one, hand it over or put it back. Source: PRI-28."""

from typing import NamedTuple

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, RequestId
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.requests.models import Request

NOBODY, MOST_OFFICERS = "", 200


class Officer(NamedTuple):
    """A privacy officer. id: of the account."""

    id: str
    name: str


def officers(actor: Actor) -> list[Officer]:
    """The privacy officers, by name, without those of promise checks. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    of_checks = probes.hidden_from(str(actor.account), Account)
    accounts_of = Account.objects.filter(staff_role="privacy").exclude(id__in=of_checks)
    known = names(list(accounts_of.order_by("created_at").values_list("id", flat=True)[:MOST_OFFICERS]))
    return sorted((Officer(account, name) for account, name in known.items()), key=lambda officer: officer.name)


def names(account_ids: list[str]) -> dict[str, str]:
    """Account -> name, of those that are there; with as many queries for many as for one."""
    wanted = [AccountId(account) for account in dict.fromkeys(account_ids) if account]
    return {account: person.name for account, person in accounts.people(wanted).items()} if wanted else {}


def other_officers(actor: Actor) -> list[AccountId]:
    """The accounts of the other privacy officers, without those of promise checks; of a check's own, those of the same check."""
    of_checks, of_own_check = (
        probes.hidden_from(str(actor.account), Account),
        probes.beside(str(actor.account), Account),
    )
    others = Account.objects.filter(staff_role="privacy").exclude(id=actor.account).exclude(id__in=of_checks)
    if of_own_check is not None:  # What a check tries is no work of a real officer.
        others = others.filter(id__in=of_own_check)
    return [
        AccountId(account) for account in others.order_by("created_at").values_list("id", flat=True)[:MOST_OFFICERS]
    ]


@transaction.atomic
def assign(actor: Actor, number: RequestId, officer: str) -> None:
    """Have an officer see to an open request, or nobody. Who gets one from a colleague is told by mail.

    officer: the id of the account, or NOBODY. Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    request = Request.objects.select_for_update().filter(id=number, closed_at=None).first()
    if request is None:
        raise NotFoundError
    if officer and not Account.objects.filter(id=officer, staff_role="privacy").exists():
        raise InvalidError("Choose a privacy officer from the list.", field="officer")
    if request.assigned_to == officer:
        return
    request.assigned_to = officer
    request.save(update_fields=["assigned_to"])
    events.record(actor, Kind.REQUEST_ASSIGNED, request.id, to=officer or "nobody")
    if officer not in (NOBODY, str(actor.account)):
        _tell(request, officer)


def _tell(request: Request, officer: str) -> None:
    person = accounts.people([AccountId(officer)]).get(officer)
    if person is not None:
        values: mail.Values = {"number": request.id, "kind": KIND_TITLES[request.kind], "due_at": request.due_at}
        language = languages.of_person(person)
        mail.queue_template(
            KeyOwnerId(person.id), "deadline", person.address, "requests/mails/assigned", values, language=language
        )
