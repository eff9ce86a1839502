"""An installation of a test's own, of which copies are made and brought back."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg

from glasshouse.operations import postgres, service
from glasshouse.operations.installation import Installation
from tests import prepared
from tests.conftest import post
from tests.growth import HELP, SOURCE
from tests.ports import free_ports

# Makes a grower with a site, a device and readings, whose data is in every store; answers with what can be looked for.
GROWER = """
import sys
sys.path.insert(0, {root!r})
from bench.customers import new_customer
from glasshouse.greenhouse import api as greenhouse
from glasshouse.accounts.models import Person
grower = new_customer()
site = greenhouse.create_site(grower.actor, {{"name": "Erased Site", "time_zone": "Europe/Rome"}})
device = greenhouse.create_device(grower.actor, site, "", "Erased Logger")
person = Person.objects.get(id=grower.actor.person)
answer({{
    "person": person.id, "account": str(grower.actor.account), "address": person.address, "password": grower.password,
    "organisation": grower.organisation, "site": site, "device": device,
}})
"""


class Place:
    """Folders of an installation, and what a test does with them."""

    def __init__(self, folder: Path) -> None:
        port = free_ports()
        self.folder = folder
        self.home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=True, testing=True)
        prepared.take(self.home)

    @contextmanager
    def stores(self) -> Iterator[None]:
        """Both stores, up to date, without a door."""
        with prepared.store(self.home):
            service.migrate(self.home)
            yield

    @contextmanager
    def doors(self) -> Iterator[None]:
        """Everything."""
        with service.running(self.home, lambda text: None):
            yield

    def run(self, code: str, **environment: str) -> Any:
        """What `code` gives to `answer(...)`, as a job."""
        given = service.people_environment(self.home) | {
            "PYTHONPATH": f"{SOURCE}{os.pathsep}{SOURCE.parent}",
            "GLASSHOUSE_ROLE": "job",
        }
        done = subprocess.run(
            [sys.executable, "-c", HELP + code], env=given | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        return json.loads(lines[-1].removeprefix("ANSWER ")) if lines else None

    def arguments(self, *words: str) -> list[str]:
        """A command of ours on this installation, as it is run."""
        options = ["--data", str(self.home.data), "--keys", str(self.home.keys), "--port", str(self.home.port)]
        options += ["--keystore", str(self.home.keystore)]
        demo = [] if words[0] in ("up", "demo") else ["--demo"]
        return [sys.executable, "-m", "glasshouse.cli", *words, *options, *demo]

    def command(self, *words: str, within_s: int = 120) -> "subprocess.CompletedProcess[str]":
        """A command of ours on this installation."""
        return subprocess.run(
            self.arguments(*words),
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            capture_output=True,
            input="y\n",
            text=True,
            check=False,
            timeout=within_s,
        )

    def grower(self) -> dict[str, str]:
        """A new grower; ids and address. The doors must be open."""
        answer: dict[str, str] = self.run(GROWER.format(root=str(SOURCE.parent)))
        return answer

    def copy(self, name: str, what: str = "data") -> Path:
        """A copy of a folder, as a backup would be; nothing may run."""
        source = {"data": self.home.data, "keystore": self.home.keystore}[what]
        target = self.folder / name
        subprocess.run(["cp", "-a", source, target], check=True)
        return target

    def put_back(self, copy: Path, what: str = "data") -> None:
        """Put a copy in the place of the folder."""
        target = {"data": self.home.data, "keystore": self.home.keystore}[what]
        shutil.rmtree(target)
        subprocess.run(["cp", "-a", copy, target], check=True)

    def of(self, data: Path) -> Installation:
        """The installation with a copy of its data instead, and the present keys."""
        return replace(self.home, data=data, key_store=self.home.keystore)

    @contextmanager
    def administering(self, database: str = "people") -> Iterator["psycopg.Connection[Any]"]:
        """A database as its superuser."""
        with postgres.store_of(self.home, database).administering(database) as link:
            yield link

    def sign_in(self, grower: dict[str, str]) -> httpx.Response:
        """What the web door says to a grower who signs in."""
        with httpx.Client(
            base_url=self.home.origin,
            verify=trust(self.home),
            headers={"Referer": f"{self.home.origin}/"},
            timeout=60,
        ) as client:
            return post(client, "/sign-in", address=grower["address"], password=grower["password"])


def trust(home: Installation) -> ssl.SSLContext:
    """Trusts the installation's own authority."""
    return ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
