"""Where two have to agree, the page says who the second can be, and that there is none; the demo has two privacy officers."""

from collections.abc import Callable

import httpx

from tests.conftest import Customer, as_staff, enter_staff

Web = Callable[..., httpx.Client]


def test_the_page_of_legal_requests_says_where_nobody_else_may_review(
    officer: Customer, olaf: Callable[[], Customer], web: Web
) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.permissions import Permission
    from glasshouse.accounts.models import Account

    client = enter_staff(web(officer))
    others = Account.objects.filter(staff_role__in=("privacy", "security")).exclude(id=officer.actor.account)
    roles = dict(others.values_list("id", "staff_role"))
    try:
        others.update(staff_role="support")
        assert access.others_with(officer.actor, Permission.LEGAL_REQUEST_REVIEW) == 0
        assert "there is no other one" in " ".join(client.get("/staff/legal-requests").text.split())
        second = as_staff(olaf(), "privacy")
        assert access.others_with(officer.actor, Permission.MERGER_CHANGE) == 1
        assert "there is no other one" not in " ".join(client.get("/staff/legal-requests").text.split())
        as_staff(second, "support")
    finally:
        for account, role in roles.items():
            Account.objects.filter(id=account).update(staff_role=role)


def test_the_demo_has_two_privacy_officers() -> None:
    from glasshouse.cli.demo import STAFF

    assert sum(role == "privacy" for _, _, role in STAFF) == 2
