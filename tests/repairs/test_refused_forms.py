"""A form that is refused comes back as it was written: no choice widens, narrows or gets lost on the way."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.http import QueryDict
from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel.errors import InvalidError
from glasshouse.organisations import members
from glasshouse.web.refill import refilled
from tests.conftest import Customer, as_staff, enter_staff, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
PAGE = """<!doctype html><html><body><svg viewBox="0 0 1 1"></svg>
<form action="/other"><input name="days" value="7"></form>
<details><summary>More</summary><form action="/here">
<input type="hidden" name="csrfmiddlewaretoken" value="new"><input type="hidden" name="once" value="new">
<input type="password" name="present"><input name="code" autocomplete="one-time-code">
<input name="days" value="7"><textarea name="note">
old</textarea>
<input type="checkbox" name="all" value="yes" checked><input type="checkbox" name="site" value="a">
<input type="checkbox" name="site" value="b" checked>
<input type="radio" name="how" value="x" checked><input type="radio" name="how" value="y">
<select name="role"><option value="admin" selected>A</option><option>viewer</option></select>
<select name="law"><option value="eu" selected>EU</option></select>
</form></details></body></html>"""
WRITTEN = (
    "csrfmiddlewaretoken=old&once=old&present=secret&code=123456&days=999&note=%3Cscript%3E%26amp%3B&site=a&how=y"
    "&role=viewer&law=mars"
)


def fields(page: str, action: str) -> dict[str, list[str]]:
    """name -> what a browser would send of the form with that address."""
    (form,) = [form for form in LexborHTMLParser(page).css("form") if form.attributes.get("action") in (action, None)]
    sent: dict[str, list[str]] = {}
    for field in form.css("input[name], select[name], textarea[name]"):
        attributes, name = field.attributes, str(field.attributes["name"])
        if attributes.get("type") in ("checkbox", "radio"):
            value = [attributes.get("value") or "on"] if "checked" in attributes else []
        elif field.tag == "select":
            chosen = [option for option in field.css("option") if "selected" in option.attributes] or field.css(
                "option"
            )[:1]
            value = [option.attributes.get("value") or option.text() for option in chosen]
        else:
            value = [field.text() if field.tag == "textarea" else attributes.get("value") or ""]
        sent.setdefault(name, []).extend(value)
    return sent


def test_every_kind_of_field_is_filled_with_what_was_written_and_nothing_else() -> None:
    page = refilled(PAGE, "/here", QueryDict(WRITTEN))
    assert fields(page, "/here") == {
        "csrfmiddlewaretoken": ["new"],
        "once": ["new"],
        "present": [""],
        "code": [""],
        "days": ["999"],
        "note": ["<script>&amp;"],
        "all": [],
        "site": ["a"],
        "how": ["y"],
        "role": ["viewer"],
        "law": ["eu"],
    }
    assert fields(page, "/other") == {"days": ["7"]}
    assert "<script>" not in page
    assert 'viewBox="0 0 1 1"' in page
    assert "details open" in page


def test_a_page_without_the_form_stays_as_it_is() -> None:
    assert refilled(PAGE, "/elsewhere", QueryDict("days=1")) == PAGE


REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an invitation": ("members", "/invite", {"address": "new@grower.example", "role": "grower", "days": "999"}),
    "a list of addresses": (
        "members",
        "/invite",
        {"addresses": "a@x.example\nb@x.example", "role": "viewer", "days": "abc"},
    ),
    "support": ("support", "", {"areas": ["climate", "people"], "change": "yes", "hours": "999", "reason": "ticket 7"}),
    "a token": ("tokens", "", {"name": "Script", "scopes": ["greenhouse:site:read"], "days": "9999"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_form_of_an_organisation_widens_nothing(customer: Make, web: Web, what: str) -> None:
    one = customer()
    page, act, written = REFUSED[what]
    address = f"/o/{one.organisation}/{page}"
    answer = post(web(one), address + act, address, **written, sites=[one.site])
    assert answer.status_code in (400, 422)
    shown = fields(answer.text, address + act)
    assert shown["all_sites"] == []
    assert shown["sites"] == [one.site]
    for name, value in written.items():
        assert sorted(shown[name]) == sorted(value if isinstance(value, list) else [value]), name


OFFICE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a request by telephone": (
        "/staff/requests",
        "",
        {"channel": "phone", "kind": "correct", "region": "ch", "address": "no address", "text": "Mend it"},
    ),
    "a legal request": (
        "/staff/legal-requests",
        "",
        {
            "address": "no address",
            "authority": "A court",
            "country": "NL",
            "asked": ["user.name", "user.contact.email"],
        },
    ),
}


@pytest.mark.parametrize("what", OFFICE)
def test_a_refused_form_of_the_office_changes_no_choice(officer: Customer, web: Web, what: str) -> None:
    page, act, written = OFFICE[what]
    answer = post(enter_staff(web(officer)), page + act, page, **written)
    assert answer.status_code in (400, 404, 422)
    shown = fields(answer.text, page + act)
    for name, value in written.items():
        assert sorted(shown[name]) == sorted(value if isinstance(value, list) else [value]), name


UNKNOWN: dict[str, tuple[str, str, str, dict[str, Any], str]] = {
    "a legal hold": (
        "privacy",
        "/staff/office",
        "/staff/office/holds",
        {"whom": "nobody-at-all", "reason": "A court", "days": "30"},
        "Write an email address, or the id of an organisation.",
    ),
    "a grant": (
        "support",
        "/staff",
        "/staff",
        {"customer": "0" * 16, "areas": ["climate"], "change": "yes", "reason": "ticket 7", "hours": "3"},
        "No customer has this id",
    ),
    "an emergency": (
        "support",
        "/staff",
        "/staff/emergency",
        {"customer": "0" * 16, "reason": "The vents are open"},
        "No customer has this id",
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_address_or_id_that_nobody_has_leads_back_to_its_form(olaf: Make, web: Web, what: str) -> None:
    role, page, act, written, said = UNKNOWN[what]
    answer = post(enter_staff(web(as_staff(olaf(), role))), act, page, **written)
    assert (answer.status_code, said in answer.text) == (400, True), answer.text[-600:]
    shown = fields(answer.text, page if act == "/staff/emergency" else act)
    for name, value in written.items():
        assert sorted(shown[name]) == sorted(value if isinstance(value, list) else [value]), name


def test_an_agent_that_is_not_known_is_not_let_out_in_silence(olaf: Make, web: Web) -> None:
    client = enter_staff(web(as_staff(olaf(), "privacy")))
    answer = post(client, "/staff/agents/end", "/staff/requests", agent="nobody")
    assert (answer.status_code, "No agent that is let in has this id" in answer.text) == (400, True)


GONE: dict[str, tuple[str, dict[str, str]]] = {
    "/staff/office/holds/{}/end": ("/staff/office", {}),
    "/staff/office/restrictions/{}/lift": ("/staff/office", {"reason": "It ended"}),
    "/staff/requests/{}/answer": ("/staff/requests", {"text": "Here it is"}),
    "/staff/recipients/{}/end": ("/staff/recipients", {}),
    "/staff/documents/{}/publish": ("/staff/documents", {}),
    "/staff/sources/{}/token": ("/staff/sources", {}),
    "/staff/legal-requests/{}/review": ("/staff/legal-requests", {"verdict": "refuse", "reasons": "No ground"}),
    "/staff/set-aside/mail/{}/leave": ("/staff/set-aside", {}),
}


@pytest.mark.parametrize("act", GONE)
def test_what_a_colleague_has_dealt_with_meanwhile_leads_back_to_the_list(olaf: Make, web: Web, act: str) -> None:
    page, written = GONE[act]
    answer = post(enter_staff(web(as_staff(olaf(), "privacy"))), act.format("0" * 16), page, **written)
    assert answer.status_code == 404
    assert 'role="alert"' in answer.text
    assert re.search(r"<h1>(?!That did not work)", answer.text)


def test_an_emergency_that_the_customer_has_not_allowed_keeps_its_reason(customer: Make, olaf: Make, web: Web) -> None:
    client = enter_staff(web(as_staff(olaf(), "support")))
    fire = {"customer": customer().organisation, "reason": "The vents are open"}
    answer = post(client, "/staff/emergency", "/staff", **fire)
    assert (answer.status_code, "has not allowed emergency access" in answer.text) == (403, True)
    assert {name: fields(answer.text, "/staff")[name] for name in fire} == {name: [text] for name, text in fire.items()}


def test_a_blank_name_of_a_compartment_leads_back_to_its_form(customer: Make, web: Web) -> None:
    one = customer()
    page = f"/o/{one.organisation}/sites"
    for act in ("compartments", "devices"):
        answer = post(web(one), f"{page}/{one.site}/{act}", page, name="   ")
        assert answer.status_code == 400
        assert f'action="{page}/{one.site}/{act}"' in answer.text


def test_a_role_that_is_changed_stays_the_one_that_is_changed(customer: Make, web: Web) -> None:
    one = customer()
    page = f"/o/{one.organisation}/roles"
    role = members.save_role(one.actor, "Adviser", ["greenhouse:site:read"])
    client = web(one)
    answer = post(client, page, f"{page}?role={role}", role=role, name="  ", permissions=["greenhouse:site:read"])
    assert answer.status_code == 400
    shown = fields(answer.text, page)
    assert shown["role"] == [role]
    assert shown["permissions"] == ["greenhouse:site:read"]
    assert post(client, page, page, **{**shown, "name": "Adviser 2"}).status_code == 302
    assert [other.title for other in members.roles(one.actor) if len(other.id) == 16] == ["Adviser 2"]


@pytest.mark.parametrize("name", ["Grower", "  administrator ", "ADVISER"])
def test_two_roles_never_bear_one_name(customer: Make, name: str) -> None:
    one = customer()
    role = members.save_role(one.actor, "Adviser", ["greenhouse:site:read"])
    with pytest.raises(InvalidError, match="of this name already"):
        members.save_role(one.actor, name, ["greenhouse:site:read"])
    members.save_role(one.actor, "adviser", ["greenhouse:site:read"], role)
