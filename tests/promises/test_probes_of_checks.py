"""People of checks, where something around them is broken."""

import pytest
from django.conf import settings

from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.probes import api as probes
from glasshouse.promises import oracle, stage
from glasshouse.promises.checks import notices, support
from glasshouse.promises.sink import Sink
from glasshouse.vault import api as vault
from tests.checking import worker_running

pytestmark = pytest.mark.usefixtures("home")


def queued(address: str) -> str:
    return mail.queue_draft(KeyOwnerId(new_id()), "change", address, mail.Draft("x", "x"))


def test_mail_to_a_check_leaves_although_no_mail_server_is_named_and_all_other_mail_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "DEMO", False)
    address = f"{new_id()}@canary.invalid"
    sink = Sink()
    other = queued("waits@grower.example")
    assert mail.deliver_due() == 0
    probe = probes.begin([vault.lookup("address", address)], sink_port=sink.open())
    sink.expect(address)
    try:
        own = queued(address)
        mail.deliver_due()
        assert Message.objects.get(id=own).sent_at is not None
        assert [arrived.subject for arrived in sink.mails(address)] == ["x"]
        assert Message.objects.get(id=other).tries == 0
    finally:
        sink.close()
        probes.remove(probe)
        Message.objects.filter(id=other).delete()


def test_a_check_that_was_cut_off_and_cannot_be_cleared_away_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (probes.begin([], sink_port=9) for _ in range(2))
    cleared = stage.remove

    def remove(probe: str, counted: list[str] | None = None) -> None:
        if probe == first:
            raise ConnectionRefusedError
        cleared(probe, counted)

    monkeypatch.setattr(probes, "abandoned", lambda: [first, second])
    monkeypatch.setattr(stage, "remove", remove)
    try:
        assert stage.remove_abandoned() == 1
        assert first in probes.living() and second not in probes.living()
    finally:
        cleared(first)


def test_what_is_asked_of_real_customers_leaves_those_of_other_checks_out() -> None:
    with worker_running(), stage.open_stage() as other:
        owner = other.grower()
        before = oracle.value(notices.UNACCEPTED, "terms")
        notices.forget_acceptance(owner)
        sampled = {row[0] for row in oracle.rows(support.WITHOUT_GRANT, 1_000_000)}
        assert oracle.rows("SELECT id FROM access_organisation WHERE id = %s", owner.organisation)
        assert owner.organisation not in sampled
        assert oracle.value(notices.UNACCEPTED, "terms") == before
