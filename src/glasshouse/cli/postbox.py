"""The mail listener: takes mail to the privacy address over SMTP with STARTTLS, and opens a request out of each."""

import asyncio
import email.policy
import logging
import os
import re
import signal
import ssl
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import django
import dkim
import spf
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from crops.__main__ import die_with_parent

log = logging.getLogger("glasshouse.postbox")
MOST_BYTES = 10 << 20
LOCAL_PART = "privacy"
BOUNCED = re.compile("bounce-([0-9a-hjkmnp-tv-z]{16})")
DNS_S, MOST_SEALS = 5, 5


class Postbox:
    """Takes what is addressed to the privacy address; anything else is refused before its content is read."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the privacy address only."""
        local = address.partition("@")[0].lower()
        if local != LOCAL_PART and not BOUNCED.fullmatch(local):
            return "550 5.1.1 This mailbox is not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Open a request; the sender is told when it is stored."""
        content = envelope.content or b""
        body = content.encode() if isinstance(content, str) else content
        back = next(
            (found for one in envelope.rcpt_tos if (found := BOUNCED.fullmatch(one.partition("@")[0].lower()))), None
        )
        if back:
            return await asyncio.to_thread(take_back, body, back[1])
        peer = str(session.peer[0]) if session.peer else ""
        told = await asyncio.to_thread(authenticated, body, peer, session.host_name or "", envelope.mail_from or "")
        return await asyncio.to_thread(take, body, told)


def take_back(body: bytes, message: str) -> str:
    """The answer to a mail on the way back: a delivery that failed for good is noted. Source: RFC 3464."""
    from django.db import close_old_connections

    from glasshouse.mail import api as mail

    letter = message_from_bytes(body, _class=EmailMessage, policy=email.policy.default)
    failed = any(
        str(block.get("Action", "")).strip().lower() == "failed"
        for part in letter.walk()
        if part.get_content_type() == "message/delivery-status"
        for block in part.iter_parts()
    )
    if failed:
        close_old_connections()
        mail.bounced(message)
    return "250 OK"


def authenticated(body: bytes, peer: str, helo: str, sender: str) -> str:
    """What SPF, DKIM and ARC say of a mail, for the officer to weigh; no proof of anything by itself.

    Source: RFC 7208, 6376, 8617.
    """
    head = body.partition(b"\r\n\r\n")[0].lower()
    if peer.startswith("127.") or peer == "::1":
        # The operator's own mail server handed it on, and alone knows where it came from: its word stands uppermost (RFC 8601).
        noted = re.search(rb"^authentication-results:(?:[^\n]|\n[ \t])*?\bspf=([a-z]+)", head, re.MULTILINE)
        spf_said = noted[1].decode() if noted else "none"
    else:
        spf_said = _asked(lambda: spf.check2(i=peer, s=sender, h=helo, timeout=DNS_S)[0]) if sender else "none"
    # Each seal is a question to the network: a mail with more of them than forwarders there are gets none asked.
    signed, sealed = b"dkim-signature:" in head, 0 < head.count(b"arc-seal:") <= MOST_SEALS
    dkim_said = _asked(lambda: "pass" if dkim.verify(body, timeout=DNS_S) else "fail") if signed else "none"
    arc_said = _asked(lambda: dkim.arc_verify(body, timeout=DNS_S)[0].decode()) if sealed else "none"
    return f"spf={spf_said} dkim={dkim_said} arc={arc_said}"


def _asked(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception:  # A stranger's signature or record may break a library in any way; the mail counts all the same.
        log.info("a mail's authentication could not be checked", exc_info=True)
        return "temperror"


def take(content: bytes | str, told: str = "") -> str:
    """The answer to one mail. Attachments are left out: what identifies somebody is not asked for by mail."""
    from django.db import close_old_connections

    from glasshouse.kernel.errors import GlasshouseError, ThrottledError
    from glasshouse.rights import replies, requests

    body = content.encode() if isinstance(content, str) else content
    letter = message_from_bytes(body, _class=EmailMessage, policy=email.policy.default)
    sender = str(letter.get("From", ""))
    found = re.search(r"[^\s<>,;]+@[^\s<>,;]+", sender)
    if letter.get("Auto-Submitted", "no") != "no" or letter.get("List-Id"):
        return "250 OK"  # An answering machine opens no request, and would answer ours for ever.
    try:
        close_old_connections()
        thread = str(letter.get("Message-ID", ""))[:400].strip()
        replies_to = f"{letter.get('References', '')} {letter.get('In-Reply-To', '')}"
        arrival = requests.Arrival("mail", thread=thread, replies_to=replies_to, authentication=told)
        replies.from_mail(found[0] if found else "", str(letter.get("Subject", "")), text_of(letter), arrival)
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
