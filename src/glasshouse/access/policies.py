"""Row-level security, written from the models: whoever adds a customer table gets its policy, and cannot forget it.

Policies are forced, so that even the owner of the tables is held by them; the application's roles own nothing. What a policy must
know of other rows (is this account a member, which sites does it see, is there a live grant) it asks of functions that run as the
owner, who may read ids of members, invitations and grants, and nothing else of any customer. A transaction says who acts; that it
is true is for the application, that the one who acts belongs there is for the database.
"""

from django.apps import apps
from django.db import connections, models
from django.db.backends.utils import CursorWrapper

ORGANISATION = "nullif(current_setting('glasshouse.organisation', true), '')"
ACCOUNT = "nullif(current_setting('glasshouse.account', true), '')"
JOB = "coalesce(current_setting('glasshouse.job', true), '') = '1'"
INVITATION = "nullif(current_setting('glasshouse.invitation', true), '')"
NARROWED = "nullif(current_setting('glasshouse.sites', true), '')"
# What the application may do beyond reading, by table; every other table: insert, update, delete.
SELF = "coalesce(current_setting('glasshouse.self', true), '')"
# Written once, then only sealed anew: the column that may be written again.
NEVER_CHANGED = {"consent_stance": "words", "notices_acceptance": "shown"}
APPEND_ONLY = {"events_event", "notices_text", "support_seen"}
UNTOUCHABLE = {"events_link", "events_root", "django_migrations"}
RELAY_ONLY = {"events_unchained"}  # The application has no right to it at all; a trigger of the owner fills it.
# Which customer tables a grant opens to support, by the area that it names; a table not named here stays shut.
AREAS: dict[str, tuple[str, ...]] = {
    "climate": ("greenhouse_site", "greenhouse_compartment", "greenhouse_device"),
    "events": ("events_event",),
    "people": ("access_membership", "access_role", "access_request"),
}
NAMES = (
    "all_rows",
    "own_rows",
    "owner_reads",
    "relay_reads",
    "support_adds",
    "support_changes",
    "support_reads",
    "support_records",
    "support_sees",
    "support_writes",
    "unrestricted",
    "unobjected",
)
OWNER_READS = ("access_membership", "access_organisation", "access_invitation", "rights_referral", "support_grant")
LIVE_GRANT = f"""SELECT g.* FROM support_grant g WHERE g.organisation_id = {ORGANISATION}
    AND (g.staff = {ACCOUNT} OR g.staff = '') AND g.approved_at IS NOT NULL AND g.revoked_at IS NULL
    AND g.starts_at <= clock_timestamp() AND clock_timestamp() < g.ends_at"""
ADMINISTERED = (
    f"EXISTS (SELECT 1 FROM access_organisation WHERE id = {ORGANISATION} AND administered_since IS NOT NULL)"
)
# Who among the staff may be shown rows of customers: the support role alone, and only with a confirmed second factor. Read with
# each statement, so that taking the role or the factor away counts from the next one on.
SUPPORT = (
    f"EXISTS (SELECT 1 FROM accounts_account a WHERE a.id = {ACCOUNT} AND a.staff_role = 'support' AND EXISTS "
    "(SELECT 1 FROM accounts_second_step s WHERE s.account_id = a.id AND s.confirmed_at IS NOT NULL))"
)
# What support may write as a grant by itself: a wish that a customer must approve, or an hour's emergency where that was allowed.
ASKED = (
    f"organisation_id = {ORGANISATION} AND asked_by = {ACCOUNT} AND (SELECT glasshouse_staff()) "
    "AND countersigned_by = '' AND revoked_at IS NULL AND (approved_at IS NULL OR (emergency AND NOT change "
    "AND ends_at <= clock_timestamp() + interval '1 hour' AND (SELECT glasshouse_emergency_allowed())))"
)
# The newest version in force of each document without which nobody uses the service.
IN_FORCE = """SELECT DISTINCT ON (document) id FROM notices_version
    WHERE document IN ('notice', 'terms') AND in_force_at <= clock_timestamp() ORDER BY document, number DESC"""
# name(arguments) -> (type, body); one that another calls stands before it.
FUNCTIONS: dict[str, tuple[str, str]] = {
    # Whether a person has accepted every document in force.
    "glasshouse_accepted(whom text)": (
        "boolean",
        f"SELECT NOT EXISTS (SELECT 1 FROM ({IN_FORCE}) v WHERE NOT EXISTS "
        "(SELECT 1 FROM notices_acceptance a WHERE a.holder = whom AND a.version_id = v.id))",
    ),
    # Persons whose data may be stored only, whoever acts for themself aside.
    "glasshouse_restricted()": (
        "SETOF text",
        f"SELECT holder FROM consent_restriction WHERE (lifts_at IS NULL OR lifts_at > clock_timestamp()) "
        f"AND {SELF} NOT IN ('*', holder)",
    ),
    # Their addresses, by which rows under other keys speak of them.
    "glasshouse_restricted_addresses()": (
        "SETOF text",
        "SELECT address_hash FROM accounts_person WHERE id IN (SELECT glasshouse_restricted()) UNION "
        "SELECT r.address_hash FROM consent_restriction r WHERE r.address_hash IS NOT NULL "
        f"AND (r.lifts_at IS NULL OR r.lifts_at > clock_timestamp()) AND {SELF} NOT IN ('*', '@' || r.address_hash) "
        "AND NOT EXISTS (SELECT 1 FROM accounts_person p WHERE p.address_hash = r.address_hash)",
    ),
    "glasshouse_is_restricted(whom text)": (
        "boolean",
        "SELECT EXISTS (SELECT 1 FROM consent_restriction "
        "WHERE holder = whom AND (lifts_at IS NULL OR lifts_at > clock_timestamp()))",
    ),
    # The person with an address: for signing in, and so that nobody else takes it while its person is restricted.
    "glasshouse_person_at(hash text)": ("text", "SELECT id FROM accounts_person WHERE address_hash = hash"),
    # Whether a person has objected to a purpose, or not consented to it.
    "glasshouse_objected(whom text, what text)": (
        "boolean",
        "SELECT coalesce((SELECT state FROM consent_stance WHERE holder = whom AND purpose = what "
        "ORDER BY at DESC, id DESC LIMIT 1), '') IN ('objected', 'upheld', 'withdrawn')",
    ),
    # Whether who acts belongs to the acting organisation, and has accepted what is in force.
    "glasshouse_member()": (
        "boolean",
        f"SELECT {JOB} OR ((EXISTS (SELECT 1 FROM access_membership "
        f"WHERE organisation_id = {ORGANISATION} AND account_id = {ACCOUNT}) OR ({SUPPORT} AND {ADMINISTERED})) "
        f"AND glasshouse_accepted((SELECT person_id FROM accounts_account WHERE id = {ACCOUNT})))",
    ),
    # Whether who acts is the operator's support staff with a confirmed second factor; or support staff at all; whether the
    # customer has handed its administration to the operator; and whether who acts may use that.
    "glasshouse_staff()": ("boolean", f"SELECT {SUPPORT}"),
    "glasshouse_support_role()": (
        "boolean",
        f"SELECT EXISTS (SELECT 1 FROM accounts_account WHERE id = {ACCOUNT} AND staff_role = 'support')",
    ),
    "glasshouse_administered()": ("boolean", f"SELECT {ADMINISTERED}"),
    "glasshouse_administering()": ("boolean", f"SELECT {SUPPORT} AND {ADMINISTERED}"),
    # Whether the customer allowed support, beforehand, to break the glass.
    "glasshouse_emergency_allowed()": (
        "boolean",
        f"SELECT EXISTS (SELECT 1 FROM access_organisation WHERE id = {ORGANISATION} AND emergency_allowed)",
    ),
    # The grants that somebody of the staff has, asked for, or may countersign, of all customers.
    "glasshouse_staff_grants()": (
        "SETOF support_grant",
        f"SELECT * FROM support_grant WHERE {SUPPORT} ORDER BY created_at DESC",
    ),
    # Whether the acting organisation has nobody yet: its first member may be written.
    "glasshouse_empty()": (
        "boolean",
        f"SELECT NOT EXISTS (SELECT 1 FROM access_membership WHERE organisation_id = {ORGANISATION})",
    ),
    # The sites that a member is limited to; null: all.
    "glasshouse_sites()": (
        "text[]",
        f"SELECT sites::text[] FROM access_membership WHERE organisation_id = {ORGANISATION} AND account_id = {ACCOUNT}",
    ),
    # The organisation of the open invitation whose secret was shown.
    "glasshouse_invited()": (
        "text",
        f"SELECT organisation_id FROM access_invitation WHERE secret_hash = {INVITATION} "
        "AND accepted_at IS NULL AND revoked_at IS NULL AND now() < expires_at",
    ),
    # Whether support may read an area ('' any) of the acting organisation now.
    "glasshouse_granted(area text)": (
        "boolean",
        f"SELECT {SUPPORT} AND EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l WHERE area = '' OR area = ANY (l.areas))",
    ),
    # Whether support may change what it reads: four eyes have seen the grant, and the second pair is not the one that acts.
    "glasshouse_grant_changes()": (
        "boolean",
        f"SELECT {SUPPORT} AND EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l "
        f"WHERE l.change AND l.countersigned_by NOT IN ('', {ACCOUNT}))",
    ),
    # The sites that support's grants are limited to; null: all.
    "glasshouse_grant_sites()": (
        "text[]",
        f"SELECT CASE WHEN EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l WHERE l.sites IS NULL) THEN NULL "
        f"ELSE (SELECT coalesce(array_agg(one), ARRAY[]::text[]) FROM ({LIVE_GRANT}) l, unnest(l.sites) one) END",
    ),
    # Invitations for an address, of all organisations: for the view of the person who has proved it.
    "glasshouse_invitations_for(hash text)": (
        "SETOF access_invitation",
        f"SELECT * FROM access_invitation WHERE {JOB} AND address_hash = hash",
    ),
    # Which customers have let a referral pass its day, for the job that reminds them: no other customer is visited.
    "glasshouse_late_referrals(moment timestamptz)": (
        "SETOF text",
        f"SELECT DISTINCT organisation_id FROM rights_referral WHERE {JOB} "
        "AND answered_at IS NULL AND warned_at IS NULL AND due_at < moment",
    ),
    # To which customers requests were passed, and which have answered: for the privacy office, and the guest who agreed.
    "glasshouse_referrals_of(requests text[])": (
        "TABLE (request_id text, organisation_id text, due_at timestamptz, answered_at timestamptz)",
        "SELECT f.request_id, f.organisation_id, f.due_at, f.answered_at FROM rights_referral f "
        f"WHERE {JOB} AND f.request_id = ANY (requests) ORDER BY f.asked_at, f.id",
    ),
    # Every organisation's id, for jobs that go from one to the next.
    "glasshouse_organisations()": ("SETOF text", f"SELECT id FROM access_organisation WHERE {JOB} ORDER BY created_at"),
    # Names and addresses of the members, sealed as they are, where a grant names them (or the administration was handed over).
    "glasshouse_member_people()": (
        "TABLE (account_id text, id text, name bytea, address bytea, address_hash text, created_at timestamptz)",
        "SELECT a.id, p.id, p.name, p.address, p.address_hash, p.created_at FROM access_membership m "
        "JOIN accounts_account a ON a.id = m.account_id JOIN accounts_person p ON p.id = a.person_id "
        f"WHERE m.organisation_id = {ORGANISATION} AND (glasshouse_granted('people') OR ({SUPPORT} AND {ADMINISTERED})) "
        "AND p.id NOT IN (SELECT glasshouse_restricted())",
    ),
    # Every customer's opaque id, for the staff's list: this much they see of everybody.
    "glasshouse_customers()": ("SETOF text", f"SELECT id FROM access_organisation WHERE {SUPPORT} ORDER BY created_at"),
}
# What went where can be written for a live recipient only.
LIVE_RECIPIENTS = [
    "ALTER TABLE disclosures_disclosure ENABLE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS all_rows ON disclosures_disclosure",
    "DROP POLICY IF EXISTS live_recipient ON disclosures_disclosure",
    "CREATE POLICY all_rows ON disclosures_disclosure TO glasshouse_app USING (true) WITH CHECK (true)",
    "CREATE POLICY live_recipient ON disclosures_disclosure AS RESTRICTIVE FOR INSERT TO glasshouse_app WITH CHECK "
    "(EXISTS (SELECT 1 FROM disclosures_recipient r WHERE r.id = recipient_id AND r.active_from <= clock_timestamp() "
    "AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp())))",
]
LAST_ADMINISTRATOR = """
CREATE OR REPLACE FUNCTION glasshouse_keep_administrator() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM access_organisation WHERE id = OLD.organisation_id) AND NOT EXISTS (
      SELECT 1 FROM access_membership
      WHERE organisation_id = OLD.organisation_id AND role = 'administrator' AND sites IS NULL) THEN
    RAISE EXCEPTION 'the last administrator of an organisation cannot go' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$"""


def site_column(model: type[models.Model]) -> str | None:
    """The column of a customer table that names a site; None where rows belong to the whole organisation."""
    if model._meta.db_table == "greenhouse_site":
        return "id"
    columns = {str(field.column) for field in model._meta.local_concrete_fields}
    return "site_id" if "site_id" in columns else None


def condition(model: type[models.Model]) -> str | None:
    """Which rows of a customer table whoever acts sees; None for a table of no customer."""
    table = model._meta.db_table
    invited = "(SELECT glasshouse_invited())"
    if table == "access_organisation":
        mine = f"SELECT organisation_id FROM access_membership WHERE account_id = {ACCOUNT}"
        return f"(id = {ORGANISATION} AND (SELECT glasshouse_member())) OR id IN ({mine}) OR id = {invited}"
    member = f"organisation_id = {ORGANISATION} AND (SELECT glasshouse_member())"
    if table == "access_membership":
        return f"account_id = {ACCOUNT} OR ({member}) OR organisation_id = {invited}"
    if table == "access_role":
        return f"({member}) OR organisation_id = {invited}"
    if table == "access_invitation":
        return f"({member}) OR secret_hash = {INVITATION}"
    if not any(field.column == "organisation_id" for field in model._meta.local_concrete_fields):
        return None
    if site := site_column(model):
        inside = _inside(site, "glasshouse_sites()")
        return f"{member} AND {inside} AND ({NARROWED} IS NULL OR {site} = ANY (string_to_array({NARROWED}, ',')))"
    return member


def _inside(site: str, function: str) -> str:
    return f"((SELECT {function}) IS NULL OR {site} = ANY ((SELECT {function})::text[]))"


def may_write(table: str, rows: str) -> str:
    """Which rows of a customer table may be written: those that may be seen, and the first ones of what is being made."""
    if (
        table == "events_event"
    ):  # An event of no customer (a refused sign-in) may be written, and is read by the relay alone.
        return f"organisation_id IS NULL OR ({rows})"
    if table == "access_organisation":
        return f"id = {ORGANISATION}"
    if table == "access_membership":
        joins = "(SELECT glasshouse_member()) OR (SELECT glasshouse_empty()) OR organisation_id = (SELECT glasshouse_invited())"
        return f"organisation_id = {ORGANISATION} AND ({joins})"
    return rows


def customer_models() -> list[type[models.Model]]:
    """Every model whose rows belong to a customer."""
    ours = (model for model in apps.get_models() if model.__module__.startswith("glasshouse."))
    return [model for model in ours if condition(model)]


def customer_tables() -> dict[str, str]:
    """Customer table -> which rows may be seen."""
    return {model._meta.db_table: str(condition(model)) for model in customer_models()}


def support_condition(model: type[models.Model]) -> tuple[str, str] | None:
    """(which rows support reads, which it changes) of a customer table; None where no grant opens it."""
    table = model._meta.db_table
    if table == "access_organisation":
        return f"id = {ORGANISATION} AND (SELECT glasshouse_granted(''))", "false"
    area = next((area for area, tables in AREAS.items() if table in tables), None)
    if area is None:
        return None
    rows = f"organisation_id = {ORGANISATION} AND (SELECT glasshouse_granted('{area}'))"
    if site := site_column(model):
        rows += f" AND {_inside(site, 'glasshouse_grant_sites()')}"
    changes = f"{rows} AND (SELECT glasshouse_grant_changes())" if area == "climate" else "false"
    return rows, changes


def statements(tables: list[str]) -> list[str]:
    """All SQL that gives the people store its rights and policies; safe to run again."""
    roles = "glasshouse_app, glasshouse_relay, glasshouse_support"
    sql = [
        f"GRANT USAGE ON SCHEMA public TO {roles}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_app",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {roles}",
        "GRANT SELECT ON events_event, events_link, events_root, events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_link, events_root TO glasshouse_relay",
        "GRANT DELETE, UPDATE (lost) ON events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_event, support_seen TO glasshouse_support",
        "GRANT SELECT, INSERT, UPDATE (countersigned_by) ON support_grant TO glasshouse_support",
    ]
    for table in tables:
        if table in RELAY_ONLY:
            continue
        rights = "SELECT" if table in UNTOUCHABLE else "SELECT, INSERT"
        if table not in UNTOUCHABLE | APPEND_ONLY:
            rights += f", DELETE, UPDATE ({NEVER_CHANGED[table]})" if table in NEVER_CHANGED else ", UPDATE, DELETE"
        sql.append(f"GRANT {rights} ON {table} TO glasshouse_app")
    for name, (kind, body) in FUNCTIONS.items():
        # What lists rows of all customers for a job is the application's alone: no other role can claim to be a job.
        callers = "glasshouse_app" if JOB in body and kind != "boolean" else roles
        # PL/pgSQL keeps its plans from one question to the next, and a page asks the same function for each of its questions.
        language, text = (
            ("plpgsql", f"BEGIN RETURN ({body}); END") if kind in ("boolean", "text", "text[]") else ("sql", body)
        )
        sql += [
            f"CREATE OR REPLACE FUNCTION {name} RETURNS {kind} LANGUAGE {language} STABLE SECURITY DEFINER "
            f"SET search_path = public AS $$ {text} $$",
            f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            f"REVOKE ALL ON FUNCTION {name} FROM {roles}",
            f"GRANT EXECUTE ON FUNCTION {name} TO {callers}",
        ]
    for model in customer_models():
        sql += _policies(model)
    sql += LIVE_RECIPIENTS
    for table in OWNER_READS:
        sql.append(f"CREATE POLICY owner_reads ON {table} FOR SELECT TO glasshouse_owner USING (true)")
    sql += [
        "CREATE POLICY relay_reads ON events_event FOR SELECT TO glasshouse_relay USING (true)",
        f"CREATE POLICY support_writes ON support_seen FOR INSERT TO glasshouse_support WITH CHECK "
        f"(organisation_id = {ORGANISATION} AND (SELECT glasshouse_granted('')))",
        f"CREATE POLICY support_records ON events_event FOR INSERT TO glasshouse_support WITH CHECK "
        f"(organisation_id = {ORGANISATION} AND actor = {ACCOUNT} AND (SELECT glasshouse_staff()))",
        f"CREATE POLICY support_reads ON support_grant FOR SELECT TO glasshouse_support USING "
        f"(organisation_id = {ORGANISATION} AND (SELECT glasshouse_staff()))",
        f"CREATE POLICY support_adds ON support_grant FOR INSERT TO glasshouse_support WITH CHECK ({ASKED})",
        f"CREATE POLICY support_changes ON support_grant FOR UPDATE TO glasshouse_support "
        f"USING (organisation_id = {ORGANISATION} AND (SELECT glasshouse_staff()) AND change "
        f"AND {ACCOUNT} NOT IN (staff, asked_by)) "
        f"WITH CHECK (countersigned_by = {ACCOUNT})",
        LAST_ADMINISTRATOR,
        "REVOKE ALL ON FUNCTION glasshouse_keep_administrator() FROM PUBLIC",
        "DROP TRIGGER IF EXISTS keep_administrator ON access_membership",
        "CREATE CONSTRAINT TRIGGER keep_administrator AFTER UPDATE OR DELETE ON access_membership "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION glasshouse_keep_administrator()",
    ]
    return sql


def _policies(model: type[models.Model]) -> list[str]:
    table, rows = model._meta.db_table, str(condition(model))
    sql = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        *(f"DROP POLICY IF EXISTS {name} ON {table}" for name in NAMES),
        f"CREATE POLICY own_rows ON {table} TO glasshouse_app USING ({rows}) WITH CHECK ({may_write(table, rows)})",
    ]
    if opened := support_condition(model):
        reads, changes = opened
        sql += [
            f"GRANT SELECT ON {table} TO glasshouse_support",
            f"CREATE POLICY support_sees ON {table} FOR SELECT TO glasshouse_support USING ({reads})",
        ]
        if changes != "false":
            sql += [
                f"GRANT INSERT, UPDATE ON {table} TO glasshouse_support",
                f"CREATE POLICY support_changes ON {table} FOR UPDATE TO glasshouse_support "
                f"USING ({changes}) WITH CHECK ({changes})",
                f"CREATE POLICY support_adds ON {table} FOR INSERT TO glasshouse_support WITH CHECK ({changes})",
            ]
    return sql


def apply() -> None:
    """Give both databases their rights and policies. Needs the owner's connection, and a transaction: see `cli.migrate`."""
    with connections["default"].cursor() as cursor:
        for statement in [
            *_old_policies(cursor),
            *statements(connections["default"].introspection.table_names(cursor)),
        ]:
            cursor.execute(statement)
    with connections["vault"].cursor() as cursor:
        cursor.execute("GRANT USAGE ON SCHEMA public TO glasshouse_vault")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data_key TO glasshouse_vault")
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_vault")


def _old_policies(cursor: CursorWrapper) -> list[str]:
    """Statements that drop every policy there is: one that an earlier version made under another name would go on counting."""
    cursor.execute("SELECT format('DROP POLICY %I ON %I.%I', policyname, schemaname, tablename) FROM pg_policies")
    return [str(row[0]) for row in cursor.fetchall()]
