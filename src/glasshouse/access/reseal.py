"""Rotation of data keys: every key owner gets a new one, everything sealed is sealed anew, then the old ones are deleted.

Safe to stop anywhere and to run again: an owner with two generations is taken to be in the middle of its rotation, and an old key
is deleted only after a pass that found nothing under it. Customer rows are reached as everybody reaches them, one organisation
at a time. Source: SEC-08; NIST SP 800-57 part 1, 5.3.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import models

from glasshouse.access import api as access
from glasshouse.accounts.own import STORAGE, own
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import BlobId, KeyOwnerId, OrganisationId
from glasshouse.rowsecurity.policies import customer_tables
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.fields import SealedField, readable


class Progress(NamedTuple):
    """How far a rotation of data keys is. step: what is being done, in words; done, total: how much of how much."""

    step: str
    done: int
    total: int


def sealed_models() -> list[type[models.Model]]:
    """Every model of ours that holds a sealed value or names a blob."""
    own_models = (model for model in apps.get_models() if model.__module__.startswith("glasshouse."))
    return [model for model in own_models if any(_seals(field) for field in model._meta.local_concrete_fields)]


def _seals(field: "models.Field[object, object]") -> bool:
    return isinstance(field, SealedField) or hasattr(field, "blob_key_owner")


def rotate_data_keys(wait_s: float | None = None) -> Iterator[Progress]:
    """Rotate all data keys; yields how far it is.

    wait_s: how long (s) other processes may still seal with the key before; None: as long as they keep an opened key.
    """
    wait_s = settings.DATA_KEYS_KEPT_S + 1 if wait_s is None else wait_s
    key_owners = vault.key_owners()
    for count, key_owner in enumerate(key_owners, 1):
        if len(vault.generations_of(key_owner)) == 1:
            vault.new_generation(key_owner)
        yield Progress("new keys", count, len(key_owners))
    vault.forget_opened()
    ends = time.monotonic() + wait_s
    while (left_s := ends - time.monotonic()) > 0:
        yield Progress("waiting until nobody uses the old keys", int(wait_s - left_s), int(wait_s))
        time.sleep(min(1.0, left_s))
    # Whoever was erased meanwhile has none any more.
    newest = {owner: generations[-1] for owner in key_owners if (generations := vault.generations_of(owner))}
    organisations = access.all_organisations()
    for count, organisation in enumerate(organisations, 1):
        _reseal_organisation(organisation, newest)
        yield Progress("customers' values sealed anew", count, len(organisations))
    shared = [model for model in sealed_models() if model._meta.db_table not in customer_tables()]
    for count, model in enumerate(shared, 1):
        with own(STORAGE):
            _reseal(model, newest)
        yield Progress("persons' values sealed anew", count, len(shared))
    for count, (key_owner, generation) in enumerate(newest.items(), 1):
        vault.retire_generations(key_owner, before=generation)
        yield Progress("old keys deleted", count, len(newest))
    vault.clean(large=True)


def _reseal_organisation(organisation: OrganisationId, newest: dict[KeyOwnerId, int]) -> None:
    with access.organisation_transaction(JOB.for_organisation(organisation)):
        for model in sealed_models():
            if model._meta.db_table in customer_tables():
                _reseal(model, newest)


def _reseal(model: type[models.Model], newest: dict[KeyOwnerId, int]) -> None:
    fields = [field for field in model._meta.local_concrete_fields if isinstance(field, SealedField)]
    files = [field for field in model._meta.local_concrete_fields if hasattr(field, "blob_key_owner")]
    for row in model._default_manager.all().iterator(chunk_size=500):
        if not readable([row]):  # Under a key that a restore found lost, beside an older one that lives.
            continue
        outdated = [
            field
            for field in fields
            if 0 < field.generation(row) < newest.get(KeyOwnerId(field.place(row).key_owner), 0)
        ]
        for field in outdated:
            getattr(row, str(field.name))  # Opened here, sealed anew by the save.
        if outdated:
            row.save(update_fields=[str(field.name) for field in outdated])
        for file in files:
            key_owner, blob = (
                KeyOwnerId(str(getattr(row, file.blob_key_owner))),
                BlobId(str(getattr(row, str(file.attname)) or "")),
            )
            if blob and 0 < blobs.generation_of(blob) < newest.get(key_owner, 0):
                blobs.reseal(blob, key_owner)
