"""The mail listener: takes mail to the privacy address over SMTP with STARTTLS, and opens a request out of each."""

import asyncio
import email.policy
import logging
import os
import re
import signal
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import django
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from crops.__main__ import die_with_parent

log = logging.getLogger("glasshouse.postbox")
MOST_BYTES = 10 << 20
LOCAL_PART = "privacy"


class Postbox:
    """Takes what is addressed to the privacy address; anything else is refused before its content is read."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the privacy address only."""
        if address.partition("@")[0].lower() != LOCAL_PART:
            return "550 5.1.1 This mailbox is not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Open a request; the sender is told when it is stored."""
        return await asyncio.to_thread(take, envelope.content or b"")


def take(content: bytes | str) -> str:
    """The answer to one mail. Attachments are left out: what identifies somebody is not asked for by mail."""
    from django.db import close_old_connections

    from glasshouse.kernel.errors import GlasshouseError, ThrottledError
    from glasshouse.rights import requests

    body = content.encode() if isinstance(content, str) else content
    letter = message_from_bytes(body, _class=EmailMessage, policy=email.policy.default)
    sender = str(letter.get("From", ""))
    found = re.search(r"[^\s<>,;]+@[^\s<>,;]+", sender)
    if letter.get("Auto-Submitted", "no") != "no" or letter.get("List-Id"):
        return "250 OK"  # An answering machine opens no request, and would answer ours for ever.
    try:
        close_old_connections()
        requests.from_mail(found[0] if found else "", str(letter.get("Subject", "")), text_of(letter))
    except ThrottledError:
        return "452 4.2.1 Too many mails; try again later"
    except GlasshouseError as error:
        return f"550 5.6.0 {error}"
    except Exception:
        log.exception("a mail could not be taken")
        return "451 4.3.0 Try again later"
    return "250 OK"


def text_of(letter: EmailMessage) -> str:
    """The readable part of a mail; HTML without its tags."""
    part = letter.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content())
    if part.get_content_type() == "text/html":
        text = unescape(re.sub(r"<[^>]*>", " ", re.sub(r"(?is)<(script|style).*?</\1>", " ", text)))
    return text


def controller(port: int, tls: Path, handler: Any) -> Controller:
    """The listener on loopback, which speaks nothing before STARTTLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls / "server.crt", tls / "server.key")
    return Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        data_size_limit=MOST_BYTES,
        ident="Glasshouse",
    )


def main() -> None:
    """Listen until told to stop."""
    die_with_parent()
    django.setup()
    door = controller(int(os.environ["GLASSHOUSE_MAIL_PORT"]), Path(os.environ["GLASSHOUSE_TLS"]), Postbox())
    door.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    door.stop()


if __name__ == "__main__":
    main()
