"""`glasshouse import`: the same verbs as the pages, as the same person, with the same rights."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.rules import Visit
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import OrganisationId, SiteId

Progress = Callable[[int], None]


def bring_in(
    file: Path,
    who: tuple[str, str],
    where: tuple[str, str],
    zone: str | None,
    progress: Progress = lambda percent: None,
    code: Callable[[], str] = lambda: "",
) -> Iterator[str]:
    """Take a file's readings; yields the report in lines. who: address, password; where: site, compartment (names).

    progress: told the percent done. code: asked for where the account has a second factor.
    """
    done = accounts.sign_in(*who, Visit("command line"))
    if done.pending:
        done = second_factor.finish_sign_in(done.secret, code(), Visit("command line"), trust=False)
    person = sessions.actor_of(done.secret)
    try:
        actor, site, room = _place(person, *where)
        number = imports.upload(actor, site, room, file.name, [file.read_bytes()])
        layout = imports.preview(actor, number).layout
        layout = imports.corrected(layout, zone or layout.zone, {})
        for column in layout.columns:
            yield f"{column.name}: {column.variable or 'kept under its own name'}"
        imports.choose(actor, number, layout)
        report = imports.run(actor, number, progress)
    finally:
        sessions.end(person, done.secret)
    yield f"{report['rows_in']} of {report['rows']} rows came in ({report['zone']}):"
    yield f"{report['points']} readings, {report['new']} new, {report['replaced']} in the place of another value."
    for issue in report["issues"]:
        yield _told(issue)


def _told(issue: dict[str, Any]) -> str:
    column = f", {issue['column']}" if issue["column"] else ""
    return f"row {issue['row']}{column}: {issue['text']} ({'kept' if issue['kept'] else 'left out'})"


def _place(actor: Actor, site: str, room: str) -> tuple[Actor, SiteId, str]:
    for organisation in access.organisations_of(actor):
        member = actor.for_organisation(OrganisationId(organisation.id))
        for one in greenhouse.sites(member):
            rooms = {compartment.name: compartment.id for compartment in one.compartment_set.all()}
            if one.name == site and (not room or room in rooms):
                return member, SiteId(one.id), rooms[room] if room else ""
    raise InvalidError(
        f"You have no site {site!r}{f' with a compartment {room!r}' if room else ''}. Look at the page Sites."
    )
