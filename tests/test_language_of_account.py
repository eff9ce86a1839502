"""A language kept with the account: used on pages where no cookie says another, and in mails; shown, exported, erased."""

import io
import json
import re
import zipfile
from collections.abc import Callable

import httpx
import pytest

from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.models import Person
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.mail.models import Message
from glasshouse.vault import api as vault
from tests.conftest import Customer, post

Web = Callable[..., httpx.Client]
COOKIE = "__Host-language"
PLACE = "accounts_person.language"


def language_of(page: httpx.Response) -> str:
    found = re.search(r'<html lang="(\w+)"', page.text)
    assert found, page.status_code
    return found[1]


def subjects(one: Customer) -> list[str]:
    return [mail.subject for mail in Message.objects.filter(key_owner=one.actor.person).order_by("created_at")]


def test_the_accounts_language_counts_in_every_browser_and_a_cookie_or_an_address_goes_before_it(
    customer: Callable[[], Customer], web: Web
) -> None:
    one, other = customer(), customer()
    here = web(one)
    assert language_of(here.get("/account")) == "en"
    assert (
        post(here, "/account/language", "/account", language="de").headers["location"] == "/account?done=language-saved"
    )
    there, english = web(one), {"Accept-Language": "en-GB,en;q=0.9"}
    for client in (here, there):
        assert language_of(client.get("/account", headers=english)) == "de"
        assert language_of(client.get("/account/data", headers=english)) == "de"
        assert language_of(client.get("/account?lang=en")) == "en"
    assert language_of(web(other).get("/account")) == "en", "another person's pages stay as they are"
    assert language_of(web().get("/sign-in")) == "en", "and so do those of nobody"
    post(there, "/preferences/keep", "/account", language="en", next="/account")
    assert language_of(there.get("/account")) == "en", "this browser's own choice"
    assert language_of(here.get("/account")) == "de"
    post(there, "/account/language", "/account", language="de")
    assert language_of(there.get("/account")) == "de", "the account's counts here again"
    post(here, "/account/language", "/account", language="")
    assert language_of(here.get("/account")) == "en"
    assert Person.objects.get(id=one.actor.person).language is None


def test_only_languages_that_there_are_can_be_kept(customer: Callable[[], Customer], web: Web) -> None:
    one = customer()
    client = web(one)
    for wrong in ("xx", "de\0", "en-GB", "x" * 500):
        assert post(client, "/account/language", "/account", language=wrong).status_code == 400
    with pytest.raises(InvalidError):
        languages.choose(one.actor, "fr")
    assert Person.objects.get(id=one.actor.person).language is None
    assert web().post("/account/language", data={"language": "de"}).status_code == 403


def test_mails_to_the_account_are_in_its_language(customer: Callable[[], Customer], web: Web) -> None:
    one, other = customer(), customer()
    languages.choose(one.actor, "de")
    for each in (one, other):
        accounts.ask_change(each.alone, f"new-{each.address}", each.password)
    assert subjects(one)[-1] == "Ihre neue Adresse bei Glasshouse"
    assert subjects(other)[-1] == "Your new address for Glasshouse"
    newest = Message.objects.filter(key_owner=one.actor.person).latest("created_at")
    assert "Der Link gilt einmal" in newest.body and "Datenschutzerklärung" in newest.body, "with its footer"
    web(one)
    before = len(subjects(one))
    web(one)
    assert subjects(one)[before:] == ["Eine Anmeldung von einem neuen Browser"]


def test_a_sign_up_is_answered_in_the_language_of_its_page(web: Web) -> None:
    client, address = web(), "spricht-deutsch@grower.example"
    client.headers["Accept-Language"] = "de"
    assert post(client, "/sign-up", "/sign-up", address=address).status_code == 200
    mail = Message.objects.get(address_hash=vault.lookup("address", address))
    assert (mail.address, mail.subject) == (address, "Ihr Glasshouse-Konto")


def test_it_is_shown_exported_corrected_and_erased_as_any_other_column(customer: Callable[[], Customer]) -> None:
    from glasshouse.subject import erasure, exports, inventory

    one = customer()
    assert PLACE not in {item.place for item in inventory.view(one.actor)}, "nothing is kept until it is chosen"
    languages.choose(one.actor, "de")
    shown = [item for item in inventory.view(one.actor) if item.place == PLACE]
    assert [(item.label, item.value) for item in shown] == [("Language", "de")]
    assert shown[0].retention == "as long as the account exists"
    number = exports.make_export(one.alone)
    _, body = exports.fetch_export(one.alone, number)
    with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
        told = json.loads(archive.read("data.json"))
    assert [item["value"] for item in told if item["place"] == PLACE] == ["de"]
    erasure.finish(erasure.progress_of(erasure.erase(one.alone).id))
    assert not Person.objects.filter(id=one.actor.person).exists()
    assert languages.of_actor(one.actor) == ""
    with pytest.raises(NotFoundError):
        languages.choose(one.actor, "en")


def mail_to(one: Customer) -> Message:
    """The newest mail to somebody's address, under whatever key."""
    return Message.objects.filter(address_hash=vault.lookup("address", one.address)).latest("created_at")


def test_each_of_several_readers_gets_a_mail_in_their_own_language(
    customer: Callable[[], Customer], join: Callable[..., Customer]
) -> None:
    """Of support here; referrals, deadlines and legal requests go the same way."""
    from glasshouse.support import api as support

    one = customer()
    other = join(one, "administrator")
    languages.choose(one.actor, "de")
    support.hand_administration(one.actor, to_operator=True)
    assert mail_to(one).subject == "Die Verwaltung wurde an den Betreiber übergeben"
    assert mail_to(other).subject == "Administration was handed to the operator"
    assert "Datenschutzerklärung" in mail_to(one).body


def test_an_invitation_is_in_the_language_of_the_invited_account(customer: Callable[[], Customer]) -> None:
    from glasshouse.organisations import invitations

    one, german, english = customer(), customer(), customer()
    languages.choose(german.actor, "de")
    for invited in (german, english):
        invitations.invite(one.actor, invited.address, invitations.Offer("viewer"))
    assert mail_to(german).subject.startswith("Einladung zu ")
    assert mail_to(english).subject.startswith("You are invited to ")


def test_a_legal_hold_is_told_in_the_persons_language_with_its_days_written_out(
    officer: Customer, customer: Callable[[], Customer]
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.privacy_office import held
    from glasshouse.retention.legal_holds import Order
    from glasshouse.retention.models import LegalHold

    one = customer()
    languages.choose(one.actor, "de")
    held.place(officer.actor, one.address, Order(officer.actor.id, "Urteil 12", 30, None))
    ends_at = LegalHold.objects.latest("created_at").ends_at
    placed = mail_to(one)
    assert placed.subject == "Eine gesetzliche Aufbewahrungspflicht verhindert die Löschung von Daten"
    assert f"am {ends_at.day}. " in placed.body and f" {ends_at.year}" in placed.body and "Urteil 12" in placed.body
    held.end(officer.actor, str(LegalHold.objects.latest("created_at").id))
    assert mail_to(one).subject == "Eine gesetzliche Aufbewahrungspflicht ist beendet"
    assert f"{clock.now():%Y-%m-%d}" not in mail_to(one).body


def test_the_subscription_to_providers_is_confirmed_in_the_language_of_its_page(web: Web) -> None:
    client, address = web(), "liest-deutsch@grower.example"
    client.headers["Accept-Language"] = "de"
    assert post(client, "/trust/providers", "/trust/providers", address=address).status_code == 200
    mail = Message.objects.get(address_hash=vault.lookup("address", address))
    assert mail.subject == "Neues über Dienstleister"


def test_the_page_of_an_export_is_in_the_persons_language_and_the_file_for_programs_is_not(
    customer: Callable[[], Customer],
) -> None:
    from glasshouse.subject import exports

    one = customer()
    languages.choose(one.actor, "de")
    _, body = exports.fetch_export(one.alone, exports.make_export(one.alone))
    with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
        page, told = archive.read("data.html").decode(), json.loads(archive.read("data.json"))
    assert "<html lang=de>" in page and "<h1>Ihre Daten</h1>" in page
    assert "E-Mail-Adresse" in page and "hat das Konto erstellt" in page
    assert not re.search(r"\b(Email address|signing in and writing|legitimate interest|contract)\b", page)
    assert {item["label"] for item in told} >= {"Email address", "Name", "Activity"}
