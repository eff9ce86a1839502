"""Breakages of the egress and its recipients: PRI-15."""

from glasshouse.promises.breakage import Breakage, Code, Database, changed_rows

API = "glasshouse/disclosures/api.py"
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
)
