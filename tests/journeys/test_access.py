"""People, second factors and support in a real browser: with a virtual authenticator, and codes from a generator of our own."""

import time
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.authenticator import code_of
from tests.conftest import Customer, prove_link
from tests.journeys.conftest import Open, enter, follow, sign_out, sound
from tests.promises.test_sec_06_second_step import newest_text


@pytest.mark.any_width
def test_an_administrator_invites_and_changes_what_a_person_may_do(
    opened: Open, customer: Callable[[], Customer]
) -> None:
    one = customer()
    address = f"invited-{uuid.uuid4().hex[:6]}@grower.example"
    admin = opened()
    enter(admin, one)
    follow(admin, "People")
    sound(admin)
    admin.get_by_label("Email").first.fill(address)
    admin.get_by_label("Role").select_option(label="Grower")
    admin.get_by_label("A few words of yours").fill("Welcome to the tomatoes")
    admin.get_by_role("button", name="Invite", exact=True).click()
    expect(admin.get_by_role("cell", name=address, exact=True)).to_be_visible()
    sound(admin)

    guest = opened()
    guest.goto(f"/invitation/{prove_link(address, 'invitation')}")
    expect(guest.get_by_text("Welcome to the tomatoes")).to_be_visible()
    sound(guest)
    guest.get_by_label("Email").fill("somebody-else@grower.example")
    guest.get_by_label("Your name").fill("Gina Guest")
    guest.get_by_label("Password").fill("a password to remember")
    guest.get_by_label("I accept the terms").check()
    guest.get_by_role("button", name="Create account and join").click()
    expect(guest.get_by_role("alert")).to_contain_text("for another address")
    sound(guest)
    guest.get_by_label("Email").fill(address)
    guest.get_by_label("Password").fill("a password to remember")
    guest.get_by_label("I accept the terms").check()
    guest.get_by_role("button", name="Create account and join").click()
    expect(guest.get_by_role("link", name="Import", exact=True)).to_be_visible()
    follow(guest, "My access")
    sound(guest)
    guest.get_by_label("Role").select_option(label="Device manager")
    guest.get_by_label("What for").fill("The boxes are mine to mend")
    guest.get_by_role("button", name="Ask the administrators").click()
    expect(guest.get_by_text("The administrators are asked")).to_be_visible()

    admin.reload()
    expect(admin.get_by_text("The boxes are mine to mend")).to_be_visible()
    sound(admin)
    admin.get_by_role("button", name="Grant").click()
    admin.get_by_role("link", name="Gina Guest").click()
    expect(admin.get_by_text("By the role Device manager")).to_be_visible()
    sound(admin)
    guest.reload()
    expect(guest.get_by_role("link", name="Import", exact=True)).to_have_count(0)
    guest.goto(f"/o/{one.organisation}/")
    expect(guest.locator(".sidebar").get_by_text("My access")).to_be_attached()
    admin.get_by_role("link", name="Remove Gina Guest …").click()
    sound(admin)
    admin.get_by_role("dialog").get_by_role("button", name="Remove Gina Guest").click()
    # The open page notices by itself.
    expect(guest.get_by_text("nothing here, or it is not yours")).to_be_visible()
    admin.get_by_role("link", name="Roles").click()
    sound(admin)
    admin.get_by_role("textbox", name="Name").fill("Night watch")
    admin.get_by_label("See readings: overview").check()
    admin.get_by_role("button", name="Save role").click()
    expect(admin.get_by_role("columnheader", name="Night watch")).to_be_visible()
    sound(admin)
    follow(admin, "My access")
    admin.locator("main").get_by_role("link", name="API tokens").click()
    admin.get_by_role("textbox", name="Name").fill("Script")
    admin.get_by_label("See the sites").check()
    admin.get_by_role("button", name="Create token").click()
    expect(admin.get_by_role("group", name="The new token")).to_contain_text("ght_")
    sound(admin)


@pytest.mark.any_width
def test_second_steps_by_app_text_passkey_and_recovery_code(opened: Open, customer: Callable[[], Customer]) -> None:
    one = customer()
    page = opened()
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options | {"isUserVerified": True}})
    enter(page, one)
    page.goto("/account/security")
    sound(page)
    page.get_by_role("link", name="Add an authenticator app").click()
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    sound(page)
    seed = page.locator("pre").inner_text().replace(" ", "")
    page.get_by_label("Code that the app shows").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong, used up or too old")
    page.get_by_label("Code that the app shows").fill(code_of(seed, time.time() - 30))
    page.get_by_role("button", name="Confirm").click()
    codes = page.locator("pre").inner_text().split()
    assert len(codes) == 10
    sound(page)
    page.get_by_role("link", name="I have saved them").click()

    page.get_by_role("link", name="Add a phone number").click()
    sound(page)
    number = f"+3161{time.time_ns() % 10_000_000:07d}"
    page.get_by_label("Mobile number").fill(number)
    page.get_by_role("button", name="Send code").click()
    page.get_by_label("Code from the text message").fill(newest_text(number[-4:]))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Phone +31").first).to_be_visible()

    page.get_by_label("Name of the passkey").fill("Test key")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("link", name="Remove Test key")).to_be_visible()
    sound(page)

    sign_out(page)
    enter(page, one)
    sound(page)
    page.get_by_label("Code from your app").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()
    sign_out(page)
    enter(page, one)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()
    sign_out(page)
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()
    page.goto("/reauthenticate?next=/account/security")
    sound(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Security", exact=True)).to_be_visible()
    page.get_by_role("link", name="Remove Test key").click()
    expect(page.get_by_role("dialog", name="Remove Test key?")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Remove Test key").click()
    expect(page.get_by_role("link", name="Remove Test key")).to_have_count(0)


@pytest.mark.any_width
def test_support_is_invited_seen_and_sent_away(
    opened: Open, customer: Callable[[], Customer], olaf: Callable[[], Customer]
) -> None:
    from glasshouse.accounts.models import SecondFactor

    one, staff = customer(), olaf()
    admin, help_ = opened(), opened()
    enter(admin, one)
    follow(admin, "Support access")
    sound(admin)
    admin.get_by_label("Sites, devices and readings").check()
    admin.get_by_label("The activity log").check()
    admin.get_by_label("Reason, or number of the support request").fill("The north bay is silent")
    admin.get_by_role("button", name="Give access", exact=True).click()
    expect(admin.get_by_text("Has access now")).to_be_visible()
    expect(admin.get_by_text("Support may look at")).to_be_visible()
    sound(admin)

    enter(help_, staff)
    seed = SecondFactor.objects.get(account_id=staff.actor.account).secret["seed"]
    help_.get_by_label("Code from your app").fill(code_of(seed))
    help_.get_by_role("button", name="Go on").click()
    expect(help_.get_by_role("heading", name="Customers")).to_be_visible()
    sound(help_)
    help_.goto(f"/o/{one.organisation}/sites")
    expect(help_.get_by_text("You see a customer's data")).to_be_visible()
    sound(help_)
    help_.goto(f"/o/{one.organisation}/my-access")
    expect(help_.get_by_text("You see a customer's data, invited by the customer until")).to_be_visible()
    follow(help_, "Activity log")

    admin.goto(f"/o/{one.organisation}/record")
    expect(admin.get_by_text("read the activity log").first).to_be_visible()
    sound(admin)
    admin.goto(f"/o/{one.organisation}/support")
    admin.get_by_role("button", name="End access now").click()
    help_.reload()
    expect(help_.get_by_text("nothing here, or it is not yours")).to_be_visible()
    admin.get_by_role("button", name="Hand over the administration").click()
    expect(admin.get_by_text("The operator administers this organisation")).to_be_visible()
    sound(admin)
    admin.get_by_role("button", name="Take it back now").click()
    expect(admin.get_by_text("The operator administers this organisation")).to_have_count(0)
