"""Demo growers: made through the same verbs as real ones, once; with readings that go on while the demo runs.

They are made by a process of its own (`python -m glasshouse.cli.demo`, with the environment of a part), so that the supervisor,
which may be root, never reads the application, and its memory is free again.
"""

import contextlib
import json
import math
import os
import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from glasshouse.kernel import doors
from glasshouse.kernel.doors import Door
from glasshouse.kernel.straight import Straight
from glasshouse.operations import service
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.vault.root import write_secret

PASSWORD = "tomatoes-under-glass"  # noqa: S105 - the demo's, printed at its start
GROWERS = (
    ("Ada Teler", "ada@polder.example", "Polder Tomatoes"),
    ("Bruno Serra", "bruno@collina.example", "Collina Herbs"),
)
STAFF = (
    ("Olaf Help", "olaf@operator.example", "support"),
    ("Petra Reuter", "petra@operator.example", "privacy"),
    ("Paul Reuter", "paul@operator.example", "privacy"),  # For what two officers have to agree on.
)


PLANTED = "demo-planted"  # file of the data folder: its growers were made


class Service(NamedTuple):
    """What of an installation the demo's growers need, under the same names."""

    data: Path
    keys: Path
    origin: str
    crops_origin: str
    crops_door: Door


def begin(home: Installation) -> list[str]:
    """Make the demo growers in a process of its own, and have their devices send. Returns what `plant` does.

    Raises InstallationError.
    """
    finished = service.run_module(home, "glasshouse.cli.demo", "app")
    if finished.returncode:
        raise InstallationError(f"The demo's growers could not be made: {finished.stderr.strip()[-2000:]}")
    for token, compartment in json.loads(_devices_file(home).read_text()).items():
        threading.Thread(target=_go_on, args=(home, token, compartment), daemon=True).start()
    lines: list[str] = json.loads(finished.stdout.splitlines()[-1])
    return lines


def plant(home: Installation) -> list[str]:
    """Make the demo growers, once for an installation; returns lines that tell how to sign in as those that are there.

    Whoever was erased is not made again: neither where the demo is started anew, nor in an older copy of its data.
    """
    import django

    os.environ.update(home.environment())
    django.setup()
    return _plant(home)


def _devices_file(home: Installation | Service) -> Path:
    """The demo's own devices with their tokens: what a real one would have in its own memory."""
    return home.keys / "demo-devices.json"


def _plant(home: Installation | Service) -> list[str]:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Person
    from glasshouse.ledger import api as ledger
    from glasshouse.vault import api as vault

    def is_there(address: str) -> bool:
        return Person.objects.filter(address_hash=vault.lookup("address", address)).exists()

    is_planted = (home.data / PLANTED).exists() or ledger.has_lines()
    devices_file = _devices_file(home)
    tokens: dict[str, str] = json.loads(devices_file.read_text()) if devices_file.exists() else {}
    for grower in GROWERS:
        if not is_planted and not is_there(grower[1]):
            tokens |= _grow(home, *grower)
    devices_file.unlink(missing_ok=True)
    write_secret(devices_file, json.dumps(tokens).encode())
    for name, address, role in STAFF:
        if not is_planted and not is_there(address):
            accounts.create_staff(name, address, PASSWORD, role)
    (home.data / PLANTED).touch(mode=0o600)
    growers = [address for _, address, _ in GROWERS if is_there(address)]
    lines = [f"Sign in as {address} with the password {PASSWORD}" for address in growers]
    staff = " and ".join(f"{address} ({role})" for _, address, role in STAFF)
    lines.append(f"The operator's staff: {staff}, the same password; each sets up two-step verification first")
    return [*lines, f"Outgoing mail can be read at {home.origin}/mailbox"]


def _grow(home: Installation | Service, name: str, address: str, organisation: str) -> dict[str, str]:
    import re

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import sessions
    from glasshouse.accounts.rules import Visit
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.ids import AccountId
    from glasshouse.mail import api as mail
    from glasshouse.notices import api as notices
    from glasshouse.onboarding import api as onboarding

    accounts.ask_sign_up(address, network="demo")
    letter = next(message for message in mail.newest() if message.address == address)
    link = re.search(r"/prove/(\S+)", letter.body)
    if link is None:
        raise RuntimeError("The demo's sign-up mail holds no link.")
    entry = onboarding.Entry(name, PASSWORD, notices.offer().claims("sign-up"), organisation)
    actor = onboarding.finish_sign_up(link[1], entry, Visit("demo")).actor
    sessions.forget_all(AccountId(str(actor.account)))
    facts = {
        "name": "Home",
        "time_zone": "Europe/Amsterdam",
        "area_m2": "9600",
        "latitude": "52.03",
        "longitude": "4.53",
    }
    site = greenhouse.create_site(actor, facts)
    greenhouse.set_target_ranges(actor, site, "", {"variable": "air_temp", "least": "16", "most": "27"})
    tokens = {}
    for compartment in ("North bay", "South bay"):
        compartment_id = greenhouse.create_compartment(actor, site, compartment)
        token = greenhouse.create_device(actor, site, compartment_id, f"Climate box, {compartment}")
        now = int(time.time()) // 300 * 300
        lines = [_line(at, compartment) for at in range(now - 30 * 86_400, now, 300)]
        _send(home, token, lines)
        tokens[token] = compartment
    return tokens


def _line(at: int, compartment: str) -> str:
    chance = random.Random(f"{compartment}{at}")  # noqa: S311 - weather, not a secret
    sun = max(0.0, math.sin((datetime.fromtimestamp(at, UTC).hour * 3600 + at % 3600 - 21_600) / 86_400 * 2 * math.pi))
    temperature = 18 + 7 * sun + chance.gauss(0, 0.2)
    humidity = 85 - 20 * sun + chance.gauss(0, 1)
    return (
        f"climate air_temp={temperature:.1f},air_rh={humidity:.1f},par={sun * 900:.0f},co2={800 - 300 * sun:.0f} {at}"
    )


def _send(home: Installation | Service, token: str, lines: list[str]) -> None:
    way = Straight(home.crops_door, doors.trust(home.keys / "tls"))
    with httpx.Client(base_url=home.crops_origin, transport=way, timeout=60) as device:
        device.post(
            "/api/v2/write?precision=s", content="\n".join(lines), headers={"Authorization": f"Token {token}"}
        ).raise_for_status()


def _go_on(home: Installation, token: str, compartment: str) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):  # The next one comes in ten seconds.
            _send(home, token, [_line(int(time.time()), compartment)])
        time.sleep(10)


def main() -> None:
    """Make them, as the environment says where; the lines are printed as JSON."""
    import django

    django.setup()
    from django.conf import settings

    place = Service(
        settings.DATA_FOLDER,
        settings.KEYS_FOLDER.parent,
        settings.ORIGIN,
        settings.CROPS_ORIGIN,
        settings.CROPS_DOOR,
    )
    print(json.dumps(_plant(place)))


if __name__ == "__main__":
    main()
