"""What became of a form that was sent twice."""

import hmac

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.web.models import FormSent
from glasshouse.web.once import BINDING, bound, outcome_of


@page(
    "sent/<key:key>",
    name="form_sent",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def form_sent(request: HttpRequest, key: str) -> HttpResponse:
    """What became of a form of this session that was sent twice: leads on once it is done, and looks again until then."""
    if not hmac.compare_digest(key, bound(request, key[BINDING:])):
        # Of another session, or of one that this very form has ended: the same is said of forms that there are and are not.
        return render(request, "public/sent_already.html", {"state": "unknown"}, status=404)
    return outcome_of(request, FormSent.objects.filter(key=key).first())
