"""Breakages of third-party data: PRI-08."""

from glasshouse.promises.breakage import Breakage, Code, Database, changed_rows

API = "glasshouse/sources/api.py"
CONSTRAINT = "octet_length(name) > 30 AND octet_length(licence) > 30 AND octet_length(purpose) > 30"
BREAKAGES = (
    Breakage(
        "PRI-08",
        "the database takes a source without a licence",
        Database(
            "ALTER TABLE sources_source RENAME CONSTRAINT source_says_all TO broken; "
            "ALTER TABLE sources_source DROP CONSTRAINT broken",
            f"ALTER TABLE sources_source ADD CONSTRAINT source_says_all CHECK ({CONSTRAINT})",
        ),
    ),
    Breakage(
        "PRI-08",
        "persons of third-party data were not told in time",
        changed_rows("sources_supplied", received_at="now() - interval '40 days'"),
    ),
    Breakage(
        "PRI-08",
        "persons of third-party data are marked told, and get no mail",
        Code(
            API,
            "    mail.queue_template(\n        KeyOwnerId(first.key_owner),\n",
            "    (lambda *_: None)(\n        KeyOwnerId(first.key_owner),\n",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-08",
        "values of an objector are taken in again",
        Code(
            API,
            "    if Suppression.objects.filter(address_hash=address_hash).exists() or",
            "    if False or",
            ("web",),
        ),
        also=("PRI-25",),
    ),
)
