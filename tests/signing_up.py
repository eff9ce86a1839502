"""Signing up, through the same verbs as the pages."""

import re

from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import Actor
from glasshouse.mail.models import Message
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.vault import api as vault


def prove_link(address: str, path: str = "prove") -> str:
    """The secret in the newest mail to an address."""
    letter = mails_to(address)[0]
    link = re.search(rf"/{path}/(\S+)", letter.body)
    assert link, letter.body
    return link[1]


def mails_to(address: str) -> list[Message]:
    """The mails to an address, the newest first. The others of a service that tests share are not opened."""
    return list(Message.objects.filter(address_hash=vault.lookup("address", address)).order_by("-created_at"))


def signed_up(name: str, address: str, password: str, organisation: str) -> Actor:
    """A new customer's administrator, through the same verbs as the pages."""
    accounts.ask_sign_up(address, network=address)
    entry = onboarding.Entry(name, password, notices.offer().claims("sign-up"), organisation)
    return onboarding.finish_sign_up(prove_link(address), entry, Visit(address)).actor
