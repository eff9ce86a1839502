"""What models must declare, and what an area must not know of another: the lists that used to stand far away cannot come back."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering

SOURCE = Path(__file__).parents[2] / "src" / "glasshouse"
# Who names tables of other areas, and why that is right.
MAY_NAME_TABLES = {
    "promises": "its evidence is raw SQL over the catalogue, not what the areas say of themselves",
    "probes": "a row is a probe's by what the database holds, whichever area wrote it",
}
# A page declares into which column of the data map an answer goes; test_asked_fields.py holds these columns against the map.
ASKED = re.compile(r"""Asked\(("[\w*]+"|field), "\w+\.\w+"\)""")


def ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("glasshouse.")]


@pytest.mark.usefixtures("home")
def test_no_table_is_named_outside_its_area() -> None:
    area_of = {model._meta.db_table: model.__module__.split(".")[1] for model in ours()}
    assert len(area_of) > 35
    name = re.compile(r"\b(" + "|".join(map(re.escape, area_of)) + r")\b")
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        area = path.relative_to(SOURCE).parts[0]
        if {"migrations", "upgrade"} & set(path.parts) or area in MAY_NAME_TABLES:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = ASKED.sub("", line.partition("  # ")[0]) if area == "web" else line.partition("  # ")[0]
            for table in name.findall(code):
                if area_of[table] != area:
                    wrong.append(f"{path.relative_to(SOURCE)}:{number} {table}")
    assert wrong == []


@pytest.mark.usefixtures("home")
def test_every_table_with_an_address_says_how_its_rows_are_found_by_it() -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.vault.declarations import ErasedBy, by_address

    declared, missing = {}, []
    for model in ours():
        if any(field.column == "address_hash" for field in model._meta.local_concrete_fields):
            if found := by_address(model):
                declared[model._meta.db_table] = found.erased_by
            elif model is not Person:  # The person itself is what all others are found for.
                missing.append(model._meta.db_table)
    assert missing == []
    assert declared["mail_message"] is ErasedBy.ANYBODY
    assert declared["rights_request"] is ErasedBy.NOBODY
    assert len(declared) >= 9


@pytest.mark.usefixtures("home")
def test_whatever_an_erasure_leaves_is_declared_so_at_its_field() -> None:
    """A table that no erasure reaches by the address keeps the hash by a rule of its field, which the data map shows."""
    from glasshouse.vault.datamap import OnErasure
    from glasshouse.vault.declarations import ErasedBy, models_by_address

    for model, declared in models_by_address():
        if declared.hash != "address_hash":  # Another table's column.
            continue
        kept = model._meta.get_field("address_hash").entry.erasure is OnErasure.KEEP  # type: ignore[union-attr]
        assert kept is (declared.erased_by is ErasedBy.NOBODY), model.__name__


ROLES = (
    "glasshouse_app",
    "glasshouse_person",
    "glasshouse_job",
    "glasshouse_relay",
    "glasshouse_support",
    "glasshouse_vault",
    "glasshouse_auditor",
)
# These have the rights of the application, by membership, and are given none beside them but the functions for jobs.
AS_APPLICATION = {"glasshouse_person", "glasshouse_job"}
# What the other roles of the people store may do with a table, said here once more and by hand: the catalogue is held against it.
SUPPORT_READS = {
    "access_membership",
    "access_organisation",
    "access_request",
    "access_role",
    "events_event",
    "greenhouse_compartment",
    "greenhouse_device",
    "greenhouse_site",
    "support_grant",
}
SUPPORT_CHANGES = {"greenhouse_compartment", "greenhouse_device", "greenhouse_site"}
SUPPORT_ADDS = SUPPORT_CHANGES | {"events_event", "support_grant", "support_seen"}
RELAY = {
    "events_event": {"SELECT"},
    "events_link": {"SELECT", "INSERT"},
    "events_root": {"SELECT", "INSERT"},
    "events_unchained": {"SELECT", "DELETE"},
}


def test_each_role_has_the_rights_to_each_table_that_are_declared_and_no_other(home: Installation) -> None:
    from glasshouse.rowsecurity.declarations import row_access

    with administering(home) as link:
        rows = link.execute(
            "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants "
            "WHERE table_schema = 'public' AND grantee = ANY (%s)",
            [list(ROLES)],
        ).fetchall()
    found: dict[tuple[str, str], set[str]] = {}
    for table, role, right in rows:
        found.setdefault((role, table), set()).add(right)
    wrong, tried = [], 0
    for model in ours():
        if model._meta.app_label == "vault_keys":
            continue  # In a database of its own, with a role of its own.
        table, declared = model._meta.db_table, row_access(model)
        support = {"SELECT"} if table in SUPPORT_READS else set()
        support |= {"UPDATE"} if table in SUPPORT_CHANGES else set()
        support |= {"INSERT"} if table in SUPPORT_ADDS else set()
        wanted = {
            "glasshouse_app": set(declared.app.split(", ")) - {""},
            "glasshouse_relay": RELAY.get(table, set()),
            "glasshouse_support": support,
            "glasshouse_vault": set(),
            "glasshouse_auditor": {"SELECT"},
        } | {role: set() for role in AS_APPLICATION}
        for role, rights in wanted.items():
            tried += 1
            if found.get((role, table), set()) != rights:
                wrong.append(f"{role} {table}: {sorted(found.get((role, table), set()))}, not {sorted(rights)}")
    assert wrong == []
    assert tried > 140


def test_each_function_is_called_by_the_roles_that_are_declared_and_no_other(home: Installation) -> None:
    from glasshouse.rowsecurity.policies import callers, functions

    with administering(home) as link:
        rows = link.execute(
            "SELECT p.proname, r.rolname FROM pg_proc p CROSS JOIN pg_roles r "
            "WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'glasshouse\\_%%' AND r.rolname = ANY (%s) "
            "AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
            [list(ROLES)],
        ).fetchall()
    found = {(name, role) for name, role in rows}
    wanted = {(name.partition("(")[0], role) for name in functions() for role in callers(name)}
    wanted |= {(name, role) for name, called_by in wanted if called_by == "glasshouse_app" for role in AS_APPLICATION}
    assert found == wanted
    for_jobs = {name for name in functions() if callers(name) == ("glasshouse_job",)}
    assert "glasshouse_organisations()" in for_jobs
    internal = {name for name in functions() if not callers(name)}
    assert "glasshouse_people_of(accounts text[])" in internal
    assert {role for _, role in found} == {"glasshouse_app", "glasshouse_support", "glasshouse_relay"} | AS_APPLICATION
    assert {name for name, role in found if role == "glasshouse_relay"} == {
        "glasshouse_apart_for_ever",
        "glasshouse_marked",
    }


ASKED_FOR = {
    "text": "'0000000000000000'",
    "text[]": "ARRAY['0000000000000000']",
    "timestamptz": "now() + interval '9 years'",
    "interval": "interval '9 years'",
}


def test_a_function_that_lists_rows_shows_none_to_a_transaction_that_says_nothing(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    """Each checks for itself who calls: nobody acts here, and there are customers, grants and invitations to be seen."""
    from glasshouse.organisations import invitations
    from glasshouse.rowsecurity.policies import callers, functions
    from glasshouse.support import api as support

    one = customer()
    support.give(one.actor, support.Wish(("climate",), 2, "x"))
    invitations.invite(one.actor, "lists-nothing@grower.example", invitations.Offer("viewer"))
    open_by_argument = {
        "glasshouse_restricted",
        "glasshouse_restricted_addresses",
    }  # Opaque ids and keyed hashes, for policies.
    seen, tried = [], 0
    for name, function in functions().items():
        plain, _, arguments = name.rstrip(")").partition("(")
        if (
            plain in open_by_argument
            or function.returns.startswith(("boolean", "integer", "text", "timestamptz"))
            or function.changes
        ):
            continue
        given = ", ".join(ASKED_FOR[argument.split(" ", 1)[1]] for argument in arguments.split(", ") if argument)
        for role in callers(name):
            tried += 1
            with administering(home) as link, link.transaction():
                link.execute(f"SET LOCAL ROLE {role}")
                if link.execute(f"SELECT 1 FROM {plain}({given}) LIMIT 1").fetchone():
                    seen.append(f"{plain} to {role}")
    assert seen == []
    assert tried >= 8


def test_every_function_of_ours_is_brought_by_an_area(home: Installation) -> None:
    """A function that an earlier version left, or that somebody made by hand, is no part of the declarations."""
    from glasshouse.rowsecurity.policies import functions

    triggers = {
        "glasshouse_keep_administrator",
        "glasshouse_event_to_outbox",
        "glasshouse_mark_probe",
        "glasshouse_request_is_gone",
        "glasshouse_ruled",
        "glasshouse_sent",
    }
    triggers |= {f"glasshouse_rights_{table}_stays" for table in ("request", "letter", "file")}
    with administering(home) as link:
        rows = link.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'glasshouse\\_%%'",
            [],
        ).fetchall()
    assert {name for (name,) in rows} - triggers == {name.partition("(")[0] for name in functions()}


def test_every_area_that_works_by_itself_brings_its_schedule() -> None:
    """Each job is a verb of the area that schedules it, and each has a name of its own, under which its failures are noted."""
    from glasshouse.kernel import areas
    from glasshouse.operations import worker

    for module in areas.modules("schedule"):
        for job in module.SCHEDULE:
            assert job.verb.__module__.split(".")[:2] == module.__name__.split(".")[:2], job
    names = [job.name for job in worker.schedule()]
    assert len(names) == len(set(names)) >= 20
    assert {"mail.api.deliver_due", "events.api.chain_waiting", "promises.api.check_due"} <= set(names)


@pytest.mark.usefixtures("home")
def test_every_text_that_somebody_may_type_is_in_a_view_or_says_whose_it_is() -> None:
    """Of each sealed or published column: a person's key or address leads to it, its row knows the writer, or it is declared."""
    from glasshouse.subject import inventory
    from glasshouse.vault.datamap import Class
    from glasshouse.vault.declarations import belongs, by_address, shows_nobody, written_by

    own, untold, unsaid = inventory.tables(), [], []
    for model in ours():
        for field in model._meta.local_concrete_fields:
            entry = getattr(field, "entry", None)
            if entry is None or entry.classification is Class.TECHNICAL:
                continue
            author, owner = written_by(model), belongs(model)
            written = author is not None and field.name in author.fields
            keyed = model._meta.db_table in own and "key_owner" in {
                part.name for part in model._meta.local_concrete_fields
            }
            reached = keyed or model._meta.db_table == "accounts_person" or by_address(model) or shows_nobody(model)
            made_by_us = entry.source == "us" or model._meta.db_table in PUBLISHED_BY_US
            password = model._meta.db_table == "accounts_account"
            if not (written or owner or reached or made_by_us or password):
                untold.append(f"{model.__name__}.{field.name}")
        if (owner := belongs(model)) and not (owner.what and owner.why.endswith(".")):
            unsaid.append(model.__name__)
    assert untold == []
    assert unsaid == []


# What we publish that nobody typed: what the data map said, and the results of checks.
PUBLISHED_BY_US = {"notices_version", "promises_result"}
