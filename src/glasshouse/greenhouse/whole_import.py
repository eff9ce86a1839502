"""A file that nobody looks at before it is imported: it is read by a template that a person saved, or not at all."""

from collections.abc import Iterable

from glasshouse.greenhouse import imports
from glasshouse.greenhouse.file_shapes import Layout
from glasshouse.greenhouse.layout_choices import refuse_open
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import ImportId, SiteId


def layout_by_template(actor: Actor, number: ImportId, template: str = "") -> Layout:
    """How an uploaded file is read by a template. template: its name; "": any that has the file's headings, the newest first.

    Raises InvalidError (no template fits; something is open that a person must say), NotFoundError, ForbiddenError.
    """
    preview = imports.preview(actor, number, template_name=template)
    if preview.problem:
        raise InvalidError(preview.problem.text, field="file", values=dict(preview.problem.values) or None)
    if not preview.template and template:
        message = "The headings of this file are not those of the template %(template)s."
        raise InvalidError(message, field="template", values={"template": repr(template)})
    if not preview.template:
        raise InvalidError(
            "No template has the headings of this file. Open it on the page Import, say how it is read, and save a template.",
            field="template",
        )
    refuse_open(preview.layout)
    return preview.layout


def require_template(actor: Actor, name: str) -> None:
    """Raises InvalidError where the organisation has no template of a name, ForbiddenError."""
    if name not in {saved.name for saved in imports.templates(actor)}:
        raise InvalidError(
            "You have no template %(name)s. Look at the page Import.", field="template", values={"name": repr(name)}
        )


def take(actor: Actor, place: tuple[SiteId, str], name: str, pieces: Iterable[bytes], template: str = "") -> ImportId:
    """Store a file, sealed, and have it imported in the background. place: site, compartment. Else as `layout_by_template`.

    A file that no template fits stays, so that a person says on its page how it is read. Raises OverloadedError, too.
    """
    if template:
        require_template(actor, template)
    number = imports.upload(actor, *place, name, pieces)
    imports.queue(actor, number, layout_by_template(actor, number, template))
    return number
