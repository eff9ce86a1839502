"""PRI-08: third-party data keeps its source, its person is told and objects with one click; what the person gave stays."""

import uuid
from collections.abc import Callable

import httpx
import pytest
from django.db import IntegrityError

from glasshouse.kernel.ids import new_id
from tests.browser import browser_of
from tests.conftest import Customer, enter_staff, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.fixture
def source(officer: Customer) -> str:
    """A registered source."""
    from glasshouse.sources import api as sources

    return sources.add_source(officer.actor, "partner", "Fair Ltd", "contract 7", "knowing whom to invite").id


def fresh() -> str:
    return f"{uuid.uuid4().hex[:10]}@grower.example"


def test_a_source_says_who_under_which_licence_and_for_what(officer: Customer, customer: Make) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import Source

    for bad in (
        ("friend", "a", "b", "c"),
        ("partner", " ", "b", "c"),
        ("partner", "a", "", "c"),
        ("partner", "a", "b", " "),
    ):
        with pytest.raises(InvalidError):
            sources.add_source(officer.actor, *bad)
    with pytest.raises(NotFoundError):
        sources.add_source(customer().actor, "partner", "a", "b", "c")
    with pytest.raises(IntegrityError):
        Source.objects.create(
            kind="partner", name="a", licence="", purpose="c", written_by=new_id(), created_at=clock.now()
        )


def test_values_keep_their_source_and_the_person_is_told_once(officer: Customer, source: str, web: Web) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.vault import api as vault

    address = fresh()
    text = f"address;company;phone\n{address};Farm Ltd;+31 6\nnot-an-address;X;1\n{fresh()};;\n"
    report = sources.bring_in(officer.actor, source, text)
    assert (report.taken, report.conflicts) == (2, 0)
    assert [line for line, _ in report.problems] == [3, 4]
    again = sources.bring_in(officer.actor, source, text)
    assert (again.taken, again.unchanged) == (0, 2)
    sources.tell_due()
    sources.tell_due()
    letters = [row for row in mail.newest(400) if row.address == address]
    assert len(letters) == 1
    assert all(word in letters[0].body for word in ("Farm Ltd", "Fair Ltd", "contract 7", "knowing whom to invite"))
    path = f"/sources/{prove_link(address, 'sources')}"
    assert "Farm Ltd" in web().get(path).text
    mine = ThirdPartyData.objects.filter(address_hash=vault.lookup("address", address))
    assert mine.count() == 2, "opening the link deletes nothing"
    key_owner = mine[0].key_owner
    assert "It is deleted" in post(web(), path, path).text
    assert mine.count() == 0
    assert vault.generations_of(key_owner) == []
    assert web().get(path).status_code == 404
    assert sources.bring_in(officer.actor, source, text).skipped == 1


def test_what_the_person_gave_is_shown_as_a_conflict_and_never_overwritten(
    officer: Customer, customer: Make, source: str, web: Web
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.sources import api as sources
    from glasshouse.sources import suggestions
    from glasshouse.subject.inventory import view

    one = customer()
    before = accounts.person_of(one.alone).name
    text = f'[{{"address": "{one.address}", "name": "Other Name", "company": "Farm Ltd"}}]'
    assert sources.bring_in(officer.actor, source, text).conflicts == 1
    assert accounts.person_of(one.alone).name == before
    client, page = web(one), "/account/data/choices"
    shown = client.get(page).text
    assert "Other Name" in shown
    assert "Nothing was changed" in shown
    assert any(item.source == "Fair Ltd" and item.value == "Farm Ltd" for item in view(one.alone))
    name, company = (
        next(row for row in suggestions.suggestions(one.alone) if row.label == label)
        for label in ("your name", "your company")
    )
    assert post(client, f"{page}/suggestions/{name.id}/right", page).status_code == 302
    assert accounts.person_of(one.alone).name == "Other Name"
    other = customer()
    assert post(web(other), f"{page}/suggestions/{company.id}/wrong", page).status_code == 404
    assert post(client, f"{page}/suggestions/{company.id}/wrong", page).status_code == 302
    assert [row.label for row in suggestions.suggestions(one.alone)] == ["your name"]


def test_a_name_is_confirmed_and_taken_over_or_neither(
    officer: Customer, customer: Make, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.sources import api as sources
    from glasshouse.sources import suggestions
    from glasshouse.subject import rectification

    def refuse(*_: object, **__: object) -> str:
        raise InvalidError("This is no name.", field="name")

    one = customer()
    sources.bring_in(officer.actor, source, f'[{{"address": "{one.address}", "name": "Other Name"}}]')
    client, _ = browser_of(one)
    (before,) = suggestions.suggestions(one.alone)
    monkeypatch.setattr(rectification, "plain_name", refuse)
    answer = client.post(f"/account/data/choices/suggestions/{before.id}/right", secure=True)
    assert answer.status_code == 400
    assert suggestions.suggestions(one.alone) == [before]


def test_a_purpose_is_allowed_with_all_that_belongs_to_it_or_not_at_all(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.requests import api as requests
    from glasshouse.sources import api as sources

    def refuse(*_: object) -> None:
        raise InvalidError("Not now.")

    one = customer()
    client, _ = browser_of(one)
    requests.object_to(one.alone, sources.PURPOSE, "")
    monkeypatch.setattr(sources, "end_suppression", refuse)
    answer = client.post("/account/data/choices/give", {"purpose": sources.PURPOSE}, secure=True)
    assert answer.status_code == 400
    assert not consent.may(str(one.actor.person), sources.PURPOSE)


def test_who_objects_or_is_restricted_is_skipped(officer: Customer, customer: Make, source: str, web: Web) -> None:
    from glasshouse.accounts.own import own
    from glasshouse.consent import api as consent
    from glasshouse.sources import api as sources
    from glasshouse.sources import suggestions

    one, other = customer(), customer()
    text = f"address,company\n{one.address},A\n{other.address},B\n"
    assert sources.bring_in(officer.actor, source, text).taken == 2
    client, page = web(one), "/account/data/choices"
    assert post(client, f"{page}/object", page, purpose="supplement").status_code == 302
    assert suggestions.suggestions(one.alone) == [], "what was there is deleted at once"
    consent.restrict(other.alone, "claims", "")
    assert sources.bring_in(officer.actor, source, text.replace("A\n", "C\n")).skipped == 2
    with own(str(other.actor.person)):
        consent.lift(other.alone)
    assert post(client, f"{page}/give", page, purpose="supplement").status_code == 302
    assert sources.bring_in(officer.actor, source, text).taken == 1


def test_an_erased_person_takes_along_what_others_told(officer: Customer, customer: Make, source: str) -> None:
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject import erasure as rights
    from glasshouse.vault import api as vault

    one = customer()
    sources.bring_in(officer.actor, source, f"address,company\n{one.address},A\n")
    rights.erase(one.alone)
    assert not ThirdPartyData.objects.filter(address_hash=vault.lookup("address", one.address)).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Line 1 must name"),
        ("company\nX\n", "Line 1 must name"),
        ("address,company,religion\na@b.example,X,none\n", "religion"),
        ("[1]", "list of objects"),
        ("[{", "no JSON"),
        ('[{"address": "a@b.example", "diet": "x"}]', "diet"),
        ("address,company\n" + "a@b.example,X\n" * 5_001, "at most 5000 rows"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong_and_leaves_nothing(
    officer: Customer, source: str, text: str, said: str
) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    with pytest.raises(InvalidError, match=said):
        sources.bring_in(officer.actor, source, text)
    assert not ThirdPartyData.objects.filter(source_id=source).exists()


def test_the_officers_page_takes_a_file_in(officer: Customer, web: Web, olaf: Make) -> None:
    client, page = enter_staff(web(officer)), "/staff/sources"
    assert post(client, page, page, kind="public", name="Register", licence="", purpose="x").status_code == 400
    assert post(client, page, page, kind="public", name="Register", licence="CC0", purpose="x").status_code == 302
    shown = client.get(page).text
    number = shown.partition('action="/staff/sources/')[2][:16]
    token = shown.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form, taken = {"csrfmiddlewaretoken": token}, f"{page}/{number}/import"
    file = {"file": ("c.csv", f"address,role\n{fresh()},Grower\n", "text/csv")}
    assert "The file is imported" in client.post(taken, data=form, files=file, follow_redirects=True).text
    assert client.post(taken, data=form).status_code == 400
    assert client.post(f"{page}/{'0' * 16}/import", data=form, files=file).status_code == 404
    assert enter_staff(web(olaf())).get(page).status_code == 404


def test_a_sources_own_program_hands_in_with_its_token(
    officer: Customer, customer: Make, source: str, web: Web
) -> None:
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    with pytest.raises(NotFoundError):
        sources.make_token(customer().actor, source)
    old, token = sources.make_token(officer.actor, source), sources.make_token(officer.actor, source)
    client, body = web(), f'[{{"address": "{fresh()}", "company": "A"}}, {{"address": "no", "company": "B"}}]'
    for wrong in ("", "Bearer", f"Bearer {old}", f"Basic {token}"):
        assert client.post("/v1/contacts", content=body, headers={"Authorization": wrong}).status_code == 403
    head = {"Authorization": f"Bearer {token}"}
    told = client.post("/v1/contacts", content=body, headers=head).json()
    assert (told["taken"], len(told["problems"])) == (1, 1)
    assert ThirdPartyData.objects.filter(source_id=source).count() == 1
    assert client.post("/v1/contacts", content="nonsense", headers=head).status_code == 400
    assert client.get("/v1/contacts", headers=head).status_code == 405
    staff, page = enter_staff(web(officer)), "/staff/sources"
    shown = post(staff, f"{page}/{source}/token", page).headers["Location"]
    assert "Authorization: Bearer" in staff.get(shown).text
    assert "Authorization: Bearer" not in staff.get(shown).text
