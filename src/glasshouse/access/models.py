"""Organisations, who belongs to them, as what, and who is on the way in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from glasshouse.access.permissions import Permission, Role
from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import RowAccess, Support
from glasshouse.rowsecurity.settings import ACCOUNT, ORGANISATION
from glasshouse.vault.classification import technical
from glasshouse.vault.content import CODE, ID, EachMatching, OneOf, SomeOf
from glasshouse.vault.datamap import Kept, confidential
from glasshouse.vault.declarations import Belongs, Owner, WrittenBy
from glasshouse.vault.fields import SealedText

MEMBER = f"organisation_id = {ORGANISATION} AND (SELECT glasshouse_member())"
INVITED = "(SELECT glasshouse_invited())"


def _site_list() -> "ArrayField[list[str] | None, list[str] | None]":
    """Sites that something is limited to; null: all of them, also those to come."""
    return technical(ArrayField(models.CharField(max_length=16), null=True), EachMatching())


class Organisation(models.Model):
    """A customer. `tenant` is the opaque id by which the crop plane knows it, and nothing else does.

    `step_roles`: who must have a second factor (role ids; null: nobody; empty: everybody) from `step_from` on.
    `administered_since`: the
    customer has handed its administration to the operator. `emergency_allowed`: support may break the glass.
    """

    belongs = Belongs(Owner.ORGANISATION, "the name of the organisation", "Everybody there works under it.")
    stays = "as long as the agreement runs"
    row_access = RowAccess(
        organisation="id",
        see=f"(id = {ORGANISATION} AND (SELECT glasshouse_member())) OR id IN "
        f"(SELECT organisation_id FROM access_membership WHERE account_id = {ACCOUNT}) OR id = {INVITED}",
        write=f"id = {ORGANISATION}",
        support=Support(""),
        owner_reads=True,
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    name = SealedText(
        confidential("naming the customer to its own people", need="an account works for an organisation"),
        key_owner="id",
    )
    tenant = technical(models.CharField(max_length=16, default=new_id, unique=True))
    second_factor_roles = technical(
        ArrayField(models.CharField(max_length=20), null=True), EachMatching(f"{ID}|{CODE}")
    )
    second_factor_from = technical(models.DateTimeField(null=True))
    administered_since = technical(models.DateTimeField(null=True))
    emergency_allowed = technical(models.BooleanField(default=False))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "access_organisation"


class CustomRole(models.Model):
    """A role that an organisation made for itself."""

    belongs = Belongs(
        Owner.ORGANISATION, "names of roles", "They say what members may do, and are the administrators' to change."
    )
    stays = "as long as the organisation has it"
    row_access = RowAccess(see=f"({MEMBER}) OR organisation_id = {INVITED}", support=Support("people"))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(confidential("naming the role"), key_owner="organisation_id")
    permissions = technical(ArrayField(models.CharField(max_length=60)), SomeOf(Permission))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "access_role"


class Membership(models.Model):
    """A person's place in an organisation. `role`: a built-in role, or the id of a custom one."""

    stays = "until the person leaves the organisation"
    founds = "organisation_id"  # The first member's organisation is a probe's where that member is one.
    row_access = RowAccess(
        see=f"account_id = {ACCOUNT} OR ({MEMBER}) OR organisation_id = {INVITED}",
        # A member adds another; somebody makes an organisation and is its first; or accepts an invitation.
        write=f"organisation_id = {ORGANISATION} AND ((SELECT glasshouse_member()) OR (SELECT glasshouse_empty()) "
        f"OR organisation_id = {INVITED})",
        support=Support("people"),
        owner_reads=True,
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation = technical(models.ForeignKey(Organisation, on_delete=models.CASCADE))
    account_id = technical(models.CharField(max_length=16, db_index=True))
    role = technical(models.CharField(max_length=20), OneOf(Role, or_id=True))
    sites = _site_list()
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "access_membership"
        constraints = [models.UniqueConstraint(fields=["organisation", "account_id"], name="one_membership_each")]


class ApiToken(models.Model):
    """A program's way in, in the name of a member: never more than the member may do at that moment.

    `generation`: of its account's tokens. It has ended when the account's is another.
    """

    written_by_member = WrittenBy("account_id", ("name",), "glasshouse_tokens_of")
    row_access = RowAccess(owner_reads=True)
    kept = (Kept("expires_at", 90, "it ended"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    account_id = technical(models.CharField(max_length=16))
    name = SealedText(confidential("telling tokens apart"), key_owner="organisation_id")
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    permissions = technical(ArrayField(models.CharField(max_length=60)), SomeOf(Permission))
    sites = _site_list()
    generation = technical(models.PositiveIntegerField(db_default=0))
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())
    used_at = technical(models.DateTimeField(null=True))
    revoked_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "access_token"
