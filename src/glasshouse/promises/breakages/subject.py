"""Breakages of a data subject's rights and of what people are asked for: PRI-05, PRI-21, PRI-22, PRI-24."""

from glasshouse.promises.breakage import Breakage, Code, Database, policy, triggered

ASKING, SIGN_UP = "glasshouse/web/pages/public/privacy_ask.html", "glasshouse/web/pages/public/sign_up.html"
ERASURE, EXPORTS = "glasshouse/subject/erasure.py", "glasshouse/subject/exports.py"
RECTIFICATION = "glasshouse/subject/rectification.py"
INVENTORY = "glasshouse/subject/inventory.py"
BREAKAGES = (
    Breakage(
        "PRI-05",
        "whoever asks something must write why",
        Code(ASKING, '<textarea class="in" name="text"', '<textarea class="in" name="text" required', ("web",)),
    ),
    Breakage(
        "PRI-05",
        "an optional field is not marked so",
        Code(ASKING, " optional=withheld", "", ("web",)),
    ),
    Breakage(
        "PRI-05",
        "a sign-up asks for the date of birth",
        Code(
            SIGN_UP,
            '        <div class="row x4">\n          {% translate "Send link"',
            '        <input name="born" required>\n        <div class="row x4">\n          {% translate "Send link"',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-05",
        "the database takes no privacy request without a text",
        Database(
            "ALTER TABLE rights_request ADD CONSTRAINT broken CHECK (octet_length(text) > 30) NOT VALID",
            "ALTER TABLE rights_request DROP CONSTRAINT broken",
        ),
    ),
    Breakage(
        "PRI-21",
        "the view leaves out what lies under other keys",
        Code(
            INVENTORY,
            "    for row in each_readable(addressed(person)):\n        yield from _items_of(row, entries)\n"
            "    yield from _written(actor, entries)\n",
            "    yield from _written(actor, entries)\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-21",
        "the view leaves out mails",
        Code(
            INVENTORY,
            "if key_owner_column(model) and model._meta.db_table not in customer_tables()]",
            'if key_owner_column(model) and model._meta.db_table not in {*customer_tables(), "mail_message"}]',
            ("web", "worker"),
        ),
        also=("PRI-24",),
    ),
    Breakage(
        "PRI-21",
        "the database hides acceptances from their person",
        policy("notices_acceptance", "AS RESTRICTIVE FOR SELECT TO glasshouse_app USING (false)"),
        also=("PRI-01",),
    ),
    Breakage(
        "PRI-21",
        "a rectified name is not stored",
        Code(RECTIFICATION, '    person.save(update_fields=["name"])\n', "", ("web",)),
    ),
    Breakage(
        "PRI-21",
        "recipients are not told of a correction",
        Code(
            RECTIFICATION,
            '    passing_on.tell_corrected(subject, "user.name", f"The name is: {person.name}")\n',
            "    str(subject)\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-22",
        "an export leaves out the first value",
        Code(
            EXPORTS,
            "            lambda: view(actor),\n",
            "            lambda: iter(list(view(actor))[1:]),\n",
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-22",
        "anybody may fetch an export whose number they know",
        Code(
            EXPORTS,
            "available = Export.objects.filter(id=number, key_owner=actor.person, ",
            "available = Export.objects.filter(id=number, ",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-22",
        "an export is never filled",
        triggered("rights_copy", "UPDATE", "NEW.blob := ''; RETURN NEW;"),
    ),
    Breakage(
        "PRI-24",
        "recipients are not told of an erasure",
        Code(
            ERASURE,
            "            passing_on.tell_erased(Subject(KeyOwnerId(person.id), person.address))\n",
            "            pass\n",
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-24",
        "an erasure leaves the files of exports",
        Code(ERASURE, "        blobs.remove(BlobId(export.blob))\n", "        str(export.blob)\n", ("web", "worker")),
    ),
    Breakage(
        "PRI-24",
        "an erasure leaves what lies under other keys",
        Code(ERASURE, "            if not row.delete()[0]:", "            if not str(row):", ("web", "worker")),
    ),
    Breakage(
        "PRI-24",
        "a destroyed key comes back",
        triggered("vault_data_key", "UPDATE", "RETURN OLD;", "vault"),
        also=("PRI-19",),
    ),
    Breakage(
        "PRI-24",
        "mails of a request lie under the request's key, which lives on",
        Code(
            "glasshouse/requests/api.py",
            "mail.queue_draft(KeyOwnerId(new_id()), kind, request.address, message)",
            "mail.queue_draft(KeyOwnerId(request.key_owner), kind, request.address, message)",
            ("web", "worker", "inbound smtp"),
        ),
    ),
    Breakage(
        "PRI-24",
        "a key was destroyed of which the ledger of erasures tells nothing",
        Database(
            "INSERT INTO vault_data_key (key_owner, generation, wrapped, root_generation, created_at, destroyed_at, stored_at) "
            "VALUES ('zzzzzzzzzzzzzzzz', 1, '', 1, now() - interval '1 day', now(), now() - interval '1 day')",
            "DELETE FROM vault_data_key WHERE key_owner = 'zzzzzzzzzzzzzzzz'",
            "vault",
        ),
    ),
    Breakage(
        "PRI-24",
        "a line is missing in the ledger of erasures",
        Database(
            "INSERT INTO vault_ledger (number, kind, subject, at, previous, hash) SELECT coalesce(max(number), 0) + 2, 'unused', "
            "'zzzzzzzzzzzzzzzz', now(), repeat('0', 64), repeat('0', 64) FROM vault_ledger",
            "ALTER TABLE vault_ledger DISABLE TRIGGER only_append; DELETE FROM vault_ledger WHERE subject = 'zzzzzzzzzzzzzzzz'; "
            "ALTER TABLE vault_ledger ENABLE TRIGGER only_append",
            "vault",
        ),
    ),
    Breakage(
        "PRI-24",
        "the database keeps an erased person",
        triggered("accounts_person", "DELETE", "RETURN NULL;"),
    ),
)
