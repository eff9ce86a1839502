"""Signing up, through the same verbs as the pages."""

import re

from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import Actor
from glasshouse.mail import api as mail
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding


def prove_link(address: str, path: str = "prove") -> str:
    """The secret in the newest mail to an address."""
    letter = next(one for one in mail.newest(200) if one.address == address)
    found = re.search(rf"/{path}/(\S+)", letter.body)
    assert found, letter.body
    return found[1]


def signed_up(name: str, address: str, password: str, organisation: str) -> Actor:
    """A new customer's administrator, through the same verbs as the pages."""
    accounts.ask_sign_up(address, network=address)
    entry = onboarding.Entry(name, password, notices.offer().claims("sign-up"), organisation)
    return onboarding.finish_sign_up(prove_link(address), entry, Visit(address)).actor
