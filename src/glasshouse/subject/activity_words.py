"""What the activity log says of each kind of event: verb first, without codes. A fact of the event may choose the words."""

from django.utils.translation import gettext, gettext_noop

from glasshouse.events.kinds import Kind

Fact = tuple[str, object] | None  # a fact with its value; None: whatever the facts are
OTHERWISE = gettext_noop("did something else")
WORDS: dict[str, dict[Fact, str]] = {
    Kind.ORGANISATION_CREATED: {None: gettext_noop("created the organisation")},
    Kind.ORGANISATION_CLOSED: {None: gettext_noop("closed the organisation")},
    Kind.OWNERSHIP_HANDED_OVER: {None: gettext_noop("handed over the administration")},
    Kind.SITE_CREATED: {None: gettext_noop("added a site")},
    Kind.COMPARTMENT_CREATED: {None: gettext_noop("added a compartment")},
    Kind.DEVICE_CREATED: {None: gettext_noop("registered a device")},
    Kind.DEVICE_REVOKED: {None: gettext_noop("revoked the key of a device")},
    Kind.TARGET_RANGES_SET: {None: gettext_noop("set a target range")},
    Kind.READINGS_FORGOTTEN: {None: gettext_noop("deleted all readings")},
    Kind.FILE_UPLOADED: {None: gettext_noop("uploaded a file")},
    Kind.FILE_QUEUED: {None: gettext_noop("started an import")},
    Kind.FILE_STOPPED: {None: gettext_noop("stopped an import")},
    Kind.FILE_IMPORTED: {None: gettext_noop("imported a file")},
    Kind.FILE_FAILED: {None: gettext_noop("could not import a file")},
    Kind.FILE_UNDO_ASKED: {None: gettext_noop("began to undo an import")},
    Kind.FILE_UNDONE: {None: gettext_noop("undid an import")},
    Kind.FILE_UNDO_FAILED: {None: gettext_noop("could not undo an import")},
    Kind.READINGS_CORRECTION_ASKED: {None: gettext_noop("began to correct readings")},
    Kind.READINGS_CORRECTED: {None: gettext_noop("corrected readings")},
    Kind.READINGS_CORRECTION_FAILED: {None: gettext_noop("could not correct readings")},
    Kind.READINGS_CORRECTION_UNDONE: {None: gettext_noop("undid a correction of readings")},
    Kind.PINS_CHANGED: {None: gettext_noop("changed what is pinned on the overview")},
    Kind.INTAKE_STARTED: {None: gettext_noop("had the files of a folder imported from then on")},
    Kind.INTAKE_STOPPED: {None: gettext_noop("had the files of a folder imported no more")},
    Kind.INTAKE_MAIL_STARTED: {None: gettext_noop("had files imported from then on that are mailed to a site")},
    Kind.INTAKE_MAIL_STOPPED: {None: gettext_noop("had files imported no more that are mailed to a site")},
    Kind.INTAKE_MAIL_REFUSED: {None: gettext_noop("refused files of a mail")},
    Kind.INTAKE_ADDRESS_REPLACED: {None: gettext_noop("gave a site a new address for files")},
    Kind.INTAKE_REFUSED: {None: gettext_noop("refused a file of a folder")},
    Kind.TEMPLATE_SAVED: {None: gettext_noop("saved an import template")},
    Kind.TEMPLATE_REMOVED: {None: gettext_noop("removed an import template")},
    Kind.INVITED: {
        None: gettext_noop("invited somebody"),
        ("again", True): gettext_noop("sent an invitation again"),
    },
    Kind.INVITATION_ACCEPTED: {None: gettext_noop("accepted an invitation")},
    Kind.INVITATION_REVOKED: {None: gettext_noop("cancelled an invitation")},
    Kind.MEMBER_CHANGED: {None: gettext_noop("changed the role or sites of a member")},
    Kind.MEMBER_LEFT: {None: gettext_noop("left the organisation")},
    Kind.MEMBER_REMOVED: {None: gettext_noop("removed a member")},
    Kind.ACCESS_ASKED: {None: gettext_noop("asked for another role")},
    Kind.ACCESS_DECIDED: {
        None: gettext_noop("decided on a request for access"),
        ("granted", True): gettext_noop("granted a request for access"),
        ("granted", False): gettext_noop("refused a request for access"),
    },
    Kind.ROLE_SAVED: {None: gettext_noop("created or changed a role")},
    Kind.ROLE_REMOVED: {None: gettext_noop("removed a role")},
    Kind.SECOND_FACTOR_REQUIRED: {
        None: gettext_noop("changed who must use two-step verification"),
        ("roles", -1): gettext_noop("stopped requiring two-step verification"),
        ("roles", 0): gettext_noop("required two-step verification of everybody"),
    },
    Kind.SECOND_FACTOR_RESET_ASKED: {None: gettext_noop("asked to reset somebody's two-step verification")},
    Kind.SECOND_FACTOR_RESET_STOPPED: {None: gettext_noop("stopped a reset of two-step verification")},
    Kind.TOKEN_CREATED: {None: gettext_noop("created an API token")},
    Kind.TOKEN_REVOKED: {None: gettext_noop("revoked an API token")},
    Kind.GRANT_ASKED: {None: gettext_noop("asked for access for support")},
    Kind.GRANT_GIVEN: {None: gettext_noop("gave support access")},
    Kind.GRANT_REFUSED: {None: gettext_noop("refused support access")},
    Kind.GRANT_REVOKED: {None: gettext_noop("ended an access of support")},
    Kind.GRANT_COUNTERSIGNED: {None: gettext_noop("signed changes by support as the second person")},
    Kind.GLASS_BROKEN: {None: gettext_noop("opened your data in an emergency")},
    Kind.EMERGENCY_ALLOWED: {
        None: gettext_noop("changed emergency access"),
        ("allowed", True): gettext_noop("allowed emergency access"),
        ("allowed", False): gettext_noop("stopped allowing emergency access"),
    },
    Kind.ADMINISTRATION_HANDED: {
        None: gettext_noop("changed who administers the organisation"),
        ("operator", True): gettext_noop("handed the administration to the operator"),
        ("operator", False): gettext_noop("took the administration back from the operator"),
    },
    Kind.REQUEST_REFERRED: {None: gettext_noop("passed a privacy request on to you")},
    Kind.REFERRAL_ANSWERED: {None: gettext_noop("answered a privacy request")},
}
# What people do outside organisations; with WORDS, what "Your data" says of one's own activities.
OWN_WORDS: dict[str, str] = {
    Kind.ACCOUNT_CREATED: gettext_noop("created the account"),
    Kind.SIGN_UP_ASKED: gettext_noop("asked for an account"),
    Kind.SESSION_STARTED: gettext_noop("signed in"),
    Kind.SESSION_ENDED: gettext_noop("ended a session"),
    Kind.SESSION_REFUSED: gettext_noop("was refused a sign-in"),
    Kind.PASSWORD_CHANGED: gettext_noop("changed the password"),
    Kind.PASSWORD_RESET_ASKED: gettext_noop("asked for a new password"),
    Kind.ADDRESS_CHANGE_ASKED: gettext_noop("asked to change the email address"),
    Kind.ADDRESS_CHANGED: gettext_noop("changed the email address"),
    Kind.BROWSER_TRUSTED: gettext_noop("had a browser remembered"),
    Kind.BROWSER_FORGOTTEN: gettext_noop("had a browser forgotten"),
    Kind.CODES_MADE: gettext_noop("created recovery codes"),
    Kind.SECOND_FACTOR_ADDED: gettext_noop("added a way of two-step verification"),
    Kind.SECOND_FACTOR_REMOVED: gettext_noop("removed a way of two-step verification"),
    Kind.SECOND_FACTOR_REFUSED: gettext_noop("was refused in two-step verification"),
    Kind.DOCUMENT_ACCEPTED: gettext_noop("accepted a document"),
    Kind.DOCUMENT_REFUSED: gettext_noop("did not accept a document"),
    Kind.CONSENT_GIVEN: gettext_noop("gave consent"),
    Kind.CONSENT_WITHDRAWN: gettext_noop("withdrew consent"),
    Kind.OBJECTION_MADE: gettext_noop("objected to a use of data"),
    Kind.RESTRICTION_MADE: gettext_noop("restricted the use of data"),
    Kind.RESTRICTION_LIFTED: gettext_noop("lifted a restriction"),
    Kind.PERSON_CORRECTED: gettext_noop("corrected a name"),
    Kind.EXPORT_MADE: gettext_noop("made an export"),
    Kind.ERASURE_WAITS: gettext_noop("asked for an erasure, which waits for the end of a legal hold"),
    Kind.ERASURE_WITHDRAWN: gettext_noop("cancelled an erasure"),
    Kind.SOURCE_OBJECTED: gettext_noop("objected to data of third parties"),
    Kind.SUGGESTION_DECIDED: gettext_noop("decided on data of third parties"),
    Kind.REQUEST_OPENED: gettext_noop("sent a privacy request"),
    Kind.REQUEST_CONTINUED: gettext_noop("added to a privacy request"),
    Kind.REQUEST_WITHDRAWN: gettext_noop("withdrew a privacy request"),
    Kind.REFERRAL_DECIDED: gettext_noop("decided whether a privacy request is passed on"),
    Kind.AGENT_ALLOWED: gettext_noop("let an agent fetch a copy of data"),
}
GROUPS: dict[str, str] = {
    "people": gettext_noop("People, invitations and roles"),
    "sites": gettext_noop("Sites and devices"),
    "files": gettext_noop("Imports and corrections"),
    "support": gettext_noop("Support access"),
    "settings": gettext_noop("Settings and API tokens"),
    "privacy": gettext_noop("Privacy requests"),
}
_GROUP_OF_THING = {
    "access:request": "people",
    "access:invitation": "people",
    "access:member": "people",
    "access:role": "people",
    "greenhouse:file": "files",
    "greenhouse:reading": "files",
    "greenhouse:template": "files",
}
_GROUP_OF_AREA = {"greenhouse": "sites", "support": "support", "rights": "privacy"}


def group_of(kind: str) -> str:
    """The group of GROUPS that a kind belongs to."""
    area, thing, _ = kind.split(":")
    return _GROUP_OF_THING.get(f"{area}:{thing}") or _GROUP_OF_AREA.get(area, "settings")


def own_activity(kind: str) -> str:
    """What a kind of event says of one's own activity, in the language of now; a kind of the staff's work as it is."""
    activity = OWN_WORDS.get(kind) or WORDS.get(kind, {}).get(None)
    return gettext(activity) if activity else kind
