"""PRI-15, PRI-20: stop links of mails by earlier versions, made of their reader, work on (today's: test_pri_10_20_messages)."""

import re
import uuid
from collections.abc import Callable

import httpx

from tests.conftest import Customer, administering, forget_recipients, post, prove_link
from tests.promises.test_pri_15_16_disclosures import entry

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
TEXTS = {
    "what": "Sends texts.",
    "region": "EU",
    "agreement": "DPA 1",
    "safeguard": "TLS",
    "purpose": "texts",
    "basis": "contract",
}


def told(address: str, provider: str) -> str:
    """The body of the mail to an address that tells of a provider; "" where there is none."""
    from glasshouse.mail import api as mail

    return next((row.body for row in mail.newest(400) if row.address == address and provider in row.body), "")


def test_each_reader_stops_these_mails_by_the_link_of_an_earlier_version(
    home: object, officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures import news
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    one, address, client = customer(), f"{uuid.uuid4().hex[:10]}@grower.example", web()
    first, second = f"Text Co {uuid.uuid4().hex[:8]}", f"Text Co {uuid.uuid4().hex[:8]}"
    consent.give(one.alone, "provider-news")
    post(client, "/trust/providers", "/trust/providers", address=address)
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    post(client, f"{path}/begin", path)
    try:
        disclosures.add(officer.actor, entry(texts=TEXTS | {"name": first}))
        subscriber = Subscriber.objects.get(address_hash=vault.lookup("address", address), ended_at=None)
        links = {}
        for reader, number in ((one.address, str(one.actor.person)), (address, subscriber.id)):
            assert re.search(r"/stop/[a-z2-7]{43}\b", told(reader, first)), "that of today"
            links[reader] = f"/trust/provider-news/{number}/{news._secret(number)}"
        assert len(set(links.values())) == 2
        for link in links.values():
            assert "Stop these mails" in client.get(link).text, "opening the link changes nothing"
            assert client.get(link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
            assert post(client, link, link).status_code == 302
            assert "no such mail any more" in client.get(link).text
            assert post(client, link, "/sign-in").status_code == 302, "safe to repeat"
        consent.restrict(one.alone, "unlawful", "")
        assert "no such mail any more" in client.get(links[one.address]).text, "whoever is restricted, too"
        consent.lift(one.alone)
        disclosures.add(officer.actor, entry(texts=TEXTS | {"name": second}))
        assert told(one.address, second) == told(address, second) == ""
    finally:
        with administering(home) as connection:  # type: ignore[arg-type]
            forget_recipients(connection)
