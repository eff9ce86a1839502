"""What is wrong, in the language of the page that says it."""

from django.utils.translation import gettext, gettext_noop, ngettext

from glasshouse.greenhouse.statements import statement_of
from glasshouse.kernel.errors import GlasshouseError, InvalidError, OverloadedError, ThrottledError
from glasshouse.web.contact_file_texts import flaw_in_words
from glasshouse.web.file_texts import said

# Marked for the catalogues: texts of rules that know nothing of languages, on translated pages.
gettext_noop("This is not an email address. Write it like name@example.com.")
gettext_noop("Address and password do not match.")
gettext_noop("Please write 1 to 80 ordinary characters here.")
gettext_noop("This code is wrong, used up or too old. Look at the newest one and try again.")
gettext_noop("This passkey is not known here, or did not answer rightly.")
gettext_noop("The passkey did not answer rightly, or took too long. Please try again.")
gettext_noop("Tick the box to go on: without these documents we cannot run the service for you.")
gettext_noop("There is nothing here, or it is not yours to see.")
# Of the pages of an organisation.
gettext_noop("Write a number from %(least)s to %(most)s, or leave it empty.")
gettext_noop("Choose a time zone such as Europe/Rome.")
gettext_noop("Choose a variable of the catalogue.")
gettext_noop("The lower limit must be below the upper one.")
gettext_noop("Choose a role from the list.")
gettext_noop("Choose at least one area from the list.")
gettext_noop("Choose at least one permission from the grid.")
gettext_noop("Choose at least one site, or all sites.")
gettext_noop("Choose at least one thing that the program may do.")
gettext_noop("Only somebody who sees all sites can make a new one.")
gettext_noop("Set up your own two-step verification first; without it you would be locked out.")
gettext_noop("Somebody has this role. Give them another one first.")
gettext_noop("The last administrator cannot go. Make somebody else an administrator first.")
gettext_noop("There is a role of this name already. Choose another name.")
gettext_noop("There is no such role.")
gettext_noop("This invitation is accepted or cancelled.")
gettext_noop("This person is a member already. Change the role in the list of people.")
gettext_noop("This address is invited already. Resend that invitation, or cancel it.")
gettext_noop("This is no account of the support staff.")
gettext_noop("This page keeps no record of what it shows, so it is not open to support.")
gettext_noop("This request is decided already.")
gettext_noop("Write one address a line.")
gettext_noop("Write what the person should hear.")
gettext_noop("Write the organisation's name exactly as it is.")
gettext_noop("Write a whole number here.")
gettext_noop("You cannot let support see more than you see yourself.")
gettext_noop("You cannot give (or take) what you do not have yourself.")
gettext_noop("You may look at this site, and not change it.")
gettext_noop("Your role does not allow this. An administrator of your organisation can change that.")
gettext_noop("Nothing was done: the form did not say what to do. Choose one of what it offers.")
gettext_noop("The crop data is busy right now, and nothing was changed. Try again in a minute.")
gettext_noop("Pages are fitted to members only.")
gettext_noop("Nothing is fitted to you: switch it on first.")
gettext_noop("Choose a place or a chart to pin.")
gettext_noop("Choose what to pin.")
gettext_noop("You can pin %(most)s at most.")
gettext_noop("You can pin %(most)s at most. Remove one first.")
gettext_noop("There is nothing with the id %(id)s that you may see.")
# Of the page of one's emails.
gettext_noop("Choose a topic from the list.")


def error_text(error: GlasshouseError) -> str:
    """The text of an error of ours, as far as the catalogues have it; English otherwise."""
    if isinstance(error, ThrottledError) and not isinstance(error, OverloadedError):
        return gettext("Too many tries. Try again in %(time)s.") % {"time": _time(error.retry_after_s)}
    if isinstance(error, InvalidError) and error.values:
        return said(statement_of(error))
    return flaw_in_words(str(error))


def _time(seconds: int) -> str:
    """A time as people say it, rounded up."""
    days, hours, minutes = (-(-seconds // length) for length in (86_400, 3600, 60))
    if seconds > 86_400:
        return ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    if seconds > 3600:
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
