"""Pure rules of access: what somebody has, whether one may give something to another, what state an invitation is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from glasshouse.access.permissions import Permission

Sites = frozenset[str] | None  # None: all sites


@dataclass(frozen=True, slots=True)
class Rights:
    """What an actor may do in one organisation, at which sites, and where that comes from in plain words.

    by_permission: the sites of permissions that count at other ones than the rest, as where several grants of support meet.
    """

    permissions: frozenset[Permission]
    sites: Sites
    role: str
    why: str
    by_permission: Mapping[Permission, Sites] = field(default_factory=dict)

    def covers_site(self, permission: Permission, site: str) -> bool:
        """Whether the permission counts at a site."""
        sites = self.by_permission.get(permission, self.sites)
        return permission in self.permissions and (sites is None or site in sites)

    def narrowed(self, permissions: frozenset[Permission], sites: Sites, why: str) -> "Rights":
        """These rights, without what is not in permissions and sites."""
        common_sites = sites if self.sites is None else self.sites if sites is None else self.sites & sites
        return Rights(self.permissions & permissions, common_sites, self.role, why)


def covers(giver: Rights, permissions: frozenset[Permission], sites: Sites) -> bool:
    """Whether somebody with these rights may give those away: nobody gives what they lack."""
    inside = giver.sites is None or (sites is not None and sites <= giver.sites)
    return permissions <= giver.permissions and inside


def invitation_state(
    *, now: datetime, expires_at: datetime, accepted_at: datetime | None, revoked_at: datetime | None
) -> str:
    """accepted, revoked, expired or open."""
    if accepted_at is not None:
        return "accepted"
    if revoked_at is not None:
        return "revoked"
    return "open" if now < expires_at else "expired"


def second_factor_required(roles: list[str] | None, begins: datetime | None, role: str, now: datetime) -> bool:
    """Whether a second factor is required of a role now. roles: None nobody, empty everybody."""
    return roles is not None and begins is not None and now >= begins and (not roles or role in roles)
