"""Checks of data that comes from third parties: PRI-08."""

import json
from dataclasses import dataclass

from glasshouse.kernel.ids import new_id
from glasshouse.promises import opened, oracle
from glasshouse.promises.database_door import refusal
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage


@check(
    "PRI-08",
    steps=(
        "A member of the staff who is a probe registers a source by the page, first without its licence, and imports a file with "
        "another name of a probe, and the data of an address that nobody has; a file with a field that has no purpose is tried.",
        "Both persons' mails are read where they arrive. The one objects by the link and is imported once more; the other looks "
        "at their own page, and says that a value is wrong.",
        "Values without a source, and a source without a licence, are tried at the database, as the application's own role. All "
        "values are looked through.",
    ),
    oracle="The rows of sources, values and persons, read with SQL by a role that can only read; the mails that arrived; the "
    "pages shown; what the database refuses.",
)
def provenance() -> Finding:
    """An import about two probes, and every value that is held."""
    steps = Steps()
    with on_stage(steps) as stage:
        address = stage.ask_sign_up()
        officer = stage.staff("privacy")
        act = _Import(stage, steps, officer, stage.finish_sign_up(address), stage.new_address())
        act.register()
        if act.source:
            act.take_in()
            act.persons_are_told()
            act.conflict()
            act.object()
            act.database()
    _stored(steps)
    return steps.judged()


@dataclass(slots=True)
class _Import:
    """An import of a probe officer. known: has an account; unknown: an address that nobody has."""

    stage: Stage
    steps: Steps
    officer: Resident
    known: Resident
    unknown: str
    source: str = ""
    name: str = ""
    licence: str = ""

    def register(self) -> None:
        """Register a source by the page."""
        self.name, self.licence = f"Source {new_id()}", f"Licence {new_id()}"
        fields: dict[str, str | list[str]] = {"kind": "partner", "name": self.name, "purpose": "Probe"}
        question = "SELECT id FROM sources_source WHERE written_by = %s"
        for missing in ("name", "licence", "purpose"):
            whole = fields | {"licence": self.licence} | {missing: " "}
            self.officer.visitor.post("/staff/sources", whole)
        taken = oracle.rows(question, self.officer.account)
        self.steps.expect("no source without name, licence or purpose is taken", not taken)
        self.officer.visitor.submit("/staff/sources", fields | {"licence": self.licence})
        registered = oracle.rows(question, self.officer.account)
        self.steps.expect("a source that has them is registered", len(registered) == 1, str(len(registered)))
        self.source = str(registered[0][0]) if registered else ""

    def _file(self, text: str) -> None:
        self.officer.visitor.submit(
            "/staff/sources",
            {},
            action=f"/staff/sources/{self.source}/import",
            files={"file": ("p.csv", text.encode())},
        )

    def _values(self) -> list[tuple[str, str]]:
        """Keyed hash of the address, and field, of each value of the source."""
        question = "SELECT address_hash, field FROM sources_supplied WHERE source_id = %s ORDER BY field"
        return [(row[0], row[1]) for row in oracle.rows(question, self.source)]

    def take_in(self) -> None:
        """Import a file by the page."""
        before = oracle.rows("SELECT name FROM accounts_person WHERE id = %s", self.known.person)
        self._file(f"address,company,religion\n{self.unknown},Probe,none\n")
        self.steps.expect("a file with a field that has no purpose is refused", not self._values())
        self._file(
            f"address,name,company\n{self.known.address},Other Name,Probe Ltd\n{self.unknown},Somebody,Probe Ltd\n"
        )
        hashes = self.stage.hash_of(self.known.address), self.stage.hash_of(self.unknown)
        wanted = sorted((each, field) for each in hashes for field in ("company", "name"))
        self.steps.expect(
            "each value is held with its source", sorted(self._values()) == wanted, str(len(self._values()))
        )
        after = oracle.rows("SELECT name FROM accounts_person WHERE id = %s", self.known.person)
        self.steps.expect("what the person gave is not overwritten", before == after)

    def persons_are_told(self) -> None:
        """Both persons hear of it."""
        for address, said in ((self.known.address, "Other Name"), (self.unknown, "Somebody")):
            mail = self.stage.arrival(address, self.name)
            text = mail.text if mail else ""
            self.steps.expect(
                "a person is told by mail: the values, source, licence, purpose and a link to object",
                all(word in text for word in (said, "Probe Ltd", self.name, self.licence, "Probe", "/sources/")),
            )

    def conflict(self) -> None:
        """The person sees what differs, and decides."""
        page = self.known.visitor.get("/account/data/choices").text
        shown = all(word in page for word in ("Other Name", self.known.name, self.name, self.licence))
        self.steps.expect("the person sees both names, with source and licence", shown)
        number = oracle.value(
            "SELECT id FROM sources_supplied WHERE source_id = %s AND address_hash = %s AND field = 'name'",
            self.source,
            self.stage.hash_of(self.known.address),
        )
        self.known.visitor.post(f"/account/data/choices/suggestions/{number}/wrong")
        left = oracle.value("SELECT count(*) FROM sources_supplied WHERE id = %s", number)
        self.steps.expect("what the person says is wrong is deleted", left == 0)

    def object(self) -> None:
        """The person without an account objects by the link, and is left alone."""
        address_hash = self.stage.hash_of(self.unknown)
        path = self.stage.link(self.unknown, "sources")
        question = "SELECT count(*) FROM sources_supplied WHERE address_hash = %s"
        visitor = self.stage.visitor()
        visitor.get(path)
        self.steps.expect("opening the link deletes nothing", oracle.value(question, address_hash) == 2)
        visitor.submit(path, {})
        self.steps.expect("a click on it deletes all of it", oracle.value(question, address_hash) == 0)
        self._file(f"address,name,company\n{self.unknown},Somebody,Probe Ltd\n")
        self.steps.expect("the next import takes nothing in", oracle.value(question, address_hash) == 0)

    def database(self) -> None:
        """The database holds the rules itself."""
        source = "INSERT INTO sources_source SELECT (jsonb_populate_record(s, %s::jsonb)).* FROM sources_source s WHERE id = %s"
        value = (
            "INSERT INTO sources_supplied SELECT (jsonb_populate_record(v, %s::jsonb)).* FROM sources_supplied v "
            "WHERE source_id = %s LIMIT 1"
        )
        fresh, nothing = {"id": new_id()}, "\\x01" + "00" * (opened.EMPTY - 1)
        tried = {"whole": refusal((source, [json.dumps(fresh), self.source]))}
        for name in ("name", "licence", "purpose"):
            tried[name] = refusal((source, [json.dumps(fresh | {name: nothing}), self.source]))
        self.steps.expect("the database takes a source", not tried["whole"], tried["whole"])
        taken = [name for name in ("name", "licence", "purpose") if not tried[name]]
        self.steps.expect("it refuses one that does not say all", not taken, ", ".join(taken))
        whole = json.dumps({"id": new_id(), "field": "role"})
        said = refusal((value, [whole, self.source]))
        self.steps.expect("it takes a value of a source", not said, said)
        for name, of_source in (("without a source", None), ("of an unknown source", new_id())):
            record = json.dumps({"id": new_id(), "source_id": of_source, "field": "role"})
            self.steps.expect(f"it refuses a value {name}", bool(refusal((value, [record, self.source]))))


def _stored(steps: Steps) -> None:
    total, bare, late, unmailed = oracle.rows(
        "SELECT count(*), count(*) FILTER (WHERE NOT coalesce(least(octet_length(s.name), octet_length(s.licence), "
        "octet_length(s.purpose)) > %s, false)), "
        "count(*) FILTER (WHERE coalesce(v.told_at, clock_timestamp()) > v.received_at + interval '1 month'), "
        "count(*) FILTER (WHERE v.told_at > clock_timestamp() - interval '29 days' AND NOT EXISTS (SELECT FROM mail_message m "
        "WHERE m.key_owner = v.key_owner AND m.kind = 'announcement' "
        "AND m.created_at BETWEEN v.told_at - interval '1 minute' AND v.told_at + interval '1 minute')) "
        "FROM sources_supplied v LEFT JOIN sources_source s ON s.id = v.source_id",
        opened.EMPTY,
    )[0]
    steps.expect(
        f"each of {counted(total)} values has source, licence and purpose", not bare, f"{counted(bare)} have not"
    )
    steps.expect("each person was told within a month (GDPR Art. 14(3)(a))", not late, f"not of {counted(late)}")
    steps.expect("by a mail that was written, not only noted", not unmailed, f"not of {counted(unmailed)}")
    failed = oracle.value(
        "SELECT count(*) FROM queues_failure WHERE queue = 'sources.tell' AND set_aside_at IS NOT NULL AND seen_at IS NULL"
    )
    steps.expect("no telling was given up", not failed, counted(failed or 0))
