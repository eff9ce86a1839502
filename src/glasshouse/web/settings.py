"""All settings of the people plane, read once from the environment; a missing one stops the start."""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from crop_contract.connections import Bounds, networks
from glasshouse.kernel.doors import door
from glasshouse.kernel.operator import Operator, listed, plain_line
from glasshouse.kernel.places import key_socket_folder, socket_folder
from glasshouse.kernel.servers import from_parts
from glasshouse.kernel.users import FIRST, LEAST
from glasshouse.mail.addresses import AddressError, contact_uri, is_single, mail_uri, parsed
from glasshouse.rowsecurity.connections import DatabaseRole
from glasshouse.vault.root import read_secret


def required(name: str) -> str:
    """The environment variable's value. Raises ImproperlyConfigured when it is missing."""
    try:
        return os.environ[name]
    except KeyError:
        raise ImproperlyConfigured(f"{name} is not set. Start the service with ./glasshouse up.") from None


def whole_number(name: str, default: int, least: int = 1, most: int = 1_000_000) -> int:
    """The environment variable's value, a whole number between two others. Raises ImproperlyConfigured."""
    text = os.environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise ImproperlyConfigured(
            f"{name} is {text[:40]!r}. Write a whole number from {least} to {most}, or unset it."
        )
    return int(text)


DATA_FOLDER = Path(required("GLASSHOUSE_DATA"))
KEYS_FOLDER = Path(required("GLASSHOUSE_KEYS"))
OWNER_FOLDER = KEYS_FOLDER.parent / "store"  # root's alone, where root started the service
KEYSTORE_FOLDER = Path(required("GLASSHOUSE_KEYSTORE"))
TLS_FOLDER = Path(required("GLASSHOUSE_TLS"))
BLOB_FOLDER = DATA_FOLDER / "blobs"
ORIGIN = required("GLASSHOUSE_ORIGIN")
CROPS_ORIGIN = required("GLASSHOUSE_CROPS_ORIGIN")
# How this machine itself reaches the two doors, whatever stands before them.
WEB_DOOR = door(ORIGIN, required("GLASSHOUSE_WEB_REACHED"))
CROPS_DOOR = door(CROPS_ORIGIN, required("GLASSHOUSE_CROPS_REACHED"))
MAIL_PORT = int(required("GLASSHOUSE_MAIL_PORT"))  # of our own listener, for mail to the privacy address
DEMO = bool(os.environ.get("GLASSHOUSE_DEMO"))
# Of the tests' own service (`Installation.testing`): no schedule, quick passwords.
TESTING = bool(os.environ.get("GLASSHOUSE_TESTING"))
if TESTING and not DEMO:
    raise ImproperlyConfigured("GLASSHOUSE_TESTING is set, but GLASSHOUSE_DEMO is not: no real service runs that way.")
# The first of the numbers that the parts run as, where root started them (`kernel/users.py`).
FIRST_USER = whole_number("GLASSHOUSE_FIRST_USER", FIRST, least=LEAST, most=999_999_999)
# How long (s) an opened data key stays in memory: a destroyed key is gone from every process after this.
DATA_KEYS_KEPT_S = 2.0 if TESTING else 30.0
# So many days a backup of the key store can be opened; then the key of its day is destroyed.
KEY_BACKUP_DAYS = whole_number("GLASSHOUSE_KEY_BACKUP_DAYS", 7, most=3_650)
# So many rows are erased, or copied, while the person waits; more of them are left to the worker.
ROWS_WHILE_WAITING = 2_000 if TESTING else 20_000
# Proxies before the web door, whose X-Forwarded-For tells where a request comes from. Nobody else's does.
try:
    TRUSTED_PROXIES = networks(os.environ.get("GLASSHOUSE_TRUSTED_PROXIES", ""))
except ValueError as error:
    raise ImproperlyConfigured(f"GLASSHOUSE_TRUSTED_PROXIES: {error}. Write networks like 10.0.0.0/8 ::1.") from None
# Of the process at the proxy's own door: whoever is connected has shown a certificate of the proxy's authority.
AT_PROXY_DOOR = bool(os.environ.get("GLASSHOUSE_PROXY_DOOR"))
LISTENS_AT = int(os.environ.get("GLASSHOUSE_PROXY_DOOR") or WEB_DOOR.port)
# From where connections count as a proxy's, which has many clients.
PROXIES = networks("0.0.0.0/0 ::/0") if AT_PROXY_DOOR else TRUSTED_PROXIES
# Connections at once, at the web door; those that nothing was answered to yet are bounded lower by `Bounds` itself.
CONNECTIONS = Bounds(
    of_client=whole_number("GLASSHOUSE_CONNECTIONS_A_CLIENT", Bounds().of_client),
    of_proxy=whole_number("GLASSHOUSE_CONNECTIONS_A_PROXY", Bounds().of_proxy),
)
DEBUG = False
SECRET_KEY = read_secret(KEYS_FOLDER / "django.key").decode()


# Where a store is a server of the operator's: its DSN as the start hands it on, without a secret. "": the embedded one.
PEOPLE_SERVER = os.environ.get("GLASSHOUSE_PEOPLE_SERVER", "")
KEYS_SERVER = os.environ.get("GLASSHOUSE_KEYS_SERVER", "")
# What psycopg takes to reach the database of each store, but for user and password.
REACHED: dict[str, dict[str, str]] = {
    "people": from_parts(PEOPLE_SERVER)
    if PEOPLE_SERVER
    else {"host": str(socket_folder(DATA_FOLDER)), "dbname": "people"},
    "vault": from_parts(KEYS_SERVER)
    if KEYS_SERVER
    else {"host": str(key_socket_folder(KEYSTORE_FOLDER)), "dbname": "vault"},
}


def _database(name: str, role: str) -> dict[str, object]:
    place = dict(REACHED[name])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": place.pop("dbname"),
        "USER": f"glasshouse_{role}",
        "PASSWORD": read_secret((OWNER_FOLDER if role == "owner" else KEYS_FOLDER) / f"{role}.secret").decode(),
        "HOST": place.pop("host"),
        "PORT": place.pop("port", ""),
        "OPTIONS": place,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


# The role that this process works as. The owner of the tables signs in only to change them; the worker works as the jobs do.
ROLE = os.environ.get("GLASSHOUSE_ROLE", "app")
# Of a process that takes what comes from outside: the key store lets it erase, so many in an hour (`vault/keys/guards.py`).
DOOR = bool(os.environ.get("GLASSHOUSE_DOOR"))
DATABASES = {
    "default": _database("people", ROLE),
    "vault": _database("vault", "owner" if ROLE == "owner" else "vault"),
    "ledger": _database("vault", "owner" if ROLE == "owner" else "erasure" if DOOR else "ledger"),
    "relay": _database("people", "relay"),
} | {str(role): _database("people", role) for role in (DatabaseRole.PERSON, DatabaseRole.JOB)}
DATABASE_ROUTERS = ["glasshouse.vault.keys.router.KeysRouter"]
INSTALLED_APPS = [
    "procrastinate.contrib.django",
    "glasshouse.vault.keys.apps.KeysConfig",
    "glasshouse.probes",
    "glasshouse.ledger",
    "glasshouse.events",
    "glasshouse.queues",
    "glasshouse.mail",
    "glasshouse.accounts",
    "glasshouse.access",
    "glasshouse.organisations",
    "glasshouse.notices",
    "glasshouse.consent",
    "glasshouse.messages.apps.MessagesConfig",
    "glasshouse.greenhouse",
    "glasshouse.support.apps.SupportConfig",
    "glasshouse.disclosures.apps.DisclosuresConfig",
    "glasshouse.personalisation",
    "glasshouse.sources",
    "glasshouse.retention",
    "glasshouse.requests.apps.RequestsConfig",
    "glasshouse.subject",
    "glasshouse.authorities",
    "glasshouse.privacy_office",
    "glasshouse.promises",
    "glasshouse.web.apps.WebConfig",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = [
    "glasshouse.accounts.hashers.LeastArgon2" if TESTING else "django.contrib.auth.hashers.Argon2PasswordHasher"
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "glasshouse.accounts.breached.BreachedPasswords"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "glasshouse.web.cookie_gate.only_registered",  # After all that may set one: it sees each answer last.
    "glasshouse.web.middleware.headers",
    "glasshouse.web.middleware.plain_fields",  # Before anything else reads the form.
    "django.middleware.csrf.CsrfViewMiddleware",
    "glasshouse.web.languages.in_readers_language",
    "glasshouse.web.middleware.errors",
    "glasshouse.web.middleware.actor",
    "glasshouse.web.middleware.account_forms",
    "glasshouse.web.middleware.accepted",
    "glasshouse.web.written_forms.forms_come_back",
    "glasshouse.web.once.each_form_once",
    "glasshouse.web.record.shown_is_recorded",
]
ROOT_URLCONF = "glasshouse.web.urls"
LOADERS = [f"glasshouse.web.template_loading.{loader}" for loader in ("PageLoader", "AreaLoader")]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "pages"],  # beside the pages that show them
        "OPTIONS": {
            "context_processors": ["glasshouse.web.menu.context"],
            "loaders": [("django.template.loaders.cached.Loader", LOADERS)],
        },
    }
]
STATIC_URL = "/static/"
ALLOWED_HOSTS = [WEB_DOOR.host] if WEB_DOOR.host != "localhost" else ["localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = [ORIGIN]
CSRF_COOKIE_SECURE = CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS, SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Pages that are translated are shown in their reader's language (`web/languages.py`); all others in English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_COOKIE_NAME = "__Host-language"  # the reader's own choice for this browser (`web/appearance.py`)
LOCALE_PATHS = [Path(__file__).parents[1] / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
CSRF_FAILURE_VIEW = "glasshouse.web.failures.expired"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_HANDLERS = ["glasshouse.vault.spool.SealedUploadHandler"]
LOGGING_CONFIG = "crop_contract.logs.configure"
# Silent: Django writes addresses and values of requests into these, which may be secret links; see `web/failures.py`.
# aiosmtpd writes into the last what a peer sent that it could not do.
LOGGING = ("django.request", "django.security", "mail.log")
# The folder that the operator's SFTP server fills, with one for each customer and site in it; empty: there is none.
INTAKE_FOLDER = os.environ.get("GLASSHOUSE_INTAKE_FOLDER", "")
# The part behind the @ of addresses to which growers' programs mail files; empty: no mail to them is brought here.
INTAKE_MAIL_DOMAIN = os.environ.get("GLASSHOUSE_INTAKE_MAIL_DOMAIN", "").strip().lower()
if INTAKE_MAIL_DOMAIN and not is_single(f"files@{INTAKE_MAIL_DOMAIN}"):
    raise ImproperlyConfigured(
        f"GLASSHOUSE_INTAKE_MAIL_DOMAIN is {INTAKE_MAIL_DOMAIN[:40]!r}. Write what stands behind the @, such as files.example."
    )
SMTP_HOST = os.environ.get("GLASSHOUSE_SMTP_HOST", "")
SMTP_PORT = whole_number("GLASSHOUSE_SMTP_PORT", 587, most=65_535)
SMTP_USER = os.environ.get("GLASSHOUSE_SMTP_USER", "")
SMTP_PASSWORD = os.environ.get("GLASSHOUSE_SMTP_PASSWORD", "")
# Text messages: "twilio:ACCOUNT:SENDER" or "vonage:KEY:SENDER"; empty: they stay beside the outgoing mail.
TEXT_PROVIDER = os.environ.get("GLASSHOUSE_TEXT_PROVIDER", "")
TEXT_SECRET = os.environ.get("GLASSHOUSE_TEXT_SECRET", "")
TEXT_COUNTRIES = frozenset(
    os.environ.get("GLASSHOUSE_TEXT_COUNTRIES", "AT BE CH DE DK ES FR GB IE IT NL NO PL PT SE").split()
)
# Mails that a program answers, and mails that are taken in, from all senders together: any of them may be forged.
ANSWERS_AN_HOUR = whole_number("GLASSHOUSE_MAIL_ANSWERS_AN_HOUR", 30, least=0)
MAILS_AN_HOUR = whole_number("GLASSHOUSE_MAILS_AN_HOUR", 300)
TEXTS_A_COUNTRY_A_DAY = whole_number("GLASSHOUSE_TEXTS_A_COUNTRY_A_DAY", 200, least=0)
SMTP_CA = os.environ.get("GLASSHOUSE_SMTP_CA", "")  # certificate authority of the mail server, if not a public one
# With a key (PEM) we sign what leaves, for the domain of MAIL_FROM; without, the operator's mail server does.
DKIM_KEY = os.environ.get("GLASSHOUSE_DKIM_KEY", "")
DKIM_SELECTOR = os.environ.get("GLASSHOUSE_DKIM_SELECTOR", "glasshouse")
# The operator's working days decide by when an answer is wanted on the desk; a two-letter country code.
OPERATOR_COUNTRY = os.environ.get("GLASSHOUSE_COUNTRY", "NL")


def _business() -> str:
    """By which name authorised agents know this installation (Data Rights Protocol 1.0, 3.05.2). Raises ImproperlyConfigured."""
    name = os.environ.get("GLASSHOUSE_DRP_BUSINESS", "GLASSHOUSE")
    if not re.fullmatch("[A-Z_]{1,60}", name):
        raise ImproperlyConfigured(
            "GLASSHOUSE_DRP_BUSINESS is capital letters and underscores only, such as FARM_CLOUD."
        )
    return name


DRP_BUSINESS = _business()


def _sender() -> str:
    """The address that our mail comes from. Raises ImproperlyConfigured."""
    address = os.environ.get("GLASSHOUSE_MAIL_FROM", "glasshouse@localhost")
    if not is_single(address):
        raise ImproperlyConfigured("GLASSHOUSE_MAIL_FROM is not one address, such as glasshouse@example.com.")
    return address


MAIL_FROM = _sender()


def _privacy_address() -> str:
    """Where people write about their data; our own listener takes it. Raises ImproperlyConfigured."""
    address = os.environ.get("GLASSHOUSE_PRIVACY_ADDRESS", "")
    try:
        return parsed(address) if address else f"privacy@{MAIL_FROM.rpartition('@')[2]}"
    except AddressError as error:
        raise ImproperlyConfigured(f"GLASSHOUSE_PRIVACY_ADDRESS is no address: {error}.") from None


def _privacy_mailboxes() -> tuple[str, ...]:
    """Local parts beside that of the privacy address, to which people write about their data. Raises ImproperlyConfigured."""
    names = tuple(os.environ.get("GLASSHOUSE_PRIVACY_MAILBOXES", "dpo").lower().split())
    for name in names:
        if not is_single(f"{name}@localhost") or "+" in name or name.startswith("bounce-"):
            raise ImproperlyConfigured(
                f"GLASSHOUSE_PRIVACY_MAILBOXES names {name[:40]!r}. Write what stands before the @, such as dpo datenschutz."
            )
    return names


PRIVACY_MAILBOXES = _privacy_mailboxes()


def _operator() -> Operator:
    """The operator, as it named itself. Raises ImproperlyConfigured."""
    try:
        return Operator(
            name=plain_line(os.environ.get("GLASSHOUSE_OPERATOR_NAME", "")),
            address=plain_line(os.environ.get("GLASSHOUSE_OPERATOR_ADDRESS", "")),
            group=listed(os.environ.get("GLASSHOUSE_OPERATOR_GROUP", "")),
            officer=plain_line(os.environ.get("GLASSHOUSE_PRIVACY_OFFICER", "")),
            privacy_address=_privacy_address(),
            authority=plain_line(os.environ.get("GLASSHOUSE_SUPERVISORY_AUTHORITY", "")),
        )
    except ValueError as error:
        raise ImproperlyConfigured(f"A detail of the operator is too long. {error}") from None


OPERATOR = _operator()
try:
    # Where vulnerabilities of this installation are reported (`/.well-known/security.txt`), as a URI.
    _contact = os.environ.get("GLASSHOUSE_SECURITY_CONTACT", "").strip()
    SECURITY_CONTACT = contact_uri(_contact) if _contact else mail_uri(OPERATOR.privacy_address)
except AddressError as error:
    raise ImproperlyConfigured(
        f"GLASSHOUSE_SECURITY_CONTACT is {error}. Write security@example.com or https://example.com/report."
    ) from None
