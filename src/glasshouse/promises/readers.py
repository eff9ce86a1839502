"""Readers of news of providers, and the news, for checks of who is mailed what. Nobody else is told of a probe's news."""

import re
from email.message import EmailMessage

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises.filled import done
from glasshouse.promises.sink import Arrived
from glasshouse.promises.stage import Resident, Stage

PURPOSE, PAGE = "provider-news", "/account/data/messages"
STOP = re.compile(r"/stop/([A-Za-z0-9_-]{20,100})")


def wants(person: Resident) -> None:
    """Have a person want the news, by the page of their emails."""
    done(person.visitor.submit(PAGE, {"purpose": PURPOSE}, action="/want"), "Wanting news")


def wants_no_more(person: Resident) -> None:
    """Have a person stop the news, by the same page."""
    done(person.visitor.submit(PAGE, {"purpose": PURPOSE}, action="/stop"), "Stopping news")


def subscription(stage: Stage, *, confirmed: bool = True) -> str:
    """Subscribe a new address without an account; returns it. confirmed: the mailed link is opened and its button pressed."""
    address, here = stage.new_address(), stage.visitor()
    here.submit("/trust/providers", {"address": address})
    link = stage.link(address, "trust/providers")
    if confirmed:
        here.submit(link, {}, action="/begin")
    return address


def announce(officer: Resident) -> str:
    """Register a provider by the staff's page, of which the probe's own readers are told; returns its name."""
    name = f"Probe {new_id()}"
    fields: dict[str, str | list[str]] = {
        "kind": "provider", "name": name, "what": "nothing", "region": "nowhere", "purpose": "a promise check",
        "basis": "consent", "agreement": "none", "safeguard": "none", "agreed_on": f"{clock.now():%Y-%m-%d}",
        "wait_days": "14", "fields": ["user.contact.email"],
    }  # fmt: skip
    done(officer.visitor.submit("/staff/recipients", fields), "A provider")
    return name


def arrived(stage: Stage, address: str, name: str) -> bool:
    """Whether news that name a provider are there already."""
    return any(name in mail.text for mail in stage.sink.mails(address))


def stop_path(mail: Arrived) -> str:
    """The path of the link for mail programs in a mail's head; "" where there is none."""
    first = str(mail.message["List-Unsubscribe"] or "").partition(",")[0]
    match = STOP.search(first)
    return match[0] if match else ""


def stop_mail(mail: Arrived, sender: str) -> EmailMessage | None:
    """The mail that a mail program sends to stop mails like one, as its head says; None where it says none."""
    address = re.search(r"<mailto:([^?>\s]+)\?subject=([^>\s]+)>", str(mail.message["List-Unsubscribe"] or ""))
    if address is None:
        return None
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, address[1], address[2]
    message.set_content("")
    return message
