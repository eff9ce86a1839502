"""SQL on the data's marks for whoever starts an installation or brings its key store back: no Django."""

from typing import LiteralString

INSTALLATION: LiteralString = "SELECT installation FROM ledger_installation"
HEAD: LiteralString = "SELECT number, hash FROM ledger_mark ORDER BY number DESC LIMIT 1"
COUNT: LiteralString = "SELECT count(*) FROM ledger_mark"
THERE: LiteralString = "SELECT to_regclass('public.ledger_mark') IS NOT NULL"
MARKS_AFTER: LiteralString = (
    "SELECT number, kind, subject, at, previous, hash FROM ledger_mark WHERE number > %s ORDER BY number"
)
