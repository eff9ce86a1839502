"""What is said of a file on its way in, in the reader's language: notes, issues, reasons, and why a file is refused.

The modules that read files know nothing of languages: they give a text and the values at its marks (`Statement`). Their texts are
marked here for the catalogues; tests/architecture/test_file_texts.py holds the list to the modules.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import gettext, gettext_noop

from glasshouse.greenhouse.statements import OF_OURS, Statement, stated
from glasshouse.kernel.text import filled
from glasshouse.web.variable_titles import variable_title


def said(raw: Statement | Mapping[str, Any] | str | None) -> str:
    """A statement in the reader's language. raw: also as it is stored; of earlier versions, which stay in English."""
    statement = stated(raw)
    if not statement.text:
        return ""
    values = {
        name: _of_ours(value) if name in OF_OURS and isinstance(value, str) else value
        for name, value in statement.values.items()
    }
    return (
        filled(gettext(statement.text), values, get_format("THOUSAND_SEPARATOR")) if values else gettext(statement.text)
    )


def _of_ours(text: str) -> str:
    """A text of ours that is the value of another: the title of a variable, or how times are written."""
    title = variable_title(text)
    return title if title != text else gettext(text)


gettext_noop(
    "Read as %(zone)s, standard time all year round: the file has times that the clocks of the site skipped on "
    "%(day)s, so its clock is not put forward and back as that of %(site)s is. If it is another clock, choose it."
)
gettext_noop(
    "Read as %(zone)s, standard time all year round: the file goes on evenly through the hour that comes twice on"
    " %(day)s, so its clock is not put forward and back as that of %(site)s is. If it is another clock, choose "
    "it."
)
gettext_noop("Dates are read as %(order)s: the heading says %(heading)s.")
gettext_noop(
    "Dates are read as %(order)s: so one day follows another; otherwise there would be months between two rows."
)
gettext_noop("Dates are read as %(order)s: otherwise some times would lie in the future.")
gettext_noop("Read as %(zone)s: the heading of the times says %(heading)s.")
gettext_noop("The hour that comes twice on %(day)s is in the file twice: the first time before, then after the change.")
gettext_noop("The hour that comes twice on %(day)s is in the file once; it is read as its first half.")
gettext_noop("The times name their own offset from UTC, so no time zone is needed.")
gettext_noop(
    "Numbers such as 1.234 or 1,234 may be one and a bit, or more than a thousand: say which mark is the decimal mark."
)
gettext_noop(
    "%(count)s dates, such as %(date)s, jump as if a spreadsheet had exchanged day and month. They are read as "
    "they stand, and listed."
)
gettext_noop("Besides the time there is no column of numbers. Is the delimiter or the decimal mark another?")
gettext_noop("Row %(row)s above the table holds no readings: %(text)s.")
gettext_noop("Row %(row)s above the readings holds no readings: %(text)s.")
gettext_noop("%(count)s rows above the table hold no readings: %(text)s.")
gettext_noop("%(count)s rows above the readings hold no readings: %(text)s.")
gettext_noop(
    "The dates can be read in several orders, and nothing in the file tells which is meant: %(order)s or "
    "%(second)s. Choose one."
)
gettext_noop(
    "The dates can be read in several orders, and nothing in the file tells which is meant: %(order)s, %(second)s"
    " or %(third)s. Choose one."
)
gettext_noop("it is empty")
gettext_noop("it holds text, as in %(cell)s")
gettext_noop("it counts rows, or is a serial number")
gettext_noop("it counts rows")
gettext_noop("it names something, always %(cell)s")
gettext_noop("it names the series")
gettext_noop("it is a second column of times")
gettext_noop(
    "%(unit)s is not known as a unit of %(quantity)s, so the column keeps its own name; correct the unit if it is one"
)
gettext_noop("series %(series)s is not among those that were chosen")
gettext_noop("its row's time lies far from all others; left out by choice")
gettext_noop("%(cell)s is not a number")
gettext_noop("%(cell)s is too large")
gettext_noop("has more cells than there are columns; %(cell)s and on are left out")
gettext_noop("the same time as row %(row)s; left out by choice")
gettext_noop("the time of day is missing")
gettext_noop("%(value)s is implausible for %(quantity)s")
gettext_noop("the date %(date)s jumps; are its day and month exchanged?")
gettext_noop("the same time as row %(row)s; where both hold a value, this one counts")
gettext_noop("this time lies far from all others; a slip of the keys?")
gettext_noop("the time %(time)s cannot be read")
gettext_noop("the time %(time)s is not within the years %(first)s to %(last)s")
gettext_noop("the time %(time)s is not within the years %(first)s to %(last)s in UTC")
gettext_noop("%(time)s never was in %(zone)s: clocks went forward")
gettext_noop("The order of day, month and year cannot be told from this file. Choose how its times are written.")
gettext_noop("Whether a point or a comma is the decimal mark cannot be told from this file. Choose it.")
gettext_noop("Choose at least one column.")
gettext_noop("Two columns have one name. Give each a name of its own.")
gettext_noop("Say first how this file is to be read: no column of it would be taken.")
gettext_noop("The name of %(column)s is longer than %(most)s characters.")
gettext_noop("The name of %(column)s holds a character that cannot be shown. Type it anew.")
gettext_noop("%(variable)s is not a variable of the catalogue.")
gettext_noop("The unit of %(column)s is longer than %(most)s characters.")
gettext_noop("%(column)s is in %(unit)s, which %(quantity)s (%(symbol)s) cannot be.")
gettext_noop("%(column)s: %(unit)s is not known as a unit of %(quantity)s. Choose another.")
gettext_noop("%(unit)s is not known as a unit of this quantity.")
gettext_noop("Choose a delimiter and a form of time from the lists.")
gettext_noop("Write the number of a row, such as 3.")
gettext_noop("The crop data could not answer this. Try a shorter time or fewer series.")
gettext_noop("The crop data cannot be reached right now. It is safe; try again in a moment.")
gettext_noop("Another file is being read; try again in a moment.")
gettext_noop("What this file holds is more than is read of one file. Split the file, or save the sheet as CSV.")
gettext_noop("The service is busy, and did not read the file in time. Try again in some minutes.")
gettext_noop("This is a document to be printed, and no table. Export it as CSV or Excel (xlsx).")
gettext_noop(
    "This file takes more than %(most)s seconds of computing to read. Split the file, or save the sheet as CSV."
)
gettext_noop("This file takes more than %(most)s MB of memory to read. Split the file, or save the sheet as CSV.")
gettext_noop(
    "This file could not be read: our reader failed on it. Export it as CSV anew. If that does not help, tell the"
    " people who run this service."
)
gettext_noop(
    "Reading this file was cut off: the machine may have run out of memory. Try again. If it happens again: Split"
    " the file, or save the sheet as CSV."
)
gettext_noop("The file cannot be read right now. It is safe; try again in a moment.")
gettext_noop("The file has more than %(most)s readings. Split it.")
gettext_noop(
    "No column looks like a time (2024-05-31 12:00, 31/05/2024 12:00, or an Excel day such as 45443.5). Say"
    " which column holds it, and how it is written."
)
gettext_noop("The file has columns 1 to %(last)s.")
gettext_noop(
    "The headings of this file hold more than %(most)s characters. Shorten them, or split the file by columns."
)
gettext_noop("The file holds no rows below its heading.")
gettext_noop("This import is being undone. Wait until that is done.")
gettext_noop("The file itself was removed after %(days)s days. Choose it once more.")
gettext_noop("No row of this file could be read with these choices.")
gettext_noop("There are %(most)s templates. Remove one that is not needed any more.")
gettext_noop("Other files are being read. This one is safe; try again in some minutes.")
gettext_noop("The Excel file is damaged or empty. Save it again, or export it as CSV.")
gettext_noop(
    "%(part)s in this workbook declares a document type (DTD), which is not read here: it can name other files. "
    "Save the sheet as CSV."
)
gettext_noop("The sheet has more than %(most)s rows. Split it.")
gettext_noop("The sheet spans more than %(most)s cells. Split it.")
gettext_noop("A cell in row %(row)s has more than %(most)s characters. Shorten it.")
gettext_noop("The file is larger than %(most)s MB. Split it.")
gettext_noop(
    "A quotation mark opens in line %(line)s of this file and is not closed. Close or remove it, or export the "
    "file as CSV again."
)
gettext_noop("This is no table of text and no Excel file (xlsx). Export it as CSV.")
gettext_noop(
    "Line %(line)s of this file is no row of a table (%(error)s). A cell has at most %(most)s characters; is a "
    "quotation mark open? Export the file as CSV again."
)
gettext_noop(
    "Row %(row)s has %(cells)s cells; a file has at most %(most)s columns. Is the delimiter another? Otherwise "
    "split the file."
)
gettext_noop("The file has more than %(most)s cells. Split it.")
gettext_noop("This zip file holds another zip file. Unpack it first.")
gettext_noop("Line %(line)s of this file is longer than 8 MB. Is it a table? Export it as CSV.")
gettext_noop(
    "The file could not be taken: a part of the service failed each time. Nothing of it is stored. Start it once more."
)
gettext_noop(
    "It was not done whole: a part of the service failed each time. What was done stays so. Start it once more."
)
gettext_noop("This workbook has more than %(most)s parts: save the sheet as CSV.")
gettext_noop("%(file)s would unpack to more than %(most)s MB. Split it.")
gettext_noop("This workbook would unpack to more than %(most)s MB: save the sheet as CSV, or split it.")
gettext_noop("The zip file is damaged. Make it again, or choose the file in it.")
gettext_noop("%(part)s in this workbook would unpack to more than %(most)s MB: save the sheet as CSV.")
gettext_noop("This zip file has a password. Unpack it, and choose the file in it.")
gettext_noop("year-month-day")
gettext_noop("day/month/year")
gettext_noop("month/day/year")
gettext_noop("Excel day numbers")
gettext_noop("Excel day numbers from 1904")
gettext_noop("seconds since 1970")
gettext_noop("milliseconds since 1970")
gettext_noop("comma")
gettext_noop("semicolon")
gettext_noop("tab")
gettext_noop("vertical bar")
gettext_noop("sheet of a workbook")
gettext_noop("point")
gettext_noop("none, or a space")
# Of the folder of a site.
gettext_noop("The operator of this service has not set up a folder for files.")
gettext_noop("Whoever switched this on may not import files here any more. Somebody who may must switch it on again.")
gettext_noop("Only a person can switch this on: the files are imported in that person's name.")
gettext_noop("The folder cannot be used: %(error)s.")
gettext_noop("The import of this file is gone. Put the file here again.")
gettext_noop("Somebody stopped the import of this file.")
gettext_noop("The file was not whole when it was taken. Undo its import, and put the whole file here.")
gettext_noop("This is a link or a device, and not a file. Put the file itself here.")
gettext_noop("This file has a second name elsewhere on the server. Put a copy here.")
gettext_noop(
    "The name of this file is not one of a table. Letters, digits, spaces and .,()+=@#&'- may stand in it, and it"
    " ends with .csv, .txt, .xlsx or another form that can be imported."
)
gettext_noop("The headings of this file are not those of the template %(template)s.")
gettext_noop(
    "No template has the headings of this file. Open it on the page Import, say how it is read, and save a template."
)
# Of mails to a site's address.
gettext_noop("No signature proves that this mail came from its sender as it is, to this address, and lately.")
gettext_noop("Its sender is not on the list.")
gettext_noop("No file was attached to it.")
gettext_noop("This is no file of a kind that can be imported.")
gettext_noop("It is not encoded as its mail says.")
gettext_noop("A mail may bring %(most)s files. This one and those behind it were left out.")
gettext_noop("Its import was removed since.")
gettext_noop("The operator of this service has not set up addresses for files.")
gettext_noop("Write at least one address that files will come from.")
gettext_noop("Write at most %(most)s addresses.")
gettext_noop("Line %(line)s is no email address. Write one on each line.")
gettext_noop("You have no template %(name)s. Look at the page Import.")
