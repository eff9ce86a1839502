"""Customers of a bench, made by the verbs of the pages. They go with the service that the bench makes and removes."""

import re
from dataclasses import dataclass

from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.mail.models import Message
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding


@dataclass(frozen=True, slots=True)
class Grower:
    """A customer: its administrator, who has just signed up, and the password of the account."""

    actor: Actor
    address: str
    password: str

    @property
    def organisation(self) -> str:
        """Its opaque id."""
        return str(self.actor.organisation)


def new_customer(name: str = "") -> Grower:
    """A new customer. name: of its administrator; "": made up. Raises UnavailableError."""
    name = name or f"bench{new_id()}"
    address, password = f"{name}@canary.invalid", f"{new_id()}-{new_id()}"
    accounts.ask_sign_up(address, network=name)
    secret = _take_mail(address)  # It leads nowhere: mail to such addresses stays in its table.
    entry = onboarding.Entry(name, password, notices.offer().claims("sign-up"), "Bench")
    return Grower(onboarding.finish_sign_up(secret, entry, Visit(name)).actor, address, password)


def _take_mail(address: str) -> str:
    """The secret in the newest mail to an address, which is taken out of the queue. Raises UnavailableError."""
    for mail in Message.objects.order_by("-created_at")[:50]:
        if mail.address == address and (link := re.search(r"/prove/(\S+)", mail.body)):
            mail.delete()
            return link[1]
    raise UnavailableError("The mail of a sign-up held no link.")
