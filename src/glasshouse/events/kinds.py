"""Every kind of event there is. Form: area:thing:act."""

from enum import StrEnum


class Kind(StrEnum):
    """What happened, as area:thing:act. Stored in events, so that a value never changes."""

    ACCESS_ASKED = "access:request:ask"
    ACCESS_DECIDED = "access:request:decide"
    ACCOUNT_CREATED = "accounts:account:create"
    ADDRESS_CHANGED = "accounts:address:change"
    ADDRESS_CHANGE_ASKED = "accounts:address:ask-change"
    ADMINISTRATION_HANDED = "support:administration:hand"
    AGENT_REGISTERED = "rights:agent:register"
    ASSESSMENT_NOTED = "rights:assessment:note"
    BROWSER_FORGOTTEN = "accounts:browser:forget"
    BROWSER_TRUSTED = "accounts:browser:trust"
    CODES_MADE = "accounts:recovery-codes:make"
    COMPARTMENT_CREATED = "greenhouse:compartment:create"
    CONSENT_GIVEN = "consent:consent:give"
    CONSENT_WITHDRAWN = "consent:consent:withdraw"
    EXPORT_MADE = "rights:copy:make"
    LEGAL_REQUEST_ANSWERED = "disclosures:demand:answer"
    LEGAL_REQUEST_ENTERED = "disclosures:demand:enter"
    LEGAL_REQUEST_REFUSED = "disclosures:demand:refuse"
    LEGAL_REQUEST_REVIEWED = "disclosures:demand:review"
    LEGAL_REQUEST_TOLD = "disclosures:demand:tell"
    DEVICE_CREATED = "greenhouse:device:create"
    DEVICE_REVOKED = "greenhouse:device:revoke"
    DOCUMENT_ACCEPTED = "notices:document:accept"
    DOCUMENT_ANNOUNCED = "notices:document:announce"
    DOCUMENT_DRAFTED = "notices:document:draft"
    DOCUMENT_PUBLISHED = "notices:document:publish"
    DOCUMENT_REFUSED = "notices:document:refuse"
    EMERGENCY_ALLOWED = "support:emergency:allow"
    FILE_FAILED = "greenhouse:file:fail"
    FILE_IMPORTED = "greenhouse:file:import"
    FILE_QUEUED = "greenhouse:file:queue"
    FILE_STOPPED = "greenhouse:file:stop"
    FILE_UPLOADED = "greenhouse:file:upload"
    GLASS_BROKEN = "support:emergency:use"
    GRANT_ASKED = "support:grant:ask"
    GRANT_COUNTERSIGNED = "support:grant:countersign"
    GRANT_GIVEN = "support:grant:give"
    GRANT_REFUSED = "support:grant:refuse"
    GRANT_REVOKED = "support:grant:revoke"
    LEGAL_HOLD_MADE = "retention:hold:make"
    LEGAL_HOLD_ENDED = "retention:hold:end"
    LEGAL_HOLD_TOLD = "retention:hold:tell"
    ERASURE_WAITS = "retention:erasure:wait"
    ERASURE_WITHDRAWN = "retention:erasure:withdraw"
    INVITATION_ACCEPTED = "access:invitation:accept"
    INVITATION_REVOKED = "access:invitation:revoke"
    INVITED = "access:invitation:send"
    ITEM_LEFT = "queues:item:leave"
    ITEM_RETRIED = "queues:item:retry"
    TARGET_RANGES_SET = "greenhouse:limits:set"
    MAIL_LEFT = "mail:message:leave"
    MAIL_RETRIED = "mail:message:retry"
    MEMBER_CHANGED = "access:member:change"
    MEMBER_LEFT = "access:member:leave"
    MEMBER_REMOVED = "access:member:remove"
    BUSINESS_TRANSFER_CLOSED = "disclosures:merger:close"
    BUSINESS_TRANSFER_OPENED = "disclosures:merger:open"
    DATA_ROOM_APPROVED = "disclosures:data-room:approve"
    DATA_ROOM_FETCHED = "disclosures:data-room:fetch"
    DATA_ROOM_PREPARED = "disclosures:data-room:prepare"
    DATA_ROOM_REVOKED = "disclosures:data-room:revoke"
    OBJECTION_DECIDED = "consent:objection:decide"
    OBJECTION_MADE = "consent:objection:make"
    ORGANISATION_CLOSED = "access:organisation:close"
    ORGANISATION_CREATED = "access:organisation:create"
    OWNERSHIP_HANDED_OVER = "access:organisation:hand-over"
    PART_RESTARTED = "operations:part:restart"
    PASSWORD_CHANGED = "accounts:password:change"  # noqa: S105 - a kind, not a password
    PASSWORD_RESET_ASKED = "accounts:password:ask-reset"  # noqa: S105 - a kind, not a password
    PERSON_CORRECTED = "rights:person:correct"
    PERSON_ERASED = "rights:person:erase"
    PROVIDERS_SUBSCRIBED = "disclosures:providers:subscribe"
    PROVIDERS_UNSUBSCRIBED = "disclosures:providers:unsubscribe"
    READINGS_FORGOTTEN = "greenhouse:reading:forget"
    RECIPIENT_ADDED = "disclosures:recipient:add"
    RECIPIENT_ENDED = "disclosures:recipient:end"
    REFERRAL_ANSWERED = "rights:referral:answer"
    REFERRAL_DECIDED = "rights:referral:decide"
    MAIL_DELETED = "rights:mail:delete"
    MAIL_KEPT = "rights:mail:keep"
    MAIL_MADE_REQUEST = "rights:mail:take"
    REQUEST_CLOSED = "rights:request:close"
    REQUEST_CONTINUED = "rights:request:continue"
    REQUEST_ESCALATED = "rights:request:escalate"
    REQUEST_EXTENDED = "rights:request:extend"
    REQUEST_OPENED = "rights:request:open"
    REQUEST_PROVED = "rights:request:prove"
    REQUEST_REFERRED = "rights:request:refer"
    REQUEST_WITHDRAWN = "rights:request:withdraw"
    RESTRICTION_LIFTED = "consent:restriction:lift"
    RESTRICTION_MADE = "consent:restriction:make"
    ROLE_REMOVED = "access:role:remove"
    ROLE_SAVED = "access:role:save"
    SESSION_ENDED = "accounts:session:end"
    SESSION_REFUSED = "accounts:session:refuse"
    SESSION_STARTED = "accounts:session:start"
    SIGN_UP_ASKED = "accounts:sign-up:ask"
    SITE_CREATED = "greenhouse:site:create"
    SOURCE_ADDED = "sources:source:add"
    SOURCE_IMPORTED = "sources:source:import"
    SOURCE_TOKEN_MADE = "sources:token:make"  # noqa: S105 - a kind, not a token
    SOURCE_OBJECTED = "sources:source:object"
    STAFF_CREATED = "accounts:staff:create"
    SECOND_FACTOR_ADDED = "accounts:second-step:add"
    SECOND_FACTOR_REFUSED = "accounts:second-step:refuse"
    SECOND_FACTOR_REMOVED = "accounts:second-step:remove"
    SECOND_FACTOR_REQUIRED = "access:second-step:require"
    SECOND_FACTOR_RESET_ASKED = "accounts:second-step:ask-reset"
    SECOND_FACTOR_RESET_STOPPED = "accounts:second-step:stop-reset"
    SUGGESTION_DECIDED = "sources:suggestion:decide"
    GUEST_ERASED = "rights:stranger:erase"
    DELETION_RUN = "retention:sweep:run"
    TEMPLATE_REMOVED = "greenhouse:template:remove"
    TEMPLATE_SAVED = "greenhouse:template:save"
    TOKEN_CREATED = "access:token:create"  # noqa: S105 - a kind, not a token
    TOKEN_REVOKED = "access:token:revoke"  # noqa: S105 - a kind, not a token


_ACTS = {
    "ask": "asked for",
    "change": "changed",
    "create": "made",
    "end": "ended",
    "make": "made",
    "refuse": "refused",
    "send": "sent",
    "start": "began",
}


def description_of(kind: str) -> str:
    """A kind in plain words: "access:member:remove" is "member: remove"."""
    try:
        _, object_name, act = kind.split(":")
    except ValueError:
        return kind
    return f"{object_name.replace('-', ' ')}: {_ACTS.get(act, act.replace('-', ' '))}"
