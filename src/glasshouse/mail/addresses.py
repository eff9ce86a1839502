"""Email addresses, read by a real parser: at every door where one comes in, and once more before mail is sent to it.

One mailbox has one form here, by which it is stored, hashed and counted: no display name, no group, no quotes, the local part
composed (NFC) and in lower case, the domain as IDNA 2008 writes it in ASCII. Two domains that IDNA 2008 tells apart, such as
straße.de and strasse.de, may be two people's, and stay two.

Earlier versions composed with NFKC and wrote domains by IDNA 2003, which makes one of such two. What they stored is found by
`forms_of`. Source: RFC 5321, 5322, 5891, 6531, 6532 (through the library email-validator).
"""

import unicodedata
from email import message_from_string, policy
from email.message import EmailMessage
from email.utils import getaddresses
from urllib.parse import quote, urlsplit

import email_validator

MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
MOST_URI = 400  # characters

# The library refuses names such as .invalid and .test, which lead nowhere. Probes and rehearsals use them, and a mail to one
# fails by itself.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class AddressError(ValueError):
    """The text is no address that mail can be sent to."""


def parsed(text: str) -> str:
    """The stored form of an address that mail can be sent to. Raises AddressError."""
    form = _form(text)
    if _form(form) != form:
        raise AddressError("more than one form")
    if form.rpartition(".")[2].isdecimal() or len(form.rpartition(".")[2]) < 2:
        raise AddressError("no top-level domain")
    if not is_single(form):
        raise AddressError("not one address that can be written into a mail")
    return form


def contact_uri(text: str) -> str:
    """A contact that the operator names, as a URI: an address, or the https address of a page. Raises AddressError.

    Source: RFC 9116, 2.5.3.
    """
    if not text.lower().startswith("https://"):
        return mail_uri(parsed(text.removeprefix("mailto:")))
    if len(text) > MOST_URI or not text.isascii() or not text.isprintable() or set(text) & set(' "<>\\^`{|}'):
        raise AddressError("not the address of a page")
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = ""
    if not host:
        raise AddressError("not the address of a page")
    return text


def mail_uri(address: str) -> str:
    """An address as a URI: what has a meaning there is percent-encoded. Source: RFC 6068, 2."""
    return f"mailto:{quote(address, safe='@')}"


def _form(text: str) -> str:
    _require_short(text)
    try:
        read = email_validator.validate_email(text.strip(), check_deliverability=False, strict=True)
        local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", read.local_part).lower())
        return f"{local}@{read.ascii_domain}"
    except (email_validator.EmailNotValidError, UnicodeError) as error:
        raise AddressError("not an address") from error


def _require_short(text: str) -> None:
    if len(text) > 4 * MAX_LENGTH:  # Before anything that costs time: normalising grows with the length.
        raise AddressError("too long")


def is_single(address: str) -> bool:
    """Whether the mail library writes a form into a header and reads this one address out of it again, and nothing else."""
    # The grammar allows an encoded word, and whoever reads the header decodes it: it is never an address here.
    if len(address) > MAX_LENGTH or "=?" in address or not address.isprintable():
        return False
    try:
        mail = EmailMessage(policy=policy.SMTPUTF8)
        mail["To"] = address
        for header in (mail["To"], message_from_string(mail.as_string(), policy=policy.SMTPUTF8)["To"]):
            (written,) = header.addresses
            if written.display_name or f"{written.username}@{written.domain}" != address:
                return False
        return getaddresses([address]) in ([("", address)], [])  # Newer versions read none where two readings differ.
    except Exception:  # noqa: BLE001 - the library's parser of addresses ends in several kinds of exceptions
        return False


# -- addresses that earlier versions stored --------------------------------------------------------------------------


def forms_of(text: str) -> tuple[str, ...]:
    """The forms under which an address may be stored: that of today, if a door takes it, then that of earlier versions.

    To look it up only; nobody is written to under a form that is not stored. Raises AddressError where there is no form.
    """
    forms = []
    for form in (parsed, earlier_form):
        try:
            forms.append(form(text))
        except AddressError as error:
            refused = error
    if not forms:
        raise refused
    return tuple(dict.fromkeys(forms))


def earlier_form(text: str) -> str:
    """The form by which earlier versions stored an address: NFKC, lower case, domain by IDNA 2003. Raises AddressError."""
    _require_short(text)
    local, _, domain = unicodedata.normalize("NFKC", text).strip().lower().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        raise AddressError("no domain name") from None
    form = f"{local}@{ascii_domain}"
    try:
        form.encode()
    except UnicodeError:  # Half of a surrogate pair, as JSON may bring it, has no bytes to be hashed.
        raise AddressError("no text") from None
    if not local or not ascii_domain:
        raise AddressError("no local part or no domain")
    return form


def reachable(text: str) -> str:
    """The form of an address that a mail reaches, also if a door of today refuses it: earlier versions stored such. Raises
    AddressError.
    """
    form = forms_of(text)[0]
    if not is_single(form):
        raise AddressError("not one address that can be written into a mail")
    return form


def bucket_of(address: str) -> str:
    """Under which name tries for an address are counted. Forms that may lead to one account are counted together."""
    try:
        address = parsed(address)
    except AddressError:
        address = address.strip()
    local, _, domain = address.rpartition("@")
    try:
        named = email_validator.validate_email(
            f"x@{domain}", check_deliverability=False
        ).domain  # in letters, not "xn--"
        return earlier_form(f"{local}@{named}")
    except (AddressError, email_validator.EmailNotValidError, UnicodeError):
        return address
