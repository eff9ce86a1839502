"""Days in forms: as a browser's field of a day sends them, or as the reader writes them."""

from datetime import date, datetime

from django.utils.translation import get_language, gettext

from glasshouse.kernel.errors import InvalidError

FORMS = {"de": "%d.%m.%Y"}
OTHERWISE = "%d/%m/%Y"
EXAMPLE = date(2026, 12, 31)


def day_of(text: str, field: str) -> date | None:
    """A day of a form; None where none is given. Raises InvalidError, which shows the reader's way of writing a day."""
    written = text.strip()[:20]
    if not written:
        return None
    form = FORMS.get(get_language() or "", OTHERWISE)
    for accepted in ("%Y-%m-%d", form):
        try:
            return datetime.strptime(written, accepted).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise InvalidError(gettext("Write the day like %(day)s.") % {"day": f"{EXAMPLE:{form}}"}, field=field)
