"""In which buckets tries to get in are counted, and how many each holds.

Rules:

1. A browser that was let in before has buckets of its own: guessing from elsewhere uses up those of unknown browsers, and shuts
   out nobody who has signed in. What a session confirms is counted by session, so that a stolen one takes no tries from others.
2. Browsers that nobody knows are counted by account and by network. An office shares one address: its bucket holds the mistakes
   of many people at once, and is slow to fill, so that it is no way to try one password at all accounts.
3. The command line is on the machine itself, and signs in again and again: its tries are its own, and lock no page.

Source: SEC-05; OWASP, "Slow Down Online Guessing Attacks with Device Cookies"; OWASP ASVS 5.0, 6.3.1.
"""

from datetime import timedelta

from glasshouse.accounts import sessions, throttle
from glasshouse.accounts.models import Account
from glasshouse.accounts.rules import Visit
from glasshouse.accounts.throttle import Bucket, of_network
from glasshouse.kernel.actor import Actor

MINUTES_10, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
AT_ADDRESS = 10  # tries in ten minutes at one account, of all browsers that nobody knows
OF_NETWORK = (
    200  # bad tries from one network at once, and as many an hour after that, of all browsers that nobody knows
)
CODES, CODES_A_DAY = 5, 30  # codes of a second factor in ten minutes, and in a day
CODES_OF_ALL_SESSIONS_A_DAY = 100
SEARCHES = 60  # searches by name in ten minutes, each of which opens every name that the account may see


def sign_in_network(network: str) -> Bucket:
    """Of tries to sign in from a network."""
    return of_network("sign-in-network", network, most=OF_NETWORK, window=HOUR)


def of_sign_in(address: str, person: str, visit: Visit) -> list[Bucket]:
    """Of tries to sign in at an address. person: who has it; "" where nobody does, which asks the database the same."""
    browser = sessions.known(person, visit.browser)
    has_reset = throttle.noted("reset-browser", _reset_key(person, visit.browser), HOUR)
    if visit.is_command:
        return [Bucket("sign-in-command", address, AT_ADDRESS, MINUTES_10)]
    if browser:
        return [Bucket("sign-in-browser", browser, AT_ADDRESS, MINUTES_10)]
    if has_reset and person and visit.browser:
        return [Bucket("sign-in-browser", _reset_key(person, visit.browser), AT_ADDRESS, MINUTES_10)]
    return [sign_in_network(visit.network), Bucket("sign-in", address, AT_ADDRESS, MINUTES_10)]


def note_reset(person: str, browser: str) -> None:
    """For an hour the browser in which the mailbox's owner set the password is not kept out by others' guessing."""
    throttle.note("reset-browser", _reset_key(person, browser), HOUR)


def forget_reset(person: str, browser: str) -> None:
    """The browser has signed in: from now on it is a known one."""
    throttle.forget("reset-browser", _reset_key(person, browser))


def _reset_key(person: str, browser: str) -> str:
    return f"{person}:{sessions.digest(browser)}"


def of_factor(account: Account, visit: Visit) -> list[Bucket]:
    """Of codes that finish a sign-in."""
    if visit.is_command:
        return _of_codes(f"{account.id}:command")
    return _of_codes(sessions.known(account.person_id, visit.browser) or account.id)


def of_own_code(actor: Actor) -> list[Bucket]:
    """Of codes of somebody who is signed in; apart from those of somebody who knows a password and no more.

    A session costs nothing to whoever knows the password in a trusted browser, so those of all of them count together, too.
    """
    return [
        *_of_codes(_in_session(actor)),
        Bucket("step-day", f"{actor.id}:signed-in", CODES_OF_ALL_SESSIONS_A_DAY, DAY),
    ]


def _of_codes(counted: str) -> list[Bucket]:
    return [Bucket("step", counted, CODES, MINUTES_10), Bucket("step-day", counted, CODES_A_DAY, DAY)]


def of_confirming(actor: Actor) -> Bucket:
    """Of passwords and passkeys by which somebody who is signed in confirms who they are."""
    return Bucket("confirm", _in_session(actor), 10, MINUTES_10)


def of_search(purpose: str, actor: Actor) -> Bucket:
    """Of searches by name: whoever is signed in has their own. purpose: "search-sites" or "search-members"."""
    return Bucket(purpose, actor.id, SEARCHES, MINUTES_10)


def _in_session(actor: Actor) -> str:
    return str(actor.session or f"{actor.id}:signed-in")


def of_mail(address: str, person: str = "", browser: str = "") -> Bucket:
    """Of mails that anybody may have sent to an address; a browser that its person has signed in with has its own."""
    known_browser = sessions.known(person, browser)
    return Bucket("mail-browser", known_browser, 5, HOUR) if known_browser else Bucket("mail", address, 5, HOUR)
