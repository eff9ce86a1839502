"""Make the data of commit 16a847e that the upgrade test starts from.

Run it with the sources of that commit, and its locked packages:

    git worktree add OLD 16a847e
    PYTHONPATH=OLD/src:OLD python tests/upgrade/plant.py OUT

It starts the whole service of that commit with demo growers, fills the tables that later versions change, stops it, and
writes OUT/data-16a847e.tar.xz (folders `data` and `keys`) and OUT/expected.json (what the data must still say).
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from glasshouse.cli import demo
from glasshouse.operations.installation import Installation
from glasshouse.operations.service import running
from tests.ports import free_ports

PASSWORD = "tomatoes-under-glass"
READINGS_DAYS = 2
DEVICE_BATCHES = 400


def fill(home: Installation) -> dict[str, Any]:
    """Add what the demo has not: pending links, requests by every channel, registers, a broken mail, small writes."""
    from django.db import transaction

    from glasshouse.access import api as access
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Account, SecondStep
    from glasshouse.disclosures import api as disclosures
    from glasshouse.events import api as events
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import imports
    from glasshouse.kernel import clock
    from glasshouse.kernel.actor import Actor, ActorKind
    from glasshouse.kernel.ids import HolderId
    from glasshouse.mail import api as mail
    from glasshouse.notices import api as notices
    from glasshouse.organisations import invitations
    from glasshouse.requests import api as requests
    from glasshouse.requests import drp
    from glasshouse.sources import api as sources

    def secret(address: str, path: str) -> str:
        letter = next(row for row in mail.newest(200) if row.address == address)
        return re.search(rf"/{path}/(\S+)", letter.body)[1]  # type: ignore[index]

    petra = Account.objects.get(person_id=accounts.actor_of_address("petra@operator.example").person)
    SecondStep.objects.create(
        account=petra,
        holder=petra.person_id,
        kind="app",
        name="App",
        secret={"seed": "MFRGGZDFMZTWQ2LK"},
        confirmed_at=clock.now(),
        created_at=clock.now(),
    )
    officer = Actor(ActorKind.STAFF, petra.id, petra.person_id, proved_at=clock.now())
    notices.take(officer, notices.offer().claims("page"))
    ada = accounts.actor_of_address("ada@polder.example")
    ada = ada.within(access.organisations_of(ada)[0].id)
    expected: dict[str, Any] = {"password": PASSWORD, "addresses": ["ada@polder.example", "bruno@collina.example"]}

    invitations.invite(ada, "invited@polder.example", invitations.Offer("grower", None))
    expected["invitation"] = secret("invited@polder.example", "invitation")
    wanted = accounts.SignUp(
        "Pending Person", "pending@polder.example", PASSWORD, "Pending Farm", accepted=notices.offer().claims("sign-up")
    )
    accounts.ask_sign_up(wanted, network="plant")
    expected["sign_up"] = secret("pending@polder.example", "prove")
    accounts.ask_reset("bruno@collina.example", network="plant")
    expected["reset"] = secret("bruno@collina.example", "reset")

    requests.ask("guest@elsewhere.example", "access", "eu", "What do you hold of me?", requests.Arrival("page"))
    expected["guest_request"] = secret("guest@elsewhere.example", "privacy/prove")
    broken = requests.Arrival("mail", thread="<bad\x07id\n@x>", authentication="spf=none")
    requests.from_mail("mailer@elsewhere.example", "Delete my data", "Please delete my data.", broken)
    paper = requests.Arrival("letter", identity="Passport NLD-4711 seen by Petra")
    expected["letter_request"] = requests.enter(officer, "", "access", "eu", "A letter from Mr Paper", paper)
    registered = disclosures.Entry(
        kind="provider",
        words={
            "name": "Text Provider BV",
            "what": "Sends texts.",
            "region": "EU",
            "agreement": "DPA 1",
            "purpose": "texts",
            "basis": "contract",
            "contact": "dpo-contact@textprovider.example",
        },
        fields=["user.contact.phone_number", "user.content.private"],
        channels=["text:twilio"],
        wait_days=14,
    )
    expected["recipient"] = disclosures.add(officer, registered).id
    source = sources.add_source(officer, "partner", "Fair Source Ltd", "contract 7", "knowing whom to invite")
    sources.bring_in(officer, source.id, "address,company\nsupplied@elsewhere.example,Supplied Farm\n")
    expected["source"] = source.id
    key = base64.b64encode(b"\x01" * 32).decode()
    with transaction.atomic():
        from glasshouse.requests.models import Agent

        Agent.objects.create(
            id="agent-upgrade",
            name="Agent Upgrade & Co",
            verify_key=key,
            callback_host="agent.example",
            created_at=clock.now(),
        )
        row, _ = requests.opened(
            "agented@elsewhere.example", "access", "us", "An agent asks.", requests.Arrival("agent")
        )
        row.agent, row.agent_seal, row.callback = (
            "agent-upgrade",
            "0" * 64,
            "https://agent.example/callback/secret-path",
        )
        row.agent_request = "agents-own-number-77"
        row.save(force_insert=True)
        expected["agent_request"] = row.id
        mail.queue(HolderId(ada.person), "demo", "=?utf-8?q??=@x.example", subject="stuck\nBcc: a@b.example", body="x")
    assert drp.agents(officer)

    site = greenhouse.sites(ada)[0].id
    body = b"time,air_temp,air_rh\n" + b"".join(b"2026-01-%02d 12:00,%d.5,70\n" % (day, day) for day in range(1, 29))
    upload = imports.upload(ada, site, "", "logger of Ada.csv", [body])
    imports.choose(ada, upload, imports.preview(ada, upload).layout)
    imports.run(ada, upload)
    token = greenhouse.create_device(ada, site, "", "Small writer")
    start = 1_764_000_000
    for number in range(DEVICE_BATCHES):
        demo._send(home, token, [f"small air_temp={number % 30}.25 {start + number * 60}"])
    expected |= {"small_writes": DEVICE_BATCHES, "small_start": start, "device_token": token, "site": site}
    expected["events"], wrong = events.verify()
    assert not wrong
    return expected


def main(out: Path) -> None:
    """Make the two files in the folder `out`."""
    demo._go_on = lambda *_: None  # type: ignore[assignment]
    demo_line = demo._send

    def fewer(home: Installation, token: str, lines: list[str]) -> None:
        demo_line(home, token, lines[-READINGS_DAYS * 288 :])

    demo._send = fewer
    with tempfile.TemporaryDirectory(prefix="glasshouse-plant-") as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        port = free_ports()
        home = Installation(place / "data", place / "keys", port, port + 1, port + 2, demo=True)
        with running(home, print):
            demo.plant(home)
            expected = fill(home)
        (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        pack = ["tar", "-C", scratch, "--exclude=logs", "--exclude=*.log", "-cf", "-", "data", "keys"]
        with (out / "data-16a847e.tar.xz").open("wb") as file:
            tar = subprocess.Popen(pack, stdout=subprocess.PIPE)
            subprocess.run(["xz", "-9e", "-T1", "-c"], stdin=tar.stdout, stdout=file, check=True)
            assert tar.wait() == 0


if __name__ == "__main__":
    os.environ.setdefault("GLASSHOUSE_ROOT", str(Path.cwd()))
    main(Path(sys.argv[1]))
