"""Pure rules of grants: how long, which areas, in what state, and what each area allows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from glasshouse.access.permissions import CUSTOMER_PERMISSIONS, Permission
from glasshouse.access.rules import Sites

MOST_HOURS = 7 * 24
EMERGENCY = timedelta(hours=1)
# What support may be shown or do, as its record names it.
RECORDED = (
    "chart",
    "compartment made",
    "countersignature",
    "download",
    "emergency",
    "events",
    "invitations",
    "list of series",
    "members",
    "overview",
    "own rights",
    "page",
    "referrals",
    "refused",
    "request",
    "requests",
    "roles",
    "sites",
    "target range set",
)
AREA_TITLES = {
    "climate": "Sites, devices and readings",
    "events": "The activity log",
    "people": "Names and addresses of members",
}
# The same within a sentence.
AREA_WORDS = {
    "climate": "sites, devices and readings",
    "events": "the activity log",
    "people": "names and addresses of members",
}
READS: dict[str, frozenset[Permission]] = {
    "climate": frozenset({Permission.SITE_READ, Permission.READINGS_READ}),
    "events": frozenset({Permission.EVENTS_READ}),
    "people": frozenset({Permission.MEMBER_READ}),
}
# No key of a device: whoever registers one sees its key, which is a secret of the customer.
CHANGES: dict[str, frozenset[Permission]] = {
    "climate": frozenset({Permission.TARGET_RANGES_SET, Permission.COMPARTMENT_CREATE}),
    "events": frozenset(),
    "people": frozenset(),
}
OF_SITES = READS["climate"] | CHANGES["climate"]  # The others are of the whole organisation.
GRANTABLE = frozenset[Permission]().union(*READS.values(), *CHANGES.values())
# Handed-over administration: all but what would let the operator keep itself in, or do what cannot be undone.
ADMINISTERED = CUSTOMER_PERMISSIONS - {
    Permission.ACCESS_RECORD_READ,
    Permission.GRANT_GIVE,
    Permission.ORGANISATION_CLOSE,
    Permission.SECOND_FACTOR_RESET,
    Permission.SETTINGS_CHANGE,
    Permission.TOKEN_CREATE,
}


def granted(areas: list[str], *, change: bool) -> frozenset[Permission]:
    """What the areas of a grant allow."""
    reads = frozenset[Permission]().union(*(READS[area] for area in areas if area in READS))
    return reads.union(*(CHANGES[area] for area in areas if area in CHANGES)) if change else reads


class Terms(NamedTuple):
    """What a live grant says. change: and a second person of support has signed that."""

    areas: list[str]
    sites: list[str] | None
    change: bool


def sites_of(permission: Permission, grants: Sequence[Terms]) -> Sites:
    """The sites at which grants give a permission, each for its own; None: all; empty: none gives it."""
    giving = [grant for grant in grants if permission in granted(grant.areas, change=grant.change)]
    # What is not of a site is given by a grant for some sites, too.
    if any(grant.sites is None for grant in giving) or (giving and permission not in OF_SITES):
        return None
    return frozenset(site for grant in giving for site in grant.sites or [])


def state_of(
    *, now: datetime, approved_at: datetime | None, revoked_at: datetime | None, starts_at: datetime, ends_at: datetime
) -> str:
    """asked, refused, revoked, over, coming or live."""
    if revoked_at is not None:
        return "revoked" if approved_at is not None else "refused"
    if now >= ends_at:
        return "over"
    if approved_at is None:
        return "asked"
    return "live" if now >= starts_at else "coming"
