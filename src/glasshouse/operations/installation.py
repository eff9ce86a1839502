"""Where an installation keeps its data and its keys, and the secrets it makes at first start.

keys/people/   root keys, keys of days, look-up key, signing key of capabilities, passwords of both stores' roles
keys/crops/    the crop plane's own keys; the people plane's processes are never told of them
keys/tls/      certificate authority and server certificate
keys/store/    the administrators of both embedded PostgreSQL clusters, for setting up roles only

The key store (wrapped data keys, ledger of erasures) lies in a third folder, with its backups beside its cluster.
"""

import itertools
import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.vault.root import FileRootKeys, sync_folder, write_secret

LIMITS = ("SERIES_PER_DEVICE", "SERIES_PER_ORGANISATION")
PORT = 8443  # of the web door, unless another is named
MOVED = "keys-are-apart"  # file of the data folder: its keys are in a key store of its own
# The made-up operator of a demo, where nobody named another one.
DEMO_OPERATOR = {
    "GLASSHOUSE_OPERATOR_NAME": "Demo Growers' Service Ltd (made up)",
    "GLASSHOUSE_OPERATOR_ADDRESS": "1 Example Lane, 0000 XX Nowhere (made up)",
    "GLASSHOUSE_OPERATOR_GROUP": "Demo Growers' Holding Ltd (made up)",
    "GLASSHOUSE_PRIVACY_OFFICER": "Petra Privacy (made up)",
    "GLASSHOUSE_SUPERVISORY_AUTHORITY": "Authority of Nowhere (made up)",
}
ROLES = ("owner", "app", "person", "job", "relay", "vault", "support", "auditor", "backup")


class InstallationError(GlasshouseError):
    """The folders cannot be used as they are; the message says why and what to do."""


class KeyStoreError(InstallationError):
    """The key store is missing, damaged, of another installation, or older than the data; the message says what to do."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Installation:
    """Folders and ports of one running Glasshouse.

    demo: no mail leaves, and the mailbox can be read. testing: of a demo only; the worker runs no job by itself, and passwords
    are hashed at the least cost that OWASP recommends. No option of a command and no variable of a shell sets it.
    key_store: folder of the key store; None: beside the keys.
    """

    data: Path
    keys: Path
    port: int
    crops_port: int
    mail_port: int
    demo: bool
    testing: bool = False
    key_store: Path | None = None

    @property
    def keystore(self) -> Path:
        """Folder of the key store: as it was named, or beside the keys."""
        return self.key_store or self.keys.with_name(f"{self.keys.name}-store")

    @property
    def key_backups(self) -> Path:
        """Folder of the key store's own backups."""
        return self.keystore / "backups"

    @property
    def day_keys(self) -> Path:
        """Folder of the keys of days, under which backups of the key store are sealed (`vault/epochs.py`)."""
        return self.keys / "people" / "epochs"

    @property
    def origin(self) -> str:
        """Address of the web door."""
        return f"https://localhost:{self.port}"

    @property
    def crops_origin(self) -> str:
        """Address of the crops service."""
        return f"https://localhost:{self.crops_port}"

    def command(self, call: str) -> str:
        """A command of ours as it is typed for this installation: with each option that is not what it would be by itself."""
        name = "demo" if self.demo else "service"
        beside_keys = self.keys.with_name(f"{self.keys.name}-store")
        folders = {
            "--data": (self.data, default_base() / name),
            "--keys": (self.keys, default_keys() / name),
            "--keystore": (self.keystore, beside_keys),
        }
        options = [
            f"{option} {shlex.quote(str(folder))}" for option, (folder, usual) in folders.items() if folder != usual
        ]
        options += [f"--port {self.port}"] if self.port != PORT else []
        return " ".join(["./glasshouse", call, *(["--demo"] if self.demo else []), *options])

    def environment(self) -> dict[str, str]:
        """The environment of the people plane's processes. Holds no secret, and no path of the crop plane's keys."""
        return {
            "GLASSHOUSE_DATA": str(self.data),
            "GLASSHOUSE_KEYS": str(self.keys / "people"),
            "GLASSHOUSE_KEYSTORE": str(self.keystore),
            "GLASSHOUSE_TLS": str(self.keys / "tls"),
            "GLASSHOUSE_ORIGIN": self.origin,
            "GLASSHOUSE_CROPS_ORIGIN": self.crops_origin,
            "GLASSHOUSE_MAIL_PORT": str(self.mail_port),
            "GLASSHOUSE_DEMO": "1" if self.demo else "",
            "GLASSHOUSE_TESTING": "1" if self.testing else "",
            "DJANGO_SETTINGS_MODULE": "glasshouse.web.settings",
        } | (self._demo_operator() if self.demo else {})

    @staticmethod
    def _demo_operator() -> dict[str, str]:
        named = any(os.environ.get(name) for name in DEMO_OPERATOR)
        return {} if named else DEMO_OPERATOR

    def crops_environment(self) -> dict[str, str]:
        """The environment of the crops service: its own data and keys, nothing of the people plane's."""
        return {
            "CROPS_DATA": str(self.data / "crops"),
            "CROPS_KEYS": str(self.keys / "crops"),
            "CROPS_TLS": str(self.keys / "tls"),
            "CROPS_PORT": str(self.crops_port),
        } | {
            f"CROPS_{name}": os.environ[f"GLASSHOUSE_{name}"] for name in LIMITS if os.environ.get(f"GLASSHOUSE_{name}")
        }

    def prepare(self, *, restoring: bool = False) -> None:
        """Make folders and secrets that are not there yet. restoring: a lost key store is about to be brought back.

        Raises InstallationError, KeyStoreError.
        """
        _refuse_nested({"data": self.data, "keys": self.keys, "key store": self.keystore})
        self._refuse_lost_keys(restoring=restoring)
        for folder in (
            *(self.data, self.data / "people", self.data / "crops", self.data / "blobs"),
            *(self.keystore, self.keystore / "cluster"),
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        for folder in (self.keys, *(self.keys / name for name in ("people", "crops", "tls", "store"))):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        people, crops = self.keys / "people", self.keys / "crops"
        if not FileRootKeys(people).generations():
            FileRootKeys(people).add()
        for path in (people / "lookup.key", crops / "wal.key", crops / "token.key"):
            _once(path, secrets.token_bytes(32))
        _once(crops / "disk.key", secrets.token_hex(32).encode())
        for path in (
            people / "django.key",
            self.keys / "store" / "admin.secret",
            self.keys / "store" / "keystore-admin.secret",
            *(people / f"{role}.secret" for role in ROLES),
        ):
            _once(path, secrets.token_urlsafe(32).encode())
        _capability_keys(people / "capability.key", crops / "capability.pub")

    def _refuse_lost_keys(self, *, restoring: bool) -> None:
        # New keys over old data would make all of it unreadable for ever: a folder is named wrongly, so stop.
        if (self.data / "people" / "PG_VERSION").exists() and not (self.keys / "people" / "lookup.key").exists():
            raise InstallationError(
                f"{self.data} holds data, but {self.keys} holds no keys for it. Name the right folder with --keys."
            )
        if not restoring and self.is_moved and not (self.keystore / "cluster" / "PG_VERSION").exists():
            raise KeyStoreError(
                f"{self.data} holds data, but there is no key store in {self.keystore}. Nothing can be read without it. "
                "Name the right folder with --keystore, or bring back its newest backup: "
                f"{self.command('keys restore BACKUP')}"
            )

    @property
    def is_moved(self) -> bool:
        """Whether the data's keys were ever put into a key store of its own; of earlier versions' data they were not."""
        return (self.data / MOVED).exists()

    def note_moved(self) -> None:
        """Note that the keys of this data are in a key store."""
        path = self.data / MOVED
        if not path.exists():
            path.touch(mode=0o644)
            sync_folder(self.data)


def _refuse_nested(folders: dict[str, Path]) -> None:
    """Refuse folders of which one is the other, or lies in it. folders: by what they hold."""
    for (first_name, first_path), (second_name, second_path) in itertools.combinations(folders.items(), 2):
        first, second = first_path.resolve(), second_path.resolve()
        if first == second or first in second.parents or second in first.parents:
            raise InstallationError(
                f"{first_name.capitalize()} ({first}) and {second_name} ({second}) must not be in the same folder: "
                "whoever copies the one would have the other. Name another with --data, --keys or --keystore."
            )


def _once(path: Path, secret: bytes) -> None:
    if not path.exists():
        write_secret(path, secret)


def _capability_keys(private: Path, public: Path) -> None:
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        raw, no = serialization.Encoding.Raw, serialization.NoEncryption()
        write_secret(private, key.private_bytes(raw, serialization.PrivateFormat.Raw, no))
        public.unlink(missing_ok=True)
    if not public.exists():
        key = Ed25519PrivateKey.from_private_bytes(private.read_bytes())
        write_secret(public, key.public_key().public_bytes_raw())


def default_base() -> Path:
    """Where installations live unless told otherwise."""
    if os.geteuid() == 0:  # The store runs as a user of its own then, who cannot look into root's home.
        return Path("/var/lib/glasshouse")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "glasshouse"


def default_keys() -> Path:
    """Where keys live unless told otherwise; never below default_base()."""
    if os.geteuid() == 0:
        return Path("/var/lib/glasshouse-keys")
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "glasshouse-keys"
