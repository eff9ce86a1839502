"""Templates of answers to privacy requests, in English and German: filled for a request, and edited before they are sent.

Each is a file in templates/requests/answers, of the form that mail templates have: its first line is the title in the list.
"""

from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.translation import get_language, gettext, override

from glasshouse.kernel.errors import InvalidError
from glasshouse.mail import rendering
from glasshouse.mail.rendering import Values
from glasshouse.mail.texts import day
from glasshouse.requests import legal_deadlines
from glasshouse.requests.languages import LANGUAGES
from glasshouse.requests.models import Request, RequestKind

GAP = "[…]"  # What only the officer knows.


@dataclass(frozen=True, slots=True)
class AnswerTemplate:
    """A template. kinds: of requests that it answers, empty for all. refuses: it refuses what was asked.

    in_bulk: it may be sent to several people at once: it has no gaps, and says nothing that must be done or looked up first.
    """

    id: str
    kinds: tuple[str, ...] = ()
    refuses: bool = False
    in_bulk: bool = False


@dataclass(frozen=True, slots=True)
class OfferedTemplate:
    """A template in the list to choose from. title: in the language of the page."""

    id: str
    title: str
    refuses: bool


ALL = {
    template.id: template
    for template in (
        AnswerTemplate("data_given", (RequestKind.ACCESS, RequestKind.COPY), in_bulk=True),
        AnswerTemplate("corrected", (RequestKind.CORRECT,)),
        AnswerTemplate("not_corrected", (RequestKind.CORRECT,), refuses=True),
        AnswerTemplate("erased", (RequestKind.ERASE,)),
        AnswerTemplate("erase_yourself", (RequestKind.ERASE,), in_bulk=True),
        AnswerTemplate("not_erased", (RequestKind.ERASE,), refuses=True),
        AnswerTemplate("restricted", (RequestKind.RESTRICT,)),
        AnswerTemplate("objection_upheld", (RequestKind.OBJECT,), in_bulk=True),
        AnswerTemplate("objection_overruled", (RequestKind.OBJECT,), refuses=True),
        AnswerTemplate("question_answered", (RequestKind.QUESTION,)),
        AnswerTemplate("nothing_held"),
        AnswerTemplate("not_identified", refuses=True, in_bulk=True),
    )
}


def known(template: str) -> AnswerTemplate:
    """A template by its id. Raises InvalidError."""
    if template not in ALL:
        raise InvalidError("Choose a template from the list.", field="template")
    return ALL[template]


@cache
def _title(template: str, language: str) -> str:
    return rendering.render(f"requests/answers/{template}.{language}", SAMPLE).subject


SAMPLE: Values = {
    "number": "",
    "asked_on": "",
    "law": "",
    "operator": "",
    "privacy_address": "",
    "gap": GAP,
}


def offered(kind: str = "") -> list[OfferedTemplate]:
    """The templates for a kind of request, those of its own first; for "", those that may be sent to several people at once."""
    fitting = [each for each in ALL.values() if (not each.kinds or kind in each.kinds if kind else each.in_bulk)]
    language = get_language() if get_language() in LANGUAGES else "en"
    return [OfferedTemplate(each.id, _title(each.id, language), each.refuses) for each in fitting]


def filled(template: str, request: Request, language: str) -> str:
    """The text of a template for a request, with GAP where the officer has to write. Raises InvalidError."""
    if language not in LANGUAGES:
        raise InvalidError("Choose a language from the list.", field="language")
    name = f"requests/answers/{known(template).id}.{language}"
    with override(language):
        asked_on = day(request.asked_at)
    values: Values = {
        "number": request.id,
        "asked_on": asked_on,
        "law": legal_deadlines.LAWS[request.law].short,
        "operator": settings.OPERATOR.name or settings.ORIGIN.partition("://")[2],
        "privacy_address": settings.OPERATOR.privacy_address,
        "gap": GAP,
    }
    return rendering.render(name, values).body.strip()


def require_whole(text: str) -> None:
    """Return if a text has no gap left. Raises InvalidError."""
    if GAP in text:
        raise InvalidError(gettext("Fill in what stands as %(gap)s, or remove it.") % {"gap": GAP}, field="text")
