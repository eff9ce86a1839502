"""Breakages of privacy requests: PRI-26, PRI-27, PRI-28."""

from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import (
    Breakage,
    Code,
    Configuration,
    Environment,
    Place,
    answering,
    changed_rows,
    executed,
    stopped,
)

SMTP, DEADLINES = "glasshouse/operations/inbound_smtp.py", "glasshouse/requests/legal_deadlines.py"
LAWS, CORRECTING = "glasshouse/requests/laws.py", "glasshouse/requests/correcting.py"
ASKED_FOR, NOTES = "glasshouse/subject/asked_for.py", "glasshouse/requests/notes.py"
THREADS, REPLIES = "glasshouse/requests/threads.py", "glasshouse/requests/replies.py"
CASES = "glasshouse/requests/cases.py"
REFERRALS, REMINDERS = "glasshouse/requests/referrals.py", "glasshouse/requests/reminders.py"
WAITING = changed_rows(
    "mail_message",
    "id = (SELECT id FROM mail_message WHERE sent_at IS NOT NULL ORDER BY created_at DESC LIMIT 1)",
    sent_at="NULL",
    created_at="now() - interval '20 minutes'",
)


@contextmanager
def _worker_stopped_long_ago(place: Place) -> Iterator[None]:
    with stopped(place, "worker"), executed(place, WAITING):
        yield


@contextmanager
def _worker_stopped(place: Place) -> Iterator[None]:
    with stopped(place, "worker"):
        yield


@contextmanager
def _no_mail_server(place: Place) -> Iterator[None]:
    with place.without_mail_server():
        yield


BREAKAGES = (
    Breakage(
        "PRI-26",
        "nothing has left the queue for twenty minutes",
        Environment(_worker_stopped_long_ago),
    ),
    Breakage("PRI-26", "nothing leaves the queue from now on", Environment(_worker_stopped)),
    Breakage("PRI-26", "the mail server is away", Environment(_no_mail_server)),
    Breakage(
        "PRI-26",
        "mail is handed to a port on which nobody listens",
        Configuration({"GLASSHOUSE_SMTP_PORT": "9"}, ("worker",)),
    ),
    Breakage(
        "PRI-26",
        "a mail to the privacy address opens no request",
        Code(
            SMTP,
            "    replies.from_mail(sender, mail.subject, mail.text, arrival)\n",
            "    str(arrival)\n",
            ("inbound smtp",),
        ),
    ),
    Breakage(
        "PRI-27",
        "the database finds no customer that entered an address",
        answering(
            "glasshouse_invitations_for(hash text)",
            "SETOF access_invitation",
            "SELECT * FROM access_invitation WHERE false",
        ),
    ),
    Breakage(
        "PRI-27",
        "a request is passed to a customer, and the customer is not told",
        Code(
            REFERRALS,
            "        _tell_contacts(organisation, asked)\n",
            "",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-27",
        "a customer reads what the person wrote",
        Code(
            REFERRALS,
            "                requests_by_id[row.request_id].kind,\n",
            '                f"{requests_by_id[row.request_id].kind}: {requests_by_id[row.request_id].text}",\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-27",
        "a customer whose day has passed is not reminded",
        Code(
            REFERRALS,
            '        _tell_contacts(organisation, mail.Templated("requests/mails/referral_late", '
            '{"organisation": organisation}))\n',
            "",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-28",
        "the law of Brazil has 150 days",
        Code(LAWS, '"LGPD Art. 19(II)", days=15)', '"LGPD Art. 19(II)", days=150)', ("web", "inbound smtp", "worker")),
    ),
    Breakage(
        "PRI-28",
        "an extension under the law of California lasts 450 days",
        Code(LAWS, "        days=45,\n        more_days=45,\n", "        days=45,\n        more_days=450,\n", ("web",)),
    ),
    Breakage(
        "PRI-28",
        "an opt-out of sale has 45 days, as any other request",
        Code(
            DEADLINES,
            "    if kind in OBJECTIONS and law.objection_business_days:\n        return",
            "    if False:\n        return",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "a deadline that a correction makes later is told to nobody",
        Code(CORRECTING, "only_stored=request.due_at <= was_due_at", "only_stored=True", ("web",)),
    ),
    Breakage(
        "PRI-28",
        "a request is past its deadline",
        changed_rows("rights_request", "closed_at IS NULL", due_at="now() - interval '1 day'", escalated="2"),
        quick=True,
    ),
    Breakage(
        "PRI-28",
        "the deadline of a request was moved without an extension",
        changed_rows("rights_request", "closed_at IS NULL", due_at="due_at + interval '1 year'"),
    ),
    Breakage(
        "PRI-28",
        "one officer alone erases a guest",
        Code(
            ASKED_FOR,
            "    return has_account or access.others_with(actor, Permission.REQUEST_ANSWER) > 0\n",
            "    return False\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "the officer who asked for an erasure agrees to it, too",
        Code(ASKED_FOR, "        return asked.erasure_by == actor.account\n", "        return False\n", ("web",)),
    ),
    Breakage(
        "PRI-28",
        "an officer's note is mailed to the person",
        Code(
            NOTES,
            "    events.record(actor, Kind.REQUEST_NOTED, request.id)\n",
            "    events.record(actor, Kind.REQUEST_NOTED, request.id)\n"
            "    from glasshouse.requests import api\n"
            '    api.write(request, "requests/mails/word_between", {"text": text, "due_at": request.due_at})\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "an officer's note is lost",
        Code(NOTES, "    note.save(force_insert=True)\n", "    str(note)\n", ("web",)),
    ),
    Breakage(
        "PRI-28",
        "a request is merged into one of another address",
        Code(
            THREADS,
            "    if request.id == target.id or not request.address or request.address_hash != target.address_hash:\n",
            "    if request.id == target.id:\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "the later deadline of two merged requests counts",
        Code(
            THREADS,
            "    due_at = min(request.due_at, target.due_at)\n    target.asked_back_at",
            "    due_at = target.due_at\n    target.asked_back_at",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "what was merged is shown to no officer",
        Code(
            CASES,
            "        merged=threads.merged_into([request.id]).get(request.id, []),\n",
            "        merged=[],\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-28",
        "a request waits for the person who has answered",
        Code(
            REPLIES,
            "        Request.objects.filter(id=request.id).update(asked_back_at=None)\n",
            "",
            ("web", "inbound smtp"),
        ),
    ),
    Breakage(
        "PRI-28",
        "no officer is reminded of a deadline",
        Code(REMINDERS, "    _remind(request, everybody=step == 2)\n", "", ("worker",)),
    ),
)
