"""Checks of privacy requests: PRI-26."""

import re
import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage

from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import mail_door, oracle
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.sink import Arrived
from glasshouse.promises.stage import Resident, Stage, on_stage

LONGEST_WAIT = timedelta(minutes=15)
ANSWERS_S = 10
# What people write, and which right that is.
LETTERS = (
    ("Please erase me", "I want to be forgotten.", "erase"),
    ("My data", "Please send me a copy of everything.", "copy"),
    ("A mistake", "My name is wrong.", "correct"),
    ("Auskunft", "Bitte geben Sie mir Auskunft.", "access"),
    ("Hello", "When are you open?", "question"),
)


@check(
    "PRI-26",
    steps=(
        "Probes write to the privacy address by SMTP with STARTTLS, each about another right; the answers are read where they "
        "arrive. Mail in the clear is tried, too.",
        "A probe answers in its thread, a stranger writes with the probe's number, and a member of the staff who is a probe "
        "answers before and after the address is confirmed by the mailed link.",
        "The same is asked by the public page.",
        "The queue of mail is looked through for what waits too long, and the mail server is asked whether it takes TLS.",
    ),
    oracle="The rows of requests and of mail, read with SQL by a role that can only read; the mails that arrived, with their "
    "headers; what the mail server says.",
)
def request_by_mail() -> Finding:
    """Mails of probes to the privacy address, and what becomes of them."""
    steps = Steps()
    with on_stage(steps) as stage:
        officer = stage.staff("privacy")
        sent = [(_written(stage, steps, subject, text), kind) for subject, text, kind in LETTERS]
        pages = _asked_by_page(stage)
        _in_the_clear(stage, steps)
        for letter, kind in sent:
            _became(stage, steps, letter, kind)
        _page_became(stage, steps, pages)
        _thread(stage, steps, officer, sent[1][0])
    _queue(steps)
    _mail_server(steps)
    return steps.judged()


def _send(letter: EmailMessage) -> bool:
    """Send a mail by SMTP with STARTTLS; whether it was taken."""
    try:
        mail_door.send(letter)
    except UnavailableError:
        return False
    return True


def _written(stage: Stage, steps: Steps, subject: str, text: str) -> EmailMessage:
    letter = mail_door.letter(stage.new_address(), subject, text)
    steps.expect("the privacy address takes a mail by SMTP with STARTTLS", _send(letter))
    return letter


def _in_the_clear(stage: Stage, steps: Steps) -> None:
    letter = mail_door.letter(stage.new_address(), "Please erase me", "In the clear")
    try:
        with smtplib.SMTP("localhost", settings.MAIL_PORT, timeout=ANSWERS_S) as server:
            server.send_message(letter)
        refused = False
    except smtplib.SMTPException:
        refused = True
    steps.expect("a mail without TLS is refused", refused and not _requests(stage, str(letter["From"])))


def _requests(stage: Stage, address: str) -> list[tuple[str, str, str, bool, str, str]]:
    """Id, kind, channel, whether the address is confirmed, outcome and key owner of the requests of an address."""
    return oracle.rows(
        "SELECT id, kind, channel, proved_at IS NOT NULL, outcome, key_owner FROM rights_request WHERE address_hash = %s "
        "ORDER BY asked_at",
        stage.hash_of(address),
    )


def _in_thread(mail: Arrived | None, letter: EmailMessage) -> bool:
    """Whether a mail program shows a mail below a letter. Source: RFC 5322, 3.6.4."""
    identity = str(letter["Message-ID"])
    return mail is not None and all(
        identity in str(mail.message[name] or "").split() for name in ("In-Reply-To", "References")
    )


def _became(stage: Stage, steps: Steps, letter: EmailMessage, kind: str) -> None:
    address = str(letter["From"])
    requests = _requests(stage, address)
    seen = [row[1:4] for row in requests]
    steps.expect(f"a mail becomes one request, to {kind}", seen == [(kind, "mail", False)], str(seen))
    mail = stage.arrival(address, "/privacy/prove/")
    steps.expect("its answer arrives, in the thread", _in_thread(mail, letter))
    steps.expect("and names the request", bool(requests) and mail is not None and f"[{requests[0][0]}]" in mail.subject)


def _asked_by_page(stage: Stage) -> list[str]:
    address = stage.new_address()
    fields = {"kind": "restrict", "region": "eu", "address": address, "text": "Probe"}
    stage.visitor().submit("/privacy", fields)
    return [address]


def _page_became(stage: Stage, steps: Steps, addresses: list[str]) -> None:
    for address in addresses:
        seen = [row[1:4] for row in _requests(stage, address)]
        steps.expect("the public page makes a request as well", seen == [("restrict", "page", False)], str(seen))
        path = stage.link(address, "privacy/prove")
        visitor = stage.visitor()
        home = str(visitor.follow(visitor.submit(path, {})).url)
        proved = [row[3] for row in _requests(stage, address)]
        steps.expect("which its mailed link confirms", proved == [True] and "/privacy/own/" in home)


def _thread(stage: Stage, steps: Steps, officer: Resident, letter: EmailMessage) -> None:
    address = str(letter["From"])
    requests = _requests(stage, address)
    if not steps.expect("the request is there to be answered", len(requests) == 1):
        return
    number = requests[0][0]
    _send(mail_door.letter(address, f"Re: Your privacy request [{number}]", "One thing more."))
    stranger = mail_door.letter(stage.new_address(), f"Re: Your privacy request [{number}]", "Let me in.")
    _send(stranger)
    written = oracle.value("SELECT count(*) FROM rights_letter WHERE request_id = %s AND sender = 'person'", number)
    steps.expect("a reply goes on in the thread", len(_requests(stage, address)) == 1 and written == 1, str(written))
    steps.expect("a stranger's mail does not", len(_requests(stage, str(stranger["From"]))) == 1)
    before = len(stage.sink.mails(address))
    answer_text = f"Nothing is held. {new_id()}"
    answer = f"/staff/requests/{number}/answer"
    refused = officer.visitor.post(answer, {"text": answer_text})
    steps.expect(
        "nothing is told before the address is confirmed", refused.status_code >= 400, str(refused.status_code)
    )
    path = stage.link(address, "privacy/prove")
    stage.visitor().get(path)
    steps.expect("opening the link confirms nothing", not _requests(stage, address)[0][3])
    stage.visitor().submit(path, {})
    steps.expect("a click on it does, and no more is asked for", _requests(stage, address)[0][3])
    officer.visitor.post(answer, {"text": answer_text})
    mail = stage.arrival(address, answer_text)
    steps.expect("the answer arrives, in the thread", _in_thread(mail, letter))
    steps.expect(
        "and no answer before it", all(answer_text not in each.text for each in stage.sink.mails(address)[:before])
    )
    steps.expect("the request is closed as answered", _requests(stage, address)[0][4] == "answered")


def _queue(steps: Steps) -> None:
    late, set_aside, stopped = oracle.rows(
        "SELECT count(*) FILTER (WHERE set_aside_at IS NULL AND refused = '' AND created_at < %s), "
        "count(*) FILTER (WHERE set_aside_at IS NOT NULL AND seen_at IS NULL), "
        "count(*) FILTER (WHERE refused <> '' AND set_aside_at IS NULL) FROM mail_message WHERE sent_at IS NULL",
        clock.now() - LONGEST_WAIT,
    )[0]
    steps.expect("no mail waits for more than 15 minutes", not late, f"{counted(late)} do")
    steps.expect("none was set aside that nobody looked at", not set_aside, f"{counted(set_aside)} were")
    steps.expect("none waits for a recipient to be registered", not stopped, f"{counted(stopped)} do")


def _mail_server(steps: Steps) -> None:
    if not settings.SMTP_HOST:
        steps.expect("a mail server is named, or this is the demo", settings.DEMO, "mail cannot leave")
        return
    try:
        with smtplib.SMTP(settings.SMTP_HOST, settings.SMTP_PORT, timeout=ANSWERS_S) as server:
            server.starttls(context=ssl.create_default_context(cafile=settings.SMTP_CA or None))
            server.ehlo()
        said = ""
    except (OSError, smtplib.SMTPException) as error:
        said = type(error).__name__
    steps.expect("the mail server answers, and takes STARTTLS", not said, re.sub(r"\W", "", said))
