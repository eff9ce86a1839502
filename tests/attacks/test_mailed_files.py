"""Files by mail: only a mail that its sender's domain signed as it is, from the site's list, once, in the name of whoever may.

Source: decision record 50; RFC 6376, 8.15 (added headers), 8.6 (replay), 8.2 (`l=`).
"""

import asyncio
import base64
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime

import dkim
import httpx
import pytest
from aiosmtpd.smtp import Envelope, Session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import override_settings

from crop_contract import sandbox
from glasshouse.access import api as access
from glasshouse.greenhouse import imports, intake, intake_mail
from glasshouse.greenhouse.models import Site, UploadState
from glasshouse.greenhouse.tasks import take_file
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, OverloadedError
from glasshouse.kernel.ids import ImportId, KeyOwnerId
from glasshouse.mail.models import Message
from glasshouse.operations import inbound_smtp, mail_signatures
from glasshouse.organisations import members
from glasshouse.vault import api as vault
from tests.conftest import Customer
from tests.test_intake import out_of_time

Make, Web, Join = Callable[[], Customer], Callable[..., httpx.Client], Callable[..., Customer]
DOMAIN, GOOD = "files.example", "time,Box 1 (klux)\n2024-05-31 12:00,{0}\n2024-05-31 12:15,{0}\n"
SENDER = "computer@grower.example"
SIGNED = (b"from", b"to", b"cc", b"date", b"subject", b"content-type")
Files = dict[str, bytes]


def _key() -> tuple[bytes, bytes]:
    """A private key, and the record by which a domain shows its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(*form), b"v=DKIM1; p=" + b"".join(public.splitlines()[1:-1])


KEYS = {domain: _key() for domain in ("grower.example", "stranger.example")}


def _record(name: bytes, timeout: int = 5) -> bytes | None:
    domain = name.decode().rstrip(".").partition("._domainkey.")[2]
    return KEYS[domain][1] if domain in KEYS else None


class Box:
    """A customer's address for files, and mails to it."""

    def __init__(self, one: Customer) -> None:
        self.one = one

    @property
    def state(self) -> intake_mail.MailIntake:
        (state,) = intake.intakes(self.one.actor)
        return state.mail

    def mail(
        self, files: Files, *, sender: str = SENDER, to: str = "", age: timedelta = timedelta(), **more: str
    ) -> bytes:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to or self.state.address, "Nightly export"
        message["Date"] = format_datetime(clock.now() - age)
        for name, value in more.items():
            message[name] = value
        message.set_content("The files of tonight.")
        for name, content in files.items():
            message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
        return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def signed(self, raw: bytes, domain: str = "grower.example", **more: object) -> bytes:
        headers = more.pop("include_headers", [name for name in SIGNED if b"\n" + name + b":" in b"\n" + raw.lower()])
        line = dkim.sign(raw, b"s", domain.encode(), KEYS[domain][0], include_headers=headers, **more)
        return bytes(line) + raw

    def deliver(self, raw: bytes, address: str = "", *others: str) -> str:
        """Hand a mail to the door as a mail server does; its last answer."""

        recipients = (address or self.state.address, *others)

        async def turn() -> str:
            envelope, door = Envelope(), inbound_smtp.InboundSmtp()
            envelope.content, envelope.rcpt_tos, envelope.mail_from = raw, [], "bounce@grower.example"
            session = Session(asyncio.get_running_loop())
            session.peer = ("127.0.0.1", 1)
            for to in recipients:
                answer = await door.handle_RCPT(None, session, envelope, to, [])  # type: ignore[arg-type]
                if not answer.startswith("250"):
                    return answer
            return await door.handle_DATA(None, session, envelope)  # type: ignore[arg-type]

        return asyncio.run(turn())

    def send(self, files: Files, **more: object) -> str:
        return self.deliver(self.signed(self.mail(files, **more)))  # type: ignore[arg-type]

    def names(self) -> list[str]:
        """Files that were uploaded, but the one that the template was made of."""
        return sorted(row.name for row in imports.uploads(self.one.actor) if row.name != "kind.csv")

    def run_jobs(self) -> None:
        who = self.one.actor
        for row in imports.uploads(who):
            if row.state in imports.UNDER_WAY:
                take_file(str(who.account), str(who.person), str(who.organisation), row.id)

    def only_problem(self) -> str:
        (mail,) = self.state.mails
        assert mail.files == []
        return str(mail.problem)


def good(number: int = 1) -> Files:
    return {"night.csv": GOOD.format(number).encode()}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(imports.queues, "defer", lambda *_, **__: None)  # The test runs the jobs itself.
    monkeypatch.setattr(mail_signatures, "key_record", _record)
    with override_settings(INTAKE_MAIL_DOMAIN=DOMAIN):
        yield


def box_of(one: Customer) -> Box:
    number = imports.upload(one.actor, one.site, "", "kind.csv", [GOOD.format(0).encode()])
    imports.save_template(one.actor, "Roof", imports.preview(one.actor, number).layout)
    intake_mail.switch_on(one.actor, one.site, f"{SENDER}\nSecond@Grower.example\n")
    return Box(one)


@pytest.fixture
def box(customer: Make, door: None) -> Box:
    return box_of(customer())


def test_the_files_of_a_signed_mail_are_imported_and_the_page_tells_what_became_of_each(box: Box, web: Web) -> None:
    files = {**good(), "other.csv": b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n", "logo.png": b"\x89PNG"}
    assert box.send(files) == "250 OK"
    assert box.names() == ["night.csv", "other.csv"]
    box.run_jobs()
    (mail,) = box.state.mails
    assert (mail.sender, mail.problem) == (SENDER, None)
    by_name = {file.name: file for file in mail.files}
    assert by_name["night.csv"].state == UploadState.TAKEN
    assert imports.report_of(box.one.actor, ImportId(by_name["night.csv"].upload)).report["points"] == 2
    assert "No template has the headings" in str(by_name["other.csv"].reason)
    assert "no file of a kind" in str(by_name["logo.png"].reason)
    assert not Message.objects.filter(address_hash=vault.lookup("address", SENDER)).exists(), "nobody is answered"


def test_a_mail_from_another_address_of_the_list_counts_and_one_above_its_domain_may_sign(box: Box) -> None:
    intake_mail.switch_on(box.one.actor, box.one.site, "logger@roof.grower.example")
    assert box.send(good(), sender="Logger <logger@roof.grower.example>") == "250 OK"
    assert box.names() == ["night.csv"]


FORGED = {
    "no signature": lambda box: box.mail(good()),
    "a stranger's signature": lambda box: box.signed(box.mail(good()), "stranger.example"),
    "a changed file": lambda box: box.signed(box.mail({"a.txt": b"time,x"})).replace(b"dGltZSx4", b"dGltZSx5"),
    "another From added": lambda box: f"From: {SENDER}\r\n".encode() + box.signed(box.mail(good())),
    "another To added": lambda box: (
        f"To: {box.state.address}\r\n".encode() + box.signed(box.mail(good(), to="list@grower.example"))
    ),
    "written to somebody else": lambda box: box.signed(box.mail(good(), to="list@grower.example")),
    "To is not signed": lambda box: box.signed(box.mail(good()), include_headers=[b"from", b"date"]),
    "Date is not signed": lambda box: box.signed(box.mail(good()), include_headers=[b"from", b"to"]),
    "only a part of the body is signed": lambda box: box.signed(box.mail(good()), length=True),
    "a signature of SHA-1": lambda box: box.signed(box.mail(good()), signature_algorithm=b"rsa-sha1"),
    "an old mail": lambda box: box.signed(box.mail(good(), age=timedelta(days=4))),
    "a mail of the future": lambda box: box.signed(box.mail(good(), age=timedelta(days=-2))),
    "a word of the mail itself that all is well": lambda box: (
        b"Authentication-Results: mx.example; spf=pass dkim=pass dmarc=pass\r\n" + box.mail(good())
    ),
    "a signature too long to be looked at": lambda box: (
        b"DKIM-Signature: v=1; a=rsa-sha256; b=" + b"A" * 5000 + b"\r\n" + box.signed(box.mail(good()))
    ),
    "spaces that keep the library busy": lambda box: box.signed(box.mail({"a.csv": b"a"}, Comment=" x" * 3)).replace(
        b"tonight.", b"tonight" + b" " * 200_000 + b"."
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_mail_takes_nothing_and_its_sender_is_told_nothing(box: Box, case: str) -> None:
    assert box.deliver(FORGED[case](box)) == "250 OK"
    assert box.names() == []
    said = "is not on the list" if case == "another From added" else "No signature proves"
    assert said in box.only_problem()
    assert not Message.objects.filter(address_hash=vault.lookup("address", SENDER)).exists()


def test_a_sender_who_is_not_on_the_list_is_noted_and_no_key_is_looked_up(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_signatures, "key_record", lambda *_: pytest.fail("a stranger made us ask"))
    mail = box.mail(good(), sender="mallory@stranger.example")
    assert box.deliver(box.signed(mail, "stranger.example")) == "250 OK"
    assert "not on the list" in box.only_problem()
    assert box.names() == []


def test_a_key_that_cannot_be_looked_up_now_puts_the_mail_off(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = box.signed(box.mail(good()))

    def fail(*_: object) -> None:
        raise dkim.DnsTimeoutError("timeout")

    monkeypatch.setattr(mail_signatures, "key_record", fail)
    assert box.deliver(raw).startswith("451")
    assert box.state.mails == []
    monkeypatch.setattr(mail_signatures, "key_record", _record)
    assert box.deliver(raw) == "250 OK"
    assert box.names() == ["night.csv"]


def test_a_mail_that_comes_again_changes_nothing(box: Box) -> None:
    raw = box.signed(box.mail(good()))
    assert [box.deliver(raw), box.deliver(raw), box.deliver(b"X-Hop: 2\r\n" + raw)] == ["250 OK"] * 3
    assert box.names() == ["night.csv"]
    folded = re.sub(rb";\s+b=", b";\r\n  b= ", raw, count=1)
    assert folded != raw
    assert box.deliver(folded) == "250 OK"
    assert box.names() == ["night.csv"]
    assert len(box.state.mails) == 1


def _rewritten(raw: bytes) -> Iterator[bytes]:
    """A signed mail with the base64 of its signature written in other ways, each of which reads as the same bytes."""
    head, begin, rest = re.split(rb"(;\s+b=)", raw, maxsplit=1)
    value, end, body = rest.partition(b"\r\nFrom:")
    bare = b"".join(value.split())
    yield head + begin + bare + b"====" + end + body
    last = bare.rstrip(b"=")
    for letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        other = last[:-1] + bytes([letter]) + bare[len(last) :]
        if other != bare and base64.b64decode(other) == base64.b64decode(bare):
            yield head + begin + other + end + body
            return


def test_a_mail_comes_again_by_no_other_way_to_write_its_signature(box: Box) -> None:
    raw = box.signed(box.mail(good()))
    others = list(_rewritten(raw))
    assert len(others) == 2
    assert [box.deliver(each) for each in (raw, *others)] == ["250 OK"] * 3
    assert box.names() == ["night.csv"]
    assert [mail.problem for mail in box.state.mails] == [None]


def test_a_mail_with_two_signatures_comes_once_whichever_of_them_it_still_has(box: Box) -> None:
    raw = box.mail(good())
    first, second = (
        box.signed(raw, canonicalize=form).removesuffix(raw)
        for form in ((b"relaxed", b"relaxed"), (b"simple", b"simple"))
    )
    assert [box.deliver(lines + raw) for lines in (first + second, second + first, first, second)] == ["250 OK"] * 4
    spaced = raw.replace(b"\r\nDate: ", b"\r\nDATE:   ").replace(b"The files of", b"The  files\tof") + b"\r\n\r\n"
    assert box.deliver(first + spaced) == "250 OK"
    assert box.names() == ["night.csv"]
    assert [mail.problem for mail in box.state.mails] == [None]


@pytest.mark.parametrize("line", [b" folded first", b"No header at all", b"Two Words: x"])
def test_a_mail_that_the_library_cannot_take_apart_is_not_proven_and_does_not_come_again(box: Box, line: bytes) -> None:
    assert box.deliver(line + b"\r\n" + box.signed(box.mail(good()))) == "250 OK"
    assert box.names() == []
    assert "No signature proves" in box.only_problem()


def _modulus() -> int:
    key = serialization.load_pem_private_key(KEYS["grower.example"][0], None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key().public_numbers().n


REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "more padding": lambda value: value + b"====",
    "bits that nothing reads": lambda value: value[:-3] + bytes([value[-3] + 1]) + b"==",
    "the same number modulo the key's": lambda value: base64.b64encode(
        (int.from_bytes(base64.b64decode(value)) + _modulus()).to_bytes(257)
    ),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_signature_written_in_another_way_brings_nothing_back(box: Box, case: str) -> None:
    """Each of these is a right signature to the library, and whoever has the mail can write it."""
    raw = box.signed(box.mail(good()))
    begin, end = raw.index(b" b=") + 3, raw.index(b"\r\nFrom:")
    value = b"".join(raw[begin:end].split())
    rewritten = raw[:begin] + REWRITTEN[case](value) + raw[end:]
    assert rewritten != raw and dkim.verify(rewritten, dnsfunc=_record)
    assert [box.deliver(raw), box.deliver(rewritten)] == ["250 OK"] * 2
    assert box.names() == ["night.csv"]
    assert len(box.state.mails) == 1


def test_a_mail_counts_at_no_other_customers_address(box: Box, customer: Make) -> None:
    other = box_of(customer())
    intake_mail.switch_on(other.one.actor, other.one.site, "somebody@stranger.example")
    raw = box.signed(box.mail(good()))
    assert box.deliver(raw, other.state.address) == "250 OK"
    assert (other.names(), other.only_problem()) == ([], "Its sender is not on the list.")
    intake_mail.switch_on(other.one.actor, other.one.site, SENDER)
    assert box.deliver(raw, other.state.address) == "250 OK"
    assert other.names() == [], "it was written to another address"
    assert box.deliver(raw, box.state.address, other.state.address).startswith("452")
    for act in (
        lambda: intake_mail.switch_on(other.one.actor, box.one.site, SENDER),
        lambda: intake_mail.switch_off(other.one.actor, box.one.site),
        lambda: intake_mail.replace_address(other.one.actor, box.one.site),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_an_address_that_was_replaced_switched_off_or_guessed_takes_nothing(box: Box) -> None:
    address, raw = box.state.address, box.signed(box.mail(good()))
    organisation = str(box.one.organisation)
    for guess in (f"files-{organisation}-{'0' * 20}@{DOMAIN}", f"files-{'0' * 16}-{'0' * 20}@{DOMAIN}"):
        assert box.deliver(raw, guess).startswith("550")
    assert box.deliver(raw, address.replace(DOMAIN, "elsewhere.example")).startswith("550")
    intake_mail.replace_address(box.one.actor, box.one.site)
    assert box.state.address != address
    assert box.deliver(raw, address).startswith("550")
    intake_mail.switch_off(box.one.actor, box.one.site)
    assert not box.state.is_on
    assert box.deliver(raw, box.state.address).startswith("550")
    with override_settings(INTAKE_MAIL_DOMAIN=""):
        assert box.deliver(raw, address).startswith("550")
        with pytest.raises(InvalidError, match="has not set up addresses"):
            intake_mail.switch_on(box.one.actor, box.one.site, SENDER)
    assert box.names() == []


def test_who_may_not_import_any_more_has_nothing_imported(box: Box, join: Join) -> None:
    viewer, other = join(box.one, "viewer"), join(box.one, "grower")
    with pytest.raises(ForbiddenError):
        intake_mail.switch_on(viewer.actor, box.one.site, SENDER)
    intake_mail.switch_on(other.actor, box.one.site, SENDER)
    members.take_out(box.one.organisation, other.actor.account)
    assert box.send(good()) == "250 OK"
    (mail,) = box.state.mails
    assert "may not import files here any more" in str(mail.files[0].reason)
    assert box.names() == []


def test_a_bomb_a_broken_file_and_too_many_files_are_refused_and_stop_no_other(box: Box) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * (200 << 20))
    assert packed.tell() < 1 << 20
    files = {"bomb.zip": packed.getvalue(), "broken.xlsx": b"PK\x03\x04 no workbook", **good()}
    assert box.send(files | {f"f{number}.png": b"x" for number in range(20)}) == "250 OK"
    assert box.names() == ["night.csv"]
    (mail,) = box.state.mails
    assert len(mail.files) == intake_mail.MOST_FILES + 1
    assert all(file.reason for file in mail.files if file.name != "night.csv")
    assert "10 files" in str(mail.files[-1].reason)


def test_hundreds_of_mails_leave_little_and_shut_out_no_sender_of_the_list(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_mail, "MOST_MAILS_A_DAY", 2)
    local = box.state.address.partition("@")[0]
    for number in range(300):
        intake_mail.take(local, intake_mail.Arrived(f"x{number}@stranger.example", "", ()))
    assert len(box.state.mails) == intake_mail.MOST_REFUSALS_A_DAY
    assert [box.send(good(1)), box.send(good(2))] == ["250 OK"] * 2
    assert box.send(good(3)).startswith("452"), "its server sends it again tomorrow"
    assert len([mail for mail in box.state.mails if not mail.problem]) == 2
    with access.organisation_transaction(box.one.actor):
        assert len(str(Site.objects.get(id=box.one.site).intake)) < 40_000


def test_a_busy_service_puts_the_mail_off_and_takes_what_is_left_when_it_comes_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, upload, calls = box.signed(box.mail({**good(), "b.csv": GOOD.format(2).encode()})), imports.upload, []

    def busy(*args: object) -> ImportId:
        calls.append(1)
        if len(calls) == 2:
            raise OverloadedError("Busy.")
        return upload(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(imports, "upload", busy)
    assert box.deliver(raw).startswith("451")
    assert box.names() == ["night.csv"]
    assert box.deliver(raw) == "250 OK"
    assert box.names() == ["b.csv", "night.csv"], "each file once"
    assert len(box.state.mails) == 1


def test_a_file_that_a_busy_machine_did_not_read_in_time_puts_the_mail_off(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = box.signed(box.mail(good()))
    with monkeypatch.context() as busy:
        busy.setattr(sandbox, "run", out_of_time)
        assert box.deliver(raw).startswith("451")
    assert box.names() == []
    assert box.deliver(raw) == "250 OK"
    (mail,) = box.state.mails
    assert [(file.name, file.reason) for file in mail.files] == [("night.csv", None)]


def test_an_erased_organisation_takes_nothing(box: Box) -> None:
    address, raw = box.state.address, box.signed(box.mail(good()))
    vault.destroy(KeyOwnerId(str(box.one.organisation)))
    assert box.deliver(raw, address).startswith(("550", "451"))


@pytest.mark.parametrize(
    "senders", ["", "not an address", "\n".join(f"a{n}@x.example" for n in range(21)), "a@x.example, b@x.example"]
)
def test_a_list_that_is_none_is_refused_with_its_line(box: Box, senders: str) -> None:
    with pytest.raises(InvalidError):
        intake_mail.switch_on(box.one.actor, box.one.site, senders)


def test_a_refused_list_names_the_line_that_its_writer_sees(box: Box) -> None:
    with pytest.raises(InvalidError) as refused:
        intake_mail.switch_on(box.one.actor, box.one.site, "a@x.example\n\n\nnot an address\n")
    assert refused.value.values == {"line": 4}


def test_both_ways_are_switched_on_and_off_apart(box: Box, tmp_path: object) -> None:
    with override_settings(INTAKE_FOLDER=str(tmp_path)):
        intake.switch_on(box.one.actor, box.one.site)
        assert box.state.is_on
        intake.switch_off(box.one.actor, box.one.site)
        assert box.state.is_on
        intake.switch_on(box.one.actor, box.one.site)
        intake_mail.switch_off(box.one.actor, box.one.site)
        (state,) = intake.intakes(box.one.actor)
        assert (state.is_on, state.mail.is_on) == (True, False)
