"""Addresses of every declared page that name nothing, so that a walk over all pages changes nothing."""

from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from glasshouse.access.pages import ORGANISATION, Page

NOTHING = "0" * 16
# What stands in an address that names nothing, by the converter of the argument, or by its name.
EMPTY = {"kind": "app", "failure": "mail", "key": "0" * 64}


def names() -> list[str]:
    """The name of every route of the live router, those of the people API aside."""
    patterns = [pattern for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)]
    return sorted(str(pattern.name) for pattern in patterns)


def address_of(page: Page, organisation: str = NOTHING) -> str:
    """The page's address within an organisation; whatever else its path names is not there."""
    from django.urls import reverse

    arguments = {name: EMPTY.get(name, EMPTY.get(converter, NOTHING)) for name, converter in page.arguments.items()}
    if page.of_organisation:
        arguments[ORGANISATION] = organisation
    return reverse(page.name, kwargs=arguments)


def names_one(page: Page) -> bool:
    """Whether the address names something, beside the organisation, that a walk does not have."""
    return bool(page.arguments.keys() - {ORGANISATION, "kind"})
