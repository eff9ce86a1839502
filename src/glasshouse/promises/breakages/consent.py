"""Breakages of restriction and objection: PRI-23, PRI-25."""

from glasshouse.promises.breakage import Breakage, Code, Database, answering

API, RULES = "glasshouse/consent/api.py", "glasshouse/consent/rules.py"
BREAKAGES = (
    Breakage(
        "PRI-23",
        "the database shows a restricted person's mails",
        Database("DROP POLICY unrestricted ON mail_message"),
    ),
    Breakage(
        "PRI-23",
        "the database knows no restriction",
        answering("glasshouse_restricted()", "SETOF text", "SELECT ''::text WHERE false"),
    ),
    Breakage(
        "PRI-23",
        "a restriction is not stored",
        Code(
            API,
            "    restriction.save(force_insert=True)\n    events.record(actor.alone, Kind.RESTRICTION_MADE,",
            "    events.record(actor.alone, Kind.RESTRICTION_MADE,",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-23",
        "third-party data of a restricted person stays in use",
        Code(
            "glasshouse/rowsecurity/policies.py",
            '    return f"CREATE POLICY unrestricted ON {table} AS',
            '    rows = "(true)" if table == "sources_supplied" else rows\n'
            '    return f"CREATE POLICY unrestricted ON {table} AS',
            tables=True,
        ),
    ),
    Breakage(
        "PRI-23",
        "a restriction is lifted without telling the person",
        Code(
            API,
            '    mail.queue_template(\n        person,\n        "restriction",\n',
            '    (lambda *_: None)(\n        person,\n        "restriction",\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-25",
        "an objection is noted and does not count",
        Code(
            RULES,
            "    return state not in (State.OBJECTED, State.UPHELD)\n",
            "    return bool(purpose)\n",
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-25",
        "the database takes a mail against an objection",
        Database("DROP POLICY unobjected ON mail_message"),
    ),
    Breakage(
        "PRI-25",
        "the database knows no objection",
        answering("glasshouse_objected(whom text, what text)", "boolean", "SELECT false"),
    ),
    Breakage(
        "PRI-25",
        "a business transfer passes on those who objected",
        Code(
            "glasshouse/consent/api.py",
            '        for key_owner, state in newest.values_list("key_owner", "state")\n'
            "        if not allows(PURPOSES[purpose], state)\n",
            '        for key_owner, state in newest.values_list("key_owner", "state")\n        if not state\n',
            ("web", "worker"),
        ),
    ),
)
