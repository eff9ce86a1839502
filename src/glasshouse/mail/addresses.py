"""E-mail addresses, read by a real parser: at every door where one comes in, and once more before mail is sent to it.

Source: RFC 5321, 5322, 6531 (through the library email-validator).
"""

import unicodedata

import email_validator

MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets

# The library refuses names such as .invalid and .test, which lead nowhere. Probes and rehearsals use them, and a mail to one
# fails by itself.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class AddressError(ValueError):
    """The text is no address that mail can be sent to."""


def form_of(text: str) -> str:
    """The one form in which an address is stored and hashed: NFKC, lower case, domain in IDNA. Raises AddressError.

    It checks no more than that there is a domain, so that addresses of older versions are found, too.
    """
    if len(text) > 4 * MAX_LENGTH:  # Before anything that costs time: normalising grows with the length.
        raise AddressError("too long")
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


def parsed(text: str) -> str:
    """The stored form of an address that mail can be sent to. Raises AddressError."""
    form = form_of(text)
    # The grammar allows an encoded word, and whoever reads the header decodes it: it is never an address here.
    if len(form) > MAX_LENGTH or "=?" in form:
        raise AddressError("too long, or an encoded word")
    try:
        email_validator.validate_email(form, check_deliverability=False, strict=True)
    except (email_validator.EmailNotValidError, UnicodeError) as error:
        raise AddressError("not an address") from error
    if form.rpartition(".")[2].isdecimal() or len(form.rpartition(".")[2]) < 2:
        raise AddressError("no top-level domain")
    return form
