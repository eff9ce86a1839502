"""Breakages of what the operator's support can see: SEC-04."""

from glasshouse.promises.breakage import Breakage, Code, Database, answering, policy

SQL = "glasshouse/support/sql.py"
BREAKAGES = (
    Breakage(
        "SEC-04",
        "the database shows support every site",
        policy("greenhouse_site", "FOR SELECT TO glasshouse_support USING (true)"),
    ),
    Breakage(
        "SEC-04",
        "the policies of a customer's table are off",
        Database(
            "ALTER TABLE greenhouse_site NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE greenhouse_site FORCE ROW LEVEL SECURITY",
        ),
    ),
    Breakage(
        "SEC-04",
        "support has a grant that nobody gave",
        answering("glasshouse_granted(area text)", "boolean", "SELECT true"),
    ),
    Breakage(
        "SEC-04",
        "a grant that is over goes on counting",
        Code(SQL, "AND g.starts_at <= clock_timestamp() AND clock_timestamp() < g.ends_at", "", ("web",), tables=True),
    ),
    Breakage(
        "SEC-04",
        "a grant that nobody approved counts",
        Code(SQL, "AND g.approved_at IS NOT NULL AND g.revoked_at", "AND g.revoked_at", ("web",), tables=True),
    ),
    Breakage(
        "SEC-04",
        "a grant may last ten years",
        Code("glasshouse/support/rules.py", "MOST_HOURS = 7 * 24", "MOST_HOURS = 3650 * 24", ("web",)),
    ),
    Breakage(
        "SEC-04",
        "what support is shown goes on no record",
        Code(
            "glasshouse/access/api.py",
            "    if recorder := _recorders.get(actor.kind):\n        _recorded.set(True)\n",
            "    if recorder := _recorders.get(actor.kind):\n        _recorded.set(True)\n        return\n",
            ("web",),
        ),
    ),
)
