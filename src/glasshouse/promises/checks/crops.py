"""Checks of the separation of the crop plane from data about people: SEC-10."""

import json
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import LiteralString, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from crop_contract.capability import Capability, sign
from glasshouse.kernel import users
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import crop_door, file_reader, oracle
from glasshouse.promises.file_reader import Process
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, open_stage

# What the crop store may hold, column by column. The ids in it are drawn at random and name no person.
MAY_HOLD = {
    "readings": {"series", "time", "high", "low", "scale"},
    "series": {"id", "tenant", "site", "device", "compartment", "tags", "field"},
    "tokens": {"hash", "tenant", "site", "device", "compartment", "revoked", "version"},
    "forgotten": {"tenant", "at"},
    "changes": {"number", "tenant", "site", "name", "run", "at", "readings", "added", "replaced", "state"},
    "changed_readings": {
        *("series", "change", "time", "high_before", "low_before", "scale_before"),
        *("high", "low", "scale"),
    },
}
# Roles of the people store that open a database beside the one that they work on: the tables' owner, and the checks' own reader.
OF_BOTH = {"glasshouse_owner", "glasshouse_auditor"}
MAY_CONNECT = (
    "SELECT r.rolname FROM pg_roles r WHERE NOT r.rolsuper AND r.rolcanlogin "
    "AND has_database_privilege(r.oid, current_database(), 'CONNECT')"
)
# Of the people store, what a role may touch that is not the application itself, nor may read everything. Source: its own work.
EVENTS_ONLY = {"events_event", "events_link", "events_root", "events_unchained"}
SUPPORTS = {
    "access_membership", "access_organisation", "access_request", "access_role", "events_event", "greenhouse_compartment",
    "greenhouse_device", "greenhouse_site", "support_grant", "support_seen",
}  # fmt: skip
OF_KEYS = ("vault", "ledger", "erasure")
MAY_TOUCH = {
    oracle.PEOPLE: {"glasshouse_relay": EVENTS_ONLY, "glasshouse_support": SUPPORTS, "glasshouse_vault": set()},
    oracle.VAULT: {f"glasshouse_{role}": {"vault_data_key", "vault_ledger", "vault_state"} for role in OF_KEYS},
}
# Who may enter lines of the ledger and end keys, by which function of the key store; every process has `glasshouse_vault`.
OF_PAGES = {"glasshouse_enter", "glasshouse_destroy_keys"}
MAY_CALL = {
    "glasshouse_erasure": OF_PAGES,
    "glasshouse_ledger": OF_PAGES | {"glasshouse_remove_keys", "glasshouse_retire_keys"},
}
MAY_CHANGE_KEYS = {"glasshouse_ledger"}  # wraps them anew
# These work on the people store as a whole, and on no key; the auditor may read both, and change nothing.
WHOLE = {oracle.PEOPLE: {"glasshouse_app", "glasshouse_person", "glasshouse_job"}, oracle.VAULT: set[str]()}
RIGHTS = (
    "SELECT r.rolname, c.relname, has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE') "
    "OR has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE') FROM pg_roles r, pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT r.rolsuper AND r.rolname !~ '^pg_' "
    "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE') "
    "OR has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE'))"
)
CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"
LEDGER_WRITERS = (
    "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_' AND rolname <> 'glasshouse_owner' "
    "AND has_table_privilege(oid, 'vault_ledger', 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')"
)
NOT_OWNER: LiteralString = "NOT r.rolsuper AND r.rolname !~ '^pg_' AND r.rolname <> 'glasshouse_owner'"
CALLERS: LiteralString = (
    "SELECT r.rolname, p.proname FROM pg_roles r, pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef "
    f"AND {NOT_OWNER} AND has_function_privilege(r.oid, p.oid, 'EXECUTE')"
)
KEYS_CHANGERS: LiteralString = (
    f"SELECT r.rolname FROM pg_roles r WHERE {NOT_OWNER} "
    "AND has_any_column_privilege(r.oid, 'vault_data_key', 'UPDATE')"
)
KEYS_DELETERS: LiteralString = (
    f"SELECT r.rolname FROM pg_roles r WHERE {NOT_OWNER} "
    "AND has_table_privilege(r.oid, 'vault_data_key', 'DELETE, TRUNCATE, TRIGGER')"
)
BRIDGES = (
    "SELECT (SELECT count(*) FROM pg_foreign_server) + (SELECT count(*) FROM pg_foreign_data_wrapper) "
    "+ (SELECT count(*) FROM pg_extension WHERE extname IN ('dblink', 'postgres_fdw', 'file_fdw', 'clickhouse_fdw'))"
)
PEOPLES, CROPS, SUPERVISED = ("web", "inbound smtp", "worker"), "crops", ("people store", "key store")
# What each part's user may open, of keys and folders of data. Written down here once more, and not taken from what settles it.
OF_ALL_PEOPLE = {
    "keys/people/", "keys/people/root-*", "keys/people/lookup.key", "keys/people/django.key", "keys/people/app.secret",
    "keys/people/person.secret", "keys/people/job.secret", "keys/people/relay.secret", "keys/people/vault.secret",
    "data/blobs/", "data/spool/", "data/reading/", "data/people-socket/", "keystore/socket/",
}  # fmt: skip
OF_LISTENERS = {
    "keys/tls/", "keys/tls/ca.crt", "keys/tls/server.crt", "keys/tls/server.key", "keys/tls/people-database.crt",
    "keys/tls/keys-database.crt",
}  # fmt: skip
OF_DOORS = OF_ALL_PEOPLE | OF_LISTENERS | {"keys/people/erasure.secret"}
MAY_OPEN = {
    "web": OF_DOORS | {"keys/people/capability.key", "data/tmp/web/", "data/run/web/"},
    "inbound smtp": OF_DOORS | {"data/tmp/inbound-smtp/"},
    "worker": OF_ALL_PEOPLE | OF_LISTENERS | {
        "keys/people/*", "keystore/backups/", "data/tmp/worker/", "data/run/worker/", "data/run/restarts/", "data/run/copies/",
    },
    "crops": OF_LISTENERS | {"keys/crops/", "keys/crops/*", "data/crops/", "data/tmp/crops/"},
    "sandbox starter": {"data/tmp/sandbox-starter/", "data/run/sandbox/"},
    "people store": {"data/people/", "data/people-socket/"},
    "key store": {"keystore/cluster/", "keystore/socket/"},
}  # fmt: skip
MUST_OPEN = {"web": "keys/people/lookup.key", "inbound smtp": "keys/people/lookup.key", "worker": "keys/people/ledger.secret",
             "crops": "keys/crops/disk.key", "sandbox starter": "data/run/sandbox/",
             "people store": "data/people/", "key store": "keystore/cluster/"}  # fmt: skip


class _Sent(NamedTuple):
    """A probe's customer with a device that has sent a reading. personal_texts: what names a person or the customer."""

    owner: Resident
    tenant: str
    site: str
    key: str
    personal_texts: list[str]


@check(
    "SEC-10",
    steps=(
        "Every role of the people store tries to open the database of keys, and the other way round. Who may enter a line of the "
        "ledger of erasures, delete a key or overwrite one is read from the catalogue.",
        "A probe's customer registers a device, which sends a reading. The device's key is tried at the people's doors; the "
        "session, a made-up permit, one that is too long and one without a purpose are tried at the crops service.",
        "The crops service is asked for its own catalogue, and for all that it knows of the probe's customer.",
        "What each process was started with and has open is looked at. As each part's user every key, and every folder of "
        "data, is tried to be opened, where the service was started by root.",
    ),
    oracle="The databases' own catalogues; a table of what the crop store may hold, written down in the check; the bytes of its "
    "files; /proc; what the kernel lets each part's user open; modes and owners of the keys.",
)
def separation() -> Finding:
    """Whether a credential, a column, a query or a process of one plane reaches the other."""
    steps, began = Steps(), time.time()
    _roles(steps)
    with open_stage() as stage:
        sent = _sent(stage)
        _credentials(steps, sent)
        count = _catalogue(steps)
        _known(steps, sent, began)
    _key_files(steps)
    _processes(steps)
    return steps.judged(f"{count} columns in the crop store, none of a person")


def _sent(stage: Stage) -> _Sent:
    owner = stage.grower()
    site = stage.site(owner, f"Probe {new_id()}")
    key = crop_door.device(owner, site)
    crop_door.send(key, "probe air_temp=21.5")
    tenant = str(oracle.value("SELECT tenant FROM access_organisation WHERE id = %s", owner.organisation))
    return _Sent(owner, tenant, site, key, [owner.name, owner.address, owner.account, owner.person, owner.organisation])


# -- credentials ---------------------------------------------------------------------------------------------------


def _roles(steps: Steps) -> None:
    people, keys = ({str(role) for (role,) in oracle.rows(MAY_CONNECT, database=name)} for name in oracle.BOTH)
    both = sorted((people & keys) - OF_BOTH)
    steps.expect("no role that works for pages, jobs or support opens the key store too", not both, ", ".join(both))
    places = {str(oracle.value(CLUSTER, database=name)) for name in oracle.BOTH}
    steps.expect("people store and key store are clusters of their own", len(places) == len(oracle.BOTH))
    written = [str(role) for (role,) in oracle.rows(LEDGER_WRITERS, database=oracle.VAULT)]
    steps.expect("nobody but its owner may change or delete a line of the ledger", not written, ", ".join(written))
    _key_enders(steps)
    for database, may_touch in MAY_TOUCH.items():
        more = sorted(set(_rights(database, may_touch)))
        steps.expect(f"no role may touch a table of {database} that is not its own", not more, "; ".join(more[:3]))
    for role, own, other in (
        ("app", oracle.PEOPLE, oracle.VAULT),
        *((role, oracle.VAULT, oracle.PEOPLE) for role in OF_KEYS),
    ):
        steps.expect(
            f"the role {role} signs in to its own database, and to no other",
            _opens(role, own) and not _opens(role, other),
        )
    steps.expect("no query of the people store reaches another one", oracle.value(BRIDGES) == 0)


def _key_enders(steps: Steps) -> None:
    """Who may end a key, or have somebody erased, by the catalogue of the key store."""
    called = [(str(role), str(name)) for role, name in oracle.rows(CALLERS, database=oracle.VAULT)]
    more = [f"{role}: {name}" for role, name in called if name not in MAY_CALL.get(role, ())]
    steps.expect("only what erases may enter a line of the ledger or end a key", not more, "; ".join(sorted(more)[:3]))
    deleters = [str(role) for (role,) in oracle.rows(KEYS_DELETERS, database=oracle.VAULT)]
    steps.expect("no role of the service may delete a key's row by itself", not deleters, ", ".join(deleters))
    changers = {str(role) for (role,) in oracle.rows(KEYS_CHANGERS, database=oracle.VAULT)} - MAY_CHANGE_KEYS
    steps.expect("no role of the pages may overwrite a key", not changers, ", ".join(sorted(changers)))


def _rights(database: str, may_touch: dict[str, set[str]]) -> Iterator[str]:
    """Rights to a table, as the catalogue has them, that the check's own table does not name."""
    for role, table, changes in oracle.rows(RIGHTS, database=database):
        if role == "glasshouse_owner" or role in WHOLE[database] or table in may_touch.get(role, ()):
            continue
        if role != "glasshouse_auditor" or changes:
            yield f"{role}: {table}"


def _opens(role: str, database: str) -> bool:
    try:
        with oracle.signed_in(role, database):
            return True
    except UnavailableError:
        return False


def _permit(
    sent: _Sent | None, key: bytes, *, purpose: str = "promise check", seconds: int = 50, verb: str = "readings:read"
) -> dict[str, str]:
    """A permit for one question, as the people plane makes it. sent: whose, None: of nobody; key: that it is signed with."""
    tenant, sites = (sent.tenant, (sent.site,)) if sent else ("", ())
    capability = Capability(tenant, sites, (verb,), purpose, int(time.time()) + seconds)
    return {"Authorization": f"Capability {sign(key, capability)}"}


def _own_key() -> bytes:
    return (settings.KEYS_FOLDER / "capability.key").read_bytes()


def _credentials(steps: Steps, sent: _Sent) -> None:
    visitor = sent.owner.visitor
    bearer, cookie = {"Authorization": f"Bearer {sent.key}"}, visitor.cookies.get("__Host-session") or ""
    people = [
        visitor.request("GET", "/api/v1/sites", headers=bearer).status_code,
        visitor.request("GET", "/api/v1/series", headers={"Authorization": f"Token {sent.key}"}).status_code,
    ]
    steps.expect("a device's key opens nothing of the people", people == [401, 401], str(people))
    crops = [
        crop_door.ask("GET", "/v1/series", headers=headers).status_code
        for headers in ({}, bearer, {"Cookie": f"__Host-session={cookie}"}, {"Authorization": f"Bearer {cookie}"})
    ]
    written = crop_door.ask(
        "POST", "/api/v2/write", content="m a=1", headers={"Authorization": f"Token {cookie}"}
    ).status_code
    steps.expect("a session opens nothing of the crops", set(crops) == {401} and written == 401, f"{crops}, {written}")
    forged = Ed25519PrivateKey.generate().private_bytes_raw()
    tried = {
        "a made-up permit": _permit(sent, forged),
        "a permit for an hour": _permit(sent, _own_key(), seconds=3600),
        "a permit that has ended": _permit(sent, _own_key(), seconds=-1),
        "a permit that states no purpose": _permit(sent, _own_key(), purpose=""),
    }
    for what, headers in tried.items():
        status = crop_door.ask("GET", "/v1/series", headers=headers).status_code
        steps.expect(f"{what} is refused", status == 401, str(status))
    other = crop_door.ask("GET", "/v1/evidence", headers=_permit(sent, _own_key())).status_code
    steps.expect("a permit opens what it names, and no more", other == 403, str(other))


# -- what the crop store holds -------------------------------------------------------------------------------------


def _catalogue(steps: Steps) -> int:
    """Judge the crop store's own catalogue; returns how many columns it has."""
    headers = _permit(None, _own_key(), verb="evidence:read")
    answer = crop_door.ask("GET", "/v1/evidence", headers=headers).json()
    unknown = [
        f"{row['table']}.{row['name']}"
        for row in answer["columns"]
        if row["name"] not in MAY_HOLD.get(row["table"], ())
    ]
    steps.expect("the crop store has columns", len(answer["columns"]) > 0)
    steps.expect("and none beside those that the check knows: none of a person", not unknown, ", ".join(unknown[:3]))
    foreign = [f"{row['name']}: {row['engine']}" for row in answer["tables"] if not row["engine"].endswith("MergeTree")]
    steps.expect("no table of it reads another store", bool(answer["tables"]) and not foreign, ", ".join(foreign[:2]))
    return len(answer["columns"])


def _known(steps: Steps, sent: _Sent, began: float) -> None:
    answer = json.dumps(crop_door.ask("GET", "/v1/series", headers=_permit(sent, _own_key())).json())
    named = [word for word in sent.personal_texts if word in answer]
    steps.expect("the crop store answers for the probe's customer", sent.site in answer)
    steps.expect("and knows no name, address or id of its people", not named, f"{len(named)} of them")
    steps.expect("it knows the customer by an id of its own", sent.tenant not in ("", sent.owner.organisation))
    search = file_reader.look_in_crops(sent.personal_texts, began=began)
    good = search.count > 0 and not search.places
    steps.expect("nor do the bytes that it wrote meanwhile", good, f"{len(search.places)} of {search.count} files")


# -- processes -----------------------------------------------------------------------------------------------------


def _processes(steps: Steps) -> None:
    # Parts are told apart by the names of their modules: where none is found, nothing was looked at.
    parts = [process for process in file_reader.processes() if process.part]
    crops = [process for process in parts if process.part == CROPS]
    others = [process for process in parts if process.part in PEOPLES]
    if not crops or not others:
        raise UnavailableError("The processes of the one or the other plane are not seen on this machine.")
    informed = [process for process in crops if "people" in process.key_places] + [
        process for process in others if CROPS in process.key_places
    ]
    steps.expect("no process was told where the other plane's keys are", not informed, f"{len(informed)} processes")
    theirs = ("keys/people/", "data/people/", "data/blobs/", "data/spool/")
    opened = [path for process in crops for path in process.open if path.startswith(theirs)]
    opened += [path for process in others for path in process.open if path.startswith(("keys/crops/", "data/crops/"))]
    steps.expect("no process has a file of the other plane open", not opened, f"{len(opened)} files")
    _users(steps, parts)


def _users(steps: Steps, parts: list[Process]) -> None:
    """Whether the system itself keeps each part from what is not its own."""
    servers = {"people store": settings.PEOPLE_SERVER, "key store": settings.KEYS_SERVER}
    elsewhere = [name for name, server in servers.items() if server]
    for name in elsewhere:
        steps.cannot_tell(f"what the {name} runs as, and may open there: it is a PostgreSQL server of the operator's")
    here = [name for name in MAY_OPEN if name not in elsewhere]
    by_part = {name: [process for process in parts if process.part == name] for name in (*here, users.READER)}
    own = {name: {user for process in some for user in process.users} for name, some in by_part.items()}
    every = set().union(*own.values())
    if len(every) == 1 and 0 not in every:
        steps.cannot_tell(
            "whether the system itself keeps a part from another's keys: all parts run as one user, for the service was not "
            "started by root"
        )
        return
    missing = [name for name, some in by_part.items() if not some]
    steps.expect("every part is seen", not missing, ", ".join(missing))
    several = [name for name, numbers in own.items() if len(numbers) > 1 or 0 in numbers]
    several += [name for name, numbers in own.items() for other in own if other > name and numbers & own[other]]
    steps.expect("each part runs as a user of its own, and none as root", not several, ", ".join(sorted(set(several))))
    mighty = [
        process.part
        for process in parts
        if process.capabilities
        & ~sum(1 << right for right in (*users.KEEPS.get(process.part, ()), users.NET_BIND_SERVICE))
    ]
    steps.expect("no part has a right of root", not mighty, ", ".join(sorted(set(mighty))))
    for name in here:
        _tries(steps, name, by_part[name])
    steps.note(
        "the file reader's user, which may read every file for this check and answers with names and numbers only; the sandbox "
        "starter's, which may start a process as another user; what the supervisor, which is root, could read"
    )


def _tries(steps: Steps, name: str, some: list[Process]) -> None:
    """What the users of a part's processes can open, tried as them."""
    more, can = set[str](), bool(some)
    for process in {tuple(process.users + process.groups): process for process in some}.values():
        opened = file_reader.openable(process)
        if opened is None:
            steps.cannot_tell(f"what the user of {name} can open: nobody may become that user here")
            return
        more |= {path for path in opened if not any(fnmatchcase(path, pattern) for pattern in MAY_OPEN[name])}
        can = can and MUST_OPEN[name] in opened
    steps.expect(f"the user of {name} can open its own, and nothing of another part", can and not more, _few(more))


def _few(places: set[str]) -> str:
    return ", ".join(sorted(places)[:3])


def _key_files(steps: Steps) -> None:
    """Keys are read by their owner, and by the parts that they are for."""
    keys = file_reader.keys()
    open_ones = [file.name for file in keys.lying if not file.name.startswith("tls") and file.is_open]
    steps.expect(
        "keys can be read by their owner alone, and by the parts that they are for",
        bool(keys.lying) and not open_ones,
        ", ".join(open_ones[:3]),
    )
    steps.expect("no key of the one plane is one of the other's", not keys.shared, f"{keys.shared} keys")
