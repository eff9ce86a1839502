"""The live checks: verified on a healthy service, and seen to fail when what they look at is broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering
from tests.searching import holding


def state(promise: str) -> tuple[str, str]:
    from glasshouse.promises.runner import run

    finding = run(promise)
    return str(finding.state), finding.figure


@pytest.mark.usefixtures("home")
def test_a_promise_without_a_check_is_not_checked() -> None:
    from glasshouse.promises.register import REGISTER

    assert len(REGISTER) == 44
    assert state("PRI-14") == ("not checked", "no check yet")


def test_a_canary_is_found_wherever_in_a_large_file_it_stands(tmp_path: Path) -> None:
    from glasshouse.promises import raw_bytes

    at = raw_bytes.BLOCK - 3
    (tmp_path / "large").write_bytes(b"x" * at + b"canary" + b"y" * 100)
    (tmp_path / "wide").write_bytes("a canary".encode("utf-16-le"))
    (tmp_path / "clean").write_bytes(b"nothing here")
    assert sorted(holding(tmp_path, ["canary"])) == ["large", "wide"]


@contextmanager
def as_admin(home: Installation) -> Iterator[Any]:
    """A superuser's connection to the people store, to break things with."""
    with administering(home) as link:
        yield link


def test_one_layer_lost_does_not_open_the_data(home: Installation, customer: Callable[[], Customer], web: Any) -> None:
    """SEC-01, layer by layer: the named one is switched off in this test deployment, and the others still refuse."""
    from glasshouse.access import api as access
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.errors import NotFoundError

    one, other = customer(), customer()
    stranger = other.actor.for_organisation(one.actor.organisation)
    with as_admin(home) as link:
        # The database's policies off: the application's rights and queries refuse.
        for table in ("greenhouse_site", "access_membership", "access_organisation"):
            link.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        try:
            with pytest.raises(NotFoundError):
                greenhouse.sites(stranger)
            assert web(other).get(f"/o/{one.organisation}/sites").status_code == 404
            # Whoever reads the table itself, past every policy, reads sealed bytes.
            assert b"Site " not in bytes(link.execute("SELECT name FROM greenhouse_site LIMIT 1").fetchone()[0])
        finally:
            for table in ("greenhouse_site", "access_membership", "access_organisation"):
                link.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # The application's rights off: the database shows no row.
    honest = access.rights_of
    with access.organisation_transaction(one.actor):
        everything = honest(one.actor)
    try:
        access.rights_of = lambda actor: everything  # type: ignore[assignment]
        assert greenhouse.sites(stranger) == []
    finally:
        access.rights_of = honest
