"""Which mails a person gets: those that always come, and those that they decide about."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, MenuGroup, Need, page
from glasshouse.messages import api as messages
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of


def _messages(request: HttpRequest, **_: str) -> dict[str, object]:
    return {"topics": messages.topics(actor_of(request)), "advertised": messages.is_anything_advertised()}


@page(
    "account/data/messages",
    name="my_messages",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    menu="Your emails",
    menu_order=204,
    menu_group=MenuGroup.YOU,
    icon="mail",
    translated=True,
)
def my_messages(request: HttpRequest) -> HttpResponse:
    """The topics that one decides about, and the mails that always come."""
    return render(request, "person/messages.html", _messages(request))


@page(
    "account/data/messages/want",
    name="want_messages",
    form_on="my_messages",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/messages.html", _messages)
def want_messages(request: HttpRequest) -> HttpResponse:
    """Have mails of a topic sent."""
    messages.want(actor_of(request), request.POST.get("purpose", ""))
    return redirect("my_messages")


@page(
    "account/data/messages/stop",
    name="stop_messages",
    form_on="my_messages",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/messages.html", _messages)
def stop_messages(request: HttpRequest) -> HttpResponse:
    """Have no more mails of a topic."""
    messages.want_no_more(actor_of(request), request.POST.get("purpose", ""))
    return redirect("my_messages")
