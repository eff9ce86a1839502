"""What may be done, what each permission means in plain words, and the built-in roles: members' and the staff's.

Permissions of the staff are granted by staff roles only. No role of a customer, no custom role, no token and no grant of
support carries one. Source: SEC-03.
"""

from enum import StrEnum


class Permission(StrEnum):
    """What may be done, as area:thing:act. Roles, tokens and page declarations name these."""

    ACCESS_RECORD_READ = "access:record:read"
    COMPARTMENT_CREATE = "greenhouse:compartment:create"
    DEVICE_CREATE = "greenhouse:device:create"
    DEVICE_REVOKE = "greenhouse:device:revoke"
    EVENTS_READ = "events:event:read"
    FILE_IMPORT = "greenhouse:file:import"
    GRANT_GIVE = "support:grant:give"
    TARGET_RANGES_SET = "greenhouse:limits:set"
    MEMBER_CHANGE = "access:member:change"
    MEMBER_INVITE = "access:member:invite"
    MEMBER_READ = "access:member:read"
    MEMBER_REMOVE = "access:member:remove"
    ORGANISATION_CLOSE = "access:organisation:close"
    READINGS_CORRECT = "greenhouse:reading:correct"
    READINGS_READ = "greenhouse:reading:read"
    REFERRAL_ANSWER = "rights:referral:answer"
    ROLE_CHANGE = "access:role:change"
    SECOND_FACTOR_RESET = "accounts:second-step:reset"
    SETTINGS_CHANGE = "access:settings:change"
    SITE_CREATE = "greenhouse:site:create"
    SITE_READ = "greenhouse:site:read"
    TOKEN_CREATE = "access:token:create"  # noqa: S105 - a permission, not a token
    # Of the operator's staff:
    AGENT_CHANGE = "requests:agent:change"
    CUSTOMER_LIST = "support:customer:list"
    DESK_READ = "privacy_office:desk:read"
    DOCUMENT_PUBLISH = "notices:document:publish"
    EMERGENCY_OPEN = "support:emergency:open"
    FAILURE_RETRY = "queues:failure:retry"
    GRANT_ASK = "support:grant:ask"
    GRANT_COUNTERSIGN = "support:grant:countersign"
    HOLD_CHANGE = "retention:hold:change"
    LEGAL_REQUEST_REVIEW = "authorities:legal-request:review"
    MERGER_CHANGE = "disclosures:merger:change"
    PURPOSE_ASSESS = "privacy_office:purpose:assess"
    RECIPIENT_CHANGE = "disclosures:recipient:change"
    REQUEST_ANSWER = "requests:request:answer"
    REQUEST_READ = "requests:request:read"
    RESTRICTION_LIFT = "consent:restriction:lift"
    SOURCE_CHANGE = "sources:source:change"


class StaffRole(StrEnum):
    """The roles of the operator's staff."""

    PRIVACY = "privacy"
    SECURITY = "security"
    SUPPORT = "support"


STAFF_GRANTED: dict[StaffRole, frozenset[Permission]] = {
    StaffRole.PRIVACY: frozenset(
        {
            Permission.AGENT_CHANGE,
            Permission.DESK_READ,
            Permission.DOCUMENT_PUBLISH,
            Permission.FAILURE_RETRY,
            Permission.HOLD_CHANGE,
            Permission.LEGAL_REQUEST_REVIEW,
            Permission.MERGER_CHANGE,
            Permission.PURPOSE_ASSESS,
            Permission.RECIPIENT_CHANGE,
            Permission.REQUEST_ANSWER,
            Permission.REQUEST_READ,
            Permission.RESTRICTION_LIFT,
            Permission.SOURCE_CHANGE,
        }
    ),
    StaffRole.SECURITY: frozenset({Permission.LEGAL_REQUEST_REVIEW}),
    StaffRole.SUPPORT: frozenset(
        {Permission.CUSTOMER_LIST, Permission.EMERGENCY_OPEN, Permission.GRANT_ASK, Permission.GRANT_COUNTERSIGN}
    ),
}
STAFF_PERMISSIONS = frozenset[Permission]().union(*STAFF_GRANTED.values())
# What a customer's roles, custom roles and tokens may carry.
CUSTOMER_PERMISSIONS = frozenset(Permission) - STAFF_PERMISSIONS


def staff_roles_with(permission: Permission) -> tuple[StaffRole, ...]:
    """The staff roles that a permission is granted to."""
    return tuple(role for role, permissions in STAFF_GRANTED.items() if permission in permissions)


EXPLAINED: dict[Permission, str] = {
    Permission.SITE_READ: "See the sites, compartments and devices",
    Permission.READINGS_READ: "See readings: overview, charts, downloads",
    Permission.TARGET_RANGES_SET: "Set the target ranges that the overview warns by",
    Permission.FILE_IMPORT: "Import files of climate computers and loggers",
    Permission.READINGS_CORRECT: "Correct readings: delete, mark as wrong, move in time, convert",
    Permission.SITE_CREATE: "Add sites (needs access to all sites)",
    Permission.COMPARTMENT_CREATE: "Add compartments",
    Permission.DEVICE_CREATE: "Register devices, and see their keys once",
    Permission.DEVICE_REVOKE: "Revoke the keys of devices",
    Permission.ORGANISATION_CLOSE: "Close the organisation, and delete all its readings",
    Permission.MEMBER_READ: "See who belongs to the organisation and what each may do",
    Permission.MEMBER_INVITE: "Invite people",
    Permission.MEMBER_CHANGE: "Change the role and sites of members, and decide on requests for access",
    Permission.MEMBER_REMOVE: "Remove members",
    Permission.ROLE_CHANGE: "Create and change roles",
    Permission.SECOND_FACTOR_RESET: "Reset a member's two-step verification (after 48 hours)",
    Permission.SETTINGS_CHANGE: "Require two-step verification, allow emergency access, hand over administration",
    Permission.TOKEN_CREATE: "Create API tokens for programs that act in your name",
    Permission.EVENTS_READ: "See the activity log",
    Permission.GRANT_GIVE: "Give support access, and end it",
    Permission.ACCESS_RECORD_READ: "See what support looked at",
    Permission.REFERRAL_ANSWER: "Answer people whose data your organisation entered",
}


class Role(StrEnum):
    """The built-in roles. Their names are never the id of a custom role, which has 16 characters of a smaller alphabet."""

    ADMINISTRATOR = "administrator"
    BILLING_CONTACT = "billing-contact"
    DEVICE_MANAGER = "device-manager"
    GROWER = "grower"
    PRIVACY_CONTACT = "privacy-contact"
    VIEWER = "viewer"


TITLES: dict[Role, str] = {
    Role.ADMINISTRATOR: "Administrator",
    Role.GROWER: "Grower",
    Role.VIEWER: "Viewer",
    Role.DEVICE_MANAGER: "Device manager",
    Role.PRIVACY_CONTACT: "Privacy contact",
    Role.BILLING_CONTACT: "Billing contact",
}
_SEE = frozenset({Permission.SITE_READ, Permission.READINGS_READ})
GRANTED: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: CUSTOMER_PERMISSIONS,
    Role.GROWER: _SEE
    | {Permission.TARGET_RANGES_SET, Permission.FILE_IMPORT, Permission.READINGS_CORRECT, Permission.TOKEN_CREATE},
    Role.VIEWER: _SEE,
    Role.DEVICE_MANAGER: _SEE | {Permission.COMPARTMENT_CREATE, Permission.DEVICE_CREATE, Permission.DEVICE_REVOKE},
    Role.PRIVACY_CONTACT: frozenset(
        {Permission.MEMBER_READ, Permission.EVENTS_READ, Permission.ACCESS_RECORD_READ, Permission.REFERRAL_ANSWER}
    ),
    Role.BILLING_CONTACT: frozenset({Permission.MEMBER_READ}),
}
