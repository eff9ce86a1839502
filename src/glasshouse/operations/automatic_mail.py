"""Which mails are never answered by a machine: those of other machines, of lists, and those that say so. Pure.

An answer to one would go to nobody, to many, or round in circles. They open no request; the officer sees them.
Source: RFC 3834, 2; RFC 5230, 4.6; RFC 2919, 2369; RFC 3464, 3798; MS-OXCMAIL 2.2.3.2.14 (X-Auto-Response-Suppress).
"""

import re

from glasshouse.operations.mime import Part

MOST_HOPS = 100  # RFC 5321, 6.3
# Old programs of answering machines say it by headers of their own.
MACHINES = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponse", "x-mail-autoreply", "x-vacation")
DAEMON = re.compile(
    r"mailer-daemon|mail-daemon|postmaster|listserv|majordomo|no-?reply([-+._].*)?|do-?not-?reply([-+._].*)?"
    r"|owner-.+|.+-(request|bounces?|owner)|bounces?([-+._].*)?",
    re.DOTALL,
)


def reason(mail: Part, sender: str, return_path: str | None) -> str:
    """Why a mail is answered by nobody but a person, as a code of `requests.models.Unanswered`; "" where nothing says so.

    return_path: of the SMTP envelope, "" or "<>": none; None: it is not known.
    """
    paths = [path for path in (return_path, _path(mail)) if path is not None]
    submitted = mail.first("auto-submitted").lower().partition(";")[0].partition("(")[0].strip()
    suppress = mail.first("x-auto-response-suppress").lower().strip()
    precedence = mail.first("precedence").lower().partition("(")[0].strip()
    locals_ = [address.strip("<>").rpartition("@")[0].lower() for address in (sender, *paths)]
    signs = {
        "null_path": any(path.strip() in ("", "<>") for path in paths),
        "report": mail.content().get_content_type() in ("multipart/report", "message/delivery-status"),
        "submitted": submitted not in ("", "no"),
        "machine": any(mail.count(name) for name in MACHINES),
        "list": any(name.startswith("list-") for name, _ in mail.headers),
        "precedence": precedence in ("bulk", "list", "junk", "auto_reply"),
        "suppress": suppress not in ("", "none"),
        "daemon": any(DAEMON.fullmatch(local) for local in locals_),
    }
    return next((name for name, is_seen in signs.items() if is_seen), "")


def _path(mail: Part) -> str | None:
    """The return path as the last server wrote it into the mail; None where there is none."""
    return mail.first("return-path") if mail.count("return-path") else None
