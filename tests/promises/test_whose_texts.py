"""PRI-21: whose texts are whose, and who gets a value, is said once and truly."""

from collections.abc import Callable

from tests.conftest import Customer


def test_what_names_its_writer_is_said_to_be_in_the_export_and_nothing_else(customer: Callable[[], Customer]) -> None:
    from glasshouse.subject.inventory import belonging
    from glasshouse.vault.declarations import models_that_belong, written_by

    named = {declared.what for model, declared in models_that_belong() if written_by(model)}
    rows = belonging(customer().alone)
    assert {"invitations that you sent", "reasons for which support was let in"} <= named
    assert {kind for row in rows if row.in_export for kind in row.kinds} <= named
    assert not {kind for row in rows if not row.in_export for kind in row.kinds} & named


def test_a_mail_is_not_said_to_go_to_a_telephone_network(customer: Callable[[], Customer]) -> None:
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.mail import api as mail
    from glasshouse.subject.inventory import view

    one = customer()
    mail.keep_sent(KeyOwnerId(str(one.actor.person)), "text", "+31600000001", body="Your code")
    mail.queue_draft(KeyOwnerId(str(one.actor.person)), "privacy", one.address, mail.Draft("s", "a mail"))
    carriers = {item.value: item.recipients for item in view(one.alone) if item.place == "mail_message.body"}
    texts = next(who for value, who in carriers.items() if "Your code" in value)
    mails = next(who for value, who in carriers.items() if "a mail" in value)
    assert "telephone" in "".join(texts)
    assert mails == ("the operator's mail server",)
