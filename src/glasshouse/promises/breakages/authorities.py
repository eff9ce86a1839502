"""Breakages of legal requests: PRI-16."""

from glasshouse.promises.breakage import Breakage, Code, Database

API = "glasshouse/authorities/api.py"
PAST = "SET session_replication_role = replica"
SAVED = "CREATE SCHEMA broken; CREATE TABLE broken.rows AS SELECT * FROM rights_demand"
BACK = "DELETE FROM rights_demand; INSERT INTO rights_demand SELECT * FROM broken.rows; DROP SCHEMA broken CASCADE"


def _without(constraint: str, condition: str, change: str) -> Database:
    """Rows that a rule of the database does not allow; the rule is put back with what stood there."""
    return Database(
        f"{PAST}; {SAVED}; ALTER TABLE rights_demand DROP CONSTRAINT {constraint}; UPDATE rights_demand SET {change}",
        f"{PAST}; {BACK}; ALTER TABLE rights_demand ADD CONSTRAINT {constraint} CHECK ({condition})",
    )


BREAKAGES = (
    Breakage(
        "PRI-16",
        "one person reviewed a legal request twice",
        _without("two_reviewers", "first_by = '' OR second_by = '' OR first_by <> second_by", "second_by = first_by"),
    ),
    Breakage(
        "PRI-16",
        "the person of an answered legal request was not told",
        _without(
            "told_or_barred",
            "outcome <> 'answered' OR told_at IS NOT NULL OR barred_until IS NOT NULL",
            "told_at = NULL",
        ),
    ),
    Breakage(
        "PRI-16",
        "an authority got more than it asked for",
        _without(
            "no_more_than_asked",
            "outcome <> 'answered' OR narrowed <@ asked",
            "narrowed = ARRAY['user.name', 'user.contact.email']",
        ),
    ),
    Breakage(
        "PRI-16",
        "a person is marked told of a legal request, and gets no mail",
        Code(
            API,
            '    mail.queue_template(\n        person,\n        "announcement",\n',
            '    (lambda *_: None)(\n        person,\n        "announcement",\n',
            ("web", "worker"),
        ),
    ),
    Breakage(
        "PRI-16",
        "everything is handed over, whatever was asked for",
        Code(
            API,
            "for item in everything if item.category in legal_request.narrowed)",
            "for item in everything)",
            ("web",),
        ),
    ),
)
