"""What a model says of who may read and write its rows: `row_access = RowAccess(...)`. Without it: see `RowAccess`.

A table with an `organisation_id` is a customer's. It shows its rows to the members of the acting organisation, within their
sites, and to support where it names an area that a grant may open.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from django.db import models


class App(StrEnum):
    """What the application may do with a table."""

    CHANGE = "SELECT, INSERT, UPDATE, DELETE"
    REPLACE = "SELECT, INSERT, DELETE"  # What is written stays as it was written until it goes.
    APPEND = "SELECT, INSERT"
    READ = "SELECT"
    NOTHING = ""  # A trigger of the owner fills it.


@dataclass(frozen=True, slots=True)
class Support:
    """Which grants open a customer's table to support.

    area: as a grant names it; "": any. changes: whether a countersigned grant may change rows.
    """

    area: str
    changes: bool = False


@dataclass(frozen=True, slots=True)
class RowAccess:
    """Who may do what with a table's rows.

    app: what the application may do. rewritable: columns that may be written again under App.REPLACE (sealed anew).
    organisation, site: columns with the customer's and the site's id; site "": `site_id` where there is one.
    see, write: SQL conditions on a customer's rows, instead of the usual ones; {rows} in write stands for those that are seen.
    support: which grants open them; None: none does.
    owner_reads: whether functions of the owner read rows of all customers.
    open_though_restricted: why rows stay open though the use of their person's data is restricted; "": they are hidden.
    open_rows: SQL condition on rows that stay open, though others of the table are hidden.
    """

    app: App = App.CHANGE
    rewritable: tuple[str, ...] = ()
    organisation: str = "organisation_id"
    site: str = ""
    see: str = ""
    write: str = ""
    support: Support | None = None
    owner_reads: bool = False
    open_though_restricted: str = ""
    open_rows: str = ""


@dataclass(frozen=True, slots=True)
class Sql:
    """What an area brings to the database in its `sql.py`, as `SQL`.

    functions: name(arguments) -> (type, body), each run as the owner of the tables; a body is one question.
    procedures: the same with a body of PL/pgSQL, which may change rows.
    internal: those among both that other functions call, and no role may. for_support: those that support may call, too.
    for_relay, for_jobs: those that the relay of events, or jobs, may call, and nobody else. The rest are the application's,
    whatever role it works as.
    statements: run after the policies, safe to run again.
    """

    functions: dict[str, tuple[str, str]] = field(default_factory=dict)
    procedures: dict[str, tuple[str, str]] = field(default_factory=dict)
    internal: frozenset[str] = frozenset()
    for_support: frozenset[str] = frozenset()
    for_relay: frozenset[str] = frozenset()
    for_jobs: frozenset[str] = frozenset()
    statements: tuple[str, ...] = ()


_USUAL = RowAccess()


def row_access(model: type[models.Model]) -> RowAccess:
    """What a model declares, or the usual."""
    declared: RowAccess = getattr(model, "row_access", _USUAL)
    return declared
