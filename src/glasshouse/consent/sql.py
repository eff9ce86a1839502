"""What consent brings to the database: whose data may be stored only, and who objected to what."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import PERSON

SQL = Sql(
    functions={
        # Persons whose data may be stored only, without the person whose own act this is.
        "glasshouse_restricted()": (
            "SETOF text",
            "SELECT key_owner FROM consent_restriction WHERE (lifts_at IS NULL OR lifts_at > clock_timestamp()) "
            f"AND {PERSON} NOT IN ('*', key_owner)",
        ),
        # Their addresses, by which rows under other keys speak of them.
        "glasshouse_restricted_addresses()": (
            "SETOF text",
            "SELECT glasshouse_address_hashes(ARRAY(SELECT glasshouse_restricted())) UNION "
            "SELECT r.address_hash FROM consent_restriction r WHERE r.address_hash IS NOT NULL "
            f"AND (r.lifts_at IS NULL OR r.lifts_at > clock_timestamp()) AND {PERSON} NOT IN ('*', '@' || r.address_hash) "
            "AND glasshouse_person_at(r.address_hash) IS NULL",
        ),
        "glasshouse_is_restricted(whom text)": (
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM consent_restriction "
            "WHERE key_owner = whom AND (lifts_at IS NULL OR lifts_at > clock_timestamp()))",
        ),
        # Whether a person has objected to a purpose, or not consented to it.
        "glasshouse_objected(whom text, what text)": (
            "boolean",
            "SELECT coalesce((SELECT state FROM consent_stance WHERE key_owner = whom AND purpose = what "
            "ORDER BY at DESC, id DESC LIMIT 1), '') IN ('objected', 'upheld', 'withdrawn')",
        ),
        # Since when a person consents to a purpose; null: they do not.
        "glasshouse_consented_at(whom text, what text)": (
            "timestamptz",
            "SELECT CASE WHEN state = 'given' THEN at END FROM consent_stance WHERE key_owner = whom AND purpose = what "
            "ORDER BY at DESC, id DESC LIMIT 1",
        ),
    }
)
