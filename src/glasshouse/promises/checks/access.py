"""Checks of what each role may do: SEC-03."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from glasshouse.kernel.ids import new_id
from glasshouse.promises import crop_door, oracle, rights_table
from glasshouse.promises.checks.organisations import UNINVITED
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.rights_table import ADMINISTRATOR, ROLES
from glasshouse.promises.stage import Resident, Stage, at_once, open_stage

if TYPE_CHECKING:
    from httpx import Response

READS_EVENTS, CHANGES_MEMBERS, MAKES_SITES = "events:event:read", "access:member:change", "greenhouse:site:create"
SEEN_BY_VIEWERS = ("greenhouse:site:read", "greenhouse:reading:read")


@check(
    "SEC-03",
    steps=(
        "A probe's customer has a member of each built-in role. Each asks for every address that the service knows, to see it "
        "and to send its form, at home; at another customer the administrator does, and one other role, drawn for each address.",
        "A member of one site opens the pages, the readings and the forms of another site.",
        "A role, the sites of a member and what a role of the customer's own may do are changed; a member revokes an API token, "
        "and is removed. Each time the same browser or program asks again.",
        "A member of one site with a role that may change members and make sites tries to give another site, and to make one.",
        "The last administrator is demoted, limited, and leaves; two administrators remove each other at the same moment; a "
        "member who may change members makes themself an administrator.",
    ),
    oracle="A table of what each role may open, written down in the check; the rows of members and of events, read with SQL by a "
    "role that can only read.",
)
def permissions() -> Finding:
    """Role × route × own and foreign customer at the live door; scope; changes at once; the last administrator."""
    steps = Steps()
    with open_stage() as stage:
        owner, foreign = stage.growers(2)
        sites = [stage.site(owner, f"Probe {new_id()}") for _ in range(2)]
        people = _members(stage, owner, sites)
        walked = rights_table.walk(
            {role: person.visitor for role, person in people.items() if role in ROLES},
            owner.organisation,
            foreign.organisation,
        )
        steps.expect(
            f"{walked.cells} cells of role, address and customer are as the table says",
            walked.cells > 0 and not walked.wrong,
            "; ".join(walked.wrong[:2]),
        )
        _scope(steps, owner, foreign, people["one site"], sites)
        _at_once(steps, owner, people, sites)
        _limited(steps, owner, _own_role(steps, stage, owner), people["viewer"], sites)
        _last_administrator(steps, stage, owner, people)
        _on_record(steps, owner, people)
    _everywhere(steps)
    return steps.judged(f"{walked.cells} cells of role × address × customer")


def _members(stage: Stage, owner: Resident, sites: list[str]) -> dict[str, Resident]:
    """A member of each role, and one of a single site; their mails are waited for together."""
    invited = {role: stage.invite(owner, role) for role in ROLES if role != ADMINISTRATOR}
    invited["one site"] = stage.invite(owner, "grower", sites[:1])
    joined = at_once([partial(stage.join, address, organisation=owner.organisation) for address in invited.values()])
    return {ADMINISTRATOR: owner} | dict(zip(invited, joined, strict=True))


def _membership(owner: Resident, account: str) -> tuple[str, list[str] | None] | None:
    """Role and sites of a member, from the rows; None: there is no such member."""
    question = "SELECT role, sites FROM access_membership WHERE organisation_id = %s AND account_id = %s"
    memberships = oracle.rows(question, owner.organisation, account)
    return (str(memberships[0][0]), memberships[0][1]) if memberships else None


def _administrators(owner: Resident) -> int:
    question = (
        "SELECT count(*) FROM access_membership WHERE organisation_id = %s AND role = 'administrator' AND sites IS NULL"
    )
    return int(oracle.value(question, owner.organisation))


def _change(by: Resident, account: str, role: str, sites: list[str] | None = None) -> int:
    """Send the form that changes a member; returns the status of the answer."""
    chosen: dict[str, str | list[str]] = {"all_sites": "yes"} if sites is None else {"sites": sites}
    return by.visitor.post(by.page(f"members/{account}/change"), {"role": role} | chosen).status_code


# -- scope ---------------------------------------------------------------------------------------------------------


def _scope(steps: Steps, owner: Resident, foreign: Resident, member: Resident, sites: list[str]) -> None:
    # Without a zero at the end, which the file of readings would leave out.
    values = [f"{20 + place}.{secrets.randbelow(90) + 10}{secrets.randbelow(9) + 1}" for place in range(2)]
    for site, value in zip(sites, values, strict=True):
        crop_door.send(crop_door.device(owner, site), f"probe air_temp={value}")
    series = _series_by_value(owner, values)
    names = [
        str(row[0])
        for row in oracle.rows("SELECT id FROM greenhouse_site WHERE organisation_id = %s", owner.organisation)
    ]
    steps.expect("each site of the probe has a reading", len(series) == 2 and sorted(names) == sorted(sites))
    if len(series) < 2:
        return
    own, other = (_readings(member, owner, [series[value]]) for value in values)
    steps.expect("a member of one site reads its readings", own[0] == 200 and values[0] in own[1], str(own[0]))
    steps.expect("and no reading of the other", other[0] in (403, 404) and values[1] not in other[1], str(other[0]))
    both = _readings(member, owner, [series[value] for value in values])
    steps.expect("not even together with its own", values[1] not in both[1], str(both[0]))
    shown = "".join(member.visitor.get(owner.page(page)).text for page in ("", "chart", "sites", "my-access"))
    steps.expect("no page shows the other site", sites[1] not in shown and f'value="{series[values[1]]}"' not in shown)
    steps.expect("its own is shown", f'value="{series[values[0]]}"' in shown)
    path = owner.page(f"sites/{sites[1]}/target-ranges")
    row: LiteralString = "SELECT limits FROM greenhouse_site WHERE id = %s"
    before = oracle.value(row, sites[1])
    status = member.visitor.post(path, {"variable": "air_temp", "least": "1"}).status_code
    unchanged = oracle.value(row, sites[1]) == before
    steps.expect("a form of the other site is refused", status in (403, 404) and unchanged, str(status))
    strange = foreign.visitor.get(f"{foreign.page('readings')}?s={series[values[0]]}&format=csv")
    steps.expect("another customer reads none of them", values[0] not in strange.text, str(strange.status_code))


def _series_by_value(owner: Resident, values: list[str]) -> dict[str, str]:
    """The series of the probe's readings, by the value that was sent."""
    ids = set(re.findall(r'name="s" value="([^"]+)"', owner.visitor.get(owner.page("chart")).text))
    text_of = {series: _readings(owner, owner, [series])[1] for series in ids}
    return {value: series for value in values for series, text in text_of.items() if value in text}


def _readings(reader: Resident, owner: Resident, series: list[str]) -> tuple[int, str]:
    """Status and text of the file of readings of some series."""
    wanted = "&".join(f"s={series_id}" for series_id in series)
    answer = reader.visitor.get(f"{owner.page('readings')}?{wanted}&format=csv")
    return answer.status_code, answer.text


# -- changes -------------------------------------------------------------------------------------------------------


def _at_once(steps: Steps, owner: Resident, people: dict[str, Resident], sites: list[str]) -> None:
    viewer, scoped, leaver = people["viewer"], people["one site"], people["grower"]
    _change(owner, viewer.account, "grower")
    allowed = viewer.visitor.get(owner.page("import")).status_code
    _change(owner, viewer.account, "viewer")
    refused = viewer.visitor.get(owner.page("import")).status_code
    steps.expect(
        "a role given, and taken again, counts at the next request",
        (allowed, refused) == (200, 403),
        f"{allowed}, {refused}",
    )
    _change(owner, scoped.account, "grower", sites[1:])
    shown = scoped.visitor.get(owner.page("sites")).text
    steps.expect("other sites count at the next request", sites[1] in shown and sites[0] not in shown)
    _tokens(steps, owner, leaver, sites[0])


def _tokens(steps: Steps, owner: Resident, leaver: Resident, site: str) -> None:
    """A token that its owner revokes, and one whose owner is removed: neither opens anything at the next request."""
    revoked, left = _token(leaver, owner), _token(leaver, owner)
    before = [_sites_by(token) for token in (revoked, left)]
    ids = oracle.rows(
        "SELECT id FROM access_token WHERE organisation_id = %s ORDER BY created_at LIMIT 1", owner.organisation
    )
    leaver.visitor.post(owner.page(f"tokens/{ids[0][0] if ids else ''}/revoke"))
    after = [_sites_by(token) for token in (revoked, left)]
    worked = all(answer.status_code == 200 and site in answer.text for answer in (*before, after[1]))
    steps.expect(
        "a revoked token opens nothing at the next request, and another one goes on",
        worked and after[0].status_code == 401 and site not in after[0].text,
        f"{[answer.status_code for answer in (*before, *after)]}",
    )
    owner.visitor.post(owner.page(f"members/{leaver.account}/remove"))
    gone = [leaver.visitor.get(owner.page(page)).status_code for page in ("", "sites", "my-access")]
    end = _sites_by(left)
    own = leaver.visitor.get("/account").status_code
    steps.expect(
        "a removed member sees nothing at the next request", gone == [404] * 3 and own == 200, f"{gone}, {own}"
    )
    steps.expect(
        "a removed member's token opens nothing",
        worked and end.status_code == 401 and site not in end.text,
        str(end.status_code),
    )


class _Token(NamedTuple):
    """An API token, and the browser of its owner, that of a program here."""

    secret: str
    visitor: Visitor


def _token(member: Resident, owner: Resident) -> _Token:
    """A new token by the page; without a secret where the page shows none."""
    form: dict[str, str | list[str]] = {"name": "Probe", "scopes": ["greenhouse:site:read"], "days": "1"}
    made = member.visitor.follow(member.visitor.submit(owner.page("tokens"), form)).text
    shown = re.search(r"\bght_[A-Za-z0-9_-]+", made)
    return _Token(shown[0] if shown else "", member.visitor)


def _sites_by(token: _Token) -> "Response":
    """What the people API answers to a program that asks for the sites."""
    return token.visitor.request("GET", "/api/v1/sites", headers={"Authorization": f"Bearer {token.secret}"})


def _own_role(steps: Steps, stage: Stage, owner: Resident) -> Resident:
    """A role of the customer's own: what it names and no more, changed at once; nobody raises themself by it.

    Returns its member, who may change members.
    """
    form: dict[str, str | list[str]] = {"name": f"Probe {new_id()}", "permissions": [READS_EVENTS]}
    owner.visitor.post(owner.page("roles"), form)
    role = str(oracle.value("SELECT id FROM access_role WHERE organisation_id = %s", owner.organisation))
    member = stage.member(owner, role)
    seen = [member.visitor.get(owner.page(page)).status_code for page in ("events", "sites", "members", "settings")]
    steps.expect("a role of one's own opens what it names, and no more", seen == [200, 403, 403, 403], str(seen))
    owner.visitor.post(
        owner.page("roles"), form | {"role": role, "permissions": [CHANGES_MEMBERS, "access:member:read"]}
    )
    seen = [member.visitor.get(owner.page(page)).status_code for page in ("events", "members")]
    steps.expect("changed, it counts at the next request", seen == [403, 200], str(seen))
    answers = [
        _change(member, member.account, ADMINISTRATOR),
        _change(member, owner.account, "viewer"),
        member.visitor.post(
            owner.page("roles"), form | {"role": role, "permissions": ["support:grant:give"]}
        ).status_code,
    ]
    rows = (_membership(owner, member.account), _membership(owner, owner.account))
    given = oracle.value("SELECT permissions FROM access_role WHERE id = %s", role)
    held = rows == ((role, None), (ADMINISTRATOR, None)) and "support:grant:give" not in given
    steps.expect("nobody gives themself more than they have", held and answers == [403] * 3, str(answers))
    return member


def _limited(steps: Steps, owner: Resident, member: Resident, viewer: Resident, sites: list[str]) -> None:
    """A member of one site with a role that may change members and make sites: it counts at that site alone."""
    memberships = _membership(owner, member.account)
    role = memberships[0] if memberships else ""
    form: dict[str, str | list[str]] = {"name": f"Probe {new_id()}", "role": role}
    owner.visitor.post(owner.page("roles"), form | {"permissions": [*SEEN_BY_VIEWERS, CHANGES_MEMBERS, MAKES_SITES]})
    _change(owner, member.account, role, sites[:1])
    answers = [
        _change(member, member.account, role),
        _change(member, viewer.account, "viewer", sites[1:]),
        member.visitor.post(owner.page("sites"), {"name": "Probe", "time_zone": "Europe/Rome"}).status_code,
    ]
    count = oracle.value("SELECT count(*) FROM greenhouse_site WHERE organisation_id = %s", owner.organisation)
    given = oracle.value("SELECT permissions FROM access_role WHERE id = %s", role) or []
    may = {CHANGES_MEMBERS, MAKES_SITES} <= set(given)  # Else it would be refused for lack of the permission.
    rows = (_membership(owner, member.account), _membership(owner, viewer.account))
    held = may and rows == ((role, sites[:1]), ("viewer", None)) and count == len(sites)
    steps.expect("a member of one site gives no other, and makes none", held and answers == [403] * 3, str(answers))


def _last_administrator(steps: Steps, stage: Stage, owner: Resident, people: dict[str, Resident]) -> None:
    site = str(oracle.value("SELECT id FROM greenhouse_site WHERE organisation_id = %s", owner.organisation))
    answers = [
        _change(owner, owner.account, "viewer"),
        _change(owner, owner.account, ADMINISTRATOR, [site]),
        owner.visitor.post(owner.page(f"members/{owner.account}/leave")).status_code,
        owner.visitor.post(owner.page(f"members/{owner.account}/remove")).status_code,
    ]
    stays = _membership(owner, owner.account) == (ADMINISTRATOR, None)
    steps.expect(
        "the last administrator cannot be demoted, limited or removed", stays and answers == [400] * 4, str(answers)
    )
    second = people["privacy-contact"]
    _change(owner, second.account, ADMINISTRATOR)
    pair = [(owner, second), (second, owner)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda two: two[0].visitor.post(two[0].page(f"members/{two[1].account}/remove")), pair))
    steps.expect(
        "two who remove each other at once leave one", _administrators(owner) == 1, str(_administrators(owner))
    )


def _on_record(steps: Steps, owner: Resident, people: dict[str, Resident]) -> None:
    question = "SELECT kind, subject, actor FROM events_event WHERE organisation_id = %s"
    events = [
        (str(kind), str(subject), str(actor)) for kind, subject, actor in oracle.rows(question, owner.organisation)
    ]
    role = "SELECT id FROM access_role WHERE organisation_id = %s"
    wanted = {
        "an invitation": ("access:invitation:send", "", 7),
        "a joining": ("access:invitation:accept", "", 7),
        "a change of a role": ("access:member:change", people["viewer"].account, 2),
        "a change of sites": ("access:member:change", people["one site"].account, 1),
        "a removal": ("access:member:remove", people["grower"].account, 1),
        "a role of one's own": ("access:role:save", str(oracle.value(role, owner.organisation)), 3),
        "a new administrator": ("access:member:change", people["privacy-contact"].account, 1),
    }
    for what, (kind, subject, count) in wanted.items():
        actors = [actor for of_kind, of, actor in events if of_kind == kind and (not subject or of == subject)]
        by_owner = kind == "access:invitation:accept" or set(actors) == {owner.account}
        steps.expect(f"{what} left an event each time", len(actors) == count and by_owner, f"{len(actors)} of {count}")


def _everywhere(steps: Steps) -> None:
    question = (
        "SELECT count(*) FROM access_organisation o WHERE NOT EXISTS (SELECT FROM access_membership m "
        "WHERE m.organisation_id = o.id AND m.role = 'administrator' AND m.sites IS NULL)"
    )
    steps.expect("no customer here is without an administrator", oracle.value(question) == 0)
    outsiders = sum(int(count) for role, count in oracle.rows(UNINVITED) if role == ADMINISTRATOR)
    instead = f"{counted(outsiders)} do"
    steps.expect(
        "nobody administers a customer here who neither founded it nor was invited to it", not outsiders, instead
    )
