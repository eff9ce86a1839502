"""The areas and hours of a support grant, as the forms of customers and of the staff give them."""

from django.http import HttpRequest

from glasshouse.support.api import Wish


def wish_of(request: HttpRequest, sites: list[str] | None) -> Wish:
    """The wish that a form says. sites: those that it chose; None: all of them."""
    hours = request.POST.get("hours", "")
    return Wish(
        tuple(request.POST.getlist("areas")),
        int(hours) if hours.isdecimal() and len(hours) < 5 else 0,
        request.POST.get("reason", ""),
        None if sites is None else tuple(sorted(sites)),
        request.POST.get("change") == "yes",
        request.POST.get("staff", ""),
    )
