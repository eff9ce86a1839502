"""`glasshouse import`: the same verbs as the pages, as the same person, with the same rights."""

import errno
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from crop_contract.kept import KEPT_DAYS
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.own import state_of
from glasshouse.accounts.rules import Visit
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import import_results, imports, layout_choices, undo, whole_import
from glasshouse.greenhouse.files import MOST_BYTES, FileChoices
from glasshouse.greenhouse.statements import statement_of
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, NotFoundError, OverloadedError
from glasshouse.kernel.ids import ImportId, OrganisationId, SiteId
from glasshouse.organisations import tokens

Progress = Callable[[int], None]


class Token(NamedTuple):
    """An API token, in the place of address and password."""

    text: str


Who = tuple[str, str] | Token
WAIT_S = 60.0  # for a place to read a file in, while others read theirs


def bring_in(
    file: Path,
    who: Who,
    where: tuple[str, str],
    zone: str | None,
    progress: Progress = lambda percent: None,
    code: Callable[[], str] = lambda: "",
    *,
    time_format: str | None = None,
    decimal: str | None = None,
) -> Iterator[str]:
    """Import a file's readings; yields the report in lines. who: address and password, or a token.

    where: site, compartment (names). progress: called with the percent done. code: asked for where the account has a second
    factor. time_format, decimal:
    where the file does not tell in which order its dates are, or what its decimal mark is.
    """
    with _signed_in(who, code) as person:
        place = _place(person, *where)
        actor = place.actor
        number = imports.upload(actor, place.site, place.compartment, shown_name(file), [file.read_bytes()])
        preview = imports.preview(actor, number, FileChoices(time_format=time_format, decimal=decimal))
        if preview.problem:
            raise InvalidError(str(preview.problem), field="file")
        yield from map(str, preview.notes)
        layout = preview.layout
        layout = layout_choices.with_choices(layout, zone or layout.zone, {})
        for column in layout.columns:
            unit = f", in {column.unit}" if column.unit else ""
            yield f"{column.name}: {column.variable or 'kept under its own name'}{unit}"
        for left in layout.left_out:
            yield f"{left.name}: left out, {left.reason}"
        imports.choose(actor, number, layout)
        report = imports.run(actor, number, progress)
    yield f"{report['rows_in']} of {report['rows']} rows came in ({report['zone']}):"
    yield f"{report['points']} readings, {report['new']} new, {report['replaced']} in the place of another value."
    for issue in report["issues"]:
        yield _issue_line(issue)
    yield f"To undo it within {KEPT_DAYS} days: glasshouse import --undo {number}"


def shown_name(file: Path) -> str:
    """A file's name as a terminal may show it and a table may hold it: each character that is no print is replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in file.name)


class Outcome(NamedTuple):
    """What became of one of several files. text: a line about it."""

    came_in: bool
    text: str


def bring_in_all(
    files: Sequence[Path],
    who: Who,
    where: tuple[str, str],
    template: str,
    progress: Callable[[int, int], None] = lambda number, percent: None,
    code: Callable[[], str] = lambda: "",
) -> Iterator[Outcome]:
    """Import several files with one sign-in; yields what became of each, as soon as it is done. One that fails stops no other.

    template: by its name; "" where each is read as its own template says, or else as proposed. progress: called with the place of
    the file that is being read and the percent done of it. Else as `bring_in`.
    Raises InvalidError where nothing can be imported at all: address or password, the place, or the template is wrong.
    """
    with _signed_in(who, code) as person:
        place = _place(person, *where)
        if template:
            whole_import.require_template(place.actor, template)
        for number, file in enumerate(files):
            name = shown_name(file)
            try:
                yield Outcome(True, f"{name}: {_brought_in(place, file, template, partial(progress, number))}")
            except (GlasshouseError, OSError) as error:
                said = error.strerror if isinstance(error, OSError) else str(error)
                yield Outcome(False, f"{name}: not imported: {said}")


def _brought_in(place: "_Place", file: Path, template: str, progress: Progress) -> str:
    """What came of one file, in short. Raises InvalidError, UnavailableError, ForbiddenError, OSError."""
    if not stat.S_ISREG((status := file.stat()).st_mode):  # A pipe or a device may have no end.
        raise OSError(errno.EINVAL, "it is no plain file")
    if status.st_size > MOST_BYTES:
        raise InvalidError("The file is larger than %(most)s MB. Split it.", values={"most": MOST_BYTES >> 20})
    content = file.read_bytes()
    name = shown_name(file)
    number = _when_free(lambda: imports.upload(place.actor, place.site, place.compartment, name, [content]))
    if template:
        layout = whole_import.layout_by_template(place.actor, number, template)
    else:
        preview = imports.preview(place.actor, number)
        if preview.problem:
            raise InvalidError(str(preview.problem))
        layout = preview.layout
    imports.choose(place.actor, number, layout)
    try:
        report = imports.run(place.actor, number, progress)
    except GlasshouseError as error:
        imports.failed(place.actor, number, statement_of(error))
        raise
    left_out = f", {report['left_out']} rows or cells left out" if report["left_out"] else ""
    return (
        f"{report['points']} readings, {report['new']} new, {report['replaced']} in the place of another value{left_out} "
        f"(to undo: --undo {number})"
    )


def _when_free(upload: Callable[[], ImportId]) -> ImportId:
    """Upload a file once a place to read it is free. Raises OverloadedError after a minute."""
    ends = time.monotonic() + WAIT_S
    while True:
        try:
            return upload()
        except OverloadedError:
            if time.monotonic() > ends:
                raise
            time.sleep(1)


def undo_import(
    number: str,
    who: Who,
    progress: Progress = lambda percent: None,
    code: Callable[[], str] = lambda: "",
) -> Iterator[str]:
    """Undo an import as a whole; yields what came of it in lines. number: the import's id. Else as `bring_in`.

    Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError: called again, it goes on.
    """
    with _signed_in(who, code) as person:
        for actor in _members(person):
            with suppress(NotFoundError, ForbiddenError):
                imports.report_of(actor, ImportId(number))
                break
        else:
            raise InvalidError("You have no import with this id. It stands in the address of the import's report.")
        undo.ask(actor, ImportId(number), in_background=False)
        state = undo.run(actor, ImportId(number), progress)
    yield f"The import was undone: {state.removed} readings are gone, of {state.restored} the earlier value is back,"
    yield f"{state.left} stay because they came later, or were corrected since."


@contextmanager
def _signed_in(who: Who, code: Callable[[], str]) -> Iterator[Actor]:
    """Who signs in with address and password, or whom a token acts for, for the length of the block. Raises InvalidError."""
    if isinstance(who, Token):
        yield _actor_of(who)
        return
    visit = Visit("command line", is_command=True)
    signed_in = accounts.sign_in(*who, visit)
    if signed_in.pending:
        signed_in = second_factor.finish_sign_in(signed_in.secret, code(), visit, trust=False)
    person = sessions.actor_of(signed_in.secret)
    try:
        yield person
    finally:
        sessions.end(person, signed_in.secret)


def _actor_of(token: Token) -> Actor:
    """Raises InvalidError, ForbiddenError."""
    actor = tokens.actor_of_token(token.text)
    if actor.kind is not ActorKind.TOKEN:
        raise InvalidError(
            "The token is unknown, revoked or too old. Make one at API tokens, with the right to import."
        )
    if not state_of(str(actor.person)).accepted:
        raise ForbiddenError("The documents in force are not accepted yet: sign in on the page once, then try again.")
    with access.organisation_transaction(actor):
        rights = access.rights_of(actor)
    if not {Permission.FILE_IMPORT, Permission.SITE_READ} <= rights.permissions:  # The site is looked up by its name.
        raise InvalidError("This token may not both import files and see sites. Make one that may, at API tokens.")
    return actor


def _members(actor: Actor) -> Iterator[Actor]:
    """The actor in each organisation of a person, or in the only one of a token."""
    if actor.kind is ActorKind.TOKEN:
        yield actor
        return
    for organisation in access.organisations_of(actor):
        yield actor.for_organisation(OrganisationId(organisation.id))


def _issue_line(issue: dict[str, Any]) -> str:
    column = f", {issue['column']}" if issue["column"] else ""
    return f"row {issue['row']}{column}: {import_results.said_of(issue)} ({'kept' if issue['kept'] else 'left out'})"


class _Place(NamedTuple):
    """Where a file was measured, and the actor as a member of that organisation. compartment: id, or empty."""

    actor: Actor
    site: SiteId
    compartment: str


def _place(actor: Actor, site_name: str, compartment_name: str) -> _Place:
    """The place that the names mean. Raises InvalidError."""
    for member in _members(actor):
        if place := greenhouse.place_named(member, site_name, compartment_name):
            return _Place(member, *place)
    raise InvalidError(
        f"You have no site {site_name!r}{f' with a compartment {compartment_name!r}' if compartment_name else ''}. "
        "Look at the page Sites."
    )
