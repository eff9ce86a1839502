"""Who may send readings: devices by their token, and no sender of an organisation (`tenant`) that is forgotten.

A request is let in by its head alone (crops/app.py), and its body may take a minute. So the store asks here once more, under its
lock, at the moment at which it logs the readings. A forgotten tenant is noted before anything of it is deleted: what a crash left
in the log, or of the deletion, is then deleted at the next start. The note goes when nothing that was let in before can still
arrive, and the log holds nothing of the tenant.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from crop_contract.columns import FORGOTTEN, TOKENS
from crops.limits import Origin
from crops.series import origin_of

MOST_LISTED = 1_000  # hashes that one statement names
NOTED_S = 3_600  # a body takes a minute at most, and a capability ends after one


class SenderRefusedError(Exception):
    """The sender may not send any more, though it might when its request began. The message is for the sender."""


class TokenRevokedError(SenderRefusedError):
    """The device's token is revoked."""

    def __init__(self) -> None:
        super().__init__("This token was revoked before its readings had arrived. Nothing of them is stored.")


class TenantForgottenError(SenderRefusedError):
    """The organisation was deleted."""

    def __init__(self) -> None:
        super().__init__("This organisation was deleted. Nothing is stored for it any more.")


class StillQueuedError(Exception):
    """Readings of before still wait for chDB, so nothing can be deleted yet. Delete again later."""


class Token(NamedTuple):
    """A device's token: what its readings belong to, and whether it is revoked."""

    origin: Origin
    revoked: bool


class Engine(Protocol):
    """What senders need of a store."""

    def rows(self, sql: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query that this program wrote."""


class Senders:
    """Tokens and forgotten tenants, in memory and in the store.

    engine: what is read from; put: stores rows of a table; delete: runs a deletion; lock: the store's, under which it logs.
    """

    def __init__(
        self,
        engine: Engine,
        put: Callable[[str, pa.Table], None],
        delete: Callable[[str], None],
        lock: threading.Lock,
    ) -> None:
        self._engine, self._put, self._delete, self._lock = engine, put, delete, lock
        self._changing = threading.Lock()  # Held while a token is stored, so that forget() finds every token.
        self.tokens: dict[str, Token] = {}
        self._forgotten: dict[str, int] = {}  # tenant -> when it was noted, epoch s

    def load(self) -> None:
        """Read what the store holds. Tokens that an interrupted deletion left are deleted."""
        notes = self._engine.rows(f"SELECT tenant, at FROM crop.{FORGOTTEN} FINAL")
        self._forgotten = {row["tenant"]: int(row["at"]) for row in notes}
        columns = "hash, tenant, site, device, compartment, revoked"
        for row in self._engine.rows(f"SELECT {columns} FROM crop.{TOKENS} FINAL"):
            self.tokens[row["hash"]] = Token(origin_of(row), bool(row["revoked"]))
        self._delete_tokens({token.origin.tenant for token in self.tokens.values()} & self._forgotten.keys())

    def is_forgotten(self, tenant: str) -> bool:
        """Whether the tenant is noted as forgotten."""
        return tenant in self._forgotten

    def check(self, tenant: str, token_hash: str | None) -> None:
        """Let readings be logged. Call it under the store's lock. token_hash: of the device that sends; None: web sends.

        Raises TenantForgottenError, TokenRevokedError.
        """
        if tenant in self._forgotten:
            raise TenantForgottenError
        if token_hash is None:
            return
        token = self.tokens.get(token_hash)
        if token is None or token.revoked:
            raise TokenRevokedError

    def put_token(self, token_hash: str, origin: Origin, *, revoked: bool) -> None:
        """Create or revoke a device's token. It is durable before this returns, and takes effect at once.

        Raises TenantForgottenError.
        """
        with self._changing:
            if origin.tenant in self._forgotten:
                raise TenantForgottenError
            row = asdict(origin) | {"hash": token_hash, "revoked": int(revoked), "version": time.time_ns()}
            self._put(TOKENS, pa.Table.from_pylist([row]))
            with self._lock:
                self.tokens[token_hash] = Token(origin, revoked)

    def forget(self, tenant: str) -> None:
        """Take nothing of a tenant from now on, and delete its tokens. The note is on disk before this returns."""
        with self._changing:
            now = int(time.time())
            with self._lock:
                self._forgotten[tenant] = now
            self._put(FORGOTTEN, pa.Table.from_pylist([{"tenant": tenant, "at": now}]))
            os.sync()
            self._delete_tokens({tenant})

    def drop_old_notes(self) -> None:
        """Delete the notes that nothing needs any more. Only when the log holds nothing of the tenants that they name."""
        with self._changing:
            before = int(time.time()) - NOTED_S
            old = [tenant for tenant, at in self._forgotten.items() if at < before]
            if old:
                self._delete(f"DELETE FROM crop.{FORGOTTEN} WHERE at < {before}")
            with self._lock:
                for tenant in old:
                    del self._forgotten[tenant]

    def _delete_tokens(self, tenants: set[str]) -> None:
        hashes = [token_hash for token_hash, token in self.tokens.items() if token.origin.tenant in tenants]
        for first in range(0, len(hashes), MOST_LISTED):
            # They are hexadecimal, or fromhex() raises: no text from outside gets into a statement.
            listed = ",".join(f"'{bytes.fromhex(each).hex()}'" for each in hashes[first : first + MOST_LISTED])
            self._delete(f"DELETE FROM crop.{TOKENS} WHERE hash IN ({listed})")
        with self._lock:
            for token_hash in hashes:
                del self.tokens[token_hash]
