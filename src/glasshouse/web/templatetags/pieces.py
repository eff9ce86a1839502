"""The links from one piece of a list to the next: `{% next_piece members "people" "members" %}`."""

from typing import Any

from django import template
from django.http import QueryDict
from django.template import RequestContext

from glasshouse.kernel.pieces import Piece

register = template.Library()


def _asked(context: RequestContext) -> QueryDict:
    """A copy of what the page's address asks for."""
    asked: QueryDict = context.request.GET.copy()
    return asked


@register.inclusion_tag("next_piece.html", takes_context=True)
def next_piece(context: RequestContext, piece: Piece[Any] | list[Any], what: str, parameter: str) -> dict[str, Any]:
    """Links to the next piece and to the first one. what: the rows, in words; parameter: of the address, as the view reads it."""
    others = _asked(context)
    others.pop(parameter, None)
    following = others.copy()
    following[parameter] = getattr(piece, "after", "")
    return {"piece": piece, "what": what, "rest": others.urlencode(), "next": following.urlencode()}


@register.inclusion_tag("next_piece.html", takes_context=True)
def next_of_site(context: RequestContext, site: Any, piece: Piece[Any], what: str) -> dict[str, Any]:
    """As next_piece, of a list within a site: the page then shows that site alone. what: also the parameter of the address."""
    others = _asked(context)
    others.pop(what, None)
    others.pop("sites", None)
    others["site"] = site.id
    following = others.copy()
    following[what] = piece.after
    return {"piece": piece, "what": what, "rest": others.urlencode(), "next": following.urlencode()}
