"""The demo growers, and one case of each promise that can be judged by a case only: a privacy request, an announced version, a
legal request, third-party data. For a scratch service: `python -m glasshouse.cli.cases DATA KEYS PORT`.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from glasshouse.cli.demo import plant
from glasshouse.cli.options import home_of
from glasshouse.kernel.actor import Actor

OFFICERS = ("petra@operator.example", "paul@operator.example")
SEED = "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"
LONGEST_S = 30.0


def main() -> None:
    """Make all of it."""
    plant(home_of(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), demo=True))
    from glasshouse.accounts.models import Account
    from glasshouse.kernel import clock
    from glasshouse.requests import api as requests
    from glasshouse.sources import api as sources

    officers = [_officer(address) for address in OFFICERS]
    # Whoever has just come counts as a newcomer, who is told of what is coming a little later.
    Account.objects.update(created_at=clock.now() - timedelta(days=2))
    requests.ask("asker@person.example", "access", "br", "What do you hold of me?", requests.Arrival(network="cases"))
    source = sources.add_source(officers[0], "partner", "Fair Ltd", "contract 7", "knowing whom to invite")
    sources.bring_in(officers[0], source.id, "address;company;phone\ncontact@person.example;Farm Ltd;+31 6\n")
    _legal_request(*officers)
    _version(officers[0])


def _officer(address: str) -> Actor:
    """The privacy officer with this address, with a second factor that was used, having accepted the documents in force."""
    from dataclasses import replace

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import SecondFactor
    from glasshouse.kernel import clock
    from glasshouse.kernel.actor import ActorKind
    from glasshouse.notices import api as notices

    now = clock.now()
    actor = replace(accounts.actor_of_address(address), kind=ActorKind.STAFF, proved_at=now)
    SecondFactor.objects.create(
        account_id=str(actor.account),
        key_owner=str(actor.person),
        kind="app",
        name="App",
        secret={"seed": SEED},
        confirmed_at=now,
        used_at=now,
        created_at=now,
    )
    notices.record_acceptance(actor, notices.offer().claims("page"))
    return actor


def _legal_request(first: Actor, second: Actor) -> None:
    """One that two officers have agreed to answer."""
    from glasshouse.authorities import api as authorities

    facts = authorities.Facts("bruno@collina.example", "District Court", "NL", "Art. 126nd", ["user.name"])
    number = authorities.enter(first, facts).id
    for officer in (first, second):
        authorities.review(officer, number, authorities.ANSWER, ["user.name"], "lawful")


def _version(officer: Actor) -> None:
    """A significant version that was announced to everybody. Raises TimeoutError."""
    from glasshouse.notices import drafts
    from glasshouse.notices.models import Version

    written = drafts.Draft("cookies", {"en": ("## New\n\nAll is new.", "Everything is new.")}, True, 14)
    number = drafts.publish(officer, drafts.draft(officer, written)).id
    ends = time.monotonic() + LONGEST_S
    while Version.objects.get(id=number).in_force_at is None:  # The worker announces it.
        if time.monotonic() > ends:
            raise TimeoutError("The worker has not announced the version.")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
