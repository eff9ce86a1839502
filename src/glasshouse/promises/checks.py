"""The live checks. Each gathers evidence from the running deployment and can fail; a test makes it fail."""

import contextlib
import logging
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Account
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.errors import GlasshouseError, ThrottledError, stack_of
from glasshouse.kernel.ids import new_id
from glasshouse.promises import access_checks, choice_checks, evidence, privacy_checks, probe, readable
from glasshouse.promises.findings import Finding, State, judge

log = logging.getLogger("glasshouse.promises")
ARGON2 = re.compile(r"^argon2\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")
LEAST_MEMORY_KIB, LEAST_TURNS = 19_456, 2  # OWASP Password Storage Cheat Sheet


def passwords() -> Finding:
    """SEC-05: every stored credential is Argon2id of at least the recommended cost; guessing at one address is slowed."""
    total = weak = 0
    for stored in Account.objects.values_list("password", flat=True).iterator():
        total += 1
        match = ARGON2.match(stored)
        weak += not match or int(match[1]) < LEAST_MEMORY_KIB or int(match[2]) < LEAST_TURNS
    open_door = not _guessing_is_throttled()
    told = f"{total - weak} of {total} stored passwords are Argon2id of the recommended cost"
    return judge(weak == 0 and not open_door, f"{told}; guessing is {'not ' if open_door else ''}slowed")


def _guessing_is_throttled() -> bool:
    address = f"probe{new_id()}@canary.invalid"
    for _ in range(11):
        try:
            accounts.sign_in(address, "not it, surely", Visit(f"probe-{address}"))
        except ThrottledError:
            return True
        except GlasshouseError:
            continue
    return False


def transport() -> Finding:
    """SEC-07: each listener speaks TLS 1.2 or newer, refuses older, and answers no plain HTTP."""
    authority, wrong, good = settings.TLS_FOLDER / "ca.crt", [], []
    for port in evidence.listeners():
        good.append(evidence.handshake(port, authority))
        with contextlib.suppress(OSError):  # Refused, as it must be.
            wrong.append(f"port {port} accepts {evidence.handshake(port, authority, version=ssl.TLSVersion.TLSv1_1)}")
        if evidence.plaintext_answer(port).startswith(b"HTTP/"):
            wrong.append(f"port {port} answers plain HTTP")
    port = settings.MAIL_PORT
    good.append(evidence.mail_handshake(port, authority))
    with contextlib.suppress(OSError):  # Refused, as it must be.
        wrong.append(
            f"the mail port accepts {evidence.mail_handshake(port, authority, version=ssl.TLSVersion.TLSv1_1)}"
        )
    if evidence.mail_in_the_clear(port):
        wrong.append("the mail port takes mail in the clear")
    return judge(
        not wrong, "; ".join(wrong) or f"{len(good)} listeners, {' and '.join(sorted(set(good)))}; 1.1 refused"
    )


def sealed() -> Finding:
    """SEC-08: what a probe customer wrote, and is just sending, stands in no byte of what the processes can write."""
    began = time.time()
    with probe.walked() as canaries, probe.sending(canaries):
        search = readable.look(canaries.all(), began=began)
    count, found = search.count, search.places
    disk = Path(settings.DATA_FOLDER) / "crops" / "raw" / "sealed"
    open_files = [path.name for path in evidence.files(disk) if not evidence.begins_encrypted(path)]
    if found or open_files:
        return Finding(
            State.NOT_KEPT, f"readable in {', '.join([*found, *open_files][:3])} ({len(found) + len(open_files)} files)"
        )
    return judge(count > 0, f"{len(canaries.all())} canaries in none of {count} files")


def apart() -> Finding:
    """SEC-10: no personal column in the crop schema; the people plane's role opens no other database and vice versa."""
    personal = [
        f"{table}.{column}" for table, column, klass in evidence.crop_columns() if klass not in ("crop", "technical")
    ]
    crossed = [f"{role} opens {base}" for role, base in (("app", "vault"), ("vault", "people")) if _opens(role, base)]
    told = [name for name in ("disk.key", "wal.key", "token.key") if (settings.KEYS_FOLDER / name).exists()]
    wrong = [*personal, *crossed, *told]
    return judge(not wrong, "; ".join(wrong) or "no personal column in the crop store; 2 of 2 crossings refused")


def _opens(role: str, base: str) -> bool:
    config = settings.DATABASES["default"]
    secret = (settings.KEYS_FOLDER / f"{role}.secret").read_text()
    try:
        psycopg.connect(host=str(config["HOST"]), user=f"glasshouse_{role}", password=secret, dbname=base).close()
    except psycopg.OperationalError:
        return False
    return True


def classed() -> Finding:
    """PRI-02: every column of every store is in the data map."""
    known = {(row.store, row.table, row.column) for row in evidence.whole_map() if row.entry}
    real = evidence.people_columns() + [("crops", table, column) for table, column, _ in evidence.crop_columns()]
    missing = [".".join(column) for column in real if column not in known]
    return judge(not missing, "; ".join(missing[:3]) or f"{len(real)} columns in 3 stores, all classed")


CHECKS: dict[str, Callable[[], Finding]] = {
    "SEC-01": access_checks.layers,
    "SEC-02": access_checks.invitation,
    "SEC-03": access_checks.permissions,
    "SEC-04": access_checks.support,
    "SEC-05": passwords,
    "SEC-06": access_checks.two_steps,
    "SEC-07": transport,
    "SEC-08": sealed,
    "SEC-10": apart,
    "PRI-01": choice_checks.accepted,
    "PRI-02": classed,
    "PRI-03": choice_checks.announced,
    "PRI-05": choice_checks.withheld,
    "PRI-08": choice_checks.sourced,
    "PRI-15": choice_checks.disclosed,
    "PRI-16": choice_checks.demanded,
    "PRI-18": privacy_checks.none_too_old,
    "PRI-19": privacy_checks.swept,
    "PRI-21": privacy_checks.seen,
    "PRI-22": privacy_checks.copied,
    "PRI-23": choice_checks.restricted,
    "PRI-24": privacy_checks.erased,
    "PRI-25": choice_checks.objected,
    "PRI-26": privacy_checks.mailed,
    "PRI-27": choice_checks.referred,
    "PRI-28": privacy_checks.in_time,
}


def check(promise: str) -> Finding:
    """Run a promise's check. What keeps a check from looking is told as such, never as kept."""
    if promise not in CHECKS:
        return Finding(State.UNPROVEN, "no check yet")
    try:
        return CHECKS[promise]()
    except (GlasshouseError, OSError) as error:
        return Finding(State.CANNOT_TELL, str(error)[:200])
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        # The error's text is not shown: nobody has written it for a public page.
        log.error("the check of %s failed\n%s", promise, stack_of(error))
        return Finding(State.CANNOT_TELL, f"the check itself failed with {type(error).__name__}")
    finally:
        if connection.needs_rollback and not connection.in_atomic_block:
            connection.close()
