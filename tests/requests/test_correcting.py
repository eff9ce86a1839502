"""The officer corrects kind and region; the deadline follows, on record. What must be proved depends on no kind."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.conftest import Customer, enter_staff, post, prove_link

Web = Callable[..., httpx.Client]


def _asked(kind: str = "unclear", region: str = "other", address: str = "") -> str:
    from glasshouse.requests import api as requests

    address = address or f"{uuid.uuid4().hex[:10]}@grower.example"
    return requests.ask(address, kind, region, "please", requests.Arrival(network=uuid.uuid4().hex))


def _messages(number: str) -> list[str]:
    from glasshouse.requests.models import RequestMessage

    return [message.text for message in RequestMessage.objects.filter(request=number).order_by("at")]


def test_the_deadline_follows_and_a_later_one_is_told(officer: Customer) -> None:
    from glasshouse.events.models import Event
    from glasshouse.mail.models import Message
    from glasshouse.requests.correcting import correct_classification
    from glasshouse.requests.models import Request, RequestMessage

    number = _asked()
    before = Request.objects.get(id=number)
    assert (before.law, before.due_at) == ("strictest", before.asked_at + timedelta(days=15))
    assert before.acknowledge_by and before.acknowledged_at, "the mail with the link is the receipt"

    due_at = correct_classification(officer.actor, number, "erase", "us-va")
    after = Request.objects.get(id=number)
    assert (after.kind, after.region, after.law) == ("erase", "us-va", "us-va")
    assert after.due_at == due_at == before.asked_at + timedelta(days=45), "from the day of asking"
    assert after.acknowledge_by is None
    note = RequestMessage.objects.filter(request=number).order_by("-at")[0]
    assert Message.objects.filter(id=note.mail).exists()
    for day in (due_at, before.due_at):
        assert f"{day.day} {day:%B %Y}" in note.text
    event = Event.objects.using("relay").get(kind="rights:request:classify", subject=number)
    assert "us-va" in str(event.facts) and "unclear" in str(event.facts)

    correct_classification(officer.actor, number, "erase", "br")
    assert Request.objects.get(id=number).due_at == before.asked_at + timedelta(days=15)
    note = RequestMessage.objects.filter(request=number).order_by("-at")[0]
    assert not note.mail, "an earlier day only stands in the thread"
    assert "LGPD" in note.text


def test_an_opt_out_has_its_own_time(officer: Customer) -> None:
    from glasshouse.requests.correcting import correct_classification
    from glasshouse.requests.models import Request

    number = _asked("access", "us")
    asked_at = Request.objects.get(id=number).asked_at
    assert correct_classification(officer.actor, number, "object", "us-ca") <= asked_at + timedelta(days=23)
    assert correct_classification(officer.actor, number, "access", "us-ca") == asked_at + timedelta(days=45)


def test_an_extension_stays_where_the_law_knows_one(officer: Customer) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests.correcting import correct_classification
    from glasshouse.requests.models import Request

    number = _asked("access", "us")
    requests.extend(officer.actor, number, "much to look through")
    asked_at = Request.objects.get(id=number).asked_at
    assert correct_classification(officer.actor, number, "access", "ca") == asked_at + timedelta(days=60)
    assert correct_classification(officer.actor, number, "access", "br") == asked_at + timedelta(days=15)
    assert Request.objects.get(id=number).extended_at is None
    assert correct_classification(officer.actor, number, "access", "ca") == asked_at + timedelta(days=30)


def test_what_cannot_be_corrected_is_refused(officer: Customer, customer: Callable[[], Customer]) -> None:
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.requests import api as requests
    from glasshouse.requests.correcting import correct_classification

    number = _asked("access", "eu")
    for kind, region in (("spam", "eu"), ("access", "mars"), ("", ""), ("access", "eu")):
        with pytest.raises(InvalidError):
            correct_classification(officer.actor, number, kind, region)
    with pytest.raises(NotFoundError):
        correct_classification(customer().actor, number, "erase", "eu")
    requests.answer(officer.actor, number, "No.", refuse=True)
    with pytest.raises(NotFoundError):
        correct_classification(officer.actor, number, "erase", "eu")


def test_the_officer_sees_why_and_corrects_on_the_page(officer: Customer, web: Web) -> None:
    from glasshouse.requests import replies
    from glasshouse.requests.api import Arrival
    from glasshouse.requests.models import Request

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    text = "As a Virginia resident I am the mother of Tim. Please delete his account and his data."
    number = replies.from_mail(address, "Request", text, Arrival("mail"))
    request = Request.objects.get(id=number)
    assert (request.kind, request.region) == ("erase", "other"), "the region of a text is a proposal and nothing more"
    desk = enter_staff(web(officer))
    card = desk.get(f"/staff/requests/{number}").text
    for shown in ("because of", "delete his account", "parent", "us-va", "A receipt is due by"):
        assert shown in card, shown
    act = f"/staff/requests/{number}/classify"
    assert post(desk, act, "/staff/requests", kind="erase", region="nowhere").status_code == 400
    answer = post(desk, act, "/staff/requests", kind="erase", region="us-va")
    assert answer.status_code == 302
    assert "classified anew" in desk.get(answer.headers["Location"]).text
    assert Request.objects.get(id=number).law == "us-va"


def test_a_refusal_names_the_appeal_that_the_law_knows(officer: Customer) -> None:
    from glasshouse.requests import api as requests

    with_appeal, without = _asked("access", "us-or"), _asked("access", "eu")
    for number in (with_appeal, without):
        requests.answer(officer.actor, number, "We refuse.", refuse=True)
    assert "within 45 days" in _messages(with_appeal)[-1]
    assert "appeal" not in _messages(without)[-1]


def _kinds() -> list[str]:
    return ["access", "copy", "correct", "erase", "object", "restrict", "question", "breach", "complaint", "unclear"]


@pytest.mark.parametrize("kind", _kinds())
def test_no_kind_needs_less_proof(kind: str, officer: Customer, web: Web) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.requests import api as requests
    from glasshouse.requests import email_links as links
    from glasshouse.requests.correcting import correct_classification
    from glasshouse.requests.models import RequestKind

    assert set(_kinds()) == set(RequestKind.values)
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = _asked("access" if kind == "question" else "question", "eu", address)
    correct_classification(officer.actor, number, kind, "eu")
    with pytest.raises(InvalidError, match="not confirmed"):
        requests.answer(officer.actor, number, "Here is what you asked for.", refuse=False)
    confirmation = links.confirm(prove_link(address, "privacy/prove"))
    assert web().get(f"/privacy/own/{confirmation.page_secret}/confirmed").status_code == 200, (
        "its page knows every kind"
    )
    requests.answer(officer.actor, number, "Here is what you asked for.", refuse=False)


def test_whoever_answers_for_a_country_answers_for_its_states(officer: Customer) -> None:
    from glasshouse.requests.models import OfficerRegion
    from glasshouse.requests.worklist import covers

    OfficerRegion.objects.create(account_id=officer.actor.account, regions=["us"])
    try:
        answers_for = covers(str(officer.actor.account))
        assert answers_for("us") and answers_for("us-va")
        assert not answers_for("ca-qc")
        assert not covers("0" * 16)("us-ia")
        assert covers("0" * 16)("ca-qc")
    finally:
        OfficerRegion.objects.all().delete()
