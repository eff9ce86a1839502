"""Who is on the way in: invitations, and members' requests for other access."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from glasshouse.access.models import MEMBER
from glasshouse.access.permissions import Role
from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import RowAccess, Support
from glasshouse.rowsecurity.settings import INVITATION
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import EachMatching, OneOf
from glasshouse.vault.datamap import Basis, Kept, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, WrittenBy
from glasshouse.vault.fields import SealedText


def _site_list() -> "ArrayField[list[str] | None, list[str] | None]":
    """Sites that something is limited to; null: all of them, also those to come."""
    return technical(ArrayField(models.CharField(max_length=16), null=True), EachMatching())


class Invitation(models.Model):
    """A way in for one address. Its texts are sealed under a key of its own (`key owner`), apart from any person."""

    written_by_member = WrittenBy("inviter", ("address", "message"), "glasshouse_invitations_by")
    belongs = Belongs(
        Owner.ORGANISATION,
        "invitations that you sent",
        "They stay until they end; your message is taken out of them when you are erased.",
    )
    row_access = RowAccess(see=f"({MEMBER}) OR secret_hash = {INVITATION}", owner_reads=True)
    by_address = ByAddress(ErasedBy.PERSON, hidden=True, function="glasshouse_invitations_for")
    kept = (Kept("expires_at", 30, "it ended"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    inviter = technical(models.CharField(max_length=16))
    key_owner = technical(models.CharField(max_length=16))
    address = SealedText(
        personal(
            "user.contact.email",
            "inviting the person",
            basis=Basis.LEGITIMATE_INTEREST,
            source="the organisation that invites",
        ),
        key_owner="key_owner",
    )
    address_hash = hashed(
        models.CharField(max_length=64),
        "user.contact.email",
        "that only the invited address gets in",
        basis=Basis.LEGITIMATE_INTEREST,
    )
    message = SealedText(
        personal(
            "user.content.private",
            "the inviter's words",
            basis=Basis.LEGITIMATE_INTEREST,
            source="the organisation that invites",
        ),
        key_owner="key_owner",
    )
    role = technical(models.CharField(max_length=20), OneOf(Role, or_id=True))
    sites = _site_list()
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    sent = technical(models.PositiveSmallIntegerField(default=1))
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())
    accepted_at = technical(models.DateTimeField(null=True))
    revoked_at = technical(models.DateTimeField(null=True))

    class Meta:
        app_label = "access"
        db_table = "access_invitation"


class AccessRequest(models.Model):
    """A member's wish for another role or other sites, until an administrator decides."""

    written_by_member = WrittenBy("account_id", ("reason",), "glasshouse_access_requests_of")
    row_access = RowAccess(support=Support("people"), owner_reads=True)
    kept = (
        Kept("decided_at", 365, "the decision"),
        Kept("created_at", 365, "it was asked, if nobody decided", while_empty="decided_at"),
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    account_id = technical(models.CharField(max_length=16))
    role = technical(models.CharField(max_length=20), OneOf(Role, or_id=True))
    sites = _site_list()
    reason = SealedText(
        confidential("deciding on the request", need="administrators decide by it"), key_owner="organisation_id"
    )
    created_at = technical(models.DateTimeField())
    decided_at = technical(models.DateTimeField(null=True))
    decided_by = technical(models.CharField(max_length=16, blank=True))
    granted = technical(models.BooleanField(null=True))

    class Meta:
        app_label = "access"
        db_table = "access_request"
