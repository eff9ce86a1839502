"""Breakages of what is fitted to a member: PRI-09."""

from glasshouse.promises.breakage import Breakage, Code, triggered

API, ROOMS = "glasshouse/personalisation/api.py", "glasshouse/web/pages/grower/overview_rooms.html"
BREAKAGES = (
    Breakage(
        "PRI-09",
        "the overview is fitted though its person switched that off",
        Code(API, "return _stored(actor) if _may_fit(actor) else SWITCHED_OFF", "return _stored(actor)", ("web",)),
    ),
    Breakage(
        "PRI-09",
        "the days of use stay when fitting is switched off",
        triggered("personalisation_day", "DELETE", "RETURN NULL;"),
        quick=True,
    ),
    Breakage(
        "PRI-09",
        "days of use are counted though fitting is switched off",
        Code(API, "        if not _may_fit(actor):\n            return\n", "", ("web",)),
    ),
    Breakage(
        "PRI-09",
        "a place that was moved does not say why",
        Code(ROOMS, "{% if place.pinned or place.often %}", "{% if place.often %}", ("web",)),
    ),
    Breakage(
        "PRI-09",
        "the page of what is fitted leaves out the places used often",
        Code(
            "glasshouse/web/pages/grower/fitted.py",
            "for place, number in days if place in names],",
            "for place, number in days if place not in names],",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-09",
        "what one member pinned is pinned for the whole organisation",
        Code(
            API,
            "readable(Pins.objects.filter(**of_member))",
            "readable(Pins.objects.filter(customer=actor.organisation))",
            ("web",),
        ),
    ),
)
