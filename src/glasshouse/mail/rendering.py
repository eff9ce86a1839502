"""Mails are made of the text templates of their areas: `AREA/templates/AREA/mails/NAME.txt`.

Rules:

1. A value is a value: no template syntax in it is evaluated, and none moves from the subject into the body, for the two are
   rendered apart.
2. Nothing is escaped: a mail is plain text. What may stand in a header is decided where a mail is queued (`mail/rules.py`).
3. Every mail ends with the same footer: who runs the service, where to write about one's data, the privacy notice in force by its
   number. It is added where a mail is queued, so that no template can leave it out.
4. A template that marks its texts for translation is one for all languages (decision record 35); `{{ time|day }}` writes a day as
   the language does, `{{ text|translated }}` a value that is marked elsewhere.
   Another is written in the language of its name, "announcement.de" say.
5. A template never renders with a hole: a name without a value, or with None, is an error, and the mail is not queued.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.template import Context, Engine, Template, VariableDoesNotExist
from django.utils import translation

from glasshouse.mail.rules import template_parts

FOOTERS = {"en": "mail/footer.en.txt", "de": "mail/footer.de.txt"}
Value = str | int | date | Sequence[str] | Sequence[Mapping[str, str | date]]
Values = Mapping[str, Value]


class TemplateError(LookupError):
    """A mail template lacks a value, or is not of the form that mail templates have. A fault of our code, never of a person."""


class _NoValue(str):
    """What Django would put in place of a value that is missing. It raises as soon as Django asks how it is to be shown."""

    def __contains__(self, text: object) -> bool:
        return True

    def __mod__(self, name: object) -> str:
        raise TemplateError(f"a mail template has no value for {name}")


class _StrictContext(Context):
    """Values for one rendering; remembers the names that had none, also where a tag takes a missing one for false."""

    def __init__(self, values: dict[str, Value]) -> None:
        self.missing: set[str] = set()
        # Times and numbers are shown as they are: no zone or language of a web request counts here.
        super().__init__(values, autoescape=False, use_l10n=False, use_tz=False)

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError:
            self.missing.add(str(key))
            raise


class _Compiled(NamedTuple):
    subject: Template
    body: Template


class Rendered(NamedTuple):
    """The subject and the body of a mail."""

    subject: str
    body: str


@cache
def _engine() -> Engine:
    tags = [*Engine.default_builtins, "django.templatetags.i18n", "glasshouse.mail.texts"]
    return Engine(app_dirs=True, autoescape=False, string_if_invalid=_NoValue("missing"), builtins=tags)


@cache
def _read(name: str) -> _Compiled:
    return _compiled(name, _engine().get_template(f"{name}.txt").source)


def _compiled(name: str, source: str) -> _Compiled:
    try:
        parts = template_parts(source)
    except ValueError as error:
        raise TemplateError(f"the mail template {name}: {error}") from None
    return _Compiled(Template(parts.subject, engine=_engine()), Template(parts.body, engine=_engine()))


def render(name: str, values: Values, language: str = "") -> Rendered:
    """Render a mail template. name: as in "accounts/mails/new_browser". It has `origin`, of our pages, besides the values.

    language: of what the template marks for translation; "": that of the template. No language of a web request counts here.
    Raises TemplateError, TemplateDoesNotExist.
    """
    if empty := sorted(key for key, value in values.items() if value is None):
        raise TemplateError(f"the mail template {name} was given nothing for {', '.join(empty)}")
    compiled = _read(name)
    with translation.override(language or language_of(name)):
        return Rendered(_rendered(name, compiled.subject, values), _rendered(name, compiled.body, values))


def _rendered(name: str, template: Template, values: Values) -> str:
    context = _StrictContext({"origin": settings.ORIGIN, **values})
    try:
        text = str(template.render(context))
    except VariableDoesNotExist:  # As the argument of a filter. The error's own text holds every value.
        raise TemplateError(f"the mail template {name} was given no value for the argument of a filter") from None
    if context.missing:
        raise TemplateError(f"the mail template {name} was given no value for {', '.join(sorted(context.missing))}")
    return text


def language_of(template: str) -> str:
    """The language of a mail template: of its name's last part, "announcement.de" say; English where there is none."""
    end = template.rpartition("/")[2].partition(".")[2]
    return end if end in FOOTERS else "en"


def with_footer(body: str, language: str, number: int) -> str:
    """A mail's body with the footer. language: a key of FOOTERS; number: of the privacy notice in force, 0 for none."""
    operator = settings.OPERATOR
    values = {
        "operator": operator.name or settings.ORIGIN.partition("://")[2],
        "privacy_address": operator.privacy_address,
        "origin": settings.ORIGIN,
        "number": number,
    }
    footer = _engine().get_template(FOOTERS[language]).render(Context(values, autoescape=False, use_l10n=False))
    return f"{body.rstrip()}\n\n{footer}"


def footer_language(footer: str) -> str:
    """The language of a footer, read from its fixed words; "" where a text is no footer of ours."""
    for language, name in FOOTERS.items():
        fixed = _engine().get_template(name).source.partition("}}")[2].partition("{{")[0]
        if fixed in footer:
            return language
    return ""
