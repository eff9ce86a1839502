"""A PostgreSQL server of the operator's, named by a DSN: what may stand in one, and how our roles reach the server.

Rules of this module:

1. A server across a network proves by its certificate that it is the one that is named (`sslmode=verify-full`); no other way is
   taken, and none in the clear.
2. Whoever answers must ask for a password by SCRAM, which it never gets to see. A server that lets our roles in without one is
   refused. It may want a certificate of us besides (`clientcert=verify-ca`), which is the same for all our roles.
3. A DSN carries no password, so that it may be shown, logged and handed to the parts. No error quotes what was written.

Source: https://www.postgresql.org/docs/17/libpq-connect.html
"""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# What an operator may say. `service` and `passfile` would bring settings from elsewhere, `options` could undo ours.
SAID = frozenset(
    (
        *("host", "hostaddr", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey"),
        "ssl_min_protocol_version",
        *("target_session_attrs", "load_balance_hosts", "channel_binding", "connect_timeout", "tcp_user_timeout"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    )
)
# Unless said otherwise. A host that is gone without a word is noticed within half a minute.
USUAL = {
    "target_session_attrs": "read-write",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# Whatever is said. Encryption by Kerberos would take the place of TLS, unasked.
ALWAYS = {"require_auth": "scram-sha-256", "gssencmode": "disable"}
WRITING = ("read-write", "primary")
TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")  # the least that may be asked for
EXAMPLE = "host=db1.example,db2.example dbname=people sslmode=verify-full sslrootcert=/etc/glasshouse/db-ca.crt"


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a server of the operator's. text: its DSN in one form, with who prepares it; it holds no secret."""

    text: str

    @property
    def parameters(self) -> dict[str, str]:
        """What psycopg takes, but for user and password."""
        said = {name: str(value) for name, value in conninfo_to_dict(self.text).items() if name != "user"}
        return USUAL | said | ALWAYS

    @property
    def user(self) -> str:
        """Who may prepare the database; "": nobody, a person does it."""
        return str(conninfo_to_dict(self.text).get("user") or "")

    @property
    def database(self) -> str:
        """Its name there."""
        return str(self.parameters["dbname"])

    @property
    def authority(self) -> Path | None:
        """File of the authority that its certificate is checked against; None: it is reached by a socket."""
        path = self.parameters.get("sslrootcert")
        return Path(path) if path else None

    def files(self, authority: Path) -> dict[str, tuple[Path, Path]]:
        """Parameter -> the file that it names, and the copy that the parts can read. authority: the copy of the authority's."""
        copies = {
            "sslrootcert": authority,
            "sslcert": authority.with_name(f"{authority.stem}-client.crt"),
            "sslkey": authority.with_name(f"{authority.stem}-client.key"),
        }
        said = self.parameters
        return {name: (Path(said[name]), copy) for name, copy in copies.items() if said.get(name)}

    @property
    def hosts(self) -> list[str]:
        """The hosts that are tried, in this order."""
        return self.parameters["host"].split(",")

    def for_parts(self, authority: Path) -> str:
        """The DSN for the parts. authority: the copy of the authority's file that they can read."""
        copies = {name: str(copy) for name, (_, copy) in self.files(authority).items()}
        return make_conninfo("", **self.parameters | copies)

    def one_by_one(self) -> list[dict[str, str]]:
        """The parameters of each host by itself, whether it can be written to or not."""
        said = self.parameters
        ports = said.get("port", "").split(",")
        addresses = said.get("hostaddr", "").split(",")
        alone = []
        for place, host in enumerate(self.hosts):
            alone_there = said | {"host": host, "target_session_attrs": "any"}
            for name, values in (("port", ports), ("hostaddr", addresses)):
                if name in said:
                    alone_there[name] = values[place] if len(values) > 1 else values[0]
            alone.append(alone_there)
        return alone


def server(written: str) -> Server:
    """The server that a DSN names. Raises ValueError with advice, which quotes nothing of a value."""
    try:
        said = {name: str(value) for name, value in conninfo_to_dict(written).items()}
    except psycopg.Error:
        raise ValueError(f"It is no connection string of PostgreSQL. Write it like: {EXAMPLE}") from None
    if "password" in said:
        raise ValueError(
            "Take the password out: it stands in a file of its own, which the same name with _password_file names."
        )
    if unknown := sorted(said.keys() - SAID):
        raise ValueError(f"{unknown[0]} cannot be used here. Take it out; {', '.join(sorted(SAID))} can.")
    hosts = said.get("host", "").split(",")
    if not all(hosts):
        raise ValueError(f"Name the host, also where hostaddr has its address. Write it like: {EXAMPLE}")
    if not said.get("dbname"):
        raise ValueError("Name the database, such as dbname=people. It is made where it is missing.")
    if not all(host.startswith("/") for host in hosts):
        _refuse_unproved(said)
    elif named := sorted(name for name in ("sslmode", "sslrootcert", "sslcert", "sslkey") if said.get(name)):
        raise ValueError(f"A local socket has no certificate. Take {' and '.join(named)} out.")
    elif "hostaddr" in said:  # It would count more than the socket, and be reached without TLS.
        raise ValueError("A local socket has no address. Take hostaddr out, or name the host instead of a folder.")
    if said.get("target_session_attrs", WRITING[0]) not in WRITING:
        raise ValueError("The service writes: set target_session_attrs=read-write, or take it out.")
    return Server(make_conninfo("", **said))


def _refuse_unproved(said: dict[str, str]) -> None:
    if said.get("sslmode") != "verify-full":
        raise ValueError(
            "Set sslmode=verify-full: with anything else whoever stands between could be the server, or read along."
        )
    if said.get("ssl_min_protocol_version", TLS_VERSIONS[0]) not in TLS_VERSIONS:
        raise ValueError(f"Set ssl_min_protocol_version to {' or '.join(TLS_VERSIONS)}, or take it out.")
    authority = said.get("sslrootcert", "")
    if not authority.startswith("/") or not Path(authority).is_file():
        raise ValueError(
            "Name the file of the authority that signed the server's certificate, with its whole path, in sslrootcert "
            "(/etc/ssl/certs/ca-certificates.crt holds the public ones of this machine). There is no such file, or it may not be "
            "seen."
        )
    client = [said.get(name, "") for name in ("sslcert", "sslkey")]
    if any(client) and not all(path.startswith("/") and Path(path).is_file() for path in client):
        raise ValueError(
            "Name the files of our certificate and its key, with their whole paths, in sslcert and sslkey; take both out where "
            "the server wants none. One of them is not there, or may not be seen."
        )


def from_parts(text: str) -> dict[str, str]:
    """What psycopg takes, from the DSN that the start gave a part."""
    return {name: str(value) for name, value in conninfo_to_dict(text).items()}
