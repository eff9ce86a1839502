"""A mail to the address of a site: its sender is proven, its files are taken, and no mail answers it. Source: decision record 50.

The answer to the mail server is the same for a mail that counts and for one that does not: what became of it stands on the site's
page. One that the service has no room or time for is put off, and comes again.
"""

import re

import structlog
from django.conf import settings

from glasshouse.kernel.errors import stack_of
from glasshouse.operations import mail_reading, mail_signatures, mime
from glasshouse.operations.inbound_mail import InboundMail

log = structlog.stdlib.get_logger("glasshouse.inbound_smtp")
# As `greenhouse.intake_mail.MAILBOX`, which can be read only once Django is set up.
MAILBOX = re.compile(r"files-[0-9a-z]{16}-[0-9a-z]{20}")
LATER = "451 4.3.0 Try again later"


def refusal_of(address: str) -> str:
    """Why nobody takes mails at an address, as an answer to a mail server; "" where somebody does."""
    from django.db import close_old_connections

    from glasshouse.greenhouse import intake_mail

    local, _, domain = address.lower().rpartition("@")
    try:
        close_old_connections()
        is_here = domain == settings.INTAKE_MAIL_DOMAIN and intake_mail.is_mailbox(local)
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        log.error("address of a site not looked up", stack=stack_of(error))
        return LATER
    return "" if is_here else "550 5.1.1 This mailbox is not here"


def take(raw: bytes, address: str) -> str:
    """The answer to a mail with files, once they are stored and queued. address: of the envelope."""
    from django.db import close_old_connections

    from glasshouse.kernel.errors import GlasshouseError, NotFoundError, OverloadedError, ThrottledError
    from glasshouse.requests import answering

    if not answering.has_room():
        log.error("mail not taken: the disk of the data folder is nearly full")
        return LATER
    try:
        mail = mail_reading.read(raw)
        close_old_connections()
        _take(raw, mail, address)
    except mime.UnreadableError as error:
        return f"554 5.6.0 {error}"
    except (mail_reading.LaterError, mail_signatures.NotAskedError, OverloadedError):
        return LATER
    except NotFoundError:
        return "550 5.1.1 This mailbox is not here"
    except ThrottledError:
        return "452 4.2.1 Too many mails; try again later"
    except GlasshouseError as error:
        log.info("mail with files put off", error=type(error).__name__)
        return LATER
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        log.error("mail not taken", stack=stack_of(error))
        return LATER
    return "250 OK"


def _take(raw: bytes, mail: InboundMail, address: str) -> None:
    from glasshouse.greenhouse import intake_mail
    from glasshouse.mail.addresses import AddressError, parsed

    local = address.rpartition("@")[0].lower()
    try:
        sender = parsed(mail.sender)
    except AddressError:
        sender = ""
    is_listed = intake_mail.is_listed(local, sender)
    signature = mail_signatures.signature_of(raw, sender, address) if is_listed else ""
    files = tuple(intake_mail.MailedFile(file.name, file.content, file.is_whole) for file in mail.files)
    intake_mail.take(local, intake_mail.Arrived(sender, signature, files))
