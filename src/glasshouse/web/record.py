"""What support is shown goes on the customer's record as it leaves, and only then."""

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from glasshouse.access import api as access
from glasshouse.access.api import NotedAccess
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.web.middleware import Handler, actor_of

NOT_ALLOWED = (403, 404)


class shown_is_recorded:
    """Records what a page of a customer shows to support, before the page leaves: what cannot be recorded is not shown.

    A page that failed, or that only leads elsewhere, showed nothing. One that was refused is recorded as refused. Stands
    innermost, so that nothing that is recorded as shown is replaced by an error afterwards. Source: SEC-04.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if actor_of(request).kind is not ActorKind.STAFF:
            return self.get_response(request)
        with access.gathering() as entries:
            response = self.get_response(request)
        if getattr(request, "failed", False):
            if response.status_code in NOT_ALLOWED:
                _record_refusal(request)
        elif not 300 <= response.status_code < 400:
            access.write_record_access(entries)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """Note that the page failed; the error's own answer is made elsewhere."""
        request.failed = True  # type: ignore[attr-defined]


def _record_refusal(request: HttpRequest) -> None:
    match = request.resolver_match
    if match is None or "organisation" not in match.kwargs:
        return
    actor = actor_of(request).for_organisation(OrganisationId(str(match.kwargs["organisation"])))
    try:
        access.write_record_access([NotedAccess(actor, "refused", (str(match.url_name),))])
    except (DatabaseError, GlasshouseError):
        return  # Without a live grant there is no record to write to, and nothing was shown.
