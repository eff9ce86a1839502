"""What messages bring to the database: the ruling on a mail, and that none leaves for a purpose without one.

The functions are made of what areas declare (`mail_kinds.py`): a kind that is not declared goes nowhere.
"""

from glasshouse.consent.rules import PURPOSES
from glasshouse.mail.kinds import declared
from glasshouse.messages.rules import ALL, Verdict
from glasshouse.rowsecurity.declarations import Sql
from glasshouse.vault.datamap import Basis

KINDS = declared()
_PURPOSES = " ".join(f"WHEN '{kind.name}' THEN '{kind.purpose}'" for kind in KINDS.values())
_SUBSCRIBED = ", ".join(
    f"CASE WHEN what = '{kind.purpose}' THEN {kind.subscribed}(whom) END" for kind in KINDS.values() if kind.subscribed
)
_BY_CONSENT = ", ".join(f"'{purpose.id}'" for purpose in PURPOSES.values() if purpose.basis is Basis.CONSENT)
# Said anew after it, a wish counts for more than a suppression. Whoever only did not object has said nothing anew.
_VERDICT = f"""CASE
  WHEN serves IS NULL OR given NOT IN ('', serves) THEN '{Verdict.UNDECLARED}'
  WHEN serves = '' THEN '{Verdict.GOES}'
  WHEN glasshouse_is_restricted(whom) OR hash IN (SELECT glasshouse_restricted_addresses()) THEN '{Verdict.RESTRICTED}'
  WHEN glasshouse_objected(whom, serves) THEN '{Verdict.OBJECTED}'
  WHEN serves NOT IN ({_BY_CONSENT}) THEN '{Verdict.GOES}'
  WHEN wanted IS NULL THEN '{Verdict.NO_CONSENT}'
  WHEN EXISTS (SELECT FROM messages_suppression s WHERE s.address_hash = hash AND s.purpose IN ('{ALL}', serves)
    AND s.at >= wanted) THEN '{Verdict.SUPPRESSED}'
  ELSE '{Verdict.GOES}' END"""
_RULED = f"""
DECLARE
  facts record;
BEGIN
  IF NEW.verdict <> '{Verdict.GOES}' THEN RETURN NEW; END IF;
  SELECT * INTO facts FROM glasshouse_mail_facts(NEW.id);
  IF facts IS NULL OR glasshouse_verdict(facts.key_owner, facts.address_hash, facts.kind, facts.purpose) <> '{Verdict.GOES}' THEN
    RAISE EXCEPTION 'this mail may not go' USING ERRCODE = 'check_violation', CONSTRAINT = 'ruled_as_chosen';
  END IF;
  RETURN NEW;
END"""

SQL = Sql(
    functions={
        "glasshouse_purpose_of(of_kind text)": ("text", f"CASE of_kind {_PURPOSES} END"),
        # Since when a key owner wants mails for a purpose that needs consent; null: they do not.
        "glasshouse_wanted_since(whom text, what text)": (
            "timestamptz",
            f"SELECT greatest({', '.join(filter(None, ('glasshouse_consented_at(whom, what)', _SUBSCRIBED)))})",
        ),
        # What is to be ruled on a mail of this kind, to this key owner at this address.
        "glasshouse_verdict(whom text, hash text, of_kind text, given text)": (
            "text",
            f"(SELECT {_VERDICT} FROM (SELECT glasshouse_purpose_of(of_kind) AS serves, "
            "glasshouse_wanted_since(whom, glasshouse_purpose_of(of_kind)) AS wanted) AS known)",
        ),
        # Whether a mail may count as sent: what always goes may, all others by their ruling.
        "glasshouse_may_be_sent(number text, of_kind text, given text)": (
            "boolean",
            "given = '' AND coalesce(glasshouse_purpose_of(of_kind), '') = '' OR EXISTS (SELECT FROM messages_ruled "
            f"WHERE id = number AND verdict = '{Verdict.GOES}')",
        ),
    },
    statements=(
        "CREATE OR REPLACE FUNCTION glasshouse_ruled() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        f"SET search_path = public AS $${_RULED}$$",
        "REVOKE ALL ON FUNCTION glasshouse_ruled() FROM PUBLIC",
        "CREATE OR REPLACE TRIGGER ruled_as_chosen BEFORE INSERT ON messages_ruled FOR EACH ROW "
        "EXECUTE FUNCTION glasshouse_ruled()",
    ),
)
