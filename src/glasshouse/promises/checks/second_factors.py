"""Checks of two-step verification: SEC-06."""

import re
from datetime import datetime, timedelta

import pyotp

from glasshouse.kernel import clock
from glasshouse.probes import api as probes
from glasshouse.promises import authenticator, oracle
from glasshouse.promises.authenticator import App
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.stage import MAIL_S, Resident, Stage, open_stage

CODES, MOST_TRIES = 10, 10
LEAST_DELAY = timedelta(hours=24)
OWN_PAGES = ("/account", "/account/security", "/account/data", "/account/security/add/app", "/account/data/choices")
PAGES = ("", "chart", "sites", "members", "import", "events", "settings", "support", "tokens", "my-access")
FACTORS = "SELECT count(*) FROM accounts_second_step WHERE account_id = %s AND confirmed_at IS NOT NULL"


@check(
    "SEC-06",
    steps=(
        "A probe sets up an authenticator app by its page, and a code by text message is offered beside it. A second member of "
        "its organisation does the same.",
        "The right password alone is typed in another browser, and the pages of person and organisation are asked for.",
        "A made-up code, the right one, the same one again, a recovery code, and the same one again are tried; then codes are "
        "guessed until the door refuses.",
        "The password is reset by mail, in a browser that was trusted before; the new password alone is tried there.",
        "An administrator asks to remove the other member's second factor. The password alone is tried while that waits; it is "
        "stopped by the mailed link, asked for again, and let come to its day.",
        "The administrator requires two-step verification of everyone; a member without it asks for every page.",
    ),
    oracle="A library of authenticator apps that the check asks for codes (RFC 6238); the rows of second factors, recovery codes "
    "and removals, read with SQL; the mails that arrived; what the pages answer.",
)
def sign_in_needs_both() -> Finding:
    """Each way in and each way to recover, for accounts with two-step verification."""
    steps = Steps()
    with open_stage() as stage:
        owner = stage.grower()
        invited = [stage.invite(owner, role) for role in ("viewer", "grower")]
        member, plain = (stage.join(address, organisation=owner.organisation) for address in invited)
        member_visit = member.visitor
        apps = {person.account: _set_up(steps, person) for person in (owner, member)}
        if None in apps.values():
            return steps.judged()
        _delayed_removal(steps, stage, owner, member)
        _required(steps, owner, plain)
        _ways_in(steps, stage, owner, apps[owner.account])  # type: ignore[arg-type]
        _password_reset(steps, stage, member, member_visit)
    steps.note("a code by text message, which would go to somebody's telephone; and a passkey, which a browser makes")
    steps.note("the day on which a removal is done, which is not waited for")
    share = _everywhere(steps)
    return steps.judged(share)


def _set_up(steps: Steps, person: Resident) -> App | None:
    """Set up an authenticator app by the page; None where that did not work."""
    app, visitor = authenticator.set_up(person.visitor), person.visitor
    if not steps.expect("an authenticator app can be set up: the page shows its key", app is not None) or app is None:
        return None
    confirmed = oracle.value(FACTORS, person.account)
    steps.expect(
        "its first code confirms it, and ten recovery codes are shown", confirmed == 1 and len(app.codes) == CODES
    )
    number = 'name="number"' in visitor.get("/account/security/add/text").text
    passkey = 'id="passkey"' in visitor.get("/account/security").text
    steps.expect("a code by text message, and a passkey, are offered too", number and passkey)
    return app if confirmed == 1 and app.codes else None


def _opened(visitor: Visitor, organisation: str) -> list[str]:
    """Which pages of a person and of their organisation a browser opens, or is not led from to the way in."""
    paths = [*OWN_PAGES, *(f"/o/{organisation}/{page}" for page in PAGES)]
    answers = [(path, visitor.get(path)) for path in paths]
    return [path for path, answer in answers if not answer.headers.get("location", "").startswith("/sign-in")]


def _with_code(visitor: Visitor, code: str, **more: str) -> int:
    """Type a code of the second factor; returns the status of the answer."""
    return visitor.submit("/second-factor", {"code": code} | more).status_code


# -- ways in -------------------------------------------------------------------------------------------------------


def _ways_in(steps: Steps, stage: Stage, owner: Resident, app: App) -> None:
    browser = stage.sign_in(owner)
    opened = _opened(browser, owner.organisation)
    cookie = browser.cookies.get("__Host-session")
    steps.expect("the password alone opens no page", not opened and not cookie, ", ".join(opened[:3]))
    near = {app.code(steps=step) for step in (-1, 0, 1)}
    made_up = next(f"{number:06d}" for number in range(1_000) if f"{number:06d}" not in near)
    status = _with_code(browser, made_up)
    steps.expect("a made-up code is refused", status == 400 and _opened(browser, owner.organisation) == [], str(status))
    code = app.code()
    _with_code(browser, code)
    steps.expect(
        "the password and the app's code together open the account", browser.get("/account").status_code == 200
    )
    second = stage.sign_in(owner)
    status = _with_code(second, code)
    steps.expect(
        "a code that was used is refused", status == 400 and not _opened(second, owner.organisation), str(status)
    )
    _with_code(second, app.codes[0])
    steps.expect("a recovery code opens in the app's place", second.get("/account").status_code == 200)
    third = stage.sign_in(owner)
    status = _with_code(third, app.codes[0])
    steps.expect("a recovery code works once", status == 400 and not _opened(third, owner.organisation), str(status))
    used = oracle.rows("SELECT code_hash, used_at FROM accounts_recovery_code WHERE account_id = %s", owner.account)
    hashed = all(re.fullmatch("[0-9a-f]{64}", str(code_hash)) for code_hash, _ in used)
    count = sum(used_at is not None for _, used_at in used)
    steps.expect("recovery codes are stored as hashes, and one of them is used up", hashed and count == 1, str(count))
    answers = [_with_code(third, made_up)]
    while answers[-1] == 400 and len(answers) < MOST_TRIES:
        answers.append(_with_code(third, made_up))
    last = _with_code(third, app.code(steps=1))
    held = answers[-1] == 429 and last == 429 and not _opened(third, owner.organisation)
    steps.expect(f"guessing codes is stopped within {MOST_TRIES} tries, right ones too", held, str([*answers, last]))


# -- recovery paths ------------------------------------------------------------------------------------------------


def _removals(account: str) -> list[tuple[datetime, datetime]]:
    """When removals of a person's second factor were asked for, and when they are due."""
    return [
        (asked, due)
        for asked, due in oracle.rows(
            "SELECT created_at, due_at FROM accounts_step_reset WHERE account_id = %s", account
        )
    ]


def _delayed_removal(steps: Steps, stage: Stage, owner: Resident, member: Resident) -> None:
    path, mails = owner.page(f"members/{member.account}/reset-second-factor"), len(stage.sink.mails(member.address))
    owner.visitor.post(path)
    asked = _removals(member.account)
    waits = len(asked) == 1 and asked[0][1] - asked[0][0] >= LEAST_DELAY
    steps.expect("an administrator's removal of a second factor waits a day at least", waits)
    browser = stage.sign_in(member)
    opened = _opened(browser, owner.organisation)
    held = not opened and oracle.value(FACTORS, member.account) == 1
    steps.expect("meanwhile the password alone opens no page", held, ", ".join(opened[:3]))
    mail = stage.sink.wait(member.address, within_s=MAIL_S, holding="/stop-reset/", after=mails)
    if not steps.expect("the person is told by mail at once, with a link to stop it", mail is not None):
        return
    link = stage.link(member.address, "stop-reset", after=mails)
    stage.visitor().get(link)
    steps.expect("to open the link stops nothing yet", len(_removals(member.account)) == 1)
    stage.visitor().submit(link, {})
    steps.expect(
        "its button stops the removal", _removals(member.account) == [] and oracle.value(FACTORS, member.account) == 1
    )
    owner.visitor.post(path)


def _password_reset(steps: Steps, stage: Stage, member: Resident, browser: Visitor) -> None:
    """Reset the password in the browser that the person signed up with, and trusts."""
    mails = len(stage.sink.mails(member.address))
    stage.visitor().submit("/forgotten", {"address": member.address})
    browser.post("/sign-out")
    trusted = oracle.rows("SELECT id FROM accounts_browser WHERE account_id = %s", member.account)
    for (number,) in trusted:
        probes.date(str(number), "accounts_browser", "trusted_until", clock.now() + timedelta(days=1))
    browser.submit("/sign-in", {"address": member.address, "password": member.password})
    if not steps.expect("a trusted browser is asked for the password only", browser.get("/account").status_code == 200):
        return
    new = f"{pyotp.random_base32()}-probe"
    browser.submit(stage.link(member.address, "reset", after=mails), {"password": new})
    browser.submit("/sign-in", {"address": member.address, "password": new})
    opened = _opened(browser, member.organisation)
    steps.expect(
        "a reset of the password does not get past the second factor, not even in a trusted browser",
        not opened and browser.get("/second-factor").status_code == 200 and oracle.value(FACTORS, member.account) == 1,
        ", ".join(opened[:3]),
    )


# -- requirement ---------------------------------------------------------------------------------------------------


def _required(steps: Steps, owner: Resident, plain: Resident) -> None:
    before = plain.visitor.get(owner.page()).status_code
    owner.visitor.submit(owner.page("settings"), {"whom": "all"})
    answers = {page: plain.visitor.get(owner.page(page)) for page in PAGES}
    passed = [
        page
        for page, answer in answers.items()
        if not answer.headers.get("location", "").startswith("/account/security")
    ]
    sent = plain.visitor.post(owner.page("my-access"), {"role": "administrator", "reason": "probe", "all_sites": "yes"})
    asked = oracle.value("SELECT count(*) FROM access_request WHERE organisation_id = %s", owner.organisation)
    steps.expect("an administrator can require it of everyone", before == 200 and answers[""].status_code == 302)
    steps.expect("a member without it opens no page of the organisation", not passed, ", ".join(passed[:3]))
    steps.expect("and sends no form", asked == 0 and sent.status_code != 200, str(sent.status_code))
    steps.expect("who has it goes on", owner.visitor.get(owner.page()).status_code == 200)
    if _set_up(steps, plain) is not None:
        steps.expect("with it set up, the member is let in", plain.visitor.get(owner.page()).status_code == 200)


def _everywhere(steps: Steps) -> str:
    late = oracle.value("SELECT count(*) FROM accounts_step_reset WHERE due_at < now() - interval '10 minutes'")
    steps.expect("no removal is left undone after its day", late == 0)
    # An authenticator that was confirmed or used counts, or a password alone opens its account again.
    lost = oracle.value(
        "SELECT count(*) FROM accounts_second_step s WHERE confirmed_at IS NULL AND (used_at IS NOT NULL OR EXISTS ("
        "SELECT FROM events_event e WHERE e.kind = 'accounts:second-step:add' AND e.subject = s.id))"
    )
    steps.expect("no second factor that was confirmed or used counts as unconfirmed", not lost, counted(lost or 0))
    total = oracle.value("SELECT count(*) FROM accounts_account")
    having = oracle.value("SELECT count(DISTINCT account_id) FROM accounts_second_step WHERE confirmed_at IS NOT NULL")
    return f"{counted(having)} of {counted(total)} accounts have a second factor"
