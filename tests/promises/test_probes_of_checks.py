"""People of checks, where something around them is broken."""

import pytest
from django.conf import settings

from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.probes import api as probes
from glasshouse.promises import stage
from glasshouse.promises.sink import Sink
from glasshouse.vault import api as vault

pytestmark = pytest.mark.usefixtures("home")


def queued(address: str) -> str:
    return mail.queue_draft(KeyOwnerId(new_id()), "test", address, mail.Draft("x", "x"))


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
