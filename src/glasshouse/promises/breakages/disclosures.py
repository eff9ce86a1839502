"""Breakages of the egress and its recipients, and of data rooms: PRI-15, PRI-25."""

from glasshouse.promises.breakage import Breakage, Code, Database, changed_rows

API, ROOMS = "glasshouse/disclosures/api.py", "glasshouse/privacy_office/data_rooms.py"
BREAKAGES = (
    Breakage(
        "PRI-15",
        "mail leaves without passing the gate",
        Code("glasshouse/mail/smtp.py", "    gate.leave(leaving)\n", "", ("worker",)),
    ),
    Breakage(
        "PRI-15",
        "mail leaves without a disclosure record",
        Code(
            API,
            "    note(egress.key_owner, recipient, address_hash=egress.address_hash, server=_host(egress.server))\n",
            "",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-15",
        "the gate lets everything out to anybody",
        Code(
            API,
            "        if egress.channel in recipient.channels\n",
            "        if True or egress.channel in recipient.channels\n",
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-15",
        "the database takes a disclosure to a recipient that is only announced",
        Database("DROP POLICY live_recipient ON disclosures_disclosure"),
    ),
    Breakage(
        "PRI-15",
        "the database takes a provider without a dated agreement and safeguards",
        Database(
            "ALTER TABLE disclosures_recipient DROP CONSTRAINT agreed_before_live",
            undo="ALTER TABLE disclosures_recipient ADD CONSTRAINT agreed_before_live CHECK (earlier_rules OR "
            "(kind NOT IN ('provider', 'group') AND channels = '{}') OR (agreement IS NOT NULL AND agreed_on IS NOT NULL AND "
            "safeguard IS NOT NULL AND length(agreement) > 30 AND length(safeguard) > 30 AND length(region) > 30))",
        ),
        quick=True,
    ),
    Breakage(
        "PRI-15",
        "something went to a recipient before its time",
        changed_rows("disclosures_disclosure", first_at="first_at - interval '10 years'"),
        quick=True,
    ),
    Breakage(
        "PRI-25",
        "a data room hands over who objects",
        Code(ROOMS, ' and business_transfers.would_pass(person) == "passes"', "", ("web",)),
    ),
    Breakage(
        "PRI-25",
        "a data room hands over more than was approved",
        Code(ROOMS, "        if item.category in room.fields\n", "        if item.category\n", ("web",)),
    ),
    Breakage(
        "PRI-25",
        "a data room hands over who was told a moment ago",
        Code(ROOMS, "at__lte=told_until", "at__lte=room.approved_at", ("web",)),
    ),
    Breakage(
        "PRI-25",
        "what a data room hands over goes on no record",
        Code(ROOMS, "            disclosures.note(person, recipient)\n", "            str(person)\n", ("web",)),
    ),
)
