"""One configuration: each setting of an installation, what it is called in the file and in the environment, what it may be.

A variable of the environment goes before the file, an option of the command before both. What nothing reads is refused, with the
name that was probably meant. All that is wrong is told at once, each with its place and what to do (decision record 36).
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from glasshouse.operations.installation import InstallationError
from glasshouse.operations.setting_forms import (
    Read,
    bind,
    country,
    database,
    dkim_key,
    dkim_selector,
    file,
    folder,
    networks,
    number,
    origin,
    text,
)

PREFIX = "GLASSHOUSE_"
CONFIGURATION = PREFIX + "CONFIG"  # variable that names the file
MOST_BYTES = 256 << 10  # of the file; a secret's file has 4 KiB at most
MOST_SECRET_BYTES = 4 << 10
MOST_PROCESSES = 4  # of a part: each web process may hold 36 of the people store's 200 connections
port = number(1, 65_535)


class Setting(NamedTuple):
    """One setting. key: in the file, `section.name`; variable: in the environment; read: gives the value in one form.

    usual: what holds unless it is set, in words. of_start: the start uses it, and no part is given it. secret: never shown, and
    may stand in a file of its own, which the same name with `_file` names.
    """

    key: str
    variable: str
    read: Read
    usual: str = ""
    of_start: bool = False
    secret: bool = False


def _of_start(key: str, name: str, read: Read = text, usual: str = "", *, secret: bool = False) -> Setting:
    return Setting(key, PREFIX + name, read, usual, of_start=True, secret=secret)


def _of_parts(key: str, name: str, read: Read = text, usual: str = "", *, secret: bool = False) -> Setting:
    return Setting(key, PREFIX + name, read, usual, secret=secret)


SETTINGS = (
    _of_start("service.origin", "PUBLIC_ORIGIN", origin, "https://localhost with the web door's port"),
    _of_start("service.crops_origin", "CROPS_PUBLIC_ORIGIN", origin, "https://localhost with the crops door's port"),
    _of_start("service.bind", "BIND", bind, "127.0.0.1"),
    _of_start("service.port", "PORT", port, "8443"),
    _of_start("service.crops_port", "CROPS_PORT", port, "the web door's port plus 1"),
    _of_start("service.mail_port", "INBOUND_MAIL_PORT", port, "the web door's port plus 2"),
    _of_start("service.certificate", "CERTIFICATE", file, "one of the installation's own authority"),
    _of_start("service.certificate_key", "CERTIFICATE_KEY", file, "as above"),
    _of_start("service.web_processes", "WEB_PROCESSES", number(1, MOST_PROCESSES), "1"),
    _of_start("service.workers", "WORKERS", number(1, MOST_PROCESSES), "1"),
    _of_parts("service.first_user", "FIRST_USER", number(1_000, 999_999_999), "60600"),
    _of_parts("service.trusted_proxies", "TRUSTED_PROXIES", networks, "none"),
    _of_start("service.proxy_port", "PROXY_PORT", port, "none: a proxy comes to the web door"),
    _of_start("service.proxy_authority", "PROXY_AUTHORITY", file, "as above"),
    _of_parts("service.country", "COUNTRY", country, "NL"),
    _of_start("folders.data", "DATA_FOLDER", folder, "/var/lib/glasshouse/service, or below your home"),
    _of_start("folders.keys", "KEYS_FOLDER", folder, "/var/lib/glasshouse-keys/service, or below your home"),
    _of_start("folders.keystore", "KEYSTORE_FOLDER", folder, "beside the keys"),
    _of_parts("folders.intake", "INTAKE_FOLDER", folder, "none: no files are taken from a folder"),
    _of_start("database.people", "PEOPLE_DATABASE", database, "an embedded PostgreSQL"),
    _of_start("database.people_password", "PEOPLE_DATABASE_PASSWORD", secret=True),
    _of_start("database.keys", "KEYS_DATABASE", database, "an embedded PostgreSQL"),
    _of_start("database.keys_password", "KEYS_DATABASE_PASSWORD", secret=True),
    _of_parts("mail.server", "SMTP_HOST", usual="none: mail waits"),
    _of_parts("mail.port", "SMTP_PORT", port, "587"),
    _of_parts("mail.user", "SMTP_USER"),
    _of_parts("mail.password", "SMTP_PASSWORD", secret=True),
    _of_parts("mail.authority", "SMTP_CA", file, "public authorities"),
    _of_parts("mail.dkim_key", "DKIM_KEY", dkim_key, "none: your mail server signs", secret=True),
    _of_parts("mail.dkim_selector", "DKIM_SELECTOR", dkim_selector, "glasshouse"),
    _of_parts("mail.from", "MAIL_FROM", usual="glasshouse@localhost"),
    _of_parts("mail.intake_domain", "INTAKE_MAIL_DOMAIN", usual="none: no files are taken by mail"),
    _of_parts("mail.taken_an_hour", "MAILS_AN_HOUR", number(1, 1_000_000), "300"),
    _of_parts("mail.answers_an_hour", "MAIL_ANSWERS_AN_HOUR", number(0, 1_000_000), "30"),
    _of_parts("operator.name", "OPERATOR_NAME"),
    _of_parts("operator.address", "OPERATOR_ADDRESS"),
    _of_parts("operator.group", "OPERATOR_GROUP"),
    _of_parts("operator.privacy_officer", "PRIVACY_OFFICER"),
    _of_parts("operator.privacy_address", "PRIVACY_ADDRESS", usual="privacy@ the domain of mail.from"),
    _of_parts("operator.privacy_mailboxes", "PRIVACY_MAILBOXES", usual="dpo"),
    _of_parts("operator.security_contact", "SECURITY_CONTACT", usual="operator.privacy_address"),
    _of_parts("operator.supervisory_authority", "SUPERVISORY_AUTHORITY"),
    _of_parts("text_messages.provider", "TEXT_PROVIDER", usual="none: they stay here"),
    _of_parts("text_messages.secret", "TEXT_SECRET", secret=True),
    _of_parts("text_messages.countries", "TEXT_COUNTRIES", usual="fifteen of Europe"),
    _of_parts("text_messages.a_country_a_day", "TEXTS_A_COUNTRY_A_DAY", number(0, 1_000_000), "200"),
    _of_parts("keys.backup_days", "KEY_BACKUP_DAYS", number(1, 3_650), "7"),
    _of_parts("requests.drp_business", "DRP_BUSINESS", usual="glasshouse"),
    _of_parts("limits.connections_a_client", "CONNECTIONS_A_CLIENT", number(1, 1_000_000), "256"),
    _of_parts("limits.connections_a_proxy", "CONNECTIONS_A_PROXY", number(1, 1_000_000), "2048"),
    _of_parts("limits.series_per_device", "SERIES_PER_DEVICE", number(1, 10**9 - 1), "2000"),
    _of_parts("limits.series_per_organisation", "SERIES_PER_ORGANISATION", number(1, 10**9 - 1), "100000"),
)
# Lists of the file are written with this between their parts.
SEPARATORS = {"operator.group": "; "}


class Value(NamedTuple):
    """What a setting is, and where that was written: a variable, or a file with the key in it."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings that are set, by their variable; and what is wrong, each with its place and what to do."""

    values: Mapping[str, Value] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def get(self, key: str) -> str:
        """The value of a setting, by its key; "" where it is not set."""
        value = self.values.get(BY_KEY[key].variable)
        return value.text if value else ""

    def require_sound(self) -> None:
        """Raises InstallationError with all that is wrong."""
        if self.problems:
            raise InstallationError("\n".join(self.problems))

    def for_parts(self) -> dict[str, str]:
        """The variables that the parts are given."""
        return {
            setting.variable: self.values[setting.variable].text
            for setting in SETTINGS
            if not setting.of_start and setting.variable in self.values
        }


BY_KEY = {setting.key: setting for setting in SETTINGS}
FILE_VARIABLES = {setting.variable + "_FILE": setting for setting in SETTINGS if setting.secret}
VARIABLES = frozenset({CONFIGURATION, *FILE_VARIABLES} | {setting.variable for setting in SETTINGS})


def usual_file() -> Path:
    """Where the configuration is unless another file is named."""
    if os.geteuid() == 0:
        return Path("/etc/glasshouse/glasshouse.toml")
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "glasshouse" / "glasshouse.toml"


def read(named: Path | None, environment: Mapping[str, str], *, look: bool = True) -> Configuration:
    """The configuration of a file and an environment.

    named: the file; None: the one that a variable names. look: where none is named, read the usual one, if it is there.
    """
    problems: list[str] = []
    if named is None and environment.get(CONFIGURATION):
        named = Path(environment[CONFIGURATION])
    if named is None and look and usual_file().exists():
        named = usual_file()
    raw = _from_file(named, problems) if named else {}
    raw |= _from_environment(environment, problems)
    values = {}
    for setting in SETTINGS:
        written = raw.get(setting.variable)
        if written is None or not written.text.strip():
            continue
        try:
            values[setting.variable] = Value(setting.read(written.text.strip()), written.place)
        except ValueError as error:
            # A DSN that is refused may have a password in it.
            shown = "what is set" if setting.secret or setting.read is database else repr(written.text[:60])
            problems.append(f"{written.place}: {shown} cannot be used. {error}")
    return Configuration(values, tuple(problems + _together(values)))


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, Value]:
    values = {
        setting.variable: Value(environment[setting.variable], setting.variable)
        for setting in SETTINGS
        if setting.variable in environment
    }
    for variable, setting in FILE_VARIABLES.items():
        if environment.get(variable):
            values |= _secret_of(setting, environment[variable], variable, problems)
    return values


def _from_file(path: Path, problems: list[str]) -> dict[str, Value]:
    try:
        with path.open("rb") as opened:
            content, mode = opened.read(MOST_BYTES + 1), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        problems.append(f"{path} cannot be read ({error.strerror}). Name the right file with --config.")
        return {}
    if len(content) > MOST_BYTES:
        problems.append(f"{path} has more than {MOST_BYTES // 1024} KiB: it is no configuration.")
        return {}
    try:
        sections = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path} is no TOML: {error}.")
        return {}
    values: dict[str, Value] = {}
    for section, entries in sections.items():
        if not isinstance(entries, dict):
            problems.append(f"{path}: {section} stands outside a section. {_near(section)}")
            continue
        for name, entry in entries.items():
            values |= _entry(path, f"{section}.{name}", entry, mode, problems)
    return values


def _entry(path: Path, key: str, entry: object, mode: int, problems: list[str]) -> dict[str, Value]:
    place = f"{path}: {key}"
    written = _written(key, entry)
    if written is None:
        problems.append(f"{place}: write a text, a whole number, or a list of texts.")
        return {}
    if key.endswith("_file") and (of_secret := BY_KEY.get(key.removesuffix("_file"))) and of_secret.secret:
        return _secret_of(of_secret, written, place, problems)
    setting = BY_KEY.get(key)
    if setting is None:
        problems.append(f"{place} is not known. {_near(key)}")
        return {}
    if setting.secret and mode & 0o077:
        problems.append(f"{place} is a secret, and others may read this file. Run: chmod 600 {path}")
    return {setting.variable: Value(written, place)}


def _written(key: str, entry: object) -> str | None:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, int) and not isinstance(entry, bool):
        return str(entry)
    if isinstance(entry, list) and all(isinstance(part, str) for part in entry):
        return SEPARATORS.get(key, " ").join(entry)
    return None


def _secret_of(setting: Setting, written: str, place: str, problems: list[str]) -> dict[str, Value]:
    """The secret in a file of its own, such as one that a service manager hands over."""
    path = Path(written).expanduser()
    try:
        with path.open("rb") as opened:
            content, mode = opened.read(MOST_SECRET_BYTES + 1), os.fstat(opened.fileno()).st_mode
        if len(content) > MOST_SECRET_BYTES:
            problems.append(f"{place}: {path} is too long for a secret.")
        if mode & 0o007:
            problems.append(f"{place}: everybody may read {path}. Run: chmod o= {path}")
        return {setting.variable: Value(content.decode().rstrip("\r\n"), place)}
    except OSError as error:
        problems.append(f"{place}: {path} cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        problems.append(f"{place}: {path} holds no text.")
    return {}


def _near(key: str) -> str:
    known = [*BY_KEY, *(f"{setting.key}_file" for setting in SETTINGS if setting.secret)]
    match = difflib.get_close_matches(key, known, n=1, cutoff=0)
    return f"Did you mean {match[0]}? Correct it or remove it."


def _together(values: Mapping[str, Value]) -> list[str]:
    """What is wrong with settings that are right each by itself."""

    def value(name: str) -> str:
        return values[PREFIX + name].text if PREFIX + name in values else ""

    problems = []
    public, crops = value("PUBLIC_ORIGIN"), value("CROPS_PUBLIC_ORIGIN")
    if bool(public) != bool(crops):
        missing, other = (
            ("service.crops_origin", "service.origin") if public else ("service.origin", "service.crops_origin")
        )
        problems.append(f"{missing} is not set, but {other} is. Set both.")
    elif public and _host_of(public) == _host_of(crops) and _host_of(public) != "localhost":
        problems.append(
            "service.crops_origin has the host name of service.origin. Give it one of its own, such as "
            f"https://crops.{_host_of(public)}: browsers send a host's cookies to all its ports."
        )
    if bool(value("CERTIFICATE")) != bool(value("CERTIFICATE_KEY")):
        problems.append("service.certificate and service.certificate_key belong together. Set both, or neither.")
    if bool(value("PROXY_PORT")) != bool(value("PROXY_AUTHORITY")):
        problems.append("service.proxy_port and service.proxy_authority belong together. Set both, or neither.")
    for store in ("PEOPLE", "KEYS"):
        if value(f"{store}_DATABASE_PASSWORD") and not value(f"{store}_DATABASE"):
            name = store.lower()
            problems.append(f"database.{name}_password is set, but database.{name} is not. Set both, or neither.")
    first = int(value("PORT") or 8443)
    ports = [first, int(value("CROPS_PORT") or first + 1), int(value("INBOUND_MAIL_PORT") or first + 2)]
    ports += [int(value("PROXY_PORT"))] if value("PROXY_PORT") else []
    if len(set(ports)) < len(ports) or max(ports) > 65_535:
        problems.append("service.port, crops_port, mail_port and proxy_port must be ports of their own, 65535 at most.")
    return problems


def _host_of(public: str) -> str:
    return public.removeprefix("https://").partition(":")[0]
