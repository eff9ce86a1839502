"""The areas and hours of a support grant, as the forms of customers and of the staff give them."""

from django.http import HttpRequest

from glasshouse.support.api import Wish


def wish_of(request: HttpRequest) -> Wish:
    """The wish that a form says."""
    hours = request.POST.get("hours", "")
    sites = request.POST.getlist("sites")
    return Wish(
        tuple(request.POST.getlist("areas")),
        int(hours) if hours.isdecimal() and len(hours) < 5 else 0,
        request.POST.get("reason", ""),
        None if request.POST.get("all_sites", "yes") == "yes" or not sites else tuple(sorted(sites)),
        request.POST.get("change") == "yes",
        request.POST.get("staff", ""),
    )
