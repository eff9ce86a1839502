"""What each address asks of whoever calls it: one row a route, read by the tests and by the check of SEC-03.

A route that is missing here is red in the tests, so that nobody adds a page without saying who may open it.
"""

from dataclasses import dataclass
from enum import StrEnum

from glasshouse.access.permissions import Permission


class Need(StrEnum):
    """What is asked where it is no permission."""

    ANYBODY = "anybody"  # open to all, or guarded by a secret in the address or the body
    MEMBER = "member"  # any member of the organisation
    SIGNED_IN = "signed in"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Route:
    """A route's method, and what it needs."""

    method: str
    need: Permission | Need


GET, POST = "GET", "POST"
P = Permission
ROUTES: dict[str, tuple[Route, ...]] = {
    "accept": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "account": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "add_step": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "change": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "change_invitation": (Route(POST, P.MEMBER_INVITE),),
    "change_member": (Route(POST, P.MEMBER_CHANGE),),
    "chart": (Route(GET, P.READINGS_READ),),
    "close": (Route(POST, P.ORGANISATION_CLOSE),),
    "codes": (Route(POST, Need.SIGNED_IN),),
    "compare": (Route(GET, Need.ANYBODY),),
    "compartments": (Route(POST, P.COMPARTMENT_CREATE),),
    "confirmed_request": (Route(GET, Need.ANYBODY),),
    "copy_state": (Route(GET, Need.SIGNED_IN),),
    "countersign": (Route(POST, Need.STAFF),),
    "decide_grant": (Route(POST, P.GRANT_GIVE),),
    "decide_request": (Route(POST, P.MEMBER_CHANGE),),
    "demands": (Route(GET, Need.ANYBODY),),
    "device_key": (Route(GET, P.DEVICE_CREATE),),
    "devices": (Route(POST, P.DEVICE_CREATE),),
    "do_step": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "document": (Route(GET, Need.ANYBODY),),
    "documents": (Route(GET, Need.ANYBODY),),
    "drp_agent": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "drp_exercise": (Route(POST, Need.ANYBODY),),
    "drp_exercise_slash": (Route(POST, Need.ANYBODY),),
    "drp_request": (Route(GET, Need.ANYBODY),),
    "end_session": (Route(POST, Need.SIGNED_IN),),
    "erase": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "erasure": (Route(GET, Need.ANYBODY),),
    "events": (Route(GET, P.EVENTS_READ),),
    "fetch_copy": (Route(GET, Need.SIGNED_IN),),
    "fetch_demand": (Route(GET, Need.STAFF),),
    "forget_browser": (Route(POST, Need.SIGNED_IN),),
    "forgotten": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "form_sent": (Route(GET, Need.ANYBODY),),
    "hand_in": (Route(POST, Need.ANYBODY),),
    "health": (Route(GET, Need.ANYBODY),),
    "home": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "import": (Route(GET, P.FILE_IMPORT), Route(POST, P.FILE_IMPORT)),
    "invitation": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "invite": (Route(POST, P.MEMBER_INVITE),),
    "leave_set_aside": (Route(POST, Need.STAFF),),
    "limits": (Route(POST, P.LIMITS_SET),),
    "look": (Route(GET, P.FILE_IMPORT), Route(POST, P.FILE_IMPORT)),
    "mailbox": (Route(GET, Need.ANYBODY),),
    "make_copy": (Route(POST, Need.SIGNED_IN),),
    "member": (Route(GET, P.MEMBER_READ),),
    "members": (Route(GET, P.MEMBER_READ),),
    "my_access": (Route(GET, Need.MEMBER), Route(POST, Need.MEMBER)),
    "my_choices": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "my_data": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "object_source": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "office": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "overview": (Route(GET, P.READINGS_READ),),
    "pass_on": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "passkey_make": (Route(POST, Need.SIGNED_IN),),
    "passkey_use": (Route(POST, Need.ANYBODY),),
    "privacy_ask": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "processing": (Route(GET, Need.ANYBODY),),
    "prove": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "prove_again": (Route(GET, Need.SIGNED_IN), Route(POST, Need.SIGNED_IN)),
    "prove_request": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "providers": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "readings": (Route(GET, P.READINGS_READ),),
    "recipients": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "record": (Route(GET, P.ACCESS_RECORD_READ),),
    "referrals": (Route(GET, P.REFERRAL_ANSWER), Route(POST, P.REFERRAL_ANSWER)),
    "recovery_codes": (Route(GET, Need.SIGNED_IN),),
    "refuse": (Route(POST, Need.SIGNED_IN),),
    "remove_role": (Route(POST, P.ROLE_CHANGE),),
    "remove_step": (Route(POST, Need.SIGNED_IN),),
    "remove_template": (Route(POST, P.FILE_IMPORT),),
    "renew_link": (Route(POST, Need.ANYBODY),),
    "report": (Route(GET, P.FILE_IMPORT),),
    "reset": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "retry_set_aside": (Route(POST, Need.STAFF),),
    "revoke": (Route(POST, P.DEVICE_REVOKE),),
    "revoke_token": (Route(POST, Need.MEMBER),),
    "roles": (Route(GET, Need.MEMBER), Route(POST, P.ROLE_CHANGE)),
    "roots": (Route(GET, Need.ANYBODY),),
    "security": (Route(GET, Need.SIGNED_IN),),
    "send_text": (Route(POST, Need.ANYBODY),),
    "set_aside": (Route(GET, Need.STAFF),),
    "settings": (Route(GET, P.SETTINGS_CHANGE), Route(POST, P.SETTINGS_CHANGE)),
    "sign_in": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "sign_out": (Route(POST, Need.ANYBODY),),
    "sign_up": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "sites": (Route(GET, P.SITE_READ), Route(POST, P.SITE_CREATE)),
    "sources": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "staff": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "staff_demands": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "staff_documents": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
    "static": (Route(GET, Need.ANYBODY),),
    "stop_import": (Route(POST, P.FILE_IMPORT),),
    "stop_reset": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "stranger": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "support_access": (Route(GET, P.GRANT_GIVE), Route(POST, P.GRANT_GIVE)),
    "support_rules": (Route(POST, P.SETTINGS_CHANGE),),
    "tokens": (Route(GET, P.TOKEN_CREATE), Route(POST, P.TOKEN_CREATE)),
    "trust": (Route(GET, Need.ANYBODY),),
    "trust_json": (Route(GET, Need.ANYBODY),),
    "unsubscribe_providers": (Route(GET, Need.ANYBODY), Route(POST, Need.ANYBODY)),
    "worklist": (Route(GET, Need.STAFF), Route(POST, Need.STAFF)),
}
# The operations of the people API: operation -> what the token's bearer needs (and the token must carry).
OPERATIONS: dict[str, Permission | Need] = {
    "GET /events": P.EVENTS_READ,
    "GET /me": Need.MEMBER,
    "GET /readings": P.READINGS_READ,
    "GET /series": P.READINGS_READ,
    "GET /sites": P.SITE_READ,
    "PUT /sites/{site}/limits": P.LIMITS_SET,
}
