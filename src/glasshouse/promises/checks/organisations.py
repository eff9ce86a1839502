"""Checks of who belongs to a customer: SEC-02."""

import re
from datetime import timedelta

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.probes import api as probes
from glasshouse.promises import oracle
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import MAIL_S, Resident, Stage, open_stage

LONGEST_LIFE = timedelta(days=60)
# Members of whom the ledger tells neither that they founded their customer nor that they accepted an invitation to it: by role.
UNINVITED = (
    "SELECT m.role, count(*) FROM access_membership m WHERE NOT EXISTS (SELECT FROM events_event e "
    "WHERE e.organisation_id = m.organisation_id AND e.actor = m.account_id "
    "AND e.kind IN ('access:organisation:create', 'access:invitation:accept')) GROUP BY 1"
)


@check(
    "SEC-02",
    steps=(
        "A probe signs up, makes two sites and invites new addresses by its page, each as a viewer of one site.",
        "Each invitation is read where its mail arrives. It is tried with another address, with another account, rightly, a "
        "second time, after it was revoked, after it was sent anew, and after its end.",
        "Whoever got in opens the pages of both sites, and the page by which people are invited.",
        "Every membership is looked through for one whose founding or accepted invitation is not in the ledger.",
    ),
    oracle="The rows of memberships, invitations and events, read with SQL by a role that can only read; the mails that arrived; "
    "the pages that the member is shown.",
)
def invitation() -> Finding:
    """The life of a probe's invitations."""
    steps = Steps()
    with open_stage() as stage:
        owner = stage.grower()
        own_site, other_site = (f"Probe {new_id()}" for _ in range(2))
        site = stage.site(owner, own_site)
        stage.site(owner, other_site)
        _first(stage, steps, owner, site, (own_site, other_site))
        _ended(stage, steps, owner)
    uninvited = sum(int(count) for _, count in oracle.rows(UNINVITED))
    steps.expect("of each member here the ledger tells how they came in", not uninvited, f"not of {counted(uninvited)}")
    return steps.judged()


def _members(organisation: str) -> list[tuple[str, str, list[str] | None]]:
    """Account, role and sites of each member."""
    members = oracle.rows(
        "SELECT account_id, role, sites FROM access_membership WHERE organisation_id = %s", organisation
    )
    return [(str(account), str(role), sites) for account, role, sites in members]


def _tried(stage: Stage, path: str, address: str) -> None:
    """Try to come in by a link, as a new person with an address."""
    fields = {"name": "Probe", "address": address, "password": f"{new_id()}-{new_id()}", "accept": "yes"}
    stage.visitor().post(path, fields)


def _first(stage: Stage, steps: Steps, owner: Resident, site: str, names: tuple[str, str]) -> None:
    address = stage.invite(owner, "viewer", [site])
    mail = stage.sink.wait(address, within_s=MAIL_S, holding="/invitation/")
    if not steps.expect("an invitation leaves by mail to the invited address", mail is not None):
        return
    path = stage.link(address, "invitation")
    row = oracle.rows(
        "SELECT expires_at - created_at FROM access_invitation WHERE organisation_id = %s", owner.organisation
    )
    steps.expect("an invitation has an end", bool(row) and timedelta(0) < row[0][0] <= LONGEST_LIFE)
    _tried(stage, path, stage.new_address())
    steps.expect("another address is refused", len(_members(owner.organisation)) == 1)
    stranger = stage.grower()
    stranger.visitor.post(path)
    steps.expect("another account is refused", len(_members(owner.organisation)) == 1)
    guest = stage.join(address, organisation=owner.organisation)
    joined = [member for member in _members(owner.organisation) if member[0] == guest.account]
    steps.expect("the invited address comes in", len(joined) == 1)
    steps.expect(
        "with the role of the invitation", [role for _, role, _ in joined] == ["viewer"], str([m[1] for m in joined])
    )
    steps.expect("with its sites only", [sites for _, _, sites in joined] == [[site]])
    shown = guest.visitor.get(owner.page("sites")).text
    steps.expect("its site is shown to the member, the other is not", names[0] in shown and names[1] not in shown)
    refused = (
        guest.visitor.get(owner.page("members")).status_code == 403
        or 'name="address"' not in guest.visitor.get(owner.page("members")).text
    )
    answer = guest.visitor.post(owner.page("members/invite"), {"address": stage.new_address(), "role": "administrator"})
    steps.expect("a viewer invites nobody", refused and answer.status_code == 403, str(answer.status_code))
    members = len(_members(owner.organisation))
    _tried(stage, path, address)
    stranger.visitor.post(path)
    steps.expect("an invitation works once", len(_members(owner.organisation)) == members)
    owner.visitor.post(owner.page(f"members/{guest.account}/remove"))
    steps.expect("a member is removed", len(_members(owner.organisation)) == members - 1)
    guest.visitor.post(path)
    steps.expect("a used invitation lets nobody back in", len(_members(owner.organisation)) == members - 1)


def _invitation(owner: Resident, but: set[str]) -> str:
    """Id of the newest invitation of the organisation that is not among those."""
    rows = oracle.rows("SELECT id FROM access_invitation WHERE organisation_id = %s", owner.organisation)
    return next((str(row[0]) for row in rows if row[0] not in but), "")


def _ended(stage: Stage, steps: Steps, owner: Resident) -> None:
    known: set[str] = {str(row[0]) for row in oracle.rows("SELECT id FROM access_invitation")}
    first_address = stage.invite(owner, "viewer")
    first = _invitation(owner, known)
    path = stage.link(first_address, "invitation")
    members = len(_members(owner.organisation))
    owner.visitor.submit(owner.page("members"), {}, action=f"/invitations/{first}/revoke")
    _tried(stage, path, first_address)
    steps.expect("a revoked invitation is refused", len(_members(owner.organisation)) == members)

    second_address = stage.invite(owner, "viewer")
    second = _invitation(owner, known | {first})
    old = stage.link(second_address, "invitation")
    owner.visitor.submit(owner.page("members"), {}, action=f"/invitations/{second}/resend")
    again = stage.sink.wait(second_address, within_s=MAIL_S, holding="/invitation/") and re.search(
        r"/invitation/[A-Za-z0-9_-]+", stage.mail(second_address, holding="/invitation/", after=1).text
    )
    steps.expect("an invitation is sent anew, with a link of its own", bool(again) and again[0] != old)  # type: ignore[index]
    probes.date(second, "access_invitation", "expires_at", clock.now() - timedelta(seconds=1))
    if again:
        _tried(stage, again[0], second_address)
    _tried(stage, old, second_address)
    steps.expect("an expired invitation is refused", len(_members(owner.organisation)) == members)
