"""The link in a mail that stops mails like it. Source: PRI-20; RFC 8058."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.messages import api as messages
from glasshouse.messages.rules import Way


@page(
    "stop/<slug:token>",
    name="stop_mails",
    methods=("GET", "HEAD"),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
    form=FormRules(programs=True, account_limits=False),
)
def stop_mails(request: HttpRequest, token: str) -> HttpResponse:
    """What would be stopped, with one button. Nothing changes: scanners open every link of a mail."""
    return render(request, "public/stop.html", {"state": messages.stop_state(token), "token": token})


@page(
    "stop/<slug:token>",
    name="stop_mails",
    methods=("POST",),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
    form=FormRules(programs=True, repeatable=True, account_limits=False),
)
def stop_mails_now(request: HttpRequest, token: str) -> HttpResponse:
    """Stop mails like it, for whoever has the link: a mail program, or a person by the button. Always 200; safe to repeat."""
    messages.stop(token, Way.LINK)
    return render(request, "public/stop.html", {"state": messages.stop_state(token), "token": token, "done": True})
