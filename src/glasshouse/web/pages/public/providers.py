"""The public list of providers, and subscribing to it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, Need, page
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import news
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.web.forms import again, small_number
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of


def _context(after: str = "") -> dict[str, object]:
    return {"rows": disclosures.public_recipients(after), "unreadable": disclosures.unreadable_count()}


@page(
    "trust/providers",
    name="providers",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    methods=("GET", "POST"),
    before_acceptance=True,
    asks=(Asked("address", "disclosures_subscriber.address"),),
    menu="Who gets your data",
    menu_order=101,
    menu_group=MenuGroup.TRUST,
    icon="people",
)
def providers(request: HttpRequest) -> HttpResponse:
    """Who receives personal data, and who will; subscribing to changes of the list."""
    if request.method == "GET":
        return render(request, "public/providers.html", _context(request.GET.get("after", "")))
    try:
        shown = small_number(request.POST.get("notice", ""))
        address, network = request.POST.get("address", ""), network_of(request)
        disclosures.subscribe(address, network=network, notice=shown, language=readers_language(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/providers.html", error, **_context())
    return render(request, "check_mail.html")


def _subscription(request: HttpRequest, secret: str, error: InvalidError | None = None) -> HttpResponse:
    live, may_begin = disclosures.subscription(secret)
    context = {"live": live, "may_begin": may_begin, "secret": secret, "error": error}
    return render(request, "public/subscription.html", context, status=error.status if error else 200)


@page(
    "trust/providers/<slug:secret>",
    name="unsubscribe_providers",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def subscription(request: HttpRequest, secret: str) -> HttpResponse:
    """A subscription, by its mailed link; a click is needed, a scanner that opens links changes nothing."""
    return _subscription(request, secret)


def _decide(request: HttpRequest, secret: str, *, wanted: bool) -> HttpResponse:
    try:
        disclosures.decide(secret, wanted=wanted)
    except InvalidError as error:
        return _subscription(request, secret, error)
    return _subscription(request, secret)


@page(
    "trust/providers/<slug:secret>/begin",
    name="begin_provider_mails",
    form_on="unsubscribe_providers",
    methods=("POST",),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def begin_provider_mails(request: HttpRequest, secret: str) -> HttpResponse:
    """Have news of the list mailed."""
    return _decide(request, secret, wanted=True)


@page(
    "trust/providers/<slug:secret>/end",
    name="end_provider_mails",
    form_on="unsubscribe_providers",
    methods=("POST",),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def end_provider_mails(request: HttpRequest, secret: str) -> HttpResponse:
    """Have no such mail any more."""
    return _decide(request, secret, wanted=False)


@page(
    "trust/provider-news/<slug:reader>/<slug:secret>",
    name="stop_provider_news",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
)
def provider_news(request: HttpRequest, reader: str, secret: str) -> HttpResponse:
    """What the stop link in a mail of news leads to; a click is needed, a scanner that opens links changes nothing."""
    context = {"live": news.wants_news(reader, secret), "reader": reader, "secret": secret}
    return render(request, "public/provider_news.html", context)


@page(
    "trust/provider-news/<slug:reader>/<slug:secret>",
    name="stop_provider_news",
    methods=("POST",),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
)
def stop_provider_news(request: HttpRequest, reader: str, secret: str) -> HttpResponse:
    """Have no such mail any more, without signing in."""
    news.stop(reader, secret)
    return redirect("stop_provider_news", reader, secret)
