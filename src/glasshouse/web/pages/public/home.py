"""The start."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access import api as access
from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import plain_name
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.errors import InvalidError
from glasshouse.promises import api as promises
from glasshouse.promises.findings import State
from glasshouse.web.forms import again
from glasshouse.web.menu import staff_start
from glasshouse.web.middleware import actor_of


def _front() -> dict[str, object]:
    """What the newcomer's page shows: how many promises are verified now, and when the last check looked."""
    standings = promises.standings()
    looked = [standing.checked_at for standing in standings if standing.checked_at]
    verified = sum(standing.state is State.VERIFIED for standing in standings)
    return {
        "verified": verified,
        "total": len(standings),
        "checked_at": max(looked, default=None),
    }


@page(
    "",
    name="home",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(Asked("organisation", "access_organisation.name"),),
    translated=True,
)
def home(request: HttpRequest) -> HttpResponse:
    """The newcomer's page, or one's organisation; or a form to make one, where a sign-up was cut off before it had one."""
    actor = actor_of(request)
    if actor.account is None:
        return render(request, "public/home.html", _front())
    if actor.kind is ActorKind.STAFF:
        return redirect(reverse(staff_start(accounts.staff_role(actor.account))))
    memberships = access.organisations_of(actor)
    if memberships:
        return redirect("overview", memberships[0].id)
    if request.method == "GET":
        return render(request, "public/organisation.html")
    try:
        organisation = access.create_organisation(
            actor, plain_name(request.POST.get("organisation", ""), field="organisation")
        )
    except InvalidError as error:
        return again(request, "public/organisation.html", error)
    return redirect("overview", organisation)
