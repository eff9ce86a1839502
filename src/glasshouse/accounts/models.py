"""Persons, their accounts and sessions, the links that were mailed to them, and counted tries."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.datamap import personal
from glasshouse.vault.fields import SealedJson, SealedText, hashed, mapped, technical

KEPT = "as long as the account exists"


class Person(models.Model):
    """A human being whom we know, found by the keyed hash of a proved address."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    name = SealedText(personal("user.name", "addressing the person", retention=KEPT), holder="id")
    address = SealedText(
        personal("user.contact.email", "signing in and writing to the person", retention=KEPT), holder="id"
    )
    address_hash = hashed(models.CharField(max_length=64, unique=True), "user.contact.email", "finding the person")
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_person"


class Account(models.Model):
    """A person's way in. The password is stored as Argon2id hash."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    person = technical(models.OneToOneField(Person, on_delete=models.CASCADE))
    password = mapped(
        models.CharField(max_length=200),
        personal("user.authorization.password", "checking the password", retention=KEPT),
    )
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_account"


class Session(models.Model):
    """One browser that is signed in. The cookie's secret is stored as hash only."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    account = technical(models.ForeignKey(Account, on_delete=models.CASCADE))
    created_at = technical(models.DateTimeField())
    seen_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_session"


class Ticket(models.Model):
    """What waits for a click on a mailed link: a sign-up, a reset, a change of address. Works once.

    A sign-up's claims are sealed under the ticket's own key (`holder`), apart from any person, until the address is proved.
    """

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    purpose = technical(models.CharField(max_length=20))
    holder = technical(models.CharField(max_length=16))
    claims = SealedJson(
        personal("user.account", "finishing what the person began", retention="7 days at most"), holder="holder"
    )
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "accounts_ticket"


class Tries(models.Model):
    """How often something was tried within a window, by keyed hash of who or where."""

    key = hashed(models.CharField(primary_key=True, max_length=64), "user.unique_id.pseudonymous", "slowing guessing")
    count = technical(models.PositiveIntegerField())
    until = technical(models.DateTimeField(db_index=True))

    class Meta:
        db_table = "accounts_tries"
