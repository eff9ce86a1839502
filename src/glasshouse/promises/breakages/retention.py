"""Breakages of retention rules and deletion runs: PRI-18, PRI-19."""

from glasshouse.promises.breakage import PAST, Breakage, Code, Database, answering, changed_rows, triggered

API, HOLDS = "glasshouse/retention/api.py", "glasshouse/retention/legal_holds.py"
BREAKAGES = (
    Breakage(
        "PRI-18",
        "sent mails are older than their rule",
        changed_rows("mail_message", "sent_at IS NOT NULL", sent_at="now() - interval '60 days'"),
        quick=True,
    ),
    Breakage(
        "PRI-18",
        "third-party data is older than its rule",
        changed_rows(
            "sources_supplied", received_at="now() - interval '500 days'", told_at="now() - interval '499 days'"
        ),
    ),
    Breakage(
        "PRI-18",
        "an erasure asks for no legal hold",
        Code(
            "glasshouse/subject/erasure.py",
            "        if plan(actor).holds:  # Asked under",
            "        if not plan(actor):  # Asked under",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-18",
        "the database knows no legal hold",
        answering(
            "glasshouse_holds_on(persons text[], hashes text[], moment timestamptz)",
            "SETOF text",
            "SELECT ''::text WHERE false",
        ),
    ),
    Breakage(
        "PRI-18",
        "nobody is told of a legal hold",
        Code(
            HOLDS,
            "    for reader in _readers(legal_hold):\n"
            "        draft = mail.draft(news.template, news.values, language=reader.language)\n"
            '        mail.queue_draft(reader.key_owner, "announcement", reader.address, draft)\n'
            "    LegalHold.objects.filter(id=legal_hold.id).update(told_at=",
            "    LegalHold.objects.filter(id=legal_hold.id).update(told_at=",
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-18",
        "a legal hold does not end when the officer ends it",
        Code(
            "glasshouse/web/pages/staff/office.py",
            "    held.end(actor_of(request), hold)\n",
            "    str(hold)\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-19",
        "the database keeps mails that are deleted",
        triggered("mail_message", "DELETE", "RETURN NULL;"),
        also=("PRI-24",),
    ),
    Breakage(
        "PRI-19",  # PRI-18 sees it when the first row is older than it may be.
        "mail is kept for ten years",
        Code(
            "glasshouse/mail/models.py",
            'Kept("sent_at", 30, "it was sent")',
            'Kept("sent_at", 3650, "it was sent")',
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-19",
        "no deletion run has come for three days",
        Database(
            f"{PAST}; UPDATE retention_sweep SET at = at - interval '3 days'; "
            "UPDATE django_migrations SET applied = applied - interval '3 days'",
            f"{PAST}; UPDATE retention_sweep SET at = at + interval '3 days'; "
            "UPDATE django_migrations SET applied = applied + interval '3 days'",
        ),
    ),
    Breakage(
        "PRI-19",
        "a deletion run deletes nothing",
        Code(API, "            total += _delete_batch(model, batch)\n", "", ("worker",)),
    ),
    Breakage(
        "PRI-19",
        "a deletion run destroys no key",
        Code(API, "destroyed.append(_destroy_unused_keys())", "destroyed.append(0)", ("worker",)),
    ),
    Breakage(
        "PRI-19",
        "a deletion run leaves the files of its rows",
        Code(API, "        blobs.remove(BlobId(str(name)))\n", "        str(name)\n", ("worker",)),
    ),
)
