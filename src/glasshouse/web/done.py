"""What an act has just done: a short sentence in the corner of the page that the act leads to.

The address says which sentence, by its key: nothing that is written by anybody is shown, and nothing is stored.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

DONE = {
    "invited": gettext_noop("Invitation sent"),
    "uninvited": gettext_noop("Invitation cancelled"),
    "access-granted": gettext_noop("Access granted"),
    "access-refused": gettext_noop("Request refused"),
    "member-changed": gettext_noop("Role and sites changed"),
    "member-removed": gettext_noop("Member removed"),
    "role-saved": gettext_noop("Role saved"),
    "role-removed": gettext_noop("Role removed"),
    "settings-saved": gettext_noop("Settings saved"),
    "site-added": gettext_noop("Site added"),
    "compartment-added": gettext_noop("Compartment added"),
    "range-set": gettext_noop("Target range set"),
    "device-revoked": gettext_noop("Device revoked: its key has stopped working"),
    "support-invited": gettext_noop("Support access given"),
    "support-ended": gettext_noop("Support access ended"),
    "token-revoked": gettext_noop("Token revoked: it has stopped working"),
    "intake-on": gettext_noop("Files of this folder are imported from now on"),
    "intake-off": gettext_noop("Files of this folder are left alone"),
    "intake-mail-on": gettext_noop("Saved: mails are taken in your name"),
    "intake-mail-off": gettext_noop("No mails are taken any more"),
    "address-replaced": gettext_noop("Address replaced: the one before takes nothing any more"),
    "pinned": gettext_noop("Pinned"),
    "unpinned": gettext_noop("Pin removed"),
    "fitting-off": gettext_noop("Switched off: nothing is fitted to you"),
    "fitting-on": gettext_noop("Switched on"),
    "language-saved": gettext_noop("Language saved"),
}


def led(done: str, page: str, *arguments: str) -> HttpResponse:
    """Lead to a page that says what was done. Raises KeyError where no sentence has this key."""
    if done not in DONE:
        raise KeyError(done)
    return redirect(reverse(page, args=arguments, query={"done": done}))


def sentence(request: HttpRequest) -> str:
    """What the page says of the act that led to it, in the page's language; "" where none did."""
    key = request.GET.get("done", "") if request.method == "GET" else ""
    return gettext(DONE[key]) if key in DONE else ""
