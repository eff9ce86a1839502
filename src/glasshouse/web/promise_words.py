"""What pages say of promises, in the reader's language: promises, steps of checks, what decides, figures and lines of evidence.

Checks know no languages: results are stored in English, as `--json` and `--explain` tell them. A line is found here by the
sentence that it was made of, and its values are put into the translation. What is found nowhere stays as it is: a result of an
earlier version, say.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop

from glasshouse.mail.texts import day as written_day
from glasshouse.web.promise_sentences import SENTENCES

SLOT = re.compile(r"%\((\w)\)s")
DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d) UTC)?")
DEEPEST = 4  # values within values
SHORT = 9  # letters of a sentence's own, with fewer of which it is taken for a value only where it counts something
PREFIXES = (
    gettext_noop("as promised"),
    gettext_noop("NOT as promised"),
    gettext_noop("not seen here"),
    gettext_noop("cannot tell"),
    gettext_noop("broke off"),
    gettext_noop("not so"),
)
PROMISES = (
    gettext_noop("Several layers stand between a stranger and your data; when one fails, the others hold."),
    gettext_noop("You invite the people who work with you into your account, and only they come in."),
    gettext_noop("Whoever administers your account decides who has access and what each person may do."),
    gettext_noop("Our support sees nothing of yours unless you invite it."),
    gettext_noop("Your account opens with a login and a password, which is stored so that nobody can read it."),
    gettext_noop("You can require a second factor besides the password."),
    gettext_noop("Everything between you and our servers travels encrypted (TLS)."),
    gettext_noop("Nothing of yours lies readable on any of our disks."),
    gettext_noop("What moves between our data centres is encrypted on the way."),
    gettext_noop("Data about people and data about crops are kept apart, each for those who need it."),
    gettext_noop("The network defends itself in zones: walls between them, intruders noticed and shut out."),
    gettext_noop("Security settings follow a published best practice and are watched."),
    gettext_noop("Storage rests on proven makers and uses the protection that they offer."),
    gettext_noop("The buildings that hold the servers are guarded, and we can name the proof."),
    gettext_noop("Your data lives in more than one place, so that the loss of one is not yours."),
    gettext_noop("Events and alerts of all systems are watched, and threats acted on."),
    gettext_noop("You know and accept a published privacy notice before your data is used."),
    gettext_noop("We know of each field we store whether it is personal, confidential, crop data or anonymous."),
    gettext_noop("Of a significant change you hear by mail before it comes into force."),
    gettext_noop("Wherever you give us data, you see there what for, on what ground, and for how long."),
    gettext_noop("You may keep data to yourself, and lose only what cannot work without it."),
    gettext_noop("What is gathered automatically is little, lawful, short-lived, and honours your signals."),
    gettext_noop("Cookies are explained and yours to refuse as easily as to accept."),
    gettext_noop("Data from third parties keeps its source, and you are told of it."),
    gettext_noop("What is fitted to you can be seen, explained and switched off."),
    gettext_noop("You get the mail you asked for or need, and no other."),
    gettext_noop("Support answers by mail and in the product, and you see your own requests."),
    gettext_noop("How the service is used is studied only with what you can see and object to."),
    gettext_noop("Misuse is found and stopped, with a reason, a record and a way to appeal."),
    gettext_noop("Reports made of many growers' data cannot be traced back to one."),
    gettext_noop("Your data goes to nobody but the named kinds of recipients, and each time is on record."),
    gettext_noop("If the law makes us hand something over, you hear of it wherever possible."),
    gettext_noop("A suspicion of a breach can be told to us, and is acted on at once."),
    gettext_noop("Data is kept only as long as there is a need, by a written rule."),
    gettext_noop("After that time it is deleted or made anonymous."),
    gettext_noop("Marketing stops with one click, or when you say so."),
    gettext_noop("You can see all that we hold of you and have it put right."),
    gettext_noop("You can have a copy of it."),
    gettext_noop("You can have its use restricted."),
    gettext_noop("You can have it deleted."),
    gettext_noop("You can object to its use."),
    gettext_noop("A mail to the privacy address is enough to use your rights."),
    gettext_noop("If a customer of ours entered your data, we bring you to that customer."),
    gettext_noop("Your question reaches the right person and is answered within the legal time."),
)
# Values within sentences, what a figure is put together of, and why a check could not go on.
PHRASES = (
    gettext_noop("%(a)s of %(b)s steps as promised"),
    gettext_noop("fewer than %(a)s"),
    gettext_noop("no check yet"),
    gettext_noop("not checked since the first start"),
    gettext_noop("not checked since %(a)s"),
    gettext_noop("the result could not be stored"),
    gettext_noop("the web door"),
    gettext_noop("the crops service"),
    gettext_noop("people store"),
    gettext_noop("key store"),
    gettext_noop("the people store"),
    gettext_noop("the key store"),
    gettext_noop("an invitation"),
    gettext_noop("a joining"),
    gettext_noop("a change of a role"),
    gettext_noop("a change of sites"),
    gettext_noop("a removal"),
    gettext_noop("a role of one's own"),
    gettext_noop("a new administrator"),
    gettext_noop("%(a)s significant versions so far"),
    gettext_noop("no significant version so far"),
    gettext_noop("at once"),
    gettext_noop("a day too early"),
    gettext_noop("before its own lead time"),
    gettext_noop("that nobody was told of"),
    gettext_noop("with a lead time of three days"),
    gettext_noop("%(a)s insists on %(b)s"),
    gettext_noop("%(a)s does not say what is lost without %(b)s"),
    gettext_noop("%(a)s answers %(b)s"),
    gettext_noop("with one reviewer twice"),
    gettext_noop("with one review"),
    gettext_noop("that one refused"),
    gettext_noop("with more than was asked for"),
    gettext_noop("of which the person is not told"),
    gettext_noop("The record of processing is answered %(a)s."),
    gettext_noop("a made-up permit"),
    gettext_noop("a permit for an hour"),
    gettext_noop("a permit that has ended"),
    gettext_noop("a permit that states no purpose"),
    gettext_noop("The processes of the one or the other plane are not seen on this machine."),
    gettext_noop("a mail left whose sending is not noted"),
    gettext_noop("a mail left without a record"),
    gettext_noop("fewer times on record than mails that left"),
    gettext_noop("its recipient is not registered for what a mail holds"),
    gettext_noop("its recipient is not live"),
    gettext_noop("text message"),
    gettext_noop("mail"),
    gettext_noop("announced only"),
    gettext_noop("the day of its agreement"),
    gettext_noop("the agreement"),
    gettext_noop("the person"),
    gettext_noop("a guest's address"),
    gettext_noop("the organisation that it had alone"),
    gettext_noop("no row"),
    gettext_noop("The copy of the people store shows nothing of the probes, so that it proves nothing."),
    gettext_noop("The copy of the people store shows nothing of the probe, so that it proves nothing."),
    gettext_noop("The probe's export and uploaded file are not both on the disk."),
    gettext_noop("a colleague"),
    gettext_noop("nobody else"),
    gettext_noop("a foreign name"),
    gettext_noop("a form from another site"),
    gettext_noop("a form without its token"),
    gettext_noop("a head that is too long"),
    gettext_noop("a body that is too long"),
    gettext_noop("another customer's administrator"),
    gettext_noop("a made-up account"),
    gettext_noop("no later day"),
    gettext_noop("it is no single box"),
    gettext_noop("it is ticked"),
    gettext_noop("port %(a)s (%(b)s)"),
    gettext_noop("offers no encryption"),
    gettext_noop("shows a certificate of its own making"),
    gettext_noop("PostgreSQL with TLS"),
    gettext_noop("a redirect to HTTPS"),
    gettext_noop("no TLS"),
    gettext_noop("nothing any more"),
    gettext_noop("no TLS after STARTTLS"),
    gettext_noop("PostgreSQL's TLS"),
    gettext_noop("the privacy officer has to draft a new notice, and publish it (%(a)s)"),
    gettext_noop("a newer notice waits as a draft: the privacy officer has to read and publish it (%(a)s)"),
    gettext_noop("a newer notice is published, and in force %(a)s"),
    gettext_noop("from %(a)s on"),
    gettext_noop("when everybody was told and had time"),
    gettext_noop("no row of %(a)s is kept more than %(b)s days after %(c)s, but where a legal hold is on it"),
    gettext_noop("signing in"),
    gettext_noop("sessions"),
    gettext_noop("decided about a purpose"),
    gettext_noop("%(a)s of %(b)s accounts have a second factor"),
    gettext_noop("without a source"),
    gettext_noop("of an unknown source"),
    gettext_noop("without an invitation"),
    gettext_noop("asked for and not approved"),
    gettext_noop("refused"),
    gettext_noop("ended while support was looking"),
    gettext_noop("after its end"),
    gettext_noop("taken back"),
    gettext_noop("%(a)s rows of %(b)s"),
    gettext_noop("%(a)s people"),
    gettext_noop("The crop store's disk holds no file that this check can see."),
    gettext_noop("The web door did not take the probe's file."),
    gettext_noop("A probe's reading was answered %(a)s."),
    gettext_noop("A new device was answered %(a)s, without a key."),
    gettext_noop("The crops service did not answer %(a)s %(b)s."),
    gettext_noop("The application's role cannot sign in to the database."),
    gettext_noop("%(a)s files"),
    gettext_noop("%(a)s files (besides %(b)s)"),
    gettext_noop("%(a)s that nobody changed since they were read"),
    gettext_noop("%(a)s older than the texts, to be read by the next looks"),
    gettext_noop("crop files"),
    gettext_noop("The file reader has too much to do."),
    gettext_noop("The file reader could not look: %(a)s."),
    gettext_noop("The file reader does not answer."),
    gettext_noop("What the user of a part can open could not be tried."),
    gettext_noop("a choice of two languages, which no text of a check's own can be"),
    gettext_noop("a passkey's name: a passkey needs a browser's own hardware"),
    gettext_noop("a reply to a request: it is filled in, and sealed with the request, which the law keeps"),
    gettext_noop("The page of everything held shows no link to the new export."),
    gettext_noop("The page of the authenticator app shows no key."),
    gettext_noop("A page that shows a new key once shows none."),
    gettext_noop("%(a)s was answered %(b)s."),
    gettext_noop("The page %(a)s has no form with %(b)s."),
    gettext_noop("The page %(a)s answers %(b)s instead of its form."),
    gettext_noop("The web door did not answer %(a)s %(b)s."),
    gettext_noop("The mail door did not take a probe's mail."),
    gettext_noop(
        "a copy of the people store: it is a PostgreSQL server of the operator's, whose files cannot be copied from "
        "here"
    ),
    gettext_noop("The copy of the people store could not be started."),
    gettext_noop("The disk is too short for a copy of the people store: %(a)s MB are needed, %(b)s MB are free."),
    gettext_noop("The people store could not be copied."),
    gettext_noop("The copy of the people store took too long."),
    gettext_noop("The auditor's role cannot sign in to the database."),
    gettext_noop("The role %(a)s cannot sign in to the database %(b)s."),
    gettext_noop("No process of this deployment is seen on this machine."),
    gettext_noop("What a process of this deployment was started with may not be looked at."),
    gettext_noop("The files of a process of this deployment may not be looked at."),
    gettext_noop("There are too many files to look at all of them."),
    gettext_noop("%(a)s of process %(b)s"),
    gettext_noop("%(a)s of what is marked for a promise check is older than the check."),
    gettext_noop("A mail to a probe did not arrive within %(a)s s."),
    gettext_noop("A mail to a probe held no link to %(a)s."),
    gettext_noop("A sign-up was answered %(a)s."),
    gettext_noop("An invitation was answered %(a)s."),
    gettext_noop("A mailed link's form was answered %(a)s."),
    gettext_noop("A new site was answered %(a)s."),
    gettext_noop("A probe's account is not in the store."),
    gettext_noop("A member of the staff was shown no key for an authenticator app."),
)


class _Sentence(NamedTuple):
    """A sentence with values. letters: how many are its own, without values. form: its values hold no "; "; loose: they may."""

    text: str
    form: re.Pattern[str]
    loose: re.Pattern[str]
    letters: int


@cache
def _with_values() -> list[_Sentence]:
    """Sentences with values, those first that say most themselves."""
    sentences = []
    for text in (*SENTENCES, *PHRASES):
        if SLOT.search(text):
            pieces = [piece if n % 2 else re.escape(piece) for n, piece in enumerate(SLOT.split(text))]
            form, loose = (
                "".join(f"(?P<{piece}>{value}+?)" if n % 2 else piece for n, piece in enumerate(pieces))
                for value in ("(?:(?!; ).)", ".")
            )
            letters = sum(letter.isalpha() for letter in SLOT.sub("", text))
            sentences.append(_Sentence(text, re.compile(form, re.DOTALL), re.compile(loose, re.DOTALL), letters))
    return sorted(sentences, key=lambda sentence: -sentence.letters)


@cache
def _whole() -> frozenset[str]:
    return frozenset((*SENTENCES, *PHRASES, *PROMISES))


def in_words(text: str) -> str:
    """A promise, a step, an oracle, a figure or a line of evidence in the reader's language; numbers in the reader's form."""
    prefix, colon, rest = text.partition(": ")
    if colon and prefix in PREFIXES:
        return f"{gettext(prefix)}: {in_words(rest)}"
    pieces, said, is_whole = text.split("; "), [], True
    while pieces:
        # The longest part from here on that is known; sentences have "; " in them, too.
        for length in range(len(pieces), 0, -1):
            known = _part("; ".join(pieces[:length]))
            if known is not None or length == 1:
                is_whole = is_whole and known is not None
                said.append(_value(pieces[0], 0) if known is None else known)
                del pieces[:length]
                break
    return (None if is_whole else _sentence(text, 0, loose=True)) or "; ".join(said)


def _part(text: str) -> str | None:
    """A sentence, also with what was seen instead; None where it is none."""
    if text in _whole():
        return gettext(text)
    step, colon, instead = text.partition(": ")
    if colon and (said := _sentence(step, 0)) is not None:
        return f"{said}: {in_words(instead)}"
    step, bracket, instead = text.removesuffix(")").partition(" (")
    if bracket and text.endswith(")") and (said := _sentence(step, 0)) is not None:
        return f"{said} ({in_words(instead)})"
    return _sentence(text, 0)


def _sentence(text: str, depth: int, *, loose: bool = False) -> str | None:
    """The translation of a text that a sentence of the list was made to; None where it was made of none."""
    if text in _whole():
        return gettext(text)
    for sentence in _with_values() if depth < DEEPEST else ():
        match = (sentence.loose if loose else sentence.form).fullmatch(text)
        if match and (sentence.letters >= SHORT or all(_is_count(value) for value in match.groups())):
            return gettext(sentence.text) % {
                name: _value(value, depth + 1) for name, value in match.groupdict().items()
            }
    return None


def _is_count(value: str) -> bool:
    return value.isdecimal() or value.startswith("fewer than ")


def _value(value: str, depth: int) -> str:
    if value.isdecimal():
        return number_format(int(value), force_grouping=True) if len(value) < 16 else value
    if day := DAY.fullmatch(value):
        written = written_day(datetime.strptime(day[1], "%Y-%m-%d").replace(tzinfo=UTC))
        return f"{written}, {day[2]} UTC" if day[2] else written
    if (said := _sentence(value, depth)) is not None:
        return said
    for between in ("; ", ", "):
        if between in value and depth < DEEPEST:
            return between.join(_value(part, depth + 1) for part in value.split(between))
    return gettext(value) if value else ""  # Of the data map, say.
