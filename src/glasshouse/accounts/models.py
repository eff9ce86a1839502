"""Persons, their accounts and sessions, the links that were mailed to them, and counted tries."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import RowAccess
from glasshouse.vault.classification import hashed, mapped, technical
from glasshouse.vault.content import Code, OneOf
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.declarations import ByAddress, ErasedBy
from glasshouse.vault.fields import SealedJson, SealedText

WAY_IN = "the person's own way in, read only against a secret that the person shows"
KEPT = "as long as the account exists"
COLLEAGUES = ("the organisations that the person belongs to",)


class Person(models.Model):
    """A human being whom we know, found by the keyed hash of a proved address. `language`: empty until the person chooses one."""

    stays = "as long as the account exists"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    name = SealedText(
        personal(
            "user.name",
            "addressing the person",
            retention=KEPT,
            recipients=COLLEAGUES,
            need="colleagues see whose doing something is",
            rectified_by="the page of everything held",
        ),
        key_owner="id",
    )
    address = SealedText(
        personal(
            "user.contact.email",
            "signing in and writing to the person",
            retention=KEPT,
            recipients=COLLEAGUES,
            need="you sign in with it, and prove it",
            rectified_by="the page of the account, confirmed by mail",
        ),
        key_owner="id",
    )
    address_hash = hashed(
        models.CharField(max_length=64, unique=True),
        "user.contact.email",
        "finding the person",
        rectified_by="with the address",
    )
    language = SealedText(
        personal(
            "user.demographic.language",
            "pages and mails in the language that the person chose",
            retention=KEPT,
            rectified_by="the page of the account",
        ),
        key_owner="id",
        null=True,
    )
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_person"


class Account(models.Model):
    """A person's way in. The password is stored as Argon2id hash.

    `staff_role`: empty for everybody but the operator's staff.
    `token_generation`: of the API tokens that count; a new one ends all that were made before.
    """

    stays = "as long as the account exists"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    person = technical(models.OneToOneField(Person, on_delete=models.CASCADE))
    password = mapped(
        models.CharField(max_length=200),
        personal(
            "user.authorization.password",
            "checking the password",
            retention=KEPT,
            need="nobody else may get in",
            rectified_by="the page of the account",
        ),
    )
    staff_role = technical(models.CharField(max_length=20, blank=True), OneOf(("privacy", "security", "support")))
    token_generation = technical(models.PositiveIntegerField(db_default=0))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_account"


class Browser(models.Model):
    """A browser that an account was used from, known by a cookie's secret; until `trusted_until` it needs no second factor."""

    row_access = RowAccess(open_though_restricted=WAY_IN)
    kept = (Kept("seen_at", 365, "it was last used"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    key_owner = technical(models.CharField(max_length=16))
    secret_hash = technical(models.CharField(max_length=64, db_index=True))
    label = SealedText(
        personal(
            "user.device",
            "telling a known browser from a new one",
            basis=Basis.LEGITIMATE_INTEREST,
            source="your use of the service",
            retention=KEPT,
        ),
        key_owner="key_owner",
    )
    created_at = technical(models.DateTimeField())
    seen_at = technical(models.DateTimeField())
    trusted_until = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "accounts_browser"
        constraints = [models.UniqueConstraint(fields=["account", "secret_hash"], name="one_row_a_browser")]


class Session(models.Model):
    """One browser that is signed in. The cookie's secret is stored as hash only.

    `pending`: the password was right, the second factor is still to come; such a session is nobody yet.
    """

    row_access = RowAccess(open_though_restricted=WAY_IN)
    kept = (Kept("expires_at", 0, "until it ends, 14 days at most"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    browser = technical(models.ForeignKey(Browser, null=True, on_delete=models.SET_NULL))
    key_owner = technical(models.CharField(max_length=16))
    label = SealedText(
        personal(
            "user.device",
            "showing the person its sessions",
            basis=Basis.LEGITIMATE_INTEREST,
            source="your use of the service",
        ),
        key_owner="key_owner",
    )
    network = SealedText(
        personal(
            "user.device.ip_address",
            "showing the person its sessions",
            basis=Basis.LEGITIMATE_INTEREST,
            source="your use of the service",
        ),
        key_owner="key_owner",
    )
    pending = technical(models.BooleanField(default=False))
    created_at = technical(models.DateTimeField())
    seen_at = technical(models.DateTimeField())
    proved_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_session"


class FactorKind(models.TextChoices):
    """What a second factor is done with."""

    APP = "app"
    PASSKEY = "passkey"
    TEXT = "text"


class SecondFactor(models.Model):
    """One way of an account to do the second factor. `secret`: the authenticator's seed, the number, or the public key.

    `last_turn`: the newest time step whose code was used (app) or the signature counter (passkey): nothing at or below it counts.
    """

    stays = "as long as the account exists, or until it is removed"
    kept = (Kept("created_at", 1, "it was begun, if it was never confirmed", while_empty="confirmed_at"),)
    row_access = RowAccess(open_though_restricted=WAY_IN)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    key_owner = technical(models.CharField(max_length=16))
    kind = technical(models.CharField(max_length=8, choices=FactorKind.choices), OneOf(FactorKind.values))
    name = SealedText(personal("user.device", "naming the device to its person", retention=KEPT), key_owner="key_owner")
    secret = SealedJson(
        personal(
            "user.authorization.credentials",
            "two-step verification",
            retention=KEPT,
            need="the second factor is done with it",
            recipients=("a phone number, for its codes: the telephone network's provider",),
        ),
        key_owner="key_owner",
    )
    lookup = hashed(models.CharField(max_length=64, null=True, unique=True), "user.authorization", "finding a passkey")
    last_turn = technical(models.BigIntegerField(default=-1))
    code_hash = technical(models.CharField(max_length=64, blank=True))
    code_until = technical(models.DateTimeField(null=True))
    confirmed_at = technical(models.DateTimeField(null=True))
    created_at = technical(models.DateTimeField())
    used_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "accounts_second_step"


class RecoveryCode(models.Model):
    """One of ten codes for a lost device. Stored as keyed hash; works once."""

    stays = "as long as the account exists"
    shows_nobody = "hashes only; they go with the account"
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    code_hash = hashed(
        models.CharField(max_length=64, unique=True), "user.authorization", "two-step verification without a device"
    )
    used_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "accounts_recovery_code"


class FactorReset(models.Model):
    """An administrator's removal of somebody's second factor: announced, delayed, and stoppable by the person meanwhile."""

    kept = (Kept("due_at", 30, "the day on which it was to be carried out"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    asked_by = technical(models.CharField(max_length=16))
    stop_hash = technical(models.CharField(max_length=64, unique=True))
    due_at = technical(models.DateTimeField())
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_step_reset"


class EmailLink(models.Model):
    """An email link (of a sign-up, a reset, a change of address), or a passkey's challenge. Works once.

    A sign-up holds the address and nothing else, sealed under the link's own key (`key_owner`), apart from any person, until the
    address is confirmed. `address_hash`: of the address that a sign-up or a change of address would confirm. The newest sign-up
    for an address ends the older ones; several accounts may have asked to change to it.
    """

    row_access = RowAccess(open_though_restricted=WAY_IN)
    by_address = ByAddress(ErasedBy.ANYBODY)
    kept = (Kept("expires_at", 7, "the link ran out"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    purpose = technical(models.CharField(max_length=20), Code())
    key_owner = technical(models.CharField(max_length=16))
    claims = SealedJson(personal("user.account", "finishing what the person began"), key_owner="key_owner")
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "that older links end, and that what waits for an address is found",
    )
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_ticket"
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash"], condition=models.Q(purpose="sign-up"), name="one_sign_up_an_address"
            )
        ]


class Tries(models.Model):
    """A bucket of tries, by keyed hash of who or where. `until`: when it will be full; see `throttle.py`."""

    shows_nobody = "hashes only, of which nobody can say whose they are"
    kept = (Kept("until", 1, "the window of counting"),)
    key = hashed(
        models.CharField(primary_key=True, max_length=64),
        "user.unique_id.pseudonymous",
        "slowing guessing",
        basis=Basis.LEGITIMATE_INTEREST,
    )
    until = technical(models.DateTimeField(db_index=True))

    class Meta:
        db_table = "accounts_tries"
