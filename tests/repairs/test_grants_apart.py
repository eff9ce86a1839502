"""Each grant counts for its own area, its own sites, and its own right to change: several of them never add up to more."""

from collections.abc import Callable

import httpx
import pytest

from glasshouse.access import api as access
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse.models import Site
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.kernel.ids import SiteId
from glasshouse.support import api as support
from tests.conftest import Customer, post
from tests.promises.test_sec_04_support import sees, wish

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
RANGE = {"variable": "air_temp", "least": "16", "most": "28"}


def with_second_site(one: Customer) -> SiteId:
    return greenhouse.create_site(one.actor, {"name": "Secret site", "time_zone": "Europe/Rome"})


def let_in(one: Customer, first: Customer, second: Customer, **more: object) -> None:
    """A grant for the first of the staff, countersigned by the second where it is to change something."""
    support.give(one.actor, wish(staff=str(first.actor.account), **more))
    if more.get("change"):
        newest = max(support.grants(one.actor), key=lambda row: row.grant.created_at).grant.id
        support.countersign(second.actor.for_organisation(one.actor.organisation), newest)


@pytest.mark.parametrize("chosen", ["one", "none", "no_field"])
def test_a_form_that_ticks_some_sites_lets_support_see_those_alone(
    customer: Make, olaf: Make, web: Web, chosen: str
) -> None:
    """As a browser sends it: a box that is not ticked sends nothing."""
    one, staff = customer(), olaf()
    with_second_site(one)
    page = f"/o/{one.organisation}/support"
    fields = {"areas": "climate", "hours": "4", "reason": "ticket 7", "staff": str(staff.actor.account)}
    fields |= {"one": {"sites": one.site}, "none": {"all_sites": "no"}, "no_field": {}}[chosen]
    answer = post(web(one), page, page, **fields)
    if chosen == "one":
        assert answer.status_code == 302
        assert [row.grant.sites for row in support.grants(one.actor)] == [[one.site]]
        assert sees(staff, one) == [greenhouse.sites(one.actor)[0].name]
    else:
        assert answer.status_code == 400
        assert "Choose at least one site" in answer.text
        assert support.grants(one.actor) == []


def test_a_grant_of_another_area_opens_no_further_site(customer: Make, olaf: Make) -> None:
    one, staff, second = customer(), olaf(), olaf()
    with_second_site(one)
    let_in(one, staff, second, sites=(one.site,))
    before = sees(staff, one)
    let_in(one, staff, second, areas=("people", "events"))
    assert sees(staff, one) == before == [greenhouse.sites(one.actor)[0].name]
    inside = staff.actor.for_organisation(one.actor.organisation)
    with access.organisation_transaction(inside):
        access.record_access(inside, "sites", [])
        assert access.rights_of(inside).sites == {one.site}


def test_the_right_to_change_stays_with_the_sites_of_its_grant(customer: Make, olaf: Make, web: Web) -> None:
    one, staff, second = customer(), olaf(), olaf()
    other = with_second_site(one)
    let_in(one, staff, second, sites=(one.site,), change=True)
    let_in(one, staff, second, sites=(other,))
    inside = staff.actor.for_organisation(one.actor.organisation)
    greenhouse.set_target_ranges(inside, one.site, "", RANGE)
    for act in (
        lambda: greenhouse.set_target_ranges(inside, other, "", RANGE),
        lambda: greenhouse.create_compartment(inside, other, "Theirs"),
    ):
        with pytest.raises(ForbiddenError, match="not change it"):
            act()
    with pytest.raises(NotFoundError):
        greenhouse.set_target_ranges(inside, SiteId("0000000000000000"), "", RANGE)
    assert [bool(site.limits) for site in greenhouse.sites(one.actor)] == [True, False]


def test_the_database_itself_keeps_grants_apart(customer: Make, olaf: Make) -> None:
    """Whatever the verbs think: the row is not changed."""
    one, staff, second = customer(), olaf(), olaf()
    other = with_second_site(one)
    let_in(one, staff, second, sites=(one.site,), change=True)
    let_in(one, staff, second, sites=(other,))
    inside = staff.actor.for_organisation(one.actor.organisation)
    with access.organisation_transaction(inside):
        access.record_access(inside, "target range set", [])
        assert Site.objects.filter(id=one.site).update(created_at=clock.now()) == 1
        assert Site.objects.filter(id=other).update(created_at=clock.now()) == 0
