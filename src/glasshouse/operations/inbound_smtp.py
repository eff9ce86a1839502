"""Inbound SMTP: accepts mail to the privacy address over SMTP with STARTTLS, and opens a privacy request for each.

Mail to the address of a site brings files of readings (`mailed_files.py`).

A mail that cannot be processed is refused for good (5xx) where the fault is the mail's, and put off (4xx) where it is ours.
"""

import asyncio
import os
import re
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import dkim
import spf
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog

from crop_contract import logs
from crop_contract.processes import die_with_parent
from glasshouse.kernel.errors import stack_of
from glasshouse.messages.rules import Way, asks_to_stop, token_in
from glasshouse.operations import mail_reading, mailed_files, mime
from glasshouse.operations.inbound_mail import InboundMail
from glasshouse.operations.mailed_files import MAILBOX

log = structlog.stdlib.get_logger("glasshouse.inbound_smtp")
MOST_BYTES = 36 << 20  # 25 MB of files, as mail writes them
MAX_RECIPIENTS, MAX_CONNECTIONS, MAX_AT_ONCE = 10, 20, 4
IDLE_S, CONNECTION_S, PROCESSING_S = 180, 900, 90
LOCAL_PART = "privacy"
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
BOUNCED = re.compile("bounce-([0-9a-hjkmnp-tv-z]{16})")
DNS_S, MOST_SEALS = 5, 5
# Bounds of what is checked for signatures: a run of so many spaces, a longer signature or a later seal is written by nobody.
MAX_SIGNED_BYTES, MAX_SIGNATURE_BYTES, LONGEST_RUN = 2 << 20, 4096, 200
MANY_INSTANCES = re.compile(rb"i\s{0,9}=\s{0,9}\d{3}")  # RFC 8617, 4.2.1: a chain has 50 seals at most.
LATER = mailed_files.LATER


def is_taken(local: str) -> bool:
    """Whether a mail to a local part (in small letters) is for us: the privacy address, one beside it, or either with "+…"."""
    named = str(settings.OPERATOR.privacy_address.rpartition("@")[0].lower())
    ours = {LOCAL_PART, named, *settings.PRIVACY_MAILBOXES}
    return local in ours or local.partition("+")[0] in ours


class InboundSmtp:
    """Accepts mail to the privacy address and to those of sites; anything else is refused before its content is read."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the privacy address, those beside it (`is_taken`), and those of sites."""
        local = address.rpartition("@")[0].lower() or address.lower()
        is_alone = BOUNCED.fullmatch(local) or MAILBOX.fullmatch(local)
        if not is_taken(local) and not is_alone:
            return "550 5.1.1 This mailbox is not here"
        is_read_apart = is_alone or token_in(local)
        if MAILBOX.fullmatch(local) and (refusal := await asyncio.to_thread(mailed_files.refusal_of, address)):
            return refusal
        if envelope.rcpt_tos and (is_read_apart or _is_read_apart(envelope)):
            return "452 4.5.3 One at a time, please: send this again"  # A report and a request are read differently.
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Open a request, or take files; the reply 250 is sent once it is stored."""
        content = envelope.content or b""
        body = content.encode("utf-8", "replace") if isinstance(content, str) else content
        if BARE.search(body):
            # Servers that take such a line break for one see other mails in it than we do (SMTP smuggling; RFC 5321, 2.3.8).
            return "554 5.6.11 Lines must end in CR LF, and neither stands alone"
        back, mailbox = _returned(envelope), _mailbox(envelope)
        peer = str(session.peer[0]) if session.peer else ""

        tokens = _stop_tokens(envelope)

        def work() -> str:
            if back:
                return take_back(body, back)
            if tokens:
                return take_stops(tokens)
            if mailbox:
                return mailed_files.take(body, mailbox)
            sender = envelope.mail_from or ""
            return take(body, authenticated(body, peer, session.host_name or "", sender), sender)

        async def turn() -> str:
            async with self._turns:
                return await asyncio.to_thread(work)

        try:
            return await asyncio.wait_for(turn(), PROCESSING_S)
        except TimeoutError:
            log.error("mail not processed in time", size_bytes=len(body), limit_s=PROCESSING_S)
            return LATER


def _returned(envelope: Envelope) -> str:
    """The id of our mail that a mail is the way back of; "" where it is addressed to people."""
    locals_ = (recipient.partition("@")[0].lower() for recipient in envelope.rcpt_tos)
    return next((match[1] for local in locals_ if (match := BOUNCED.fullmatch(local))), "")


def _is_read_apart(envelope: Envelope) -> bool:
    """Whether a mail that is under way comes to somebody by whom it is read in another way than a request."""
    return bool(_returned(envelope) or _mailbox(envelope) or _stop_tokens(envelope))


def _stop_tokens(envelope: Envelope) -> list[str]:
    """The tokens of the addresses that stop mails, among those that a mail is for."""
    return [token for address in envelope.rcpt_tos if (token := token_in(address.rpartition("@")[0] or address))]


def take_stops(tokens: list[str]) -> str:
    """The answer to a mail to an address that stops mails. It is not read, and the answer tells nothing of the token."""
    from django.db import close_old_connections

    from glasshouse.messages import api as messages

    try:
        close_old_connections()
        for token in tokens:
            messages.stop(token, Way.MAIL)
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        log.error("mails not stopped", stack=stack_of(error))
        return LATER
    return "250 OK"


def _mailbox(envelope: Envelope) -> str:
    """The address of a site that a mail with files goes to; "" where it is addressed to nobody's files."""
    return next((to for to in envelope.rcpt_tos if MAILBOX.fullmatch(to.rpartition("@")[0].lower())), "")


def take_back(body: bytes, message: str) -> str:
    """The answer to a mail on the way back: a delivery that failed for good is noted. Source: RFC 3464."""
    from django.db import close_old_connections

    from glasshouse.messages import api as messages

    try:
        status = mail_reading.failed_status(body)
    except mime.UnreadableError as error:
        return f"554 5.6.0 {error}"
    except mail_reading.LaterError:
        return LATER
    try:
        if status:
            close_old_connections()
            messages.bounced(message, status)
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        log.error("bounce not noted", stack=stack_of(error))
        return LATER
    return "250 OK"


def authenticated(body: bytes, peer: str, helo: str, sender: str) -> str:
    """What SPF, DKIM and ARC say of a mail, for the officer to weigh; no proof of anything by itself.

    Source: RFC 7208, 6376, 8617.
    """
    try:
        mail = mime.split(body)
    except mime.UnreadableError:
        return "spf=none dkim=none arc=none"
    if peer.startswith("127.") or peer == "::1":
        # The operator's own mail server handed it on, and alone knows where it came from: its word stands uppermost (RFC 8601).
        noted = re.search(r"\bspf=([a-z]{1,10})", mail.first("authentication-results").lower())
        spf_said = noted[1] if noted else "none"
    else:
        spf_said = _asked(lambda: spf.check2(i=peer, s=sender, h=helo, timeout=DNS_S)[0]) if sender else "none"
    if not (mail.count("dkim-signature") or mail.count("arc-seal")):
        return f"spf={spf_said} dkim=none arc=none"
    if not _may_be_verified(mail, body):
        return f"spf={spf_said} dkim=unchecked arc=unchecked"
    # Each seal is a question to the network: a mail with more of them than forwarders there are gets none asked.
    signed, sealed = mail.count("dkim-signature") > 0, 0 < mail.count("arc-seal") <= MOST_SEALS
    dkim_said = _asked(lambda: "pass" if dkim.verify(body, timeout=DNS_S) else "fail") if signed else "none"
    arc_said = _asked(lambda: dkim.arc_verify(body, timeout=DNS_S)[0].decode()) if sealed else "none"
    return f"spf={spf_said} dkim={dkim_said} arc={arc_said}"


def _may_be_verified(mail: mime.Part, body: bytes) -> bool:
    """Whether the library that checks signatures gets through a mail in a moment: it takes quadratic time for some."""
    signatures = [value for name, value in mail.headers if name.startswith(("dkim-", "arc-"))]
    if any(len(signature) > MAX_SIGNATURE_BYTES or MANY_INSTANCES.search(signature) for signature in signatures):
        return False
    return len(body) <= MAX_SIGNED_BYTES and b" " * LONGEST_RUN not in body.replace(b"\t", b" ")


def _asked(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - an unknown sender's signature or record may break a library in any way
        log.info("authentication of a mail not checked; the mail counts all the same", stack=stack_of(error))
        return "temperror"


def _store(mail: InboundMail, raw: bytes, authentication: str) -> None:
    """Store a mail as a request or what continues one; or, where nobody may be answered, for the officer to look at."""
    from glasshouse.messages import api as messages
    from glasshouse.requests import api as requests
    from glasshouse.requests import mail_files, replies, unanswered

    is_wish = not mail.automatic and not mail.files and asks_to_stop(mail.subject, mail.text)
    # Who knows the id of a mail of ours has read it; it names the purpose, and nothing else is asked.
    if is_wish and messages.stop_by_reply(replies.our_mails(mail.replies_to)):
        return
    sender = unanswered.sender_of(mail.sender)
    if not sender:
        text = f"From: {mail.from_line}\n\n{mail.subject}\n\n{mail.text}"
        unanswered.keep("", text, mail.automatic or "senders", raw, authentication)
        return
    if reason := mail.automatic or ("ours" if unanswered.is_ours(sender) else ""):
        unanswered.keep(sender, f"{mail.subject}\n\n{mail.text}", reason, raw, authentication)
        return
    files = (*mail.files, *((mail_files.whole(raw),) if mail.left_out else ()))
    arrival = requests.Arrival(
        "mail",
        thread=mail.message_id,
        replies_to=mail.replies_to,
        authentication=authentication,
        files=files,
        left_out=mail.left_out,
    )
    replies.from_mail(sender, mail.subject, mail.text, arrival)


def take(content: bytes | str, authentication: str = "", return_path: str | None = None) -> str:
    """The answer to one mail, once it is stored. return_path: of the envelope, "" for none; None: it is not known."""
    from django.db import close_old_connections

    from glasshouse.kernel.errors import GlasshouseError, ThrottledError
    from glasshouse.requests import answering

    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    if not answering.has_room():
        log.error("mail not taken: the disk of the data folder is nearly full")
        return LATER
    try:
        mail = mail_reading.read(raw, return_path)
    except mime.UnreadableError as error:
        return f"554 5.6.0 {error}"
    except mail_reading.LaterError:
        return LATER
    try:
        close_old_connections()
        _store(mail, raw, authentication)
    except ThrottledError:
        return "452 4.2.1 Too many mails; try again later"
    except GlasshouseError as error:
        return LATER if error.status >= 500 else f"550 5.6.0 {error}"
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        log.error("mail not taken", stack=stack_of(error))
        return LATER
    return "250 OK"


class Listener(Controller):  # type: ignore[misc]
    """A controller that accepts a bounded number of connections, each for a bounded time."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._transports: set[asyncio.Transport] = set()

    def factory(self) -> SMTP:
        """A protocol for a new connection."""
        return Bounded(self, self.handler, **self.SMTP_kwargs)

    def admits(self, transport: asyncio.Transport) -> bool:
        """Whether there is a place for a connection, which it has until its transport closes."""
        # Looked at by what is open, not counted: a connection that breaks in its TLS handshake tells nobody that it went.
        self._transports = {transport for transport in self._transports if not transport.is_closing()}
        if len(self._transports) >= MAX_CONNECTIONS:
            return False
        self._transports.add(transport)
        return True


class Bounded(SMTP):  # type: ignore[misc]
    """One connection. It ends after CONNECTION_S however busy it is, so that slow ones do not use up the places."""

    def __init__(self, listener: Listener, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._listener = listener
        self._first: asyncio.Transport | None = None
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        """Begin, if there is a place. Called once more when TLS begins."""
        if self._first is None:
            self._first, self._refused = transport, not self._listener.admits(transport)
            if self._refused:
                transport.write(b"421 4.3.2 Too many connections; try again later\r\n")
                transport.close()
                return
            asyncio.get_running_loop().call_later(CONNECTION_S, transport.abort)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Nothing is heard of a connection that was refused."""
        if not self._refused:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """As above."""
        return False if self._refused else super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """As above."""
        if not self._refused:
            super().connection_lost(error)


def controller(port: int, tls: Path, handler: Any) -> Controller:
    """The listener on loopback, which speaks nothing before STARTTLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls / "server.crt", tls / "server.key")
    return Listener(
        handler,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        data_size_limit=MOST_BYTES,
        timeout=IDLE_S,
        ident="Glasshouse",
    )


def main() -> None:
    """Listen until told to stop."""
    die_with_parent()
    django.setup()
    door = controller(int(os.environ["GLASSHOUSE_MAIL_PORT"]), Path(os.environ["GLASSHOUSE_TLS"]), InboundSmtp())
    door.start()
    logs.take_uncaught()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    door.stop()


if __name__ == "__main__":
    main()
