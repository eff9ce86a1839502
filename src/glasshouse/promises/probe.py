"""A canary customer that walks through the front door and leaves again: sign-up, organisation, site, device, one reading."""

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from django.conf import settings
from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.models import Organisation
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Person
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse.models import Site
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import HolderId, OrganisationId, SiteId, new_id
from glasshouse.mail.models import Message
from glasshouse.vault import api as vault


@dataclass(frozen=True, slots=True)
class Canaries:
    """Texts that stand nowhere but in what the probe customer gave."""

    person: str
    site: str
    tag: str

    def all(self) -> list[str]:
        """The three texts."""
        return [self.person, self.site, self.tag]


@contextmanager
def walked() -> Iterator[Canaries]:
    """The canaries of a customer that lives for the length of the block. Raises UnavailableError when a door is shut."""
    canaries = Canaries(*(f"canary{kind}{new_id()}" for kind in ("person", "site", "tag")))
    address = f"{canaries.person}@canary.invalid"
    with transaction.atomic():  # The mail is taken out before it could leave.
        accounts.ask_sign_up(
            accounts.SignUp(canaries.person, address, f"{new_id()}-{new_id()}", canaries.site), network="probe"
        )
        mail = next(one for one in Message.objects.order_by("-created_at")[:20] if one.address == address)
        link, sign_up_holder = re.search(r"/prove/(\S+)", mail.body), mail.holder
        mail.delete()
    if link is None:
        raise UnavailableError("The probe's mail held no link.")
    new = accounts.finish_sign_up(link[1])
    actor = new.actor.within(access.create_organisation(new.actor, new.organisation))
    try:
        site = greenhouse.create_site(actor, {"name": canaries.site, "time_zone": "Europe/Rome"})
        token = greenhouse.create_device(actor, SiteId(site), "", canaries.person)
        _send(token, f"probe,canary={canaries.tag} air_temp=21.5 {time.time_ns()}")
        yield canaries
    finally:
        greenhouse.forget_readings(actor)
        # As a job: with its last member gone, the organisation could not be seen by that member any more.
        with access.acting(JOB.within(OrganisationId(str(actor.organisation)))):
            Site.objects.filter(organisation_id=actor.organisation).delete()
            Organisation.objects.filter(id=actor.organisation).delete()
        Person.objects.filter(id=actor.person).delete()
        for holder in (sign_up_holder, actor.person, actor.organisation):
            vault.destroy(HolderId(str(holder)))


def _send(token: str, line: str) -> None:
    trust = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    try:
        answer = httpx.post(
            f"{settings.CROPS_ORIGIN}/api/v2/write",
            content=line,
            headers={"Authorization": f"Token {token}"},
            verify=trust,
            timeout=20,
        )
    except httpx.HTTPError as error:
        raise UnavailableError("The probe's reading found the crops service shut.") from error
    if answer.status_code != 204:
        raise UnavailableError(f"The probe's reading was answered {answer.status_code} instead of 204.")
