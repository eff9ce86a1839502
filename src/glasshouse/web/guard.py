"""Holds each page to its declaration: method, sign-in, permission, reauthentication, in this order, before the view runs.

What a page of an organisation shows is read in one transaction, with these checks (`organisation_page.transaction_of`).
"""

from collections.abc import Sequence
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from glasshouse.access import api as access
from glasshouse.access.pages import ORGANISATION, Audience, Need, Page
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.web import organisation_page
from glasshouse.web.middleware import actor_of, page_before
from glasshouse.web.redirects import form_address


class Guarded:
    """What answers at one path: the pages that are declared for it, each behind its checks."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.by_method = {method: page for page in pages for method in page.methods}
        self.csrf_exempt = all(page.form.programs for page in pages)

    def __call__(self, request: HttpRequest, **arguments: str) -> HttpResponseBase:
        """The answer of the page for the request's method; where there is none, 405, or the page that the form stands on."""
        page = self.by_method.get(request.method or "")
        if page is None:
            return self._form_page(request, arguments) or HttpResponseNotAllowed(sorted(self.by_method))
        with organisation_page.transaction_of(request, page, arguments):
            return _stopped(request, page, arguments) or page.view(request, **arguments)

    def _form_page(self, request: HttpRequest, arguments: dict[str, str]) -> HttpResponse | None:
        """Leads a browser that opens an act's address, which a refused form left there, to the page of the form."""
        act = self.by_method.get("POST")
        by_browser = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if act is None or not act.form_on or not by_browser:
            return None
        return HttpResponseRedirect(form_address(act, arguments))


def _stopped(request: HttpRequest, page: Page, arguments: dict[str, str]) -> HttpResponse | None:
    """A redirect to the sign-in, or None where the actor may go on.

    Raises NotFoundError, ForbiddenError, SecondFactorNeededError, ReauthenticationError.
    """
    if page.need is Need.ANYBODY:
        return None
    actor = actor_of(request)
    if actor.account is None:
        if request.headers.get("HX-Request"):  # A part of an open page: the whole page is to be asked for anew.
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        # The address of a form shows nothing by itself.
        back = request.get_full_path() if request.method == "GET" else page_before(request)
        return redirect(f"/sign-in?next={quote(back)}")
    if page.audience is Audience.STAFF and isinstance(page.need, Permission):
        access.require_staff(actor, page.need)
    elif page.of_organisation:
        organisation_page.enter(request, arguments[ORGANISATION], page)
    if page.reauth:
        accounts.require_reauthentication(actor)
    return None
