"""A browser within the test's own process: what a page does can be counted there, and broken."""

from typing import NamedTuple

from django.db import transaction
from django.test import Client

from glasshouse.accounts import sessions
from glasshouse.accounts.models import Account
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import OrganisationId
from glasshouse.web.cookies import SESSION_COOKIE
from tests.conftest import Customer


class Browser(NamedTuple):
    """A client of Django's that is signed in, and its actor within the customer's organisation."""

    client: Client
    actor: Actor


def browser_of(one: Customer) -> Browser:
    """A browser in which a customer has signed in. It asks without a form's token, which Django's client does not check."""
    account = Account.objects.get(id=one.actor.account)
    with transaction.atomic():
        secret = sessions.begin(account, Visit("127.0.0.1"), pending=False).secret
    client = Client(raise_request_exception=False, SERVER_NAME="localhost")
    client.cookies[SESSION_COOKIE] = secret
    return Browser(client, sessions.actor_of(secret).for_organisation(OrganisationId(one.organisation)))
