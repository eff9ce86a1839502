"""Breakages of what stands between a caller and a customer's data: SEC-01, SEC-03."""

from glasshouse.promises.breakage import Breakage, Code, Database, policy

API, PERMISSIONS = "glasshouse/access/api.py", "glasshouse/access/permissions.py"
PEOPLE = ("web", "worker")
BREAKAGES = (
    Breakage(
        "SEC-01",
        "the database shows every customer to every other",
        policy("access_organisation", "TO glasshouse_app USING (true)"),
    ),
    Breakage(
        "SEC-01",
        "the database lets anybody write a membership",
        policy("access_membership", "FOR INSERT TO glasshouse_app WITH CHECK (true)"),
    ),
    Breakage(
        "SEC-01",
        "the web door answers for any host",
        Code("glasshouse/web/settings.py", '["localhost", "127.0.0.1"]', '["*"]', ("web",)),
    ),
    Breakage(
        "SEC-01",
        "a form of another site is taken",
        Code("glasshouse/web/settings.py", '    "django.middleware.csrf.CsrfViewMiddleware",\n', "", ("web",)),
    ),
    Breakage(
        "SEC-01",
        "a client may have any number of connections at the web door",
        Code(
            "glasshouse/operations/web.py",
            "    Watch(settings.LISTENS_AT, settings.CONNECTIONS, settings.PROXIES, requests).start()\n",
            "",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-01",
        "a client may have any number of connections at the crops service",
        Code("crops/__main__.py", 'Bounds.of(os.environ, "CROPS_")', "Bounds(10_000, 10_000)", ("crops",)),
    ),
    Breakage(
        "SEC-01",
        "every role of the database may make large objects",
        Database(
            "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
            "REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC",
        ),
        quick=True,
    ),
    Breakage(
        "SEC-01",
        "the people store logs every statement",
        Database("ALTER DATABASE people SET log_statement = 'all'", "ALTER DATABASE people RESET log_statement"),
        quick=True,
    ),
    Breakage(
        "SEC-03",
        "nobody is refused for lack of a permission",
        Code(
            API,
            "    if permission not in rights.permissions:\n        if actor",
            "    if False:\n        if actor",
            PEOPLE,
        ),
        also=("SEC-01",),
    ),
    Breakage(
        "SEC-03",
        "viewers may change members",
        Code(PERMISSIONS, "    Role.VIEWER: _SEE,\n", "    Role.VIEWER: _SEE | {Permission.MEMBER_CHANGE},\n", PEOPLE),
    ),
    Breakage(
        "SEC-03",
        "site scope is ignored by the application",
        Code(
            API,
            "    sites = None if membership.sites is None else frozenset(membership.sites)\n",
            "    sites = None\n",
            PEOPLE,
        ),
    ),
    Breakage(
        "SEC-03",
        "site scope is ignored by the database",
        Code(
            "glasshouse/access/sql.py",
            'f"SELECT sites::text[] FROM access_membership WHERE',
            'f"SELECT NULL::text[] FROM access_membership WHERE',
            tables=True,
        ),
    ),
    Breakage(
        "SEC-03",
        "an outsider of one customer administers it",
        Database(
            "INSERT INTO access_membership (id, organisation_id, account_id, role, created_at) "
            "SELECT 'br0ken0000000001', o.id, m.account_id, 'administrator', now() "
            "FROM access_organisation o, access_membership m WHERE o.id <> m.organisation_id ORDER BY o.created_at LIMIT 1",
            "DELETE FROM access_membership WHERE id = 'br0ken0000000001'",
        ),
    ),
    Breakage(
        "SEC-03",
        "a withdrawn token goes on working",
        Code(
            "glasshouse/organisations/tokens.py",
            "own_tokens.filter(revoked_at=None).update(revoked_at=clock.now())",
            "own_tokens.filter(revoked_at=None).update(revoked_at=None)",
            ("web",),
        ),
    ),
)
