"""Every kind of event there is. Form: area:thing:act."""

from enum import StrEnum


class Kind(StrEnum):
    ACCOUNT_CREATED = "accounts:account:create"
    ADDRESS_CHANGED = "accounts:address:change"
    ADDRESS_CHANGE_ASKED = "accounts:address:ask-change"
    COMPARTMENT_CREATED = "greenhouse:compartment:create"
    DEVICE_CREATED = "greenhouse:device:create"
    DEVICE_REVOKED = "greenhouse:device:revoke"
    FILE_FAILED = "greenhouse:file:fail"
    FILE_IMPORTED = "greenhouse:file:import"
    FILE_QUEUED = "greenhouse:file:queue"
    FILE_STOPPED = "greenhouse:file:stop"
    FILE_UPLOADED = "greenhouse:file:upload"
    LIMITS_SET = "greenhouse:limits:set"
    ORGANISATION_CREATED = "access:organisation:create"
    PASSWORD_CHANGED = "accounts:password:change"  # noqa: S105 - a kind, not a password
    PASSWORD_RESET_ASKED = "accounts:password:ask-reset"  # noqa: S105 - a kind, not a password
    READINGS_FORGOTTEN = "greenhouse:reading:forget"
    SESSION_ENDED = "accounts:session:end"
    SESSION_REFUSED = "accounts:session:refuse"
    SESSION_STARTED = "accounts:session:start"
    SIGN_UP_ASKED = "accounts:sign-up:ask"
    SITE_CREATED = "greenhouse:site:create"
    TEMPLATE_REMOVED = "greenhouse:template:remove"
    TEMPLATE_SAVED = "greenhouse:template:save"
