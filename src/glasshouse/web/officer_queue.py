"""What the pages of the officer's queue share: the filter of the list that a form came from, addresses, what was done."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.requests import answer_templates, assignment, cases, queue_filter, unanswered
from glasshouse.requests import worklist as worklists
from glasshouse.requests.cases import Case
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.queue_filter import QueueFilter
from glasshouse.web.middleware import actor_of
from glasshouse.web.request_choices import CHOICES, OFFICERS_CHOICES

DAY_S = 86_400


class ThreadEntry(NamedTuple):
    """One text on the page of a request. sender: "person", "us", "customer" or "note"; by: the officer who noted it.

    request: the number of the request that it belongs to, where that is one which goes on with the page's; detail: of its mail.
    """

    sender: str
    text: str
    at: datetime
    by: str = ""
    request: str = ""
    detail: str = ""


class Clock(NamedTuple):
    """How much of a request's time is over, in whole days. tone: of a chip; blue until half of it, amber, red below 15 %."""

    used_days: int
    all_days: int
    tone: str


def thread_of(case: Case) -> list[ThreadEntry]:
    """All that was written about a request, the oldest first: by its person, by us, by customers, and the officers' notes."""
    entries = [ThreadEntry("person", case.request.text, case.request.asked_at)]
    entries += [ThreadEntry("person", merged.text, merged.asked_at, request=merged.id) for merged in case.merged]
    senders = {"us": "us", "customer": "customer"}
    entries += [
        ThreadEntry(senders.get(row.sender, "person"), row.text, row.at, detail=row.authentication)
        for row in case.messages
    ]
    entries += [ThreadEntry("note", note.text, note.at, by=note.by) for note in case.notes]
    return sorted(entries, key=lambda entry: entry.at)


def clock_of(case: Case) -> Clock:
    """How much of the time until the legal deadline is over."""
    end = case.request.due_at
    all_s = max((end - case.request.asked_at).total_seconds(), 1)
    left = (end - clock.now()).total_seconds() / all_s
    tone = "info" if left > 0.5 else "warn" if left > 0.15 else "bad"
    used_days = round(min(max(1 - left, 0), 1) * all_s / DAY_S)
    return Clock(used_days, max(round(all_s / DAY_S), 1), "mute" if case.request.closed_at else tone)


def carried(request: HttpRequest) -> QueueFilter:
    """The filter of the list that a form was sent from; everything that is open where it cannot be read: it only leads on."""
    try:
        return queue_filter.of_query(request.POST.get("filter", ""))
    except InvalidError:
        return QueueFilter()


def list_address(wanted: QueueFilter, **more: str) -> str:
    """The address of the list, with a filter, and what the page is to say."""
    return _with(reverse("worklist"), wanted, more)


def request_address(number: str, wanted: QueueFilter, **more: str) -> str:
    """The address of the page of one request, with the filter of the list that it stands in."""
    return _with(reverse("request_page", args=[number]), wanted, more)


def _with(path: str, wanted: QueueFilter, more: dict[str, str]) -> str:
    query = "&".join(filter(None, (wanted.query, urlencode(more))))
    return f"{path}?{query}" if query else path


def act_context(request: HttpRequest) -> dict[str, object]:
    """What the address says that an act did, with its request: the page says so only where the request's state agrees."""
    actor, act = actor_of(request), request.GET.get("done", "")
    number = request.GET.get("request", "") if act else ""
    done_request = worklists.of_officer(actor, number) if number else None
    last = worklists.last_act(actor, number) if done_request else ""
    return {"done": act, "done_request": done_request, "done_waits": worklists.waits(number), "done_last": last}


def desk_context(request: HttpRequest, wanted: QueueFilter | None = None, **_: str) -> dict[str, object]:
    """What the page of the list shows."""
    actor, wanted = actor_of(request), wanted or carried(request)
    return (CHOICES | OFFICERS_CHOICES) | {
        "wanted": wanted,
        "rows": worklists.worklist(actor, wanted, request.GET.get("after", "")),
        "counts": worklists.counts(actor),
        "laws": [(law.id, law.short) for law in LAWS.values()],
        "officers": assignment.officers(actor),
        "templates": answer_templates.offered(),
        "mails": unanswered.listed(actor),
    }


def case_context(request: HttpRequest, number: str, wanted: QueueFilter | None = None) -> dict[str, object]:
    """What the page of one request shows. Raises NotFoundError."""
    actor, wanted = actor_of(request), wanted or carried(request)
    case = cases.case_of(actor, number)
    template, language = request.GET.get("template", ""), request.GET.get("language", case.language)
    return OFFICERS_CHOICES | {
        "open_request": case,
        "thread": thread_of(case),
        "clock": clock_of(case),
        "rows": worklists.worklist(actor, wanted),
        "wanted": wanted,
        "neighbours": worklists.neighbours(actor, wanted, number),
        "chosen_template": template,
        "chosen_language": language,
        "draft": answer_templates.filled(template, case.request, language) if template else "",
    }


def case_again(request: HttpRequest, number: str) -> dict[str, object]:
    """The request once more, after an act that was refused; where it is not there any more, the list."""
    try:
        return case_context(request, number) | {"shown_again": "staff/request.html"}
    except NotFoundError:
        return desk_context(request) | {"shown_again": "staff/requests.html"}


def done(request: HttpRequest, act: str, number: str) -> HttpResponse:
    """To the same request, which says what was done."""
    return redirect(request_address(number, carried(request), done=act, request=number))


def onward(request: HttpRequest, act: str, number: str) -> HttpResponse:
    """To the next open request of the list, which says what was done; where none is left, to the list."""
    wanted = carried(request)
    following = worklists.next_open(actor_of(request), wanted, number)
    if following:
        return redirect(request_address(following, wanted, done=act, request=number))
    return redirect(list_address(wanted, done=act, request=number))
