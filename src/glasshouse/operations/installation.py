"""Where an installation keeps its data and its keys, and the secrets it makes at first start.

keys/people/   root keys, keys of days, look-up key, signing key of capabilities, passwords of both stores' roles but the owner's
keys/crops/    the crop plane's own keys; the people plane's processes are never told of them
keys/tls/      certificate authority and server certificate
keys/store/    the administrators of both embedded PostgreSQL clusters, for setting up roles only, and the owner of the tables

The key store (wrapped data keys, ledger of erasures) lies in a third folder, with its backups beside its cluster.
"""

import itertools
import os
import secrets
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from glasshouse.kernel import users
from glasshouse.kernel.doors import Door
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.release import program
from glasshouse.kernel.servers import Server
from glasshouse.vault.root import FileRootKeys, sync_folder, write_secret

LIMITS = ("CONNECTIONS_A_CLIENT", "CONNECTIONS_A_PROXY", "SERIES_PER_DEVICE", "SERIES_PER_ORGANISATION")
PORT = 8443  # of the web door, unless another is named
MOVED = "keys-are-apart"  # file of the data folder: its keys are in a key store of its own
PEOPLE_ELSEWHERE, KEYS_ELSEWHERE = (
    "people-are-elsewhere",
    "keys-are-elsewhere",
)  # files: the store is the operator's own server
PEOPLE_AUTHORITY, KEYS_AUTHORITY = "people-database.crt", "keys-database.crt"
OWNER = "owner.secret"  # of the tables: for the start and commands alone
# The made-up operator of a demo, where nobody named another one.
DEMO_OPERATOR = {
    "GLASSHOUSE_OPERATOR_NAME": "Demo Growers' Service Ltd (made up)",
    "GLASSHOUSE_OPERATOR_ADDRESS": "1 Example Lane, 0000 XX Nowhere (made up)",
    "GLASSHOUSE_OPERATOR_GROUP": "Demo Growers' Holding Ltd (made up)",
    "GLASSHOUSE_PRIVACY_OFFICER": "Petra Privacy (made up)",
    "GLASSHOUSE_SUPERVISORY_AUTHORITY": "Authority of Nowhere (made up)",
}
ROLES = ("app", "person", "job", "relay", "vault", "ledger", "erasure", "support", "auditor", "backup")


class InstallationError(GlasshouseError):
    """The folders cannot be used as they are; the message says why and what to do."""


class KeyStoreError(InstallationError):
    """The key store is missing, damaged, of another installation, or older than the data; the message says what to do."""

    exit_code = 3


class CatchUpError(InstallationError):
    """What the ledger of erasures tells could not be carried out on this data; the message says why and what to do."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class ProxyDoor:
    """The door of a proxy that shows a certificate. port: where it listens; authority: file of who signs that certificate."""

    port: int
    authority: Path


@dataclass(frozen=True, slots=True)
class Doors:
    """Under which names, and where, an installation is reached.

    origin, crops_origin: public addresses of the two doors, which a proxy may answer for; "": localhost and the door's own port.
    bind: the address of this machine that they listen on. certificate: files of the operator's own certificate chain and its key.
    proxy: the web door's second listener, for a proxy alone.
    """

    origin: str = ""
    crops_origin: str = ""
    bind: str = "127.0.0.1"
    certificate: tuple[Path, Path] | None = None
    proxy: ProxyDoor | None = None

    @property
    def reached_at(self) -> str:
        """The address by which this machine itself reaches them."""
        # A door on "::" answers IPv4 too, and checks come from loopback addresses of IPv4.
        return "127.0.0.1" if self.bind in ("0.0.0.0", "::") else self.bind  # noqa: S104 - compared, not bound to


@dataclass(frozen=True, slots=True)
class Databases:
    """The operator's own PostgreSQL servers, instead of the embedded ones. The passwords are of who prepares each; "": nobody."""

    people: Server | None = None
    keys: Server | None = None
    people_password: str = field(default="", repr=False)
    keys_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Installation:
    """Folders and ports of one running Glasshouse.

    demo: no mail leaves, and the mailbox can be read. testing: of a demo only; the worker runs no job by itself, and passwords
    are hashed at the least cost that OWASP recommends. No option of a command and no variable of a shell sets it.
    key_store: folder of the key store; None: beside the keys. doors: public names and addresses. databases: servers of the
    operator's. web_processes, workers: how many processes of these parts run side by side.
    """

    data: Path
    keys: Path
    port: int
    crops_port: int
    mail_port: int
    demo: bool
    testing: bool = False
    key_store: Path | None = None
    doors: Doors = field(default_factory=Doors)
    databases: Databases = field(default_factory=Databases)
    web_processes: int = 1
    workers: int = 1

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
    def people_authority(self) -> Path:
        """The parts' copy of the authority that signed the certificate of the operator's people store."""
        return self.keys / "tls" / PEOPLE_AUTHORITY

    @property
    def keys_authority(self) -> Path:
        """As above, of the key store."""
        return self.keys / "tls" / KEYS_AUTHORITY

    @property
    def origin(self) -> str:
        """Public address of the web door."""
        return self.doors.origin or f"https://localhost:{self.port}"

    @property
    def crops_origin(self) -> str:
        """Public address of the crops service."""
        return self.doors.crops_origin or f"https://localhost:{self.crops_port}"

    @property
    def door_ports(self) -> tuple[int, ...]:
        """Where its doors listen: of web, of crops, and of a proxy with a certificate if there is one."""
        proxy = self.doors.proxy
        return (self.port, self.crops_port, proxy.port) if proxy else (self.port, self.crops_port)

    @property
    def web_door(self) -> Door:
        """How this machine reaches the web door."""
        return Door(self.origin, self.doors.reached_at, self.port)

    @property
    def crops_door(self) -> Door:
        """How this machine reaches the crops service."""
        return Door(self.crops_origin, self.doors.reached_at, self.crops_port)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that its certificate carries."""
        public = (door.host for door in (self.web_door, self.crops_door))
        return tuple(dict.fromkeys(("localhost", *public)))

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
        return " ".join([program(), call, *(["--demo"] if self.demo else []), *options])

    def environment(self) -> dict[str, str]:
        """The environment of the people plane's processes. Holds no secret, and no path of the crop plane's keys."""
        return {
            "GLASSHOUSE_DATA": str(self.data),
            "GLASSHOUSE_KEYS": str(self.keys / "people"),
            "GLASSHOUSE_KEYSTORE": str(self.keystore),
            "GLASSHOUSE_TLS": str(self.keys / "tls"),
            "GLASSHOUSE_ORIGIN": self.origin,
            "GLASSHOUSE_CROPS_ORIGIN": self.crops_origin,
            "GLASSHOUSE_WEB_LISTENS": f"{self.doors.bind} {self.port}",
            "GLASSHOUSE_WEB_REACHED": f"{self.doors.reached_at} {self.port}",
            "GLASSHOUSE_CROPS_REACHED": f"{self.doors.reached_at} {self.crops_port}",
            "GLASSHOUSE_MAIL_PORT": str(self.mail_port),
            "GLASSHOUSE_DEMO": "1" if self.demo else "",
            "GLASSHOUSE_TESTING": "1" if self.testing else "",
            "DJANGO_SETTINGS_MODULE": "glasshouse.web.settings",
            **{
                variable: server.for_parts(authority)
                for variable, server, authority in (
                    ("GLASSHOUSE_PEOPLE_SERVER", self.databases.people, self.people_authority),
                    ("GLASSHOUSE_KEYS_SERVER", self.databases.keys, self.keys_authority),
                )
                if server
            },
        } | (self._demo_operator() if self.demo else {})

    @staticmethod
    def _demo_operator() -> dict[str, str]:
        named = any(os.environ.get(name) for name in DEMO_OPERATOR)
        return {} if named else DEMO_OPERATOR

    def reader_environment(self) -> dict[str, str]:
        """The environment of the file reader: where it looks. It signs in nowhere, and is told no variable of the operator's."""
        return self._places("GLASSHOUSE_DATA", "GLASSHOUSE_KEYS", "GLASSHOUSE_KEYSTORE")

    def starter_environment(self) -> dict[str, str]:
        """The environment of the sandbox starter: where its socket is."""
        return self._places("GLASSHOUSE_DATA")

    def _places(self, *names: str) -> dict[str, str]:
        numbers = {users.VARIABLE: os.environ[users.VARIABLE]} if users.VARIABLE in os.environ else {}
        return {name: self.environment()[name] for name in names} | numbers

    def crops_environment(self) -> dict[str, str]:
        """The environment of the crops service: its own data and keys, nothing of the people plane's."""
        named = (*LIMITS, "TRUSTED_PROXIES")
        return {
            "CROPS_DATA": str(self.data / "crops"),
            "CROPS_KEYS": str(self.keys / "crops"),
            "CROPS_TLS": str(self.keys / "tls"),
            "CROPS_PORT": str(self.crops_port),
            "CROPS_BIND": self.doors.bind,
            "CROPS_HOST": self.crops_door.host,
        } | {
            f"CROPS_{name}": os.environ[f"GLASSHOUSE_{name}"] for name in named if os.environ.get(f"GLASSHOUSE_{name}")
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
        _move_owner(people / OWNER, self.keys / "store" / OWNER)
        if not FileRootKeys(people).generations():
            FileRootKeys(people).add()
        for path in (people / "lookup.key", crops / "wal.key", crops / "token.key"):
            _once(path, secrets.token_bytes(32))
        _once(crops / "disk.key", secrets.token_hex(32).encode())
        for path in (
            people / "django.key",
            self.keys / "store" / "admin.secret",
            self.keys / "store" / "keystore-admin.secret",
            self.keys / "store" / OWNER,
            *(people / f"{role}.secret" for role in ROLES),
        ):
            _once(path, secrets.token_urlsafe(32).encode())
        _capability_keys(people / "capability.key", crops / "capability.pub")

    def _refuse_lost_keys(self, *, restoring: bool) -> None:
        # New keys over old data would make all of it unreadable for ever: a folder is named wrongly, so stop.
        if (self.was_started or self.is_moved) and not (self.keys / "people" / "lookup.key").exists():
            raise InstallationError(
                f"{self.data} holds data, but {self.keys} holds no keys for it. Name the right folder with --keys."
            )
        for folder, marker, server, setting in (
            (self.data, PEOPLE_ELSEWHERE, self.databases.people, "database.people"),
            (self.keystore, KEYS_ELSEWHERE, self.databases.keys, "database.keys"),
        ):
            if (folder / marker).exists() and not server:
                raise InstallationError(
                    f"What belongs to {folder} lies in a PostgreSQL server of your own, and none is named. Set {setting}."
                )
        if self.databases.keys:
            return
        if not restoring and self.is_moved and not (self.keystore / "cluster" / "PG_VERSION").exists():
            raise KeyStoreError(
                f"{self.data} holds data, but there is no key store in {self.keystore}. Nothing can be read without it. "
                "Name the right folder with --keystore, or bring back its newest backup: "
                f"{self.command('keys restore BACKUP')}"
            )

    @property
    def was_started(self) -> bool:
        """Whether a people store was ever made here, or prepared elsewhere."""
        return (self.data / "people" / "PG_VERSION").exists() or (self.data / PEOPLE_ELSEWHERE).exists()

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


def _move_owner(earlier: Path, path: Path) -> None:
    """Where an earlier version had the secret of the tables' owner, the worker could put another one. Also of an old copy."""
    if earlier.exists():
        earlier.unlink() if path.exists() else earlier.rename(path)


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
