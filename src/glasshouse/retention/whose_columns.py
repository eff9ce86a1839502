"""Which columns say whose a row is: by these a legal hold is found to keep it."""

from django.db import models

from glasshouse.vault.declarations import by_address
from glasshouse.vault.fields import key_owner_column


def naming(model: type[models.Model]) -> list[str]:
    """The columns and lookups of a model that say whose a row is."""
    columns = {field.attname for field in model._meta.concrete_fields}
    declared = by_address(model)
    known = {"key_owner", "organisation_id", "person_id", "account_id", "account", key_owner_column(model)}
    return sorted(known & columns) + ([declared.hash] if declared else [])
