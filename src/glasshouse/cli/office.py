"""Commands of the privacy office: staff, sources, deletion runs, legal holds, erasure; and signing people out."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glasshouse.access.permissions import StaffRole
from glasshouse.cli.options import demo_flag, enter, folders

if TYPE_CHECKING:
    from glasshouse.retention.models import LegalHold

WAITS = "Noted: the worker erases them when the legal hold ends, and mails that it is done."


@click.command("staff")
@folders
@demo_flag
@click.argument("address")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", type=click.Choice([str(role) for role in StaffRole]), default="support", show_default=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="GLASSHOUSE_PASSWORD")
def add_staff(address: str, name: str, role: str, password: str, **place: Any) -> None:
    """Make an account for the operator's staff: separate from customers' accounts, and part of none."""
    enter(**place)
    from glasshouse.accounts import api

    api.create_staff(name, address, password, role)
    click.echo(f"{address} is {role} staff. At the first sign-in two-step verification must be set up.")


@click.command()
@folders
@demo_flag
@click.argument("address")
@click.argument("regions", nargs=-1)
def office(address: str, regions: tuple[str, ...], **place: Any) -> None:
    """Have a privacy officer answer for REGIONS only (eu uk ch us br ca other); none: for all that nobody else does."""
    enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.requests import worklist

    officer = accounts.actor_of_address(address)
    worklist.set_regions(str(officer.account), list(regions))
    click.echo(f"{address} answers for {', '.join(regions) or 'all that nobody else does'}.")


@click.command("source")
@folders
@demo_flag
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "address", required=True, help="Email address of the privacy officer who answers for it.")
@click.option("--kind", type=click.Choice(["customer", "partner", "public"]), required=True)
@click.option("--name", required=True, help="Who it comes from.")
@click.option("--licence", required=True, help="Under which licence or agreement.")
@click.option("--purpose", required=True, help="What it is taken in for.")
def take_source(file: Path, address: str, kind: str, name: str, licence: str, purpose: str, **place: Any) -> None:
    """Import contacts of a third party, as the page of sources does; prints the report."""
    enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel.actor import ActorKind
    from glasshouse.sources import api as sources

    actor = replace(accounts.actor_of_address(address), kind=ActorKind.STAFF)
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    report = sources.bring_in(actor, sources.add_source(actor, kind, name, licence, purpose).id, text)
    click.echo(
        f"{report.taken} values taken in, {report.unchanged} known, {report.skipped} skipped (objected or restricted),"
    )
    click.echo(f"{report.conflicts} differ from what the person gave, which stays.")
    for line, what in report.problems:
        click.echo(f"line {line}: {what}")


@click.command()
@folders
@demo_flag
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
@click.option("--past", is_flag=True, help="Print the certificates of the deletion runs so far.")
def sweep(data: Path | None, keys: Path | None, port: int, demo: bool, dry_run: bool, past: bool) -> None:
    """Delete what has outlived its rule; prints the certificate."""
    enter(data, keys, port, demo)
    from glasshouse.retention import api

    if past:
        for deletion_run in api.deletion_runs():
            rows = ", ".join(f"{count} of {table}" for table, count in deletion_run.rows.items()) or "no row"
            click.echo(f"{deletion_run.at:%Y-%m-%d %H:%M} {deletion_run.id}: {rows}; {deletion_run.keys} keys")
        return
    if dry_run:
        for table, count in api.due().items():
            click.echo(f"{count:8} rows of {table} are due")
        return
    deletion_run = api.run_deletions()
    deleted = ", ".join(f"{count} of {table}" for table, count in deletion_run.rows.items()) or "no row"
    click.echo(f"Deleted: {deleted}; {deletion_run.keys} unused keys destroyed. Certificate {deletion_run.id}.")


@click.command()
@folders
@demo_flag
@click.argument("whom")
@click.option("--by", "owner", required=True, help="Email address of the staff account that answers for the hold.")
@click.option("--reason", required=True, help="The law or the court that makes us keep it.")
@click.option("--days", required=True, type=int, help="For how many days.")
@click.option("--bar", default="", help="Which law or court bars telling them; without: they are told by mail.")
@click.option("--barred-until", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which it does.")
def hold(whom: str, owner: str, reason: str, days: int, bar: str, barred_until: datetime | None, **place: Any) -> None:
    """Place a legal hold on WHOM, an email address or the id of an organisation: nobody can delete anything of theirs."""
    enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import known_forms
    from glasshouse.retention import legal_holds

    staff = accounts.actor_of_address(owner)
    if not accounts.is_staff(staff.account):
        raise click.ClickException("A hold needs somebody of the staff to answer for it.")
    if bool(bar) != bool(barred_until):
        raise click.ClickException("A bar needs both: who bars telling them, and until when.")
    barred = legal_holds.Bar(bar, barred_until.date()) if barred_until else None
    order = legal_holds.Order(str(staff.account), reason, days, barred)
    if "@" in whom and not accounts.address_known((forms := known_forms(whom))[0]):
        _refuse_other_form(list(forms[1:]))
    try:
        number = legal_holds.place(whom, order)
    except legal_holds.StandsAlreadyError as error:
        click.echo(str(error))
        click.confirm("Place one more?", abort=True)
        number = legal_holds.place(whom, replace(order, beside=True))
    click.echo(f"Held for {days} days: {number}.")


@click.command()
@folders
@demo_flag
@click.argument("address")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def erase(address: str, dry_run: bool, **place: Any) -> None:
    """Erase the person with this address everywhere, as their own page does; or an address without an account."""
    enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import known_forms
    from glasshouse.subject import erasure as rights

    today, *earlier = known_forms(address)
    if not accounts.address_known(today):
        _refuse_other_form(earlier)
        _erase_address(address, dry_run=dry_run)
        return
    actor = accounts.actor_of_address(address)
    plan = rights.plan(actor)
    for purpose, count in plan.rows.items():
        click.echo(f"{count:8} rows for {purpose}")
    for name in plan.leaves:
        click.echo(f"leaves {name}")
    for name in plan.closes:
        click.echo(f"closes {name}, with all its readings")
    for obstacle in plan.obstacles:
        click.echo(f"in the way: {obstacle}")
    _say_holds(plan.holds)
    if not dry_run:
        click.confirm("This cannot be undone. Erase?", abort=True)
        erased = rights.erase(actor)
        if erased.waits:
            click.echo(WAITS)
            return
        click.echo(f"Erased: {erased.rows} rows, the key destroyed. Certificate {erased.id}.")


@click.command("sign-out")
@folders
@demo_flag
@click.argument("address", required=False)
@click.option("--everybody", is_flag=True, help="Everybody, staff included.")
def sign_out(address: str | None, everybody: bool, **place: Any) -> None:
    """End the sessions of the person with this address, the trust in their browsers, and their API tokens; devices go on."""
    if bool(address) == everybody:
        raise click.UsageError("Name an address, or --everybody.")
    enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import credentials

    if everybody:
        click.confirm("Everybody has to sign in again, and programs need new tokens. Sign out?", abort=True)
    count = credentials.sign_out([accounts.actor_of_address(address)] if address else None)
    click.echo(f"Signed out: {count} session{'' if count == 1 else 's'} ended, API tokens too.")


def _refuse_other_form(forms: list[str]) -> None:
    """Somebody may be stored in a form of an earlier version; it may also be somebody else's. Raises ClickException."""
    from glasshouse.accounts import api as accounts

    if known := [form for form in forms if accounts.address_known(form)]:
        raise click.ClickException(
            f"Nobody has this address in the form of today, but an account has {known[0]}, which may be how an earlier version "
            "stored it. If that is the same person, name that address."
        )


def _erase_address(address: str, *, dry_run: bool) -> None:
    """Erase an address without an account, as the guest's own link does."""
    from glasshouse.subject import asked_for

    plan = asked_for.plan_at(address)
    click.echo("No account has this address.")
    for purpose, count in plan.rows.items():
        click.echo(f"{count:8} rows for {purpose}")
    click.echo(
        "Privacy requests stay for three years after their answer; what an organisation entered is theirs to delete."
    )
    _say_holds(plan.holds)
    if dry_run:
        return
    click.confirm("This cannot be undone. Have you checked who asks, and erase?", abort=True)
    erased = asked_for.erase_at(plan.address)
    click.echo(WAITS if erased.waits else f"Erased: {erased.rows} rows. The person is told by mail.")


def _say_holds(legal_holds: "list[LegalHold]") -> None:
    for legal_hold in legal_holds:
        click.echo(f"waits for the end of the legal hold {legal_hold.id}, {legal_hold.ends_at:%Y-%m-%d} at the latest")


COMMANDS = (add_staff, erase, hold, office, sign_out, sweep, take_source)
