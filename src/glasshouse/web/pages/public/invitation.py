"""An invitation's own page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.kernel.errors import ForbiddenError, InvalidError, ThrottledError
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.organisations import invitations
from glasshouse.web.forms import again, claims_of, reader_language
from glasshouse.web.middleware import actor_of, visit_of
from glasshouse.web.session_cookie import with_session


@page(
    "invitation/<slug:secret>",
    name="invitation",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(
        Asked("address", "accounts_person.address"),
        Asked("name", "accounts_person.name"),
        Asked("password", "accounts_account.password"),
        Asked("accept", "notices_acceptance.shown"),
    ),
    translated=True,
)
def accept_invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """An invitation's own page: what is offered, and the way in, for a known address or a new one."""
    actor = actor_of(request)
    offered = invitations.look(secret)
    for_this_account = actor.account is not None and accounts.person_of(actor).address == offered.address
    documents = notices.offer(reader_language(request))
    context = {"offer": offered, "for_this_account": for_this_account, "path": request.path, "documents": documents}
    if request.method == "GET":
        return render(request, "public/invitation.html", context)
    try:
        if actor.account is not None:
            return redirect("overview", invitations.accept(actor, secret))
        address, name, password = (request.POST.get(field, "") for field in ("address", "name", "password"))
        entry = onboarding.Entry(name, password, claims_of(request, documents))
        joined = onboarding.finish_invitation(secret, address, entry, visit_of(request))
    except (InvalidError, ForbiddenError, ThrottledError) as error:
        return again(request, "public/invitation.html", error, **context)
    return with_session(redirect("overview", str(joined.actor.organisation)), joined.signed_in)
