"""`glasshouse import`: the same verbs as the pages, as the same person, with the same rights."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
    """Import a file's readings; yields the report in lines. who: address, password; where: site, compartment (names).

    progress: called with the percent done. code: asked for where the account has a second factor.
    """
    visit = Visit("command line", is_command=True)
    signed_in = accounts.sign_in(*who, visit)
    if signed_in.pending:
        signed_in = second_factor.finish_sign_in(signed_in.secret, code(), visit, trust=False)
    person = sessions.actor_of(signed_in.secret)
    try:
        place = _place(person, *where)
        actor = place.actor
        number = imports.upload(actor, place.site, place.compartment, file.name, [file.read_bytes()])
        layout = imports.preview(actor, number).layout
        layout = imports.corrected(layout, zone or layout.zone, {})
        for column in layout.columns:
            yield f"{column.name}: {column.variable or 'kept under its own name'}"
        imports.choose(actor, number, layout)
        report = imports.run(actor, number, progress)
    finally:
        sessions.end(person, signed_in.secret)
    yield f"{report['rows_in']} of {report['rows']} rows came in ({report['zone']}):"
    yield f"{report['points']} readings, {report['new']} new, {report['replaced']} in the place of another value."
    for issue in report["issues"]:
        yield _issue_line(issue)


def _issue_line(issue: dict[str, Any]) -> str:
    column = f", {issue['column']}" if issue["column"] else ""
    return f"row {issue['row']}{column}: {issue['text']} ({'kept' if issue['kept'] else 'left out'})"


class _Place(NamedTuple):
    """Where a file was measured, and the actor as a member of that organisation. compartment: id, or empty."""

    actor: Actor
    site: SiteId
    compartment: str


def _place(actor: Actor, site_name: str, compartment_name: str) -> _Place:
    """The place that the names mean. Raises InvalidError."""
    for organisation in access.organisations_of(actor):
        member = actor.for_organisation(OrganisationId(organisation.id))
        if place := greenhouse.place_named(member, site_name, compartment_name):
            return _Place(member, *place)
    raise InvalidError(
        f"You have no site {site_name!r}{f' with a compartment {compartment_name!r}' if compartment_name else ''}. "
        "Look at the page Sites."
    )
