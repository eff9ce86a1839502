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
