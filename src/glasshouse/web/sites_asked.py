"""Which site, and which pieces of its lists, the address of a page asks for."""

from django.http import HttpRequest

from glasshouse.greenhouse.api import Within


def within_of(request: HttpRequest) -> Within | None:
    """The one site, with the pieces of its compartments and devices, that an address asks for; None: all sites."""
    asked = request.GET
    site = asked.get("site", "")
    return Within(site, asked.get("compartments", ""), asked.get("devices", "")) if site else None
