"""A privacy request as its person sees it, by a link or in their account."""

from glasshouse.requests import threads
from glasshouse.requests.models import Request
from glasshouse.web.request_choices import KINDS


def request_shown(request: Request) -> dict[str, object]:
    """What `public/request_state.html` and `request_reply.html` need of a request."""
    return {"view": threads.shown(request), "asked_for": KINDS.get(request.kind, request.get_kind_display())}
