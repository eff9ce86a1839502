"""How a probe writes to the privacy address: by SMTP with STARTTLS at the mail door of this installation."""

import smtplib
from email.message import EmailMessage
from email.utils import make_msgid

from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import sockets

ANSWERS_S = 20


def letter(address: str, subject: str, text: str) -> EmailMessage:
    """A mail of an address to the privacy address, with an identity by which its answer is known."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = address, "privacy@localhost", subject
    mail["Message-ID"] = make_msgid(new_id(), "canary.invalid")
    mail.set_content(text)
    return mail


def send(mail: EmailMessage, *, network: str = "127.0.0.1") -> None:
    """Send a mail. network: address on loopback that it comes from. Raises UnavailableError where it is not taken."""
    try:
        with smtplib.SMTP("localhost", settings.MAIL_PORT, timeout=ANSWERS_S, source_address=(network, 0)) as server:
            server.starttls(context=sockets.context())
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError("The mail door did not take a probe's mail.") from error
