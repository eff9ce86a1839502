"""Checks of passwords and sessions: SEC-05."""

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta

import argon2
import httpx

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.probes import api as probes
from glasshouse.promises import file_reader, oracle
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, open_stage

# As Django writes it: the algorithm's name, then what the reference implementation of Argon2 writes.
STORED = re.compile(
    r"argon2(?P<plain>\$argon2id\$v=19\$m=(?P<memory>\d+),t=(?P<turns>\d+),p=\d+\$[\w+/]{22,}\$[\w+/]{22,})"
)
# OWASP Password Storage Cheat Sheet, Argon2id: memory (KiB) -> least number of turns; each pair is as strong as the others.
OWASP = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))
# Short, of digits only, and known from breaches (found in the lists of passwords that were published after them).
WEAK = (
    "short-Pass1",
    "739184620573",
    "password1234",
    "1q2w3e4r5t6y",
    "qwertyuiop123",
    "passwordpassword",
    "iloveyou1234",
)
MOST_AGED = 5
MOST_TRIES, LONGEST_SESSION, LONGEST_LINK = 20, timedelta(days=31), timedelta(days=2)
LINK_LEFT = "SELECT id, expires_at FROM accounts_ticket WHERE purpose = 'reset' AND address_hash = %s"


@check(
    "SEC-05",
    steps=(
        "Every stored password is read from the database.",
        "A probe signs up. On the way it offers passwords that are short, of digits only, or known from breaches; it offers the "
        "same when it changes its password, and when it resets it.",
        "It asks for a new password by mail, and uses the link twice; another link is used after its end.",
        "It signs in from a second browser, ends that session on its page, and asks again from there; another session is made "
        "older than its end.",
        "Somebody guesses at the address until the door refuses, each time from another network.",
        "The passwords that were typed are looked for in every log of this installation that grew meanwhile.",
    ),
    oracle="The rows of accounts, sessions and mailed links, read with SQL; the reference implementation of Argon2; the costs "
    "that OWASP names; the mails that arrived; what the pages answer; the bytes of the logs.",
)
def passwords() -> Finding:
    """How passwords are stored, which are refused, guessing, resets, sessions."""
    steps, began = Steps(), time.time()
    total = _stored(steps)
    with open_stage() as stage:
        asked = stage.ask_sign_up()
        if not _weak_at_sign_up(steps, stage, asked):
            return steps.judged()
        person = stage.finish_sign_up(asked)
        typed = [person.password]
        _own_hash(steps, person)
        _weak_at_change(steps, person)
        typed.append(person.password)
        _reset(steps, stage, person)
        typed.append(person.password)
        person.visitor = stage.sign_in(person)
        _sessions(steps, stage, person)
        _guessing(steps, stage, person)
        _unlogged(steps, typed, began)
    return steps.judged(f"{counted(total)} stored passwords, all Argon2id of the recommended cost")


# -- what is stored ------------------------------------------------------------------------------------------------


def _stored(steps: Steps) -> int:
    rows = [str(row[0]) for row in oracle.rows("SELECT password FROM accounts_account")]
    weak = sum(not _strong(stored) for stored in rows)
    steps.expect(
        "every stored password is Argon2id of the cost that OWASP recommends", not weak, f"{counted(weak)} are not"
    )
    plain = (
        "SELECT (SELECT count(*) FROM accounts_session WHERE secret_hash !~ '^[0-9a-f]{64}$') "
        "+ (SELECT count(*) FROM accounts_browser WHERE secret_hash !~ '^[0-9a-f]{64}$') "
        "+ (SELECT count(*) FROM accounts_ticket WHERE secret_hash !~ '^[0-9a-f]{64}$')"
    )
    steps.expect("sessions, browsers and mailed links are stored as hashes", oracle.value(plain) == 0)
    return len(rows)


def _strong(stored: str) -> bool:
    parts = STORED.fullmatch(stored)
    return parts is not None and any(
        int(parts["memory"]) >= memory and int(parts["turns"]) >= turns for memory, turns in OWASP
    )


def _stored_of(person: Resident) -> str:
    return str(oracle.value("SELECT password FROM accounts_account WHERE id = %s", person.account))


def _is_of(stored: str, password: str) -> bool:
    """Whether a stored hash is of a password, by the reference implementation."""
    parts = STORED.fullmatch(stored)
    try:
        return parts is not None and argon2.PasswordHasher().verify(parts["plain"], password)
    except argon2.exceptions.VerifyMismatchError:
        return False


def _own_hash(steps: Steps, person: Resident) -> None:
    stored = _stored_of(person)
    steps.expect("what is stored is the Argon2id hash of the password that was typed", _is_of(stored, person.password))
    steps.expect(
        "and of no other", not _is_of(stored, person.password[:-1]) and not _is_of(stored, person.password.upper())
    )


# -- weak passwords ------------------------------------------------------------------------------------------------


def _weak_at_sign_up(steps: Steps, stage: Stage, address: str) -> bool:
    path, visitor = stage.link(address, "prove"), stage.visitor()
    fields = {"name": "Probe", "organisation": "Probe", "accept": "yes"}
    taken = [weak for weak in WEAK if visitor.post(path, fields | {"password": weak}).status_code != 400]
    return steps.expect(
        "weak and breached passwords are refused at sign-up", not taken, f"{len(taken)} of {len(WEAK)} were taken"
    )


def _weak_at_change(steps: Steps, person: Resident) -> None:
    before = _stored_of(person)
    answers = [_changed(person, weak).status_code for weak in WEAK]
    held = set(answers) == {400} and _stored_of(person) == before
    steps.expect("weak and breached passwords are refused at a change", held, str(sorted(set(answers))))
    wrong = person.visitor.submit(
        "/account", {"present": "not it, surely", "password": _password()}, action="/account/password"
    )
    steps.expect("a change needs the present password", wrong.status_code == 400 and _stored_of(person) == before)
    person.password, old = _password(), person.password
    person.visitor.submit("/account", {"present": old, "password": person.password}, action="/account/password")
    steps.expect("a good one is taken", _is_of(_stored_of(person), person.password))


def _changed(person: Resident, password: str) -> httpx.Response:
    return person.visitor.post("/account/password", {"present": person.password, "password": password})


def _password() -> str:
    return f"{secrets.token_hex(8)}-{secrets.token_hex(8)}"


# -- resets --------------------------------------------------------------------------------------------------------


def _opens(visitor: Visitor) -> bool:
    """Whether a browser is signed in."""
    return visitor.get("/account").status_code == 200


def _reset(steps: Steps, stage: Stage, person: Resident) -> None:
    other, unknown, mails = stage.sign_in(person), stage.new_address(), len(stage.sink.mails(person.address))
    answers = [stage.visitor().submit("/forgotten", {"address": address}) for address in (person.address, unknown)]
    pages = [re.sub(r'value="\w+"', "", answer.text) for answer in answers]
    steps.expect(
        "no answer tells whether an address has an account", pages[0] == pages[1] and answers[0].status_code == 200
    )
    path, visitor = stage.link(person.address, "reset", after=mails), stage.visitor()
    life = oracle.value(LINK_LEFT.replace("id, ", ""), stage.hash_of(person.address)) - clock.now()
    steps.expect("a link has an end", timedelta(0) < life <= LONGEST_LINK)
    steps.expect("to open the link changes nothing", visitor.get(path).status_code == 200 and _opens(other))
    before, new = _stored_of(person), _password()
    weak = visitor.post(path, {"password": WEAK[2]}).status_code
    steps.expect("weak passwords are refused at a reset", weak == 400 and _stored_of(person) == before, str(weak))
    visitor.post(path, {"password": new})
    steps.expect("the link sets a new password", _is_of(_stored_of(person), new))
    again = visitor.post(path, {"password": _password()}).status_code
    steps.expect("the link works once", again == 404 and _is_of(_stored_of(person), new), str(again))
    steps.expect("a reset ends every session", not _opens(other) and not _opens(person.visitor))
    steps.expect("the old password opens nothing", not _opens(stage.sign_in(person)))
    person.password, mails = new, len(stage.sink.mails(person.address))
    stage.visitor().submit("/forgotten", {"address": person.address})
    path = stage.link(person.address, "reset", after=mails)
    link = str(oracle.value(LINK_LEFT, stage.hash_of(person.address)))
    probes.date(link, "accounts_ticket", "expires_at", clock.now() - timedelta(seconds=1))
    late = visitor.post(path, {"password": _password()}).status_code
    steps.expect("a link that has ended is refused", late == 404 and _is_of(_stored_of(person), new), str(late))


# -- sessions ------------------------------------------------------------------------------------------------------


def _session(visitor: Visitor) -> tuple[str, timedelta]:
    """Id and length of the session that a browser's cookie names, found by the cookie's hash. "": there is none."""
    digest = hashlib.sha256((visitor.cookies.get("__Host-session") or "").encode()).hexdigest()
    sessions = oracle.rows("SELECT id, expires_at - created_at FROM accounts_session WHERE secret_hash = %s", digest)
    return (str(sessions[0][0]), sessions[0][1]) if sessions else ("", timedelta(0))


def _sessions(steps: Steps, stage: Stage, person: Resident) -> None:
    second, visitor = stage.sign_in(person), stage.visitor()
    answer = visitor.submit("/sign-in", {"address": person.address, "password": person.password})
    cookie = next(
        (text for text in answer.headers.get_list("set-cookie") if text.startswith("__Host-session=")), ""
    ).lower()
    flags = all(flag in cookie for flag in ("; secure", "; httponly", "; samesite=", "; path=/"))
    steps.expect("a session's cookie is kept from scripts, other sites and plain connections", flags)
    (ended, _), (aged, life) = _session(second), _session(visitor)
    steps.expect(
        "a session is found by the hash of its cookie, and has an end",
        bool(ended) and timedelta(0) < life <= LONGEST_SESSION,
    )
    shown = person.visitor.get("/account/security").text
    steps.expect(
        "every session is listed on the person's page",
        all(f"/account/sessions/{session}/end" in shown for session in (ended, aged)),
    )
    was_in = _opens(second)
    person.visitor.submit("/account/security", {}, action=f"/account/sessions/{ended}/end")
    steps.expect("a session that is ended on the page is dead at the next request", was_in and not _opens(second))
    steps.expect("the others live on", _opens(person.visitor) and _opens(visitor))
    _past_its_end(steps, stage, person, visitor)
    stolen = stage.visitor()
    stolen.cookies.update(person.visitor.cookies)
    person.visitor.post("/sign-out")
    steps.expect("signed out, its cookie opens nothing any more", not _opens(stolen))


def _past_its_end(steps: Steps, stage: Stage, person: Resident, visitor: Visitor) -> None:
    """Ask with a session that is past its end, and is there: the worker deletes such rows of probes every second."""
    for _ in range(MOST_AGED):
        aged = _session(visitor)[0]
        probes.date(aged, "accounts_session", "expires_at", clock.now() - timedelta(seconds=1))
        dead, there = not _opens(visitor), _session(visitor)[0] == aged
        if there or not dead:
            steps.expect("a session past its end is dead, while its row is there", dead)
            return
        visitor = stage.sign_in(person)
    steps.note("a session past its end: each was deleted before it could be tried")


# -- guessing ------------------------------------------------------------------------------------------------------


def _guessing(steps: Steps, stage: Stage, person: Resident) -> None:
    """Guess at an address, each try from a network of its own, as a hostile crowd would."""
    answers = list(_guesses(stage, person.address))
    slowed = [answer.status_code for answer in answers].count(429) > 0
    steps.expect(
        f"guessing is slowed within {MOST_TRIES} tries, wherever they come from", slowed, f"{len(answers)} were not"
    )
    steps.expect("while it is slowed, not even the right password opens", not _opens(stage.sign_in(person)))


def _guesses(stage: Stage, address: str) -> Iterator[httpx.Response]:
    for _ in range(MOST_TRIES):
        yield (answer := stage.visitor().post("/sign-in", {"address": address, "password": f"guess-{new_id()}"}))
        if answer.status_code == 429:
            return


# -- logs ----------------------------------------------------------------------------------------------------------


def _unlogged(steps: Steps, typed: list[str], began: float) -> None:
    """No log has a password. began: epoch s; what was written before is not looked at."""
    search = file_reader.look_in_logs(typed, began=began)
    if search.count:
        steps.expect("no log holds a password that was typed", not search.places, ", ".join(search.places[:3]))
    else:
        steps.note("the logs: no file of the data folder is one that grew meanwhile")
