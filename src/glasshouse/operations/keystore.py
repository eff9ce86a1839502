"""Whether the key store is whole and belongs to the data, asked at each start before anything reads or answers.

Rules: it asks with SQL of its own, and opens nothing that is not right. A key store that is older than the data is refused: keys
of erased persons may be in it. Data that is older than the key store is brought up to the ledger (`catch_up.py`).
Source: PRI-24; docs/adr/0028.
"""

from typing import Any, LiteralString, NamedTuple

import psycopg

from glasshouse.ledger import questions as marks
from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation, KeyStoreError
from glasshouse.vault import envelope
from glasshouse.vault.keys import questions as keys
from glasshouse.vault.root import FileRootKeys

RESTORE = "keys restore BACKUP"


class Head(NamedTuple):
    """The newest line: its number (0: there is none) and its hash."""

    number: int
    hash: str


def damaged(home: Installation, why: str) -> KeyStoreError:
    """The error for a key store that cannot be used. why: a sentence."""
    return KeyStoreError(
        f"The key store in {home.keystore} cannot be used, so nothing is opened: {why} "
        f"Bring back its newest backup: {home.command(RESTORE)} ({home.command('keys status')} tells which there are)"
    )


def is_carried_out(home: Installation) -> bool:
    """Whether this data has carried out every line of the ledger. Raises KeyStoreError where both do not fit together."""
    try:
        with postgres.key_store(home).administering(postgres.VAULT) as link:
            installation = postgres.first_value(link, keys.INSTALLATION)
            broken = postgres.first_value(link, keys.BROKEN)
            head = _head(link, keys.HEAD)
            named = postgres.first_value(link, keys.NAMED)
            _look_at_keys(home, link)
    except psycopg.Error as error:
        raise damaged(home, f"{type(error).__name__}.") from error
    if broken is not None:
        raise damaged(home, f"line {broken} of its ledger of erasures was altered, or one before it.")
    with postgres.people_store(home).administering(postgres.PEOPLE) as link:
        own = postgres.first_value(link, marks.INSTALLATION)
        marked = _head(link, marks.HEAD)
        count = postgres.first_value(link, marks.COUNT)
    if own != installation:
        raise KeyStoreError(
            f"The key store in {home.keystore} belongs to another installation than the data in {home.data}. "
            "Name the right folders with --data and --keystore."
        )
    _refuse_older(home, head, marked)
    return bool(count == head.number and not named)


def _refuse_older(home: Installation, head: Head, marked: Head) -> None:
    if marked.number > head.number:
        raise KeyStoreError(
            f"The key store in {home.keystore} is older than the data: its ledger of erasures has {head.number} lines, and the "
            f"data has carried out {marked.number}. Erased persons could be read again, so nothing is opened. "
            f"Bring back the newest backup of the key store, which is then brought up to the data's last line: "
            f"{home.command(RESTORE)}"
        )
    with postgres.key_store(home).administering(postgres.VAULT) as link:
        same = postgres.first_value(link, keys.HASH_OF, marked.number)
    if marked.number and same != marked.hash:
        raise damaged(home, f"line {marked.number} of its ledger is not the one that the data has carried out.")


def _look_at_keys(home: Installation, link: "psycopg.Connection[Any]") -> None:
    """One key of each root key must open. Raises KeyStoreError."""
    roots = FileRootKeys(home.keys / "people")
    there = {*roots.generations(), *roots.retired()}
    for generation_of_root, key_owner, generation, wrapped in link.execute(keys.ONE_A_ROOT).fetchall():
        if generation_of_root not in there:
            raise KeyStoreError(
                f"root-{generation_of_root}.key is missing in {roots.folder}: keys in the key store are wrapped by it. "
                "Put the keys folder back as it was, or name it with --keys."
            )
        try:
            envelope.unwrap(roots.key(generation_of_root), bytes(wrapped), key_owner=key_owner, generation=generation)
        except (envelope.SealBrokenError, ValueError):
            raise damaged(
                home, f"a key in it does not open with root-{generation_of_root}.key of {roots.folder}."
            ) from None


def _head(link: "psycopg.Connection[Any]", question: LiteralString) -> Head:
    row = link.execute(question).fetchone()
    return Head(int(row[0]), str(row[1])) if row else Head(0, "")
