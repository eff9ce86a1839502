"""Days, words to type and results of promises, as a German reader writes and reads them."""

import re
from collections.abc import Callable

import httpx
import pytest
from django.utils import translation

from glasshouse.kernel.errors import InvalidError
from glasshouse.promises.models import Result
from glasshouse.web.written_days import day_of
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
ENGLISH = re.compile(r"\b(the|and|of|with|that|this|were|which|each|every|checked|promise)\b")


@pytest.mark.parametrize(
    ("language", "text"), [("en", "2026-11-30"), ("de", "2026-11-30"), ("de", " 30.11.2026 "), ("en", "30/11/2026")]
)
def test_a_day_may_be_written_as_a_browser_sends_it_or_in_the_readers_way(language: str, text: str) -> None:
    with translation.override(language):
        assert str(day_of(text, "from")) == "2026-11-30"


@pytest.mark.parametrize(("language", "shown"), [("en", "31/12/2026"), ("de", "31.12.2026")])
@pytest.mark.parametrize("text", ["soon", "2026-13-01", "30.11.26", "2026-11-30T10:00", "x" * 5000, "\0"])
def test_what_is_no_day_is_answered_with_the_readers_way_of_writing_days(language: str, shown: str, text: str) -> None:
    with translation.override(language), pytest.raises(InvalidError, match=shown.replace(".", r"\.")) as error:
        day_of(text, "from")
    assert error.value.field == "from"


def test_no_day_is_none() -> None:
    assert day_of("  ", "from") is None


def test_a_form_says_it_so(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    client.headers["Accept-Language"] = "de"
    page = f"/o/{own.actor.organisation}/settings"
    answer = post(client, page, page, whom="nobody", **{"from": "bald"})
    assert answer.status_code == 400
    assert "Schreiben Sie den Tag wie 31.12.2026." in answer.text


def texts_of(page: str) -> str:
    """What a page says within its main part, without times, codes and names of files."""
    main = page[page.index("<main") : page.index("</main>")]
    return re.sub(r"<[^>]*>", "\n", re.sub(r"<(time|code)\b.*?</\1>", "", main, flags=re.DOTALL))


@pytest.mark.parametrize("promise", ["", "/SEC-04", "/PRI-03", "/PRI-18", "/SEC-09"])
def test_pages_of_promises_are_german(web: Web, promise: str) -> None:
    from glasshouse.kernel import clock

    now = clock.now()
    evidence = (
        "as promised: without an invitation, no page of the customer opens to support\n"
        "NOT as promised: and to nobody else (1234 mails)\n"
        "not seen here: replicas, which this installation does not have; backups of the key store itself, whose day keys "
        "live 7 days. Counted tries stay up to a day after their window, as a keyed hash that names neither id nor address. "
        "Not filled in: a choice of two languages, which no text of a check's own can be; what third parties bring in; what "
        "an agent asks"
    )
    Result.objects.create(
        promise="SEC-04",
        state="not verified",
        figure="not so: and to nobody else: 1234 mails",
        evidence=evidence,
        since=now,
        checked_at=now,
    )
    client = web()
    client.headers["Accept-Language"] = "de"
    page = client.get(f"/trust{promise}").text
    assert '<html lang="de"' in page
    assert not (found := ENGLISH.findall(texts_of(page))), (found, texts_of(page)[:3000])
    if promise == "/SEC-04":
        assert (
            "Nicht so: und sonst niemandem: 1.234 E-Mails" in page
            or "nicht so: und sonst niemandem: 1.234 E-Mails" in page
        )
        assert "wie versprochen: Ohne Einladung: Keine Seite des Kunden öffnet sich dem Support" in page
        assert '<html lang="en"' in client.get("/trust/SEC-04?lang=en").text
    Result.objects.filter(promise="SEC-04", checked_at=now).delete()


def test_programs_read_results_as_the_checks_say_them(web: Web) -> None:
    client = web()
    client.headers["Accept-Language"] = "de"
    told = {row["id"]: row for row in client.get("/trust.json").json()["promises"]}
    assert told["SEC-09"]["figure"] == "no check yet"
    assert told["SEC-04"]["text"] == "Our support sees nothing of yours unless you invite it."
