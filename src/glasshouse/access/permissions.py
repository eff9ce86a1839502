"""What may be done, and the built-in roles."""

from enum import StrEnum


class Permission(StrEnum):
    COMPARTMENT_CREATE = "greenhouse:compartment:create"
    DEVICE_CREATE = "greenhouse:device:create"
    DEVICE_REVOKE = "greenhouse:device:revoke"
    EVENTS_READ = "events:event:read"
    FILE_IMPORT = "greenhouse:file:import"
    LIMITS_SET = "greenhouse:limits:set"
    READINGS_FORGET = "greenhouse:reading:forget"
    READINGS_READ = "greenhouse:reading:read"
    SITE_CREATE = "greenhouse:site:create"
    SITE_READ = "greenhouse:site:read"


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


GRANTED: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.SITE_READ, Permission.READINGS_READ}),
}
