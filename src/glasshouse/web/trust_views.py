"""The trust page: open to everybody."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from glasshouse.promises import api as promises
from glasshouse.promises.checks import State

SIGNS = {State.KEPT: "●", State.NOT_KEPT: "✕", State.CANNOT_TELL: "▲", State.UNPROVEN: "○"}


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Every promise, its state, the figure that shows it, and when it was checked."""
    found = promises.standings()
    rows = [asdict(one) | {"slug": slugify(one.state), "sign": SIGNS[one.state]} for one in found]
    states = [one.state for one in found]
    counts = {"kept": states.count(State.KEPT), "broken": states.count(State.NOT_KEPT)}
    counts["unproven"] = len(states) - sum(counts.values())
    return render(request, "trust.html", {"rows": rows} | counts)
