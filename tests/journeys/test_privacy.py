"""A person's way through their choices, and the officer's through the office, in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from glasshouse.operations.installation import Installation
from tests.authenticator import code_of
from tests.conftest import Customer, administering, forget_recipients, forget_versions, prove_link
from tests.journeys.conftest import Open, enter, follow, sound


@pytest.fixture(autouse=True)
def _kept(home: Installation) -> Iterator[None]:
    """Takes away again what a journey publishes and registers for everybody."""
    yield
    with administering(home) as link:
        forget_versions(link)
        forget_recipients(link)


def test_a_person_objects_restricts_copies_and_leaves(
    opened: Open, customer: Callable[[], Customer], join: Callable[..., Customer]
) -> None:
    one = join(customer(), "viewer")
    page = opened()
    enter(page, one)
    follow(page, "Profile")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    follow(page, "Your choices")
    expect(page.get_by_role("heading", name="Your choices")).to_be_visible()
    sound(page)
    card = page.locator("section", has=page.get_by_role("heading", name="Handing data to a buyer"))
    card.get_by_role("button", name="Object").click()
    expect(card.get_by_text("not in use")).to_be_visible()
    page.get_by_label("Because").select_option("claims")
    page.get_by_role("button", name="Restrict use").click()
    expect(page.get_by_text("The use of your data is restricted")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Lift the restriction").click()
    expect(page.get_by_text("The use of your data is restricted")).to_have_count(0)
    page.goto("/account/data")
    page.get_by_role("button", name="Make an export").click()
    with page.expect_download() as fetched:
        page.get_by_role("link", name="glasshouse-data-").click()
    assert fetched.value.suggested_filename.endswith(".zip")
    sound(page)
    page.get_by_role("link", name="Erase everything").click()
    sound(page)
    page.get_by_label("erase").fill("erase")
    page.get_by_role("button", name="Erase everything now").click()
    expect(page.get_by_role("heading", name="You are erased")).to_be_visible()
    sound(page)


@pytest.mark.any_width
def test_everybody_reads_the_documents_and_asks(opened: Open, customer: Callable[[], Customer]) -> None:
    one = customer()
    page = opened()
    page.goto("/")
    page.get_by_role("link", name="Privacy, terms, cookies").click()
    sound(page)
    page.locator("main").get_by_role("link", name="Privacy notice").click()
    expect(page.get_by_role("heading", name="Who is responsible")).to_be_visible()
    expect(page.get_by_role("heading", name="Who receives something today")).to_be_visible()
    expect(page.locator("footer").get_by_role("link", name="privacy@localhost")).to_be_visible()
    sound(page)
    page.locator("main").get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Wer verantwortlich ist")).to_be_visible()
    sound(page)
    for path in (
        "/documents/cookies",
        "/trust/providers",
        "/report-a-vulnerability",
        "/trust/legal-requests",
        "/privacy",
    ):
        page.goto(path)
        sound(page)
    page.get_by_label("My email address").fill(one.address)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    page.goto(f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}")
    page.get_by_role("button", name="Yes, this is my address").click()
    expect(page.get_by_text("Your address is confirmed")).to_be_visible()
    sound(page)
    stranger = f"no-account-{one.actor.person}@grower.example"
    page.goto("/privacy")
    page.get_by_label("My email address").fill(stranger)
    page.get_by_role("button", name="Send").click()
    page.goto(f"/privacy/prove/{prove_link(stranger, 'privacy/prove')}")
    page.get_by_role("button", name="Yes, this is my address").click()
    page.get_by_role("link", name="See, export or erase").click()
    expect(page.get_by_role("heading", name="What we hold about your address")).to_be_visible()
    sound(page)
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Fetch an export").click()
    assert fetched.value.suggested_filename.startswith("data-of-your-address")


@pytest.mark.any_width
def test_the_officer_publishes_and_everybody_accepts(
    opened: Open, customer: Callable[[], Customer], officer: Customer
) -> None:
    one = customer()
    desk, page = opened(), opened()
    enter(page, one)
    enter(desk, officer)
    desk.get_by_label("Code from your app").fill(code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"))
    desk.get_by_role("button", name="Go on").click()
    follow(desk, "Privacy office")
    expect(desk.get_by_role("heading", name="Legal holds")).to_be_visible()
    sound(desk)
    for title in ("Queue", "Recipients", "Data sources", "Legal requests", "Assessments", "Documents"):
        follow(desk, title)
        expect(desk.get_by_role("heading", name=title, level=1)).to_be_visible()
        sound(desk)
    desk.get_by_role("link", name="Terms of use").click()
    desk.get_by_label("Text, English").fill("## Terms\n\nBe kind to each other.")
    desk.get_by_label("What changes, in plain words, English").fill("We ask you to be kind.")
    desk.get_by_label("Text, Deutsch").fill("")
    desk.get_by_role("button", name="Keep as a draft").click()
    desk.get_by_role("button", name="Publish").click()
    expect(desk.get_by_role("heading", name="Before you go on")).to_be_visible(), "the officer accepts like everybody"
    page.goto(f"/o/{one.organisation}/")  # The page may have led there by itself already, for it asks again and again.
    expect(page.get_by_text("We ask you to be kind.")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="See what changed").click()
    sound(page)
    page.go_back()
    page.get_by_role("button", name="I do not accept").click()
    expect(page.get_by_role("heading", name="You do not accept")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Look at the documents again").click()
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Go on").click()
    page.goto(f"/o/{one.organisation}/")
    expect(page.get_by_role("heading", name="No readings yet")).to_be_visible()
    page.goto(f"/o/{one.organisation}/privacy")
    sound(page)
