"""What programs ask for at addresses of their own: who takes reports of vulnerabilities, where a password is changed, what
robots may read.

Source: RFC 8615 (well-known addresses), RFC 9116 (security.txt), RFC 9309 (robots.txt), W3C "A Well-Known URL for Changing
Passwords".
"""

from datetime import datetime, time, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access import pages
from glasshouse.access.pages import Audience, MenuGroup, Need, Page, page
from glasshouse.kernel import clock

PLAIN = "text/plain; charset=utf-8"
# The running service answers with what is configured now, so the answer is fresh on the day that it is given. RFC 9116, 2.5.5,
# wants it to be less than a year ahead.
HOLDS = timedelta(days=180)
# Pages whose address names what everybody may read; in all other addresses an argument is a secret, or somebody's.
OPEN_ARGUMENTS = {"document", "promise"}
# Open to all, and nothing to find by a search.
LEFT_OUT = {"health", "mailbox", "preferences", "robots", "security_txt", "styleguide", "well_known_password"}
STATIC = "/static/"  # styles, scripts and pictures: without them no page looks as it does to people


@page(
    ".well-known/security.txt",
    name="security_txt",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "HEAD"),
    before_acceptance=True,
)
def security_txt(request: HttpRequest) -> HttpResponse:
    """Whom to tell of a vulnerability, and until when that holds."""
    today = datetime.combine(clock.now().date(), time(), clock.now().tzinfo)
    context = {"contact": settings.SECURITY_CONTACT, "origin": settings.ORIGIN, "expires": today + HOLDS}
    return render(request, "public/security.txt", context, content_type=PLAIN)


@page(
    "report-a-vulnerability",
    name="report_vulnerability",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    menu="Report a problem",
    menu_order=105,
    menu_group=MenuGroup.TRUST,
    icon="warning",
)
def report_vulnerability(request: HttpRequest) -> HttpResponse:
    """How to report a vulnerability of this installation: the policy that security.txt names."""
    return render(request, "public/report_vulnerability.html", {"contact": settings.SECURITY_CONTACT})


@page(
    ".well-known/change-password",
    name="well_known_password",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "HEAD"),
    before_acceptance=True,
)
def change_password(request: HttpRequest) -> HttpResponse:
    """Lead a password manager to the page with the form that changes the password."""
    return redirect("account")


@page(
    "robots.txt",
    name="robots",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "HEAD"),
    before_acceptance=True,
)
def robots(request: HttpRequest) -> HttpResponse:
    """What robots may read: pages that are open to all, and nothing whose address holds a secret."""
    shown = [each for each in pages.pages() if each.audience is Audience.PUBLIC and "GET" in each.methods]
    allowed = {f"{_pattern(each)}$" for each in shown if _is_open(each) and each.name not in LEFT_OUT}
    refused = {_pattern(each).partition("*")[0] for each in shown if not _is_open(each)} - {STATIC}
    context = {"allowed": [*sorted(allowed), STATIC], "refused": sorted(refused)}
    return render(request, "public/robots.txt", context, content_type=PLAIN)


def _is_open(declared: Page) -> bool:
    return declared.arguments.keys() <= OPEN_ARGUMENTS


def _pattern(declared: Page) -> str:
    """The page's addresses, each argument as the "*" of RFC 9309."""
    return "/" + "/".join("*" if part.startswith("<") else part for part in declared.path.split("/"))
