"""Recurring intake: the folder and the address of a site whose files are imported by themselves."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import intake as recurring
from glasshouse.greenhouse import intake_mail
from glasshouse.kernel.ids import SiteId
from glasshouse.web.done import led
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside


def _intakes(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    offers = {"is_offered": recurring.is_offered(), "is_offered_by_mail": intake_mail.is_offered()}
    return context | {"intakes": recurring.intakes(actor)} | offers


@page(
    "o/<slug:organisation>/intake",
    name="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
    under="import",
)
def intake(request: HttpRequest, organisation: str) -> HttpResponse:
    """Which sites' files are taken from a folder or by mail, and what became of them."""
    return render(request, "grower/intake.html", _intakes(request))


@page(
    "o/<slug:organisation>/intake/<slug:site>/start",
    name="start_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
    asks=(Asked("compartment", "greenhouse_site.intake"),),
)
@shows_again("grower/intake.html", _intakes)
def start_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Have the files of a site's folder imported from now on."""
    actor = inside(request).actor
    recurring.switch_on(actor, SiteId(site), request.POST.get("compartment", ""))
    return led("intake-on", "intake", organisation)


@page(
    "o/<slug:organisation>/intake/<slug:site>/stop",
    name="stop_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
)
@shows_again("grower/intake.html", _intakes)
def stop_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Leave the files of a site's folder alone."""
    actor = inside(request).actor
    recurring.switch_off(actor, SiteId(site))
    return led("intake-off", "intake", organisation)


@page(
    "o/<slug:organisation>/intake/<slug:site>/start-mail",
    name="start_mail_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
    asks=(Asked("senders", "greenhouse_site.intake"), Asked("compartment", "greenhouse_site.intake")),
)
@shows_again("grower/intake.html", _intakes)
def start_mail_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Have the files imported that are mailed to a site's address from now on; also changes who may mail."""
    actor = inside(request).actor
    asked = request.POST
    intake_mail.switch_on(actor, SiteId(site), asked.get("senders", ""), asked.get("compartment", ""))
    return led("intake-mail-on", "intake", organisation)


@page(
    "o/<slug:organisation>/intake/<slug:site>/stop-mail",
    name="stop_mail_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
)
@shows_again("grower/intake.html", _intakes)
def stop_mail_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Take no mails to a site's address any more."""
    actor = inside(request).actor
    intake_mail.switch_off(actor, SiteId(site))
    return led("intake-mail-off", "intake", organisation)


@page(
    "o/<slug:organisation>/intake/<slug:site>/replace-address",
    name="replace_intake_address",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
)
@shows_again("grower/intake.html", _intakes)
def replace_intake_address(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Give a site a new address; the one before takes nothing any more."""
    actor = inside(request).actor
    intake_mail.replace_address(actor, SiteId(site))
    return led("address-replaced", "intake", organisation)
